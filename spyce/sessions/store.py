"""The contract of session stores as 2.1 has it: what a site's own store derives from."""
from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

CLEAN_INTERVAL = 7200
"""Seconds between two cleanings of a store (2.1's session.CLEAN_INTERVAL)."""


class SessionStore:
    """Where sessions are kept. Derive from it and override all five methods (reference 8.4; manual, session module).

    The engine makes the ids, checks those that clients send, locks sessions, and asks is_expired() before load().

    A store may have any of these methods too; without them the engine does the same by the five:

        create(sessionid, session, expires)   keep a new session; `expires`: seconds without use until it ends
        touch(sessionid, expires)             the session was used: its idle time begins anew; its data stay
        delete_expired(limit) -> int          remove up to `limit` expired sessions; how many were removed
        find(key, value) -> list of ids       sessions whose item `key` is `value`
        incr(sessionid, key, by) -> number    add to an item in one indivisible step; its new value
        lock(sessionid, timeout) -> lock      lock one session against all users of the store; an object with
                                              release(), or None if that took more than `timeout` seconds

    Without `lock` the engine locks among the processes of one machine. Without `find` it loads every session; one that
    gets a new id at that very moment may be missed.
    """

    def load(self, sessionid: str, expires: float) -> MutableMapping[str, Any]:
        """The items of a session, as a mapping that may be changed; for an unknown id a new one.

        expires: seconds without use after which a new session ends; kept in it under '_expires'.
        """
        raise NotImplementedError(f'{type(self).__name__}.load(sessionid, expires) is missing')

    def save(self, sessionid: str, session: MutableMapping[str, Any]) -> None:
        """Keep what load() gave, with the changes made to it."""
        raise NotImplementedError(f'{type(self).__name__}.save(sessionid, session) is missing')

    def clear(self, sessionid: str) -> None:
        """Remove a session. Raises SessionNotFoundError if there is none."""
        raise NotImplementedError(f'{type(self).__name__}.clear(sessionid) is missing')

    def is_expired(self, sessionid: str) -> bool:
        """Whether a session has ended by its idle time. Raises SessionNotFoundError if there is none."""
        raise NotImplementedError(f'{type(self).__name__}.is_expired(sessionid) is missing')

    def list(self) -> list[str]:
        """The ids of all sessions."""
        raise NotImplementedError(f'{type(self).__name__}.list() is missing')
