"""The items of a request's session: a mapping that is loaded when first used, in one of three lock modes."""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from spyce.sessions.errors import SessionChanged, SessionReadOnly, SessionValueError
from spyce.sessions.ids import new_id
from spyce.sessions.link import StoreLink
from spyce.sessions.native import ENGINE_ITEMS, OWNER, is_bookkeeping
from spyce.sessions.options import LOCK_MODES, check_lock, check_seconds
from spyce.sessions.users import check_indexed
from spyce.sessions.values import Items, Packed, SessionValues, pack, unpack

log = logging.getLogger('spyce.session')

if TYPE_CHECKING:
    from spyce.sessions.manager import SessionManager

Number = int | float

Login = tuple[str, str]
"""Who is logged in, and what only his browser and the server know of that login; both '' for nobody."""

NOBODY: Login = ('', '')


class SessionItems(MutableMapping[str, Any]):
    """The mapping that a request's session is. Used by one thread; nothing is read or locked before the first use."""

    def __init__(self, manager: SessionManager, cookies: Sequence[tuple[str, str]], secure: bool, arrived: float,
                 label: str, login: Callable[[], Login]) -> None:
        """See SessionManager.request_session()."""
        options = manager.options
        self._manager = manager
        self._options = options
        self._cookies = cookies
        self._login = login
        name = options.session_cookie_name
        self._link = StoreLink(manager, [value for sent, value in cookies if sent == name], arrived, label)
        self._secure = secure
        self._path = options.session_path
        self.mode = options.session_lock
        """'request', 'merge' or 'readonly'."""
        self._is_viewed = False
        self._values: SessionValues | None = None  # None: not used yet
        self._is_new = False
        self._was_found = False  # looked for, at least
        self._was_put = False
        self._forget_cookie = False
        self._read_only = ''  # why nothing may be put any more
        self._finished = False

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
        mode = 'readonly' if readonly else lock or self._options.session_lock
        if self._is_viewed and LOCK_MODES.index(self.mode) <= LOCK_MODES.index(mode):
            return
        was_read = self._values is not None and not self._read_only and self.mode != 'request'
        if mode == 'request' and was_read and not self._link.lock_unchanged():
            raise SessionChanged(
                'the session was read without a lock, and another request changed it before this page asked for '
                "lock='request'; import the session with that lock before it is first read")
        self.mode = mode
        self._is_viewed = True

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
        values = self._values
        return (self._load() if values is None else values)[name]

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
        if self._values is not None:
            return self._values
        self._find(locked=self.mode == 'request' and not self._read_only)
        return self._begin()

    def _find(self, locked: bool) -> None:
        """Look for the session that the request came with, unless it belongs to another login than that of now."""
        link = self._link
        if self._was_found:
            link.forget()
        link.find(locked)
        self._was_found = True
        entry = link.entry
        if entry is not None and OWNER in entry.items and not self._is_owner(entry.items[OWNER]):
            self._manager.log_event(link.id, 'refused, since the login that it belongs to has ended')
            link.unlock()
            link.forget()

    def _is_owner(self, owner: Packed) -> bool:
        try:
            return bool(unpack(owner, self._manager.values) == self._login()[0])
        except Exception:
            log.exception('session %s: whom it belongs to cannot be read; it is given to nobody', self._link.label())
            return False

    def _begin(self) -> SessionValues:
        """The items as they are in the store now: nothing was put yet."""
        link, manager = self._link, self._manager
        self._is_new = link.entry is None
        self._was_put = False
        values = self._values = SessionValues(link.entry.items if link.entry else {}, manager.values,
                                              manager.native.keeps_live, self._options.session_max_bytes, link.label)
        return values

    # Changing

    def __setitem__(self, name: str, value: Any) -> None:
        self.put(name, value)

    def __delitem__(self, name: str) -> None:
        if name in ENGINE_ITEMS:
            raise KeyError(name)
        del self._load_to_change('del session[{!r}]', name)[name]

    def put(self, name: str, value: Any) -> None:
        """session[name] = value."""
        _check_name(name)
        if name == self._options.session_index:
            check_indexed(name, value)
        self._load_to_change('session[{!r}] = ...', name).put(name, value)
        if not self._was_put:
            self._note_put()

    def delete(self, name: str) -> None:
        """Remove an item; one that is not there is fine."""
        values = self._load_to_change('session.delete({!r})', name)
        if name in values and name not in ENGINE_ITEMS:
            del values[name]

    def incr(self, name: str, by: Number = 1) -> Number:
        """Add to a number in the session, 0 if it is not there; its new value. In mode 'merge' stored at once."""
        _check_name(name)
        values = self._load_to_change('session.incr({!r})', name)
        added = None
        if self.mode == 'merge' and not values.is_changed(name) and name != self._options.session_index:
            added = self._link.incr(name, by)
        if added is not None:
            values.settle(name, pack(name, added, self._manager.values, keeps_live=False))
            return added
        total: Number = self._change_item(values, name, 0, lambda value: _sum(name, value, by))
        return total

    def _beginning(self) -> dict[str, str]:
        """What a session has from its first put on, beside the page's items."""
        owner = self._login()[0]
        return {OWNER: owner} if owner else {}

    def _change_item(self, values: SessionValues, name: str, default: Any, change: Callable[[Any], Any]) -> Any:
        """Put what `change` makes of an item, and return it.

        In mode 'merge' it is made of what is stored now, and stored at once, unless this request has put something
        else there; so it is where the engine may change what the page may not any more.
        """
        result = change(values.get(name, default))
        if name == self._options.session_index:
            check_indexed(name, result)
        if self.mode == 'request' and not self._read_only:
            values.put(name, result)
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

    def rollback(self) -> None:
        """Forget what this request put and deleted; what incr() or release() stored stays."""
        if self._values is not None and not self._read_only:
            self._values.rollback()
            self._was_put = False
            if self._link.entry is None:
                self._link.next_id = ''

    def _load_to_change(self, what: str, *names: str) -> SessionValues:
        """The items, for who may change them. what: what he is about to do, for the error; {} in it are the names."""
        if self._read_only:
            raise SessionReadOnly(f'{what.format(*names)}: the session can only be read now: {self._read_only}')
        if self.mode == 'readonly':
            raise SessionReadOnly(f'{what.format(*names)}: the session was imported with readonly=True; import it '
                                  "without, or with lock='merge' or lock='request'")
        values = self._values
        return self._load() if values is None else values

    def _is_visitor(self) -> bool:
        """Whether there is no session, stored or begun."""
        return self._link.entry is None and not self._was_put

    def _note_put(self) -> None:
        link = self._link
        if link.entry is None:
            if not self._was_put:
                values = self._load()
                for name, value in self._beginning().items():
                    values.put(name, value)
            if not link.is_replaced:
                link.next_id = link.next_id or new_id()
        self._was_put = True


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f'session[{name!r}]: the name of an item is a str, not {type(name).__name__}')
    if name.startswith('_') and is_bookkeeping(name):
        raise SessionValueError(f'session[{name!r}]: names _expires, _lastaccess and _spyce_... are kept for the '
                                'engine; use another one')


def _sum(name: str, value: Any, by: Number) -> Number:
    if isinstance(value, (int, float)) and isinstance(by, (int, float)):
        return value + by
    raise TypeError(f'session.incr({name!r}, {by!r}): {value!r} and the step must be numbers')
