"""Locks that a store keeps itself, as tokens that are good for a time: between machines, a holder may die unseen."""
from __future__ import annotations

import secrets
from collections.abc import Callable

from spyce.sessions.locking import HeldLock


class Lease:
    """A session's lock as a token in the store; release() it once. Releasing again does nothing.

    After its time others may take the lock. Who was merely slow goes on to be the holder as long as nobody has: what
    decides is the token, which every change by the holder names.
    """

    __slots__ = ('token', '_turn', '_give_back')

    def __init__(self, turn: HeldLock, give_back: Callable[[str], None]) -> None:
        """turn: the lock among the threads of this process; give_back: removes the token from the store."""
        self.token = secrets.token_hex(8)
        self._turn = turn
        self._give_back: Callable[[str], None] | None = give_back

    def release(self) -> None:
        """Let the next one in; not after a fork, when the parent holds the lock still."""
        give_back, self._give_back = self._give_back, None
        try:
            if give_back is not None and self._turn.is_exclusive():
                give_back(self.token)
        finally:
            self._turn.release()

    def end(self) -> None:
        """The token is not in the store any more, or was never there: only threads of this process still wait."""
        self._give_back = None
        self._turn.release()
