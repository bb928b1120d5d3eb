"""The session of one request: found when first read, saved once, before the response leaves."""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from spyce.sessions.cookie import expired_cookie, session_cookie
from spyce.sessions.errors import SessionChanged, SessionLocked, SessionReadOnly, SessionValueError
from spyce.sessions.ids import is_well_formed, new_id
from spyce.sessions.locking import Key
from spyce.sessions.native import Entry, Pointer, Releasable, is_bookkeeping
from spyce.sessions.options import LOCK_MODES, check_lock, check_seconds
from spyce.sessions.values import Changes, Items, Packed, SessionValues, check_size, pack, unpack

if TYPE_CHECKING:
    from spyce.sessions.manager import SessionManager

log = logging.getLogger('spyce.session')

MOST_COOKIES = 4
"""Ids tried of one request: a browser may hold cookies of several paths, a hostile client any number."""

GRACE = 30.0
"""Seconds, beyond the longest wait for a lock, that an id replaced by regenerate() is remembered."""

SLIDE_PART = 10
"""A session that is only read has its expiry moved when this part of the idle time has passed."""

Number = int | float


class RequestSession(MutableMapping[str, Any]):
    """The session as one request sees it: a mapping, and what can be done with a session beyond that.

    Used by one thread.  Nothing is read or locked before the first use; nothing is stored unless something was put.
    finish() or abandon() must be called at the end.
    """

    def __init__(self, manager: SessionManager, cookies: Sequence[tuple[str, str]], *, secure: bool,
                 arrived: float) -> None:
        """See SessionManager.request_session()."""
        self._manager = manager
        self._options = manager.options
        self._cookies = cookies
        self._secure = secure
        self._arrived = arrived
        self._mode: str | None = None  # None: no view yet, the config's
        self._path = self._options.session_path
        self._expire: float | None = None
        self._closed = ''  # why nothing may be put any more
        self._lock: Releasable | None = None
        self._headers: list[tuple[str, str]] = []
        self._used = False
        self._finished = False
        self._is_new = False
        self._forget()

    def _forget(self) -> None:
        """There is no session; the next use finds one, or makes one."""
        self._values: SessionValues | None = None
        self._entry: Entry | None = None
        self._key: Key = 0
        self._id = ''
        self._retired = False  # found by an id that regenerate() has replaced since
        self._replaced = False  # the only id sent is one that regenerate() replaced before this request
        self._next_id = ''
        self._was_put = False

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
            self._expire = float(expire)
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
        before = self._mode
        if before is not None and LOCK_MODES.index(before) <= LOCK_MODES.index(mode):
            return
        self._mode = mode
        if mode == 'request' and self._values is not None and self._entry is not None and not self._closed:
            self._lock_what_was_read(self._entry)

    def _lock_what_was_read(self, entry: Entry) -> None:
        self._acquire(self._key)
        now_stored = self._manager.native.read(self._key)
        if now_stored is None or now_stored.items != entry.items:
            self._unlock()
            raise SessionChanged(
                "the session was read without a lock, and another request changed it before this page asked for "
                "lock='request'; import the session with that lock before it is first read")

    # Reading

    @property
    def sessionid(self) -> str:
        """The id; '' as long as there is no session and nothing was put."""
        self._load()
        return self._next_id or self._id

    @property
    def is_new(self) -> bool:
        """Whether this request began without a session."""
        self._load()
        return self._is_new

    @property
    def created(self) -> float | None:
        """When the session was made, seconds since 1970; None if there is none yet."""
        self._load()
        return self._entry.created if self._entry else None

    @property
    def path(self) -> str:
        """The path of the cookie."""
        return self._path

    @property
    def expire(self) -> float:
        """Seconds without use after which the session ends."""
        return self._options.session_expire if self._expire is None else self._expire

    def __getitem__(self, name: str) -> Any:
        return self._load()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._load()))

    def __len__(self) -> int:
        return len(self._load())

    def __contains__(self, name: object) -> bool:
        return name in self._load()

    def __repr__(self) -> str:
        return f'<session of one request, lock={self.mode!r}>'

    # Changing

    def __setitem__(self, name: str, value: Any) -> None:
        self._check_name(name)
        values = self._load_to_change(f'session[{name!r}] = ...')
        values[name] = value
        self._note_put()

    def __delitem__(self, name: str) -> None:
        del self._load_to_change(f'del session[{name!r}]')[name]

    def put(self, name: str, value: Any) -> None:
        """session[name] = value."""
        self[name] = value

    def delete(self, name: str) -> None:
        """Remove an item; one that is not there is fine."""
        values = self._load_to_change(f'session.delete({name!r})')
        if name in values:
            del values[name]

    def incr(self, name: str, by: Number = 1) -> Number:
        """Add to a number in the session, 0 if it is not there; its new value. In mode 'merge' stored at once."""
        self._check_name(name)
        values = self._load_to_change(f'session.incr({name!r})')
        if self.mode == 'merge' and not self._replaced:
            return self._incr_stored(values, name, by)
        self[name] = total = _sum(name, values.get(name, 0), by)
        return total

    def _incr_stored(self, values: SessionValues, name: str, by: Number) -> Number:
        """In mode 'merge': add to what is stored now, unless this request has put something else there."""
        mine = values.get(name) if values.is_changed(name) else None
        native = self._manager.native
        total: Number = 0

        def add(items: Items) -> dict[str, Packed]:
            nonlocal total
            before = mine if mine is not None else unpack(items[name], self._manager.values) if name in items else 0
            total = _sum(name, before, by)
            return {**items, name: pack(name, total, self._manager.values, native.keeps_live)}

        self._note_put()
        if self._entry is None:
            self._create(add({}))
        elif not self._change_stored(add):
            total = _sum(name, values.get(name, 0), by)  # the session has ended; the page goes on with its own copy
        values.settle(name, pack(name, total, self._manager.values, native.keeps_live))
        return total

    def rollback(self) -> None:
        """Forget what this request put and deleted; what incr() or release() stored stays."""
        if self._values is not None and not self._closed:
            self._values.rollback()
            self._was_put = False
            if self._entry is None:
                self._next_id = ''

    def regenerate(self) -> None:
        """Give the session a new id when it is saved; call it at login. The old id then leads nowhere.

        Requests that had arrived by then may still use the old one for a short time.
        """
        self._load_to_change('session.regenerate()')
        if self._entry is not None and not self._next_id:
            self._next_id = new_id()

    def invalidate(self) -> None:
        """End the session now: its data are removed, its id leads nowhere, the browser is told to forget it.

        Something put afterwards begins a new session.
        """
        self._load_to_change('session.invalidate()')
        forget_cookie = (self._entry is not None or bool(self._candidates())) and not self._replaced
        try:
            if self._entry is not None:
                self._manager.native.remove(self._key)
        finally:
            self._unlock()
        self._headers = []
        if forget_cookie:
            cookie = expired_cookie(self._options, path=self._path, secure=self._secure)
            self._headers.append(('Set-Cookie', cookie))
        self._forget()
        self._is_new = True
        self._values = self._new_values({})

    # The end

    def release(self) -> None:
        """Save and unlock now. The session can be read further, not changed."""
        self._close('release() has saved and unlocked it')

    def finish(self) -> list[tuple[str, str]]:
        """Save and unlock, once. The headers to add to the response; later calls give none.

        Raises SessionError if the session cannot be saved; it is unlocked then, too.
        """
        if self._finished:
            return []
        self._finished = True
        self._close('it was saved and unlocked when the headers went out; put before the first flush() or unbuffer()')
        if self._used:
            self._headers += [('Cache-Control', 'no-store'), ('Vary', 'Cookie')]
        return self._headers

    def abandon(self) -> None:
        """Unlock without saving."""
        self._finished = True
        self._closed = self._closed or 'the request was broken off'
        self._unlock()

    def __del__(self) -> None:
        if getattr(self, '_lock', None) is not None:
            self._unlock()

    def _close(self, reason: str) -> None:
        if self._closed:
            return
        try:
            self._save()
        finally:
            self._closed = reason
            self._unlock()

    # Finding the entry

    def _load(self) -> SessionValues:
        if self._values is None:
            self._used = True
            self._values = self._find()
            self._is_new = self._entry is None
        return self._values

    def _load_to_change(self, what: str) -> SessionValues:
        if self._closed:
            raise SessionReadOnly(f'{what}: the session can only be read now: {self._closed}')
        if self.mode == 'readonly':
            raise SessionReadOnly(f"{what}: the session was imported with readonly=True; import it without, or with "
                                  "lock='merge' or lock='request'")
        return self._load()

    def _find(self) -> SessionValues:
        for sessionid in self._candidates():
            found = self._fetch(sessionid)
            if found is None or not self._is_alive(found[1]):
                self._unlock()
                continue
            self._key, self._entry, self._id = found[0].key, found[1], sessionid
            self._retired = found[0].retired is not None
            self._replaced = False
            return self._new_values(found[1].items)
        return self._new_values({})

    def _candidates(self) -> list[str]:
        """The ids sent that could be ours, few, each once."""
        sent = (value for name, value in self._cookies if name == self._options.session_cookie_name)
        return [sessionid for sessionid in dict.fromkeys(sent) if is_well_formed(sessionid)][:MOST_COOKIES]

    def _fetch(self, sessionid: str) -> tuple[Pointer, Entry] | None:
        native = self._manager.native
        if self.mode != 'request' or self._closed:
            found = native.fetch(sessionid)
            return found if found is not None and self._may_follow(found[0]) else None
        pointer = native.resolve(sessionid)
        while pointer is not None and self._may_follow(pointer):
            self._acquire(pointer.key)
            try:
                found = native.fetch(sessionid)  # what there is now that nobody else can change it
            except BaseException:
                self._unlock()
                raise
            if found is not None and found[0].key == pointer.key and self._may_follow(found[0]):
                return found
            self._unlock()
            pointer = found[0] if found is not None and found[0].key != pointer.key else None
        return None

    def _may_follow(self, pointer: Pointer) -> bool:
        """Whether this request may use the id: it is current, or was when the request arrived."""
        if pointer.retired is None or pointer.until is None:
            return True
        if self._manager.clock() > pointer.until:
            return False
        self._replaced = self._arrived > pointer.retired
        return not self._replaced

    def _is_alive(self, entry: Entry) -> bool:
        now = self._manager.clock()
        return now < entry.expires and now - entry.created < self._options.session_lifetime

    def _new_values(self, items: Items) -> SessionValues:
        return SessionValues(items, self._manager.values, keeps_live=self._manager.native.keeps_live,
                             max_bytes=self._options.session_max_bytes, label=self._manager.fingerprint(self._id))

    # Storing it

    def _save(self) -> None:
        if self._values is None:
            return
        changes = Changes() if self.mode == 'readonly' else self._values.changes()
        if self._entry is None:
            if self._was_put:
                self._create(changes.applied_to({}))
        elif changes or self._next_id:
            self._change_stored(changes.applied_to)
        elif self._slide(self._entry) is not None:
            self._update(self._entry, None)

    def _create(self, items: dict[str, Packed]) -> None:
        if self._replaced:
            log.warning('a request came with an id that regenerate() has replaced; what it put is not kept')
            return
        check_size(items, self._options.session_max_bytes)
        now = self._manager.clock()
        entry = Entry(items, now, self.expire, now + min(self.expire, self._options.session_lifetime))
        self._id, self._next_id = self._next_id or new_id(), ''
        self._key = self._manager.native.create(self._id, items, created=now, idle=entry.idle, expires=entry.expires)
        self._entry = entry
        self._send_cookie()

    def _change_stored(self, change: Callable[[Items], dict[str, Packed]]) -> bool:
        """Store what `change` makes of the items stored now; False if the session has ended."""
        if self._lock is not None:
            done = self._change_entry(self._entry, change)
        else:
            self._acquire(self._key)
            try:
                done = self._change_entry(self._manager.native.read(self._key), change)
            finally:
                self._unlock()
        if not done:
            log.warning('session %s ended while a request used it; what that request put is not kept',
                        self._manager.fingerprint(self._id))
        return done

    def _change_entry(self, entry: Entry | None, change: Callable[[Items], dict[str, Packed]]) -> bool:
        if entry is None or not self._is_alive(entry):
            return False
        items = change(entry.items)
        check_size(items, self._options.session_max_bytes)
        return self._update(entry, items)

    def _update(self, entry: Entry, items: dict[str, Packed] | None) -> bool:
        now = self._manager.clock()
        slide = self._slide(entry)
        renewal = None
        if self._next_id:
            renewal = self._next_id, now + self._options.session_lock_timeout + GRACE
        if not self._manager.native.update(self._key, items, now=now, slide=slide, renewal=renewal):
            return False
        idle, expires = slide or (entry.idle, entry.expires)
        self._entry = Entry(entry.items if items is None else items, entry.created, idle, expires)
        if self._next_id:
            self._id, self._next_id, self._retired = self._next_id, '', False
            self._send_cookie()
        elif slide is not None and self._options.session_cookie_persistent and not self._retired:
            self._send_cookie()
        return True

    def _slide(self, entry: Entry) -> tuple[float, float] | None:
        """The new idle time and expiry, if they differ enough from the stored ones to be worth a write."""
        expires = min(self._manager.clock() + self.expire, entry.created + self._options.session_lifetime)
        if abs(expires - entry.expires) * SLIDE_PART < self.expire:
            return None
        return self.expire, expires

    def _send_cookie(self) -> None:
        self._headers = [('Set-Cookie', session_cookie(self._options, self._id, path=self._path, expire=self.expire,
                                                       secure=self._secure))]

    def _note_put(self) -> None:
        self._was_put = True
        if self._entry is None and not self._next_id and not self._replaced:
            self._next_id = new_id()

    def _check_name(self, name: object) -> None:
        if not isinstance(name, str):
            raise TypeError(f'session[{name!r}]: the name of an item is a str, not {type(name).__name__}')
        if is_bookkeeping(name):
            raise SessionValueError(f'session[{name!r}]: names _expires, _lastaccess and _spyce_... are kept for the '
                                    'engine; use another one')

    def _acquire(self, key: Key) -> None:
        options = self._options
        try:
            self._lock = self._manager.native.lock(key, options.session_lock_timeout, options.lock_waiters)
        except SessionLocked as error:
            log.warning('session %s: %s', self._manager.fingerprint(self._id), error)
            raise

    def _unlock(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()


def _sum(name: str, value: Any, by: Number) -> Number:
    if isinstance(value, (int, float)) and isinstance(by, (int, float)):
        return value + by
    raise TypeError(f'session.incr({name!r}, {by!r}): {value!r} and the step must be numbers')
