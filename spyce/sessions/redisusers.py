"""The index of users of RedisStore: of each user a sorted set of ids, by the time at which an id is forgotten.

It is in another slot than the sessions, so it is not changed in one step with them. An id is there before its session
has the user, and for some time after: who looks for the sessions of a user looks at each of them, too.
"""
from __future__ import annotations

from spyce.sessions.redisclient import RedisServer
from spyce.sessions.redisscripts import INDEX, milliseconds


class RedisUsers:
    """The ids of sessions by user."""

    def __init__(self, server: RedisServer, prefix: str) -> None:
        self._server = server
        self._prefix = prefix

    def _key(self, user: str) -> str:
        return f'{self._prefix}user:{user}'

    def add(self, user: str, sessionid: str, idle: float, rest: float) -> None:
        """A session of that user, if he has one (''), which expires in `rest` seconds, or later if it is used.

        The id is remembered for longer than that, should the session be used just then.
        """
        if user:
            self._server.run(INDEX, (self._key(user),), (sessionid, milliseconds(rest + idle)))

    def discard(self, user: str, sessionid: str) -> None:
        """The session has ended."""
        if user:
            self._server.command('ZREM', self._key(user), sessionid)

    def ids(self, user: str) -> list[str]:
        """Ids that are or were of sessions of the user."""
        return [member.decode() for member in self._server.command('ZRANGE', self._key(user), 0, -1)]
