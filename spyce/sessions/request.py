"""The session of one request: found when first used, saved once, before the response leaves."""
from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from spyce.sessions.cookie import expired_cookie, session_cookie
from spyce.sessions.errors import SessionChanged, SessionReadOnly, SessionValueError
from spyce.sessions.formcookie import FormCookie
from spyce.sessions.ids import new_id
from spyce.sessions.link import StoreLink
from spyce.sessions.native import ENGINE_ITEMS, FLASHES, SECRET, is_bookkeeping
from spyce.sessions.options import LOCK_MODES, check_lock, check_seconds
from spyce.sessions.tokens import check_token, make_token, new_secret, secret_for
from spyce.sessions.users import check_indexed
from spyce.sessions.values import Items, Packed, SessionValues, pack, unpack

if TYPE_CHECKING:
    from spyce.sessions.manager import SessionManager

Number = int | float

SENT = 'it was saved and unlocked when the headers went out; put before the first flush() or unbuffer()'


class RequestSession(MutableMapping[str, Any]):
    """The session as one request sees it: a mapping, and what can be done with a session beyond that.

    Used by one thread.  Nothing is read or locked before the first use; nothing is stored unless something was put.
    finish() or abandon() must be called at the end.
    """

    def __init__(self, manager: SessionManager, cookies: Callable[[], Sequence[tuple[str, str]]], *, secure: bool,
                 arrived: float, label: str = '') -> None:
        """See SessionManager.request_session()."""
        self._manager = manager
        self._options = manager.options
        self._get_cookies = cookies
        name = self._options.session_cookie_name
        # No method of this object: who drops it, drops its lock.
        self._link = StoreLink(manager, lambda: [value for sent, value in cookies() if sent == name], arrived, label)
        self._secure = secure
        self._path = self._options.session_path
        self._mode: str | None = None  # None: no view yet
        self._values: SessionValues | None = None  # None: not used yet
        self._is_new = False
        self._was_put = False
        self._forget_cookie = False
        self._read_only = ''  # why nothing may be put any more
        self._finished = False

    @cached_property
    def _form(self) -> FormCookie:
        return FormCookie(self._options, self._get_cookies(), self._manager.site_key)

    # What pages say at import

    def view(self, *, path: str | None = None, expire: float | None = None, lock: str | None = None,
             readonly: bool = False) -> None:
        """Another page or module of this request uses the session, with these options.

        path: of the cookie; expire: idle seconds; lock: mode; None leaves them as they are. The strongest mode that
        any view asks for counts ('request', 'merge', 'readonly'); a view that names none means the config's.
        Raises ValueError, SessionLocked; SessionChanged if the session was read already and has changed meanwhile.
        """
        if path is not None:
            self._options.check_cookie_path('path', path)
            self._path = path
        if expire is not None:
            check_seconds('expire', expire)
            self._link.expire = float(expire)
        if lock is not None:
            check_lock('lock', lock)
            if readonly and lock != 'readonly':
                raise ValueError(f'session: lock={lock!r} and readonly=True contradict each other; give one of them')
        self._raise_mode('readonly' if readonly else lock or self._options.session_lock)

    @property
    def mode(self) -> str:
        """'request', 'merge' or 'readonly'."""
        return self._mode or self._options.session_lock

    def _raise_mode(self, mode: str) -> None:
        if self._mode is not None and LOCK_MODES.index(self._mode) <= LOCK_MODES.index(mode):
            return
        was_read = self._values is not None and not self._read_only and self.mode != 'request'
        if mode == 'request' and was_read and not self._link.lock_unchanged():
            raise SessionChanged(
                'the session was read without a lock, and another request changed it before this page asked for '
                "lock='request'; import the session with that lock before it is first read")
        self._mode = mode

    # Reading

    @property
    def sessionid(self) -> str:
        """The id; '' as long as there is no session and nothing was put."""
        self._load()
        return self._link.next_id or self._link.id

    @property
    def is_new(self) -> bool:
        """Whether this request began without a session."""
        self._load()
        return self._is_new

    @property
    def created(self) -> float | None:
        """When the session was stored first, seconds since 1970; None if it has not been yet."""
        self._load()
        return self._link.entry.created if self._link.entry else None

    @property
    def path(self) -> str:
        """The path of the cookie."""
        return self._path

    @property
    def expire(self) -> float:
        """Seconds without use after which the session ends."""
        return self._link.expire

    def __getitem__(self, name: str) -> Any:
        if name in ENGINE_ITEMS:
            raise KeyError(name)
        return self._load()[name]

    def __iter__(self) -> Iterator[str]:
        return iter([name for name in self._load() if name not in ENGINE_ITEMS])

    def __len__(self) -> int:
        values = self._load()
        return len(values) - sum(name in values for name in ENGINE_ITEMS)

    def __contains__(self, name: object) -> bool:
        return name not in ENGINE_ITEMS and name in self._load()

    def __repr__(self) -> str:
        return f'<session of one request, lock={self.mode!r}>'

    def _load(self) -> SessionValues:
        if self._values is None:
            self._link.find(locked=self.mode == 'request' and not self._read_only)
            self._begin(self._link.entry.items if self._link.entry else {})
        assert self._values is not None
        return self._values

    def _begin(self, items: Items) -> None:
        link = self._link  # the label must not hold this object: who drops it, drops its lock
        self._is_new = link.entry is None
        self._was_put = False
        self._values = SessionValues(items, self._manager.values, keeps_live=self._manager.native.keeps_live,
                                     max_bytes=self._options.session_max_bytes, label=lambda: link.label)

    # Changing

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        if name == self._options.session_index:
            check_indexed(name, value)
        self._load_to_change(f'session[{name!r}] = ...')[name] = value
        self._note_put()

    def __delitem__(self, name: str) -> None:
        if name in ENGINE_ITEMS:
            raise KeyError(name)
        del self._load_to_change(f'del session[{name!r}]')[name]

    def put(self, name: str, value: Any) -> None:
        """session[name] = value."""
        self[name] = value

    def delete(self, name: str) -> None:
        """Remove an item; one that is not there is fine."""
        values = self._load_to_change(f'session.delete({name!r})')
        if name in values and name not in ENGINE_ITEMS:
            del values[name]

    def incr(self, name: str, by: Number = 1) -> Number:
        """Add to a number in the session, 0 if it is not there; its new value. In mode 'merge' stored at once."""
        _check_name(name)
        values = self._load_to_change(f'session.incr({name!r})')
        added = None
        if self.mode == 'merge' and not values.is_changed(name) and name != self._options.session_index:
            added = self._link.incr(name, by)
        if added is not None:
            values.settle(name, pack(name, added, self._manager.values, keeps_live=False))
            return added
        total: Number = self._change_item(values, name, 0, lambda value: _sum(name, value, by))
        return total

    def _change_item(self, values: SessionValues, name: str, default: Any, change: Callable[[Any], Any]) -> Any:
        """Put what `change` makes of an item, and return it.

        In mode 'merge' it is made of what is stored now, and stored at once, unless this request has put something
        else there; so it is where the engine may change what the page may not any more.
        """
        result = change(values.get(name, default))
        if name == self._options.session_index:
            check_indexed(name, result)
        if self.mode == 'request' and not self._read_only:
            values[name] = result
            self._note_put()
            return result
        codec, mine = self._manager.values, values.is_changed(name)

        def apply(items: Items) -> dict[str, Packed]:
            nonlocal result
            if not mine:
                result = change(unpack(items[name], codec) if name in items else default)
            return {**items, name: pack(name, result, codec, keeps_live=False)}

        self._note_put()
        if self._link.entry is None:
            self._link.create(apply({}))
        else:
            self._link.change(apply)
        values.settle(name, pack(name, result, codec, keeps_live=False))
        return result

    # CSRF tokens, messages

    def token(self, purpose: str = '') -> str:
        """A token for a form of this page; check() knows it at the next request. Each call gives another text.

        purpose: what the token is good for, and nothing else; check() must be told the same.

        With a session its secret is kept there; the first call stores it, also in a page that may put nothing since
        it was imported with readonly=True or is released. For a visitor without one it hangs on a cookie of its own
        and the site's key, and nothing is stored; a session that he begins goes on with the same secret. Tokens end
        with regenerate() and the session.

        Raises SessionReadOnly if the cookie would be needed, and the headers have been sent.
        """
        secret = self._load().get(SECRET)
        if secret is None and self._is_visitor() and self._form.is_possible:
            if self._finished and not self._form.is_sent and self._form.secret is None:
                raise SessionReadOnly(f'session.token(): its cookie cannot be sent any more: {self._read_only}')
            secret = self._form.give_secret()
        elif secret is None:
            is_stored = self._link.entry is not None
            values = self._load() if is_stored else self._load_to_change('session.token()')
            secret = self._change_item(values, SECRET, None, lambda there: there or new_secret())
        return make_token(secret_for(secret, purpose))

    def check(self, token: object, purpose: str = '') -> bool:
        """Whether `token`, as a form sent it, is one that token() gave to a page of this session, or, for a visitor
        without one, to a page in this browser, for this purpose. None is not."""
        secret = self._load().get(SECRET)
        if secret is None and self._is_visitor() and self._form.is_possible:
            secret = self._form.sent_secret()
        return secret is not None and check_token(token, secret_for(secret, purpose))

    def _is_visitor(self) -> bool:
        """Whether there is no session, stored or begun."""
        return self._link.entry is None and not self._was_put

    def flash(self, text: str, kind: str = 'info') -> None:
        """Leave a message for the next page that asks for flashes(): after a redirect, say. It is a put."""
        if not isinstance(text, str) or not isinstance(kind, str):
            raise TypeError(f'session.flash({text!r}, {kind!r}): the message and its kind must be str')
        values = self._load_to_change('session.flash()')
        self._change_item(values, FLASHES, [], lambda there: [*there, (kind, text)])

    def flashes(self) -> list[tuple[str, str]]:
        """The messages left, (kind, text), oldest first, and each only once. If there are none, nothing is stored."""
        values = self._load_to_change('session.flashes()')
        if not values.get(FLASHES):
            return []
        taken: list[Any] = []

        def take(there: list[Any]) -> list[Any]:
            taken[:] = there
            return []

        self._change_item(values, FLASHES, [], take)
        return [(kind, text) for kind, text in taken]

    def rollback(self) -> None:
        """Forget what this request put and deleted; what incr() or release() stored stays."""
        if self._values is not None and not self._read_only:
            self._values.rollback()
            self._was_put = False
            if self._link.entry is None:
                self._link.next_id = ''

    def regenerate(self) -> None:
        """Give the session a new id when it is saved; call it at login. The old id then leads nowhere.

        Only requests that had arrived by then may still use the old one, for a short time; if such a request calls
        regenerate() itself, it begins a session of its own.
        """
        values = self._load_to_change('session.regenerate()')
        self._form.renew()
        if self._link.is_retired:  # another request was faster: the session is the one of its visitor now
            self._link.unlock()
            self._link.forget()
            self._begin({})
            return
        self._link.renew()
        if SECRET in values or (self.mode == 'merge' and self._link.entry is not None):
            values[SECRET] = new_secret()  # in mode merge another request may have put one meanwhile

    def invalidate(self) -> None:
        """End the session now: its data are removed, its id leads nowhere, the browser is told to forget it.

        Something put afterwards begins a new session.
        """
        self._load_to_change('session.invalidate()')
        self._form.renew()
        if not self._link.is_replaced:  # else the browser may have the new id by now
            self._forget_cookie = bool(self._link.candidates)
        self._link.remove()
        self._link.forget()
        self._begin({})

    def _load_to_change(self, what: str) -> SessionValues:
        if self._read_only:
            raise SessionReadOnly(f'{what}: the session can only be read now: {self._read_only}')
        if self.mode == 'readonly':
            raise SessionReadOnly(f"{what}: the session was imported with readonly=True; import it without, or with "
                                  "lock='merge' or lock='request'")
        return self._load()

    def _note_put(self) -> None:
        if self._is_visitor() and self._form.is_possible:
            secret = self._form.secret or self._form.sent_secret()
            if secret is not None:
                self._load()[SECRET] = secret  # the forms that the visitor has open go on to be good
        self._was_put = True
        if self._link.entry is None and not self._link.is_replaced:
            self._link.next_id = self._link.next_id or new_id()

    # The end

    def release(self) -> None:
        """Save and unlock now. The session can be read further, not changed."""
        self._close('release() has saved and unlocked it')

    def finish(self, why: str = SENT) -> list[tuple[str, str]]:
        """Save and unlock, once. The headers to add to the response; later calls give none.

        why: what the error of a later put says of it.
        Raises SessionError if the session cannot be saved; it is unlocked then, too.
        """
        if self._finished:
            return []
        self._finished = True
        was_used = self._values is not None
        self._close(why)
        if not was_used:
            return []
        return [*self._cookie(), *self._form.headers(self._path, self._secure),
                ('Cache-Control', 'no-store'), ('Vary', 'Cookie')]

    def abandon(self) -> None:
        """Unlock without saving."""
        self._finished = True
        self._read_only = self._read_only or 'the request was broken off'
        self._link.unlock()

    def __del__(self) -> None:
        if '_link' in self.__dict__:
            self._link.unlock()

    def _close(self, reason: str) -> None:
        if self._read_only:
            return
        try:
            self._save()
        finally:
            self._read_only = reason
            self._link.unlock()
        if self._link.stored:
            self._manager.cleaner.note_change()

    def _save(self) -> None:
        if self._values is None:
            return
        if self.mode == 'readonly':
            self._link.touch()
            return
        changes = self._values.changes()
        if self._link.entry is None:
            if self._was_put:
                self._link.create(changes.applied_to({}))
        elif changes or self._link.next_id:
            self._link.change(changes.applied_to)
        else:
            self._link.touch()

    def _cookie(self) -> list[tuple[str, str]]:
        """The Set-Cookie, if the browser has another id than the session, or one that ends too early."""
        link = self._link
        lasts_longer = link.slid and self._options.session_cookie_persistent and not link.is_retired
        if link.entry is not None and (link.id != link.found_id or lasts_longer):
            return [('Set-Cookie', session_cookie(self._options, link.id, path=self._path, expire=self.expire,
                                                  secure=self._secure))]
        if link.entry is None and self._forget_cookie:
            return [('Set-Cookie', expired_cookie(self._options, path=self._path, secure=self._secure))]
        return []


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f'session[{name!r}]: the name of an item is a str, not {type(name).__name__}')
    if is_bookkeeping(name):
        raise SessionValueError(f'session[{name!r}]: names _expires, _lastaccess and _spyce_... are kept for the '
                                'engine; use another one')


def _sum(name: str, value: Any, by: Number) -> Number:
    if isinstance(value, (int, float)) and isinstance(by, (int, float)):
        return value + by
    raise TypeError(f'session.incr({name!r}, {by!r}): {value!r} and the step must be numbers')
