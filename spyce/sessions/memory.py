"""Sessions in the memory of one process."""
from __future__ import annotations

import builtins
import heapq
import secrets
import threading
import time
from collections.abc import Callable, Iterator

from spyce.sessions.locking import HeldLock, Key, SessionLocks
from spyce.sessions.native import DirectStore, Entry, Pointer
from spyce.sessions.users import index_text
from spyce.sessions.values import Codec, Items


class MemoryStore(DirectStore):
    """Keeps sessions until the process ends; each instance has its own.

    Values are pickled, so that a page never changes a session without putting something into it.  A value that cannot
    be pickled is kept as it is: all requests then share that one object at once, whatever the lock mode, and
    rollback() does not undo what was done to it.
    """

    keeps_live = True

    def __init__(self, clock: Callable[[], float] = time.time, codec: Codec | None = None) -> None:
        """clock, codec: see DirectStore."""
        super().__init__(clock, codec)
        self._mutex = threading.Lock()
        self._entries: dict[Key, Entry] = {}
        self._ids: dict[Key, dict[str, Pointer]] = {}
        self._pointers: dict[str, Pointer] = {}
        self._keys_of: dict[str, set[Key]] = {}  # by user
        self._deadlines: list[tuple[float, Key]] = []  # a heap; may be earlier than the entry's own, never later
        self._locks = SessionLocks()

    def check(self) -> None:
        """Memory is always there."""

    def close(self) -> None:
        """Nothing to close."""

    def resolve(self, sessionid: str) -> Pointer | None:
        return self._pointers.get(sessionid)

    def read(self, key: Key) -> Entry | None:
        return self._entries.get(key)

    def fetch(self, sessionid: str) -> tuple[Pointer, Entry] | None:
        pointer = self._pointers.get(sessionid)
        entry = None if pointer is None else self._entries.get(pointer.key)
        return None if pointer is None or entry is None else (pointer, entry)

    def create(self, sessionid: str, items: Items, *, created: float, idle: float, expires: float,
               user: str = '') -> Key:
        key = secrets.randbits(62)
        with self._mutex:
            if sessionid in self._pointers:
                raise ValueError('there is a session of this id already')
            self._keep(key, Entry(dict(items), created, idle, expires, user))
            self._ids[key] = {}
            self._point(sessionid, Pointer(key))
            heapq.heappush(self._deadlines, (expires, key))
        return key

    def update(self, key: Key, items: Items | None, *, now: float, slide: tuple[float, float] | None = None,
               renewal: tuple[str, float] | None = None, user: str | None = None) -> bool:
        with self._mutex:
            entry = self._entries.get(key)
            if entry is None:
                return False
            old_items, created, idle, old_expires, old_user, _ = entry
            if old_expires <= now:
                return False
            idle, expires = slide or (idle, old_expires)
            if expires < old_expires:
                heapq.heappush(self._deadlines, (expires, key))
            self._keep(key, Entry(old_items if items is None else dict(items), created, idle, expires,
                                  old_user if user is None else user))
            if renewal is not None:
                self._renew(key, now, *renewal)
        return True

    def _keep(self, key: Key, entry: Entry) -> None:
        before = self._entries.get(key)
        self._entries[key] = entry
        if entry.user != (before.user if before is not None else ''):
            self._forget_user(key, before)
            if entry.user:
                self._keys_of.setdefault(entry.user, set()).add(key)

    def _forget_user(self, key: Key, entry: Entry | None) -> None:
        if entry is not None and entry.user:
            keys = self._keys_of[entry.user]
            keys.discard(key)
            if not keys:
                del self._keys_of[entry.user]

    def _renew(self, key: Key, now: float, new_id: str, until: float) -> None:
        for sessionid, pointer in list(self._ids[key].items()):
            if pointer.retired is None:
                self._point(sessionid, Pointer(key, now, until))
            elif pointer.until is not None and pointer.until < now:
                del self._pointers[sessionid], self._ids[key][sessionid]
        self._point(new_id, Pointer(key))

    def _point(self, sessionid: str, pointer: Pointer) -> None:
        self._pointers[sessionid] = self._ids[pointer.key][sessionid] = pointer

    def remove(self, key: Key) -> bool:
        with self._mutex:
            return self._remove(key)

    def _remove(self, key: Key) -> bool:
        entry = self._entries.pop(key, None)
        self._forget_user(key, entry)
        for sessionid in self._ids.pop(key, {}):
            del self._pointers[sessionid]
        return entry is not None

    def delete_expired(self, limit: int = 1000, now: float | None = None) -> int:
        moment = self._clock() if now is None else now
        removed = 0
        with self._mutex:
            while removed < limit and self._deadlines and self._deadlines[0][0] <= moment:
                _, key = heapq.heappop(self._deadlines)
                entry = self._entries.get(key)
                if entry is not None and entry.expires > moment:
                    heapq.heappush(self._deadlines, (entry.expires, key))
                elif entry is not None:
                    removed += self._remove(key)
        return removed

    def list(self) -> builtins.list[str]:
        """The ids of all sessions, retired ones not."""
        with self._mutex:
            return [sessionid for sessionid, pointer in self._pointers.items() if pointer.retired is None]

    def each(self) -> Iterator[tuple[str, Key, Entry]]:
        for sessionid in self.list():
            found = self.fetch(sessionid)
            if found is not None:
                yield sessionid, found[0].key, found[1]

    def find(self, key: str, value: str | int) -> builtins.list[str]:
        with self._mutex:
            return [sessionid for number in self._keys_of.get(index_text(key, value), ())
                    for sessionid, pointer in self._ids[number].items() if pointer.retired is None]

    def lock(self, key: Key, timeout: float, max_waiters: int, label: str = '') -> HeldLock:
        return self._locks.acquire(key, timeout, max_waiters, label)
