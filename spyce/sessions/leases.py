"""Locks that a store keeps itself, as tokens that are good for a time: between machines, a holder may die unseen."""
from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable

from spyce.sessions.errors import SessionLocked, StoreError
from spyce.sessions.locking import HeldLock

log = logging.getLogger('spyce.session')

MOST_UNRETURNED = 1000

GiveBack = Callable[[str], object]


class Lease:
    """A session's lock as a token in the store; release() it once. Releasing again does nothing.

    After its time others may take the lock. Who was merely slow goes on to be the holder as long as nobody has: what
    decides is the token, which every change by the holder names.

    has_waited: whether the session was in use, by a request of another process, when the lock was asked for.
    """

    __slots__ = ('token', 'has_waited', '_turn', '_give_back', '_unreturned')

    def __init__(self, turn: HeldLock, give_back: GiveBack, unreturned: Unreturned) -> None:
        """turn: the lock among the threads of this process; give_back: removes the token from the store, or raises
        StoreError; unreturned: those of the store that it could not be told of."""
        self.token = os.urandom(8).hex()
        self.has_waited = False
        self._turn = turn
        self._give_back: GiveBack | None = give_back
        self._unreturned = unreturned

    def release(self) -> None:
        """Let the next one in; not after a fork, when the parent holds the lock still."""
        give_back, self._give_back = self._give_back, None
        try:
            if give_back is not None and self._turn.is_exclusive():
                give_back(self.token)
        except StoreError as error:
            assert give_back is not None
            self._unreturned.add(self.token, give_back)
            log.warning('the lock of a session cannot be given back yet: %s', error)
        finally:
            self._turn.release()

    def end(self) -> None:
        """The token is not in the store any more, or was never there: only threads of this process still wait."""
        self._give_back = None
        self._turn.release()

    def not_taken(self, error: BaseException) -> None:
        """Asking the store for the lock has raised this; the lock is not held."""
        if isinstance(error, SessionLocked):
            self.end()
        else:
            self.lose()

    def not_saved(self, error: BaseException) -> None:
        """Saving, with which the lock is given back in one step, has raised this; the lock is not held any more."""
        if isinstance(error, StoreError):
            self.lose()
        else:
            self.release()

    def lose(self) -> None:
        """The store did not answer, so it may have the token or not; whoever holds this lease has given up."""
        if self._give_back is not None:
            self._unreturned.add(self.token, self._give_back)
        self.end()


def taken(lease: float, store: str) -> StoreError:
    """The error of who saves and is not the holder any more. lease: its seconds; store: the class of the store."""
    return StoreError('another request has taken the session, since its lease was lost while the page ran '
                      f'(lease={lease:g} seconds); what the page put is not kept, nothing was overwritten. If pages '
                      f'may take that long, give {store} a longer lease', is_taken=True)


class Unreturned:
    """Leases that nobody needs and that a store may still have, as it could not be told: it is, before the next one
    is taken. Safe for threads."""

    def __init__(self, lease: float) -> None:
        """lease: seconds after which one has ended anyway."""
        self._lease = lease
        self._left: deque[tuple[float, str, GiveBack]] = deque(maxlen=MOST_UNRETURNED)

    def add(self, token: str, give_back: GiveBack) -> None:
        """See Lease."""
        self._left.append((time.monotonic() + self._lease, token, give_back))

    def give_back(self) -> None:
        """Tell the store of all. Raises StoreError, and keeps what is left, if it does not answer yet."""
        while self._left:
            try:
                until, token, give_back = self._left.popleft()
            except IndexError:  # another thread has told it
                return
            if time.monotonic() < until:
                try:
                    give_back(token)
                except BaseException:
                    self._left.append((until, token, give_back))
                    raise
