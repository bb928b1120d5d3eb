"""The sessions of one server: its options, its store, and the session of each request."""
from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any
from weakref import WeakValueDictionary

from spyce.sessions.cleaning import Cleaner
from spyce.sessions.dbm import DbmStore
from spyce.sessions.errors import SessionError, SessionNotFoundError, StoreError
from spyce.sessions.ids import fingerprint, may_be_stored
from spyce.sessions.info import SessionInfo, describe, read_items
from spyce.sessions.items import NOBODY, Login
from spyce.sessions.link import StoreLink
from spyce.sessions.locking import Key
from spyce.sessions.native import Entry, NativeStore
from spyce.sessions.options import SessionOptions
from spyce.sessions.request import RequestSession
from spyce.sessions.values import Codec, PickleCodec

log = logging.getLogger('spyce.session')

CLEAN_STEP = 1000
"""Sessions removed in one step of cleaning; between steps requests get their turn."""


class SessionManager:
    """Sessions of one server. Making one touches no disk."""

    def __init__(self, options: SessionOptions, *, create_lock: Callable[[str], Any],
                 clock: Callable[[], float] = time.time, values: Codec | None = None,
                 site_key: Callable[[], bytes] | None = None,
                 measured: Callable[[NativeStore], NativeStore] | None = None) -> None:
        """create_lock: the server's createLock; values: how values are pickled; clock: seconds since 1970.

        site_key: gives a secret of the site, for CSRF tokens of visitors without a session; without it token() makes
        a session. measured: gives what to use in the place of a store, to measure its work.
        """
        self.options = options
        self.lock_waiters = options.lock_waiters
        self.clock = clock
        self.values = values or PickleCodec()
        self.site_key = site_key
        self.announced: WeakValueDictionary[str, StoreLink] = WeakValueDictionary()
        """Requests of this process that will store their session under a new id, by that id."""
        self.cleaner = Cleaner(self)
        self._create_lock = create_lock
        self._mutex = threading.Lock()
        self._native: NativeStore | None = None
        self._measured = measured

    @property
    def store(self) -> Any:
        """The configured store, or the default one."""
        configured = self.options.session_store
        return self.native if configured is None else configured

    @property
    def native(self) -> NativeStore:
        """The store as the engine uses it; made at the first call. Raises StoreError."""
        if self._native is None:
            with self._mutex:
                if self._native is None:
                    native = self._make_native()
                    self._native = native if self._measured is None else self._measured(native)
        return self._native

    @classmethod
    def for_store(cls, store: Any, **options: Any) -> SessionManager:
        """One for programs that work on a store by themselves, such as cleaning. options: see SessionOptions."""
        return cls(SessionOptions(session_store=store, **options), create_lock=lambda name: threading.RLock())

    def check(self) -> None:
        """Raise StoreError if a configured store cannot be used; the default one is left for its first use."""
        if self.options.session_store is not None:
            self.native.check()

    def close(self) -> None:
        """Close the store; it opens again when it is used."""
        self.cleaner.stop()
        if self._native is not None:
            self._native.close()

    def request_session(self, cookies: Sequence[tuple[str, str]], *, secure: bool, arrived: float | None = None,
                        label: str = '', login: Callable[[], Login] = lambda: NOBODY) -> RequestSession:
        """The session of one request; no store is touched yet.

        cookies: names and values as sent, in order; secure: whether the request came over https; arrived: when it came
        (time of the clock), None for now; label: what the log calls the request where others wait for its session,
        such as the page; never an id; login: gives who is logged in: his session is given to nobody else.
        """
        return RequestSession(self, cookies, secure, self.clock() if arrived is None else arrived, label, login)

    def clean(self, limit: int | None = None) -> int:
        """Remove expired sessions, at most `limit`, in short steps; how many were removed."""
        removed = 0
        while limit is None or removed < limit:
            step = CLEAN_STEP if limit is None else min(CLEAN_STEP, limit - removed)
            count = self.native.delete_expired(step, self.clock())
            removed += count
            if count < step:
                break
        return removed

    # For users and operators

    def find(self, value: str | int) -> list[SessionInfo]:
        """The living sessions whose item session_index is `value` (1 is not '1'). Raises SessionError without one."""
        return [self._describe(sessionid, entry) for sessionid, _, entry in self._of_user(value)]

    def end_all(self, value: str | int, except_id: str | None = None) -> int:
        """End the sessions that find() gives, but not the one of the id `except_id`; how many there were.

        It waits for no request that uses one of them: what such a request puts is not kept.
        """
        spared = self._key_of(except_id) if except_id else None
        ended = 0
        while found := {key: sessionid for sessionid, key, _ in self._of_user(value) if key != spared}:
            # And look again: ids may have changed meanwhile.
            ended += sum(self._end(key, sessionid) for key, sessionid in found.items())
        return ended

    def sessions(self, limit: int | None = None) -> Iterator[SessionInfo]:
        """All sessions in the store, expired ones that are not cleaned away yet too; at most `limit`."""
        return (self._describe(sessionid, entry) for sessionid, _, entry in islice(self.native.each(), limit))

    def show(self, sessionid: str) -> tuple[SessionInfo, dict[str, Any]]:
        """One session and its items (an Unreadable for each that cannot be read). Raises SessionNotFoundError."""
        found = self.native.fetch(sessionid) if may_be_stored(sessionid) else None
        if found is None:
            raise SessionNotFoundError('there is no session of this id')
        return self._describe(sessionid, found[1]), read_items(found[1].items, self.values)

    def destroy(self, sessionid: str) -> bool:
        """End a session, as end_all() does. False if there is none of this id."""
        key = self._key_of(sessionid)
        return key is not None and self._end(key, sessionid)

    def destroy_older_than(self, seconds: float) -> int:
        """End all sessions that were created more than `seconds` ago, used or not; how many there were."""
        latest = self.clock() - seconds
        return sum(self._end(key, sessionid) for sessionid, key, entry in self.native.each() if entry.created < latest)

    def stats(self) -> dict[str, Any]:
        """Numbers on the store.

        live, expired: sessions; bytes: of their data; oldest, newest: times of creation, None without sessions;
        files: the sizes of the store's files by name, empty if it has none of its own
        """
        return self.native.stats(self.clock())

    def _of_user(self, value: str | int) -> list[tuple[str, Key, Entry]]:
        index = self.options.session_index
        if index is None:
            raise SessionError('sessions are not indexed, so those of a user cannot be found; say in the config which '
                               "item holds the user's key: session_index = 'user_id'")
        if not isinstance(value, (str, int)):
            raise TypeError(f'a user is found by the str or int that session[{index!r}] is, not {value!r}')
        found = ((sessionid, self.native.fetch(sessionid)) for sessionid in self.native.find(index, value))
        return [(sessionid, there[0].key, there[1]) for sessionid, there in found
                if there is not None and there[1].expires > self.clock()]

    def _end(self, key: Key, sessionid: str) -> bool:
        removed = self.native.remove(key)
        if removed:
            self.log_event(sessionid, 'ended by an operator or by end_all()')
        return removed

    def _key_of(self, sessionid: str) -> Key | None:
        link = self.announced.get(sessionid)
        if link is not None and link.next_id == sessionid:
            return link.key
        pointer = self.native.resolve(sessionid) if may_be_stored(sessionid) else None
        return pointer.key if pointer else None

    def _describe(self, sessionid: str, entry: Entry) -> SessionInfo:
        return describe(sessionid, entry, self.options.session_index, self.values)

    def log_event(self, sessionid: str, event: str) -> None:
        """Note in the log what became of a session: made, renewed, ended, refused."""
        if log.isEnabledFor(logging.INFO):
            log.info('session %s: %s', self.fingerprint(sessionid), event)

    def fingerprint(self, sessionid: str | None) -> str:
        """What a log line may show of an id."""
        return fingerprint(sessionid, self.native.salt) if sessionid else 'new'

    def _make_native(self) -> NativeStore:
        store = self.options.session_store
        if isinstance(store, NativeStore):
            return store
        if store is None:
            return DbmStore(self._folder(), self.clock, self.values)
        from spyce.sessions.contract import ContractStore
        folder = None if self.options.session_folder is None else self._folder()
        return ContractStore(store, create_lock=self._create_lock, clock=self.clock, codec=self.values, folder=folder)

    def _folder(self) -> str:
        folder = self.options.session_folder
        if folder is None:
            raise StoreError('there is no folder for sessions; set session_store = session.DbmStore(folder)')
        path = os.fspath(folder() if callable(folder) else folder)
        try:
            os.makedirs(path, 0o700, exist_ok=True)
        except OSError as error:
            raise StoreError(f'{path}: the folder for sessions cannot be made: {error.strerror}') from error
        return path
