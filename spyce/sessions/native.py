"""What the engine asks of a store: entries that hang on an internal key, and ids that point to them.

Several ids can lead to one entry: after regenerate() the new one, and for a short time the old one.  The lock of a
session belongs to its key, so that requests by either id exclude each other.
"""
from __future__ import annotations

import os
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, NamedTuple, Protocol

from spyce.sessions.errors import SessionNotFoundError, StoreError
from spyce.sessions.locking import Key
from spyce.sessions.store import SessionStore
from spyce.sessions.values import Codec, Items, Packed, PickleCodec, pack, size_of, unpack

BOOKKEEPING = ('_expires', '_lastaccess')
BOOKKEEPING_PREFIX = '_spyce_'
SECRET = '_spyce_secret'
FLASHES = '_spyce_flashes'
OWNER = '_spyce_owner'
ENGINE_ITEMS = frozenset((SECRET, FLASHES, OWNER))
"""Bookkeeping that is kept like an item, and that pages do not see."""


def is_bookkeeping(name: str) -> bool:
    """Whether an item of this name is a store's own, not the page's."""
    return name in BOOKKEEPING or name.startswith(BOOKKEEPING_PREFIX)


def is_stored(name: str) -> bool:
    """Whether an item of this name goes into an entry: the page's own, and what the engine keeps among them."""
    return name in ENGINE_ITEMS or not is_bookkeeping(name)


class Releasable(Protocol):
    """A lock that is held."""

    def release(self) -> None: ...


def lock_lost() -> StoreError:
    """The error of who finds that others may have got the lock while he held it."""
    return StoreError('the lock file of the session store was removed or replaced while a request held its session; '
                      'what it put is not kept, since another request may have changed the session')


class Pointer(NamedTuple):
    """Where an id leads. A retired one (time of regenerate()) is remembered until `until`."""

    key: Key
    retired: float | None = None
    until: float | None = None


class Entry(NamedTuple):
    """A stored session. created, expires: times; idle: seconds without use that `expires` was made from.

    user: what the index of users has of it (users.index_text), '' for nobody; version: see update_if_same().
    """

    items: Items
    created: float
    idle: float
    expires: float
    user: str = ''
    version: bytes = b''


class NativeStore(SessionStore):
    """A store that the engine uses directly. All methods may be called by many threads; times are given, not taken."""

    keeps_live = False
    counts_quickly = True  # whether stats() may be asked for every minute
    adds_itself = False  # whether incr() does anything
    compares = False  # whether update_if_same() does anything
    kept_of_id = 0  # how many characters at the beginning of an id its replacement must have too
    salt = b''
    _cleaned: float | None = None

    @abstractmethod
    def check(self) -> None:
        """Raise StoreError if the store cannot be used."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files; the store opens them again when it is used."""

    @abstractmethod
    def resolve(self, sessionid: str) -> Pointer | None:
        """Where an id leads, expired or not; None if it is unknown."""

    def guess(self, sessionid: str) -> Pointer | None:
        """resolve(), if need be as it was a while ago: for those who lock the session and then ask fetch() again."""
        return self.resolve(sessionid)

    @abstractmethod
    def read(self, key: Key) -> Entry | None:
        """The entry, expired or not; None if there is none, or it cannot be read."""

    def fetch(self, sessionid: str) -> tuple[Pointer, Entry] | None:
        """resolve() and read() in one."""
        pointer = self.resolve(sessionid)
        entry = self.read(pointer.key) if pointer else None
        return (pointer, entry) if pointer and entry else None

    def fetch_locked(self, sessionid: str, may_follow: Callable[..., bool], timeout: float, max_waiters: int,
                     label: str = '') -> tuple[Pointer, Entry, Releasable] | None:
        """lock() and fetch() in one: the session as it is now that nobody else can change it, and its lock.

        may_follow: whether the request may use an id that leads to the Pointer; if not, None, as for an unknown id. A
        second argument says whether it has waited under that id, where clocks of several machines are in use.
        Raises SessionLocked.
        """
        pointer = self.guess(sessionid)
        while pointer is not None and may_follow(pointer):
            key = pointer.key
            lock = self.lock(key, timeout, max_waiters, label)
            try:
                found = self.fetch_under(lock, sessionid)
            except BaseException:
                lock.release()
                raise
            if found is not None and found[0].key == key:
                return *found, lock
            lock.release()
            pointer = None if found is None else found[0]
        return None

    def fetch_under(self, lock: Releasable, sessionid: str) -> tuple[Pointer, Entry] | None:
        """fetch() by who has just locked the session."""
        return self.fetch(sessionid)

    @abstractmethod
    def create(self, sessionid: str, items: Items, *, created: float, idle: float, expires: float,
               user: str = '') -> Key:
        """A new entry with its id. Raises ValueError if the id is known."""

    @abstractmethod
    def update(self, key: Key, items: Items | None, *, now: float, slide: tuple[float, float] | None = None,
               renewal: tuple[str, float] | None = None, user: str | None = None) -> bool:
        """Change an entry in one step that cannot be half done. False, and nothing done, if it has ended by `now`.

        items: None to leave them; slide: new (idle, expires); renewal: (new id, until): all other ids of the entry
        are retired at `now` and remembered until `until`; user: None to leave the index as it is.
        """

    def update_and_release(self, lock: Releasable, key: Key, items: Items | None, *, now: float,
                           slide: tuple[float, float] | None = None, renewal: tuple[str, float] | None = None,
                           user: str | None = None) -> bool:
        """update() by who holds the session's lock, and its release(), whatever comes of it.

        Raises StoreError if there are items, and others may have got the lock meanwhile.
        """
        try:
            is_exclusive = getattr(lock, 'is_exclusive', None)  # a store's own lock may not know
            if items is not None and is_exclusive is not None and not is_exclusive():
                raise lock_lost()
            return self.update(key, items, now=now, slide=slide, renewal=renewal, user=user)
        finally:
            lock.release()

    def update_if_same(self, entry: Entry, key: Key, items: Items, *, now: float,
                       slide: tuple[float, float] | None = None, user: str | None = None) -> bytes:
        """update() without the lock, if nobody has it and what is stored is still `entry`; the entry's new version.

        Empty, and nothing done, if it is not so, whatever the reason.
        """
        return b''

    def incr(self, key: Key, name: str, by: float) -> int | float | None:
        """Add to an item in one step; its new value. None if the store cannot, or the session has ended."""
        return None

    @abstractmethod
    def remove(self, key: Key) -> bool:
        """Remove an entry with its ids. False if there is none."""

    @abstractmethod
    def delete_expired(self, limit: int = 1000, now: float | None = None) -> int:
        """Remove up to `limit` entries that have expired; how many were removed. now: None for the clock's time."""

    def last_cleaned(self) -> float | None:
        """The time that claim_cleaning() left; None if it has not been called yet."""
        return self._cleaned

    def claim_cleaning(self, last: float | None, now: float) -> bool:
        """Keep `now` as the time of cleaning, if that is still `last`: True for one of many that ask."""
        if self._cleaned != last:
            return False
        self._cleaned = now
        return True

    @abstractmethod
    def each(self) -> Iterator[tuple[str, Key, Entry]]:
        """All sessions by their current ids, expired ones too; those made or ended meanwhile may be there or not."""

    @abstractmethod
    def find(self, key: str, value: str | int) -> list[str]:
        """The ids of sessions whose item `key` is `value`: that item must be session_index. Expired ones too."""

    def stats(self, now: float) -> dict[str, Any]:
        """Counts of the sessions stored; see SessionManager.stats()."""
        created: list[float] = []
        expired = size = 0
        for _, _, entry in self.each():
            created.append(entry.created)
            expired += entry.expires <= now
            size += size_of(entry.items)
        return {'live': len(created) - expired, 'expired': expired, 'bytes': size,
                'oldest': min(created, default=None), 'newest': max(created, default=None), 'files': {}}

    @abstractmethod
    def lock(self, key: Key, timeout: float, max_waiters: int, label: str = '') -> Releasable:
        """Lock a session.

        label: of the request, for the log. Raises SessionLocked after `timeout` seconds, or if `max_waiters` wait
        already.
        """


class DirectStore(NativeStore):
    """The 2.1 contract on top of the engine's own: for programs that use a store without a server."""

    def __init__(self, clock: Callable[[], float] = time.time, codec: Codec | None = None) -> None:
        """clock, codec: for the methods of the 2.1 contract only; the engine brings its own."""
        self._clock = clock
        self._codec = codec or PickleCodec()
        self.salt = os.urandom(16)

    def load(self, sessionid: str, expires: float) -> MutableMapping[str, Any]:
        """The items of a session, with '_expires'; for an unknown or expired id a new one (reference 8.4)."""
        found = self._living(sessionid)
        if found is None:
            return {'_expires': expires}
        entry = found[1]
        session = {name: unpack(packed, self._codec) for name, packed in entry.items.items()}
        return {**session, '_expires': entry.idle}

    def save(self, sessionid: str, session: MutableMapping[str, Any]) -> None:
        """Keep a session; its idle time ('_expires') begins anew. Raises SessionValueError."""
        items: dict[str, Packed] = {name: pack(name, value, self._codec, self.keeps_live)
                                    for name, value in session.items() if is_stored(name)}
        idle = float(session.get('_expires', 86400))
        now = self._clock()
        found = self._living(sessionid)
        if found is not None and self.update(found[0].key, items, now=now, slide=(idle, now + idle)):
            return
        pointer = self.resolve(sessionid)
        if pointer is not None:
            self.remove(pointer.key)
        self.create(sessionid, items, created=now, idle=idle, expires=now + idle)

    def clear(self, sessionid: str) -> None:
        """Remove a session. Raises SessionNotFoundError."""
        pointer = self.resolve(sessionid)
        if pointer is None or not self.remove(pointer.key):
            raise SessionNotFoundError('there is no session of this id')

    def is_expired(self, sessionid: str) -> bool:
        """Whether the session has ended. Raises SessionNotFoundError."""
        found = self.fetch(sessionid)
        if found is None:
            raise SessionNotFoundError('there is no session of this id')
        return found[1].expires <= self._clock()

    def _living(self, sessionid: str) -> tuple[Pointer, Entry] | None:
        found = self.fetch(sessionid)
        return found if found is not None and found[1].expires > self._clock() else None
