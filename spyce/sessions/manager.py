"""The sessions of one server: its options, its store, and the session of each request."""
from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from spyce.sessions.dbm import DbmStore
from spyce.sessions.errors import StoreError
from spyce.sessions.ids import fingerprint
from spyce.sessions.native import NativeStore
from spyce.sessions.options import SessionOptions
from spyce.sessions.request import RequestSession
from spyce.sessions.values import Codec, PickleCodec

CLEAN_STEP = 1000
"""Sessions removed in one step of cleaning; between steps requests get their turn."""


class SessionManager:
    """Sessions of one server. Making one touches no disk."""

    def __init__(self, options: SessionOptions, *, create_lock: Callable[[str], Any],
                 clock: Callable[[], float] = time.time, values: Codec | None = None) -> None:
        """create_lock: the server's createLock; values: how values are pickled; clock: seconds since 1970."""
        self.options = options
        self.clock = clock
        self.values = values or PickleCodec()
        self._create_lock = create_lock
        self._mutex = threading.Lock()
        self._native: NativeStore | None = None

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
                    self._native = self._make_native()
        return self._native

    @classmethod
    def for_store(cls, store: Any) -> SessionManager:
        """One for programs that work on a store by themselves, such as cleaning."""
        return cls(SessionOptions(session_store=store), create_lock=lambda name: threading.RLock())

    def check(self) -> None:
        """Raise StoreError if a configured store cannot be used; the default one is left for its first use."""
        if self.options.session_store is not None:
            self.native.check()

    def close(self) -> None:
        """Close the store; it opens again when it is used."""
        if self._native is not None:
            self._native.close()

    def request_session(self, cookies: Sequence[tuple[str, str]], *, secure: bool,
                        arrived: float | None = None) -> RequestSession:
        """The session of one request; no store is touched yet.

        cookies: names and values as sent, in order; secure: whether the request came over https; arrived: when it
        came (time of the clock), None for now.
        """
        return RequestSession(self, cookies, secure=secure, arrived=self.clock() if arrived is None else arrived)

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
