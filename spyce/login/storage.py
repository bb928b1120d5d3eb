"""Where the logins of a site are kept: what the engine asks of a storage, and the one over the session store."""
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from spyce.login.record import User
from spyce.sessions.ids import LOGIN_PREFIX
from spyce.sessions.users import index_text
from spyce.sessions.values import pack, unpack

if TYPE_CHECKING:
    from spyce.sessions.locking import Key
    from spyce.sessions.manager import SessionManager
    from spyce.sessions.native import Entry, Releasable

RECORD = '_spy_login'
USER = '_spy_login_id'
"""Items of an entry of the session store that is a login."""

LOCK_SECONDS = 10.0
LOCK_WAITERS = 100


class LoginStorage(ABC):
    """Keeps records of logins, each under a name of 64 hex digits. The engine calls it from many threads.

    A storage of a site's own derives from this class; it need not understand the records, and a record holds nothing
    that a client could log in with.
    """

    def check(self) -> None:  # noqa: B027  not every storage can tell
        """Raise StoreError if the storage cannot be used; called when the server starts."""

    @abstractmethod
    def load(self, name: str) -> str | None:
        """The record of that name; None if there is none. One that has expired may be there or not."""

    @abstractmethod
    def save(self, name: str, record: str, *, user: User, expires: float, replaces: str | None) -> bool:
        """Keep a record (a line of text) until `expires` (seconds since 1970), if nothing has happened meanwhile.

        user: whose login it is, for find(); replaces: the record that is there now, None if none is. If something
        else is there, save() does nothing and gives False. Looking and writing must be one step.
        """

    @abstractmethod
    def delete(self, name: str) -> bool:
        """Forget a record. False if there is none."""

    @abstractmethod
    def find(self, user: User) -> list[str]:
        """The names of the records of a user. 1 and '1' are different users."""


class SessionStorage(LoginStorage):
    """Keeps logins in the session store of the site: wherever sessions are known, logins are too.

    Each login is an entry of its own in the store, under an id that no client can send as the id of a session.
    """

    def __init__(self, sessions: Callable[[], SessionManager] | None = None) -> None:
        """sessions: gives the sessions of the site; None for those of the current server."""
        self._sessions = sessions or _current_sessions

    def __repr__(self) -> str:
        return 'SessionStorage()'

    def load(self, name: str) -> str | None:
        sessions = self._sessions()
        found = sessions.native.fetch(_entry_id(name))
        return _record(found[1], sessions) if found is not None else None

    def save(self, name: str, record: str, *, user: User, expires: float, replaces: str | None) -> bool:
        sessions = self._sessions()
        now = sessions.clock()
        idle = max(expires - now, 1.0)
        items = {item: pack(item, value, sessions.values, keeps_live=False)
                 for item, value in ((RECORD, record), (USER, user))}
        if replaces is None:
            if sessions.native.resolve(_entry_id(name)) is not None:
                return False
            try:
                sessions.native.create(_entry_id(name), items, created=now, idle=idle, expires=expires,
                                       user=index_text(USER, user))
            except ValueError:  # it came there just now
                return False
            sessions.cleaner.note_change()
            return True
        with self._locked(name, sessions) as held:
            entry = sessions.native.read(held[0]) if held is not None else None
            if held is None or entry is None or _record(entry, sessions) != replaces:
                return False
            key, lock = held  # which a slow machine may have lost meanwhile: the store knows
            return sessions.native.update_and_release(lock, key, items, now=now, slide=(idle, expires))

    def delete(self, name: str) -> bool:
        sessions = self._sessions()
        with self._locked(name, sessions) as held:  # so that a save() under way does not bring it back
            return held is not None and sessions.native.remove(held[0])

    def find(self, user: User) -> list[str]:
        found = self._sessions().native.find(USER, user)
        return [entry_id.removeprefix(LOGIN_PREFIX) for entry_id in found if entry_id.startswith(LOGIN_PREFIX)]

    @staticmethod
    @contextmanager
    def _locked(name: str, sessions: SessionManager) -> Iterator[tuple[Key, Releasable] | None]:
        """The entry's key and its lock, while nobody else changes it; None if there is none."""
        pointer = sessions.native.resolve(_entry_id(name))
        if pointer is None:
            yield None
            return
        lock = sessions.native.lock(pointer.key, LOCK_SECONDS, LOCK_WAITERS, 'a login')
        try:
            yield pointer.key, lock
        finally:
            lock.release()


def _entry_id(name: str) -> str:
    return LOGIN_PREFIX + name


def _record(entry: Entry, sessions: SessionManager) -> str | None:
    packed = entry.items.get(RECORD)
    try:
        value: Any = unpack(packed, sessions.values) if packed is not None else None
    except Exception:
        return None  # damaged: a login that is lost
    return value if isinstance(value, str) else None


def _current_sessions() -> SessionManager:
    from spyce.runtime.context import getServer
    return getServer().sessions
