"""What a load balancer asks: whether this process can serve pages with sessions."""
from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spyce.sessions import SessionManager

log = logging.getLogger('spyce.web')

KEPT = 1.0
"""Seconds for which an answer holds: however often it is asked for, the store is asked once."""

NEVER = float('-inf')

NO_SESSION = '0' * 43


class Health:
    """Whether the session store can be used. Safe for threads."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._until = NEVER
        self._is_good = False

    def is_good(self, sessions: SessionManager) -> bool:
        """Look for a session that cannot be there, which takes no longer than the store's own time-out. Who asks
        meanwhile gets the last answer, so that a flood of questions keeps no threads; before the first one he waits."""
        if time.monotonic() >= self._until and self._mutex.acquire(blocking=self._until == NEVER):
            try:
                if time.monotonic() >= self._until:
                    self._is_good = self._look(sessions)
                    self._until = time.monotonic() + KEPT
            finally:
                self._mutex.release()
        return self._is_good

    def _look(self, sessions: SessionManager) -> bool:
        try:
            sessions.native.check()
            sessions.native.resolve(NO_SESSION)
        except Exception:
            log.exception('the health check has found that sessions cannot be used')
            return False
        return True
