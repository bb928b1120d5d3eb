"""Stores written to the 2.1 contract, as the engine uses them: what they lack is done here.

Such a store invents a session for any id that load() is asked for, may hand out the very dictionary it keeps, and
has no locks.  So is_expired() is asked first, always within one critical section with what follows; values are
packed on the way out; and sessions are locked here, between the processes of this machine if there is a folder.
"""
from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any, cast

from spyce.sessions.errors import SessionLocked, SessionNotFoundError
from spyce.sessions.locking import Key, SessionLocks
from spyce.sessions.native import Entry, NativeStore, Pointer, Releasable, is_stored
from spyce.sessions.private import make_private_folder
from spyce.sessions.store import SessionStore
from spyce.sessions.users import index_of, index_text
from spyce.sessions.values import Codec, Items, Packed, pack, unpack

CREATED = '_spyce_created'
ENDS = '_spyce_expires'
SECTIONS = 100
"""Locks for the critical sections, as many as 2.1 had."""


class ContractStore(NativeStore):
    """A store with load, save, clear, is_expired and list only, or some of the optional methods (SessionStore).

    The id of a session is its key.  An id that regenerate() replaced is remembered in this process only, since such a
    store has no place for it that its own list() would not show: a request in another process that still uses the old
    id finds no session, and what it puts is not kept, which the log says.
    """

    keeps_live = True  # what cannot be pickled is for the store itself to refuse
    counts_quickly = False  # each session would be read

    def __init__(self, store: SessionStore, *, create_lock: Callable[[str], Any], clock: Callable[[], float],
                 codec: Codec, folder: str | None) -> None:
        """create_lock: the server's; folder: where the lock file goes, or None for threads of one process only."""
        from spyce.runtime.locks import MultiLock
        self.store = store
        self.salt = os.urandom(16)
        self._clock = clock
        self._codec = codec
        self._folder = folder
        self._sections = MultiLock(SECTIONS, lambda number: create_lock(f'sessionlock{number}'))
        self._locks: SessionLocks | None = SessionLocks() if folder is None else None
        self._replaced: dict[str, Pointer] = {}

    def check(self) -> None:
        """Ask the store for a session that cannot be there, so that a broken one shows before the first visitor."""
        with suppress(SessionNotFoundError):
            self.store.is_expired('0' * 43)

    def close(self) -> None:
        """Nothing is open here."""

    def resolve(self, sessionid: str) -> Pointer | None:
        pointer = self._replaced.get(sessionid)
        if pointer is not None:
            return pointer
        with self._section(sessionid):
            return Pointer(sessionid) if self._knows(sessionid) else None

    def read(self, key: Key) -> Entry | None:
        key = self._current(key)
        with self._section(key):
            if not self._knows(key):
                return None
            session = self.store.load(key, 0)
            return self._entry(session)

    def create(self, sessionid: str, items: Items, *, created: float, idle: float, expires: float,
               user: str = '') -> Key:
        with self._section(sessionid):
            self._create(sessionid, items, created, idle, expires)
        return sessionid

    def _create(self, sessionid: str, items: Items, created: float, idle: float, expires: float) -> None:
        create = getattr(self.store, 'create', None)
        if create is None:
            session = self.store.load(sessionid, idle)
            self._fill(session, items, created, idle, expires)
            self.store.save(sessionid, session)
        else:
            session = {}
            self._fill(session, items, created, idle, expires)
            create(sessionid, session, idle)

    def update(self, key: Key, items: Items | None, *, now: float, slide: tuple[float, float] | None = None,
               renewal: tuple[str, float] | None = None, user: str | None = None) -> bool:
        key = self._current(key)
        with self._section(key):
            if not self._knows(key):
                return False
            session = self.store.load(key, 0)
            entry = self._entry(session)
            if entry.expires <= now:
                return False
            idle, expires = slide or (entry.idle, entry.expires)
            touch = getattr(self.store, 'touch', None)
            if items is None and renewal is None and touch is not None:
                touch(key, idle)
                return True
            items = entry.items if items is None else items
            if renewal is None:
                self._fill(session, items, entry.created, idle, expires, entry.items)
                self.store.save(key, session)
            else:
                # In the section of the old id, so that who ends that session ends it before or finds the new id.
                self._create(renewal[0], items, entry.created, idle, expires)
                self._retire(key, renewal[0], now, renewal[1])
                self.store.clear(key)
        return True

    def _retire(self, old_id: str, new_id: str, now: float, until: float) -> None:
        for sessionid, pointer in builtins.list(self._replaced.items()):
            if pointer.until is not None and pointer.until < now:
                self._replaced.pop(sessionid, None)
            elif pointer.key == old_id:
                self._replaced[sessionid] = Pointer(new_id, pointer.retired, pointer.until)
        self._replaced[old_id] = Pointer(new_id, now, until)

    def _current(self, key: Key) -> str:
        """The id of the session now, if a request of this process has replaced it."""
        pointer = self._replaced.get(str(key))
        return str(key if pointer is None else pointer.key)

    @property
    def adds_itself(self) -> bool:  # type: ignore[override]
        """Whether the store has its own incr()."""
        return hasattr(self.store, 'incr')

    def incr(self, key: Key, name: str, by: float) -> int | float | None:
        incr = getattr(self.store, 'incr', None)
        if incr is None:
            return None
        key = self._current(key)
        with self._section(key):
            return cast('int | float', incr(key, name, by)) if self._knows(key) else None

    def remove(self, key: Key) -> bool:
        while True:
            current = self._current(key)
            with self._section(current):
                try:
                    self.store.clear(current)
                    return True
                except SessionNotFoundError:
                    if self._current(key) == current:
                        return False

    def delete_expired(self, limit: int = 1000, now: float | None = None) -> int:
        delete_expired = getattr(self.store, 'delete_expired', None)
        if delete_expired is not None:
            return int(delete_expired(limit))
        removed = 0
        for sessionid in builtins.list(self.store.list()):
            if removed == limit:
                break
            with self._section(sessionid):
                try:
                    if self.store.is_expired(sessionid):
                        self.store.clear(sessionid)
                        removed += 1
                except SessionNotFoundError:
                    pass  # gone meanwhile: what we wanted
        return removed

    def list(self) -> builtins.list[str]:
        return builtins.list(self.store.list())

    def each(self) -> Iterator[tuple[str, Key, Entry]]:
        for sessionid in self.list():
            entry = self.read(sessionid)
            if entry is not None:
                yield sessionid, sessionid, entry

    def find(self, key: str, value: str | int) -> builtins.list[str]:
        find = getattr(self.store, 'find', None)
        if find is not None:
            return builtins.list(find(key, value))
        text = index_text(key, value)
        return [sessionid for sessionid, _, entry in self.each() if index_of(entry.items, key, self._codec) == text]

    def lock(self, key: Key, timeout: float, max_waiters: int, label: str = '') -> Releasable:
        while True:
            current = self._current(key)
            held = self._lock(current, timeout, max_waiters, label)
            if self._current(key) == current:
                return held
            held.release()  # who had the lock has replaced the id

    def _lock(self, sessionid: str, timeout: float, max_waiters: int, label: str) -> Releasable:
        lock = getattr(self.store, 'lock', None)
        if lock is None:
            return self._own_locks().acquire(sessionid, timeout, max_waiters, label)
        held: Releasable | None = lock(sessionid, timeout)
        if held is None:
            raise SessionLocked(f'the session was in use by another request for {timeout:g} seconds '
                                '(session_lock_timeout)')
        return held

    def _own_locks(self) -> SessionLocks:
        if self._locks is None:
            assert self._folder is not None
            folder = os.path.join(self._folder, 'spyce-sessions')
            make_private_folder(folder)
            self._locks = SessionLocks.in_file(os.path.join(folder, 'lock'))
        return self._locks

    @contextmanager
    def _section(self, key: Key) -> Iterator[None]:
        """The short critical section around calls of the store; never held while waiting for a session lock."""
        self._sections.acquire(key)
        try:
            yield
        finally:
            self._sections.release(key)

    def _knows(self, key: Key) -> bool:
        try:
            return not self.store.is_expired(str(key))
        except SessionNotFoundError:
            return False

    def _entry(self, session: MutableMapping[str, Any]) -> Entry:
        items: dict[str, Packed] = {name: pack(name, value, self._codec, keeps_live=True)
                                    for name, value in session.items() if is_stored(name)}
        now = self._clock()
        idle = float(session.get('_expires', 86400))
        ends = float(session.get(ENDS, now + idle))
        if hasattr(self.store, 'touch'):
            ends = max(ends, now + 1)  # the store alone knows when it was touched, and is_expired() has said no
        return Entry(items, float(session.get(CREATED, now)), idle, ends)

    def _fill(self, session: MutableMapping[str, Any], items: Items, created: float, idle: float,
              expires: float, known: Items = MappingProxyType({})) -> None:
        """Make the session hold these items; known: what it holds already, which is left alone where it is equal, so
        that a value that cannot be unpickled any more hinders no other."""
        for name in [name for name in session if name not in items and is_stored(name)]:
            del session[name]
        for name, packed in items.items():
            if known.get(name) != packed:
                session[name] = unpack(packed, self._codec)
        session.update({'_expires': idle, CREATED: created, ENDS: expires})
