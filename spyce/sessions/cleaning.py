"""Cleaning without being asked: every CLEAN_INTERVAL one process removes what has expired, beside its requests."""
from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from spyce.sessions.store import CLEAN_INTERVAL

if TYPE_CHECKING:
    from spyce.sessions.manager import SessionManager

log = logging.getLogger('spyce.session')

STEP = 200
PAUSE = 0.05
"""Seconds between two steps, in which requests get their turn."""


class Cleaner:
    """Starts a thread when cleaning is due; looked at when a request has stored something, so an idle site rests."""

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager
        self._looking = threading.Lock()
        self._looked = self._next = float('-inf')  # ask the store at the first opportunity
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def note_change(self) -> None:
        """A request has stored something, and holds no lock any more. Never raises, never waits for the cleaning."""
        now = self._manager.clock()
        if self._looked <= now < self._next or not self._looking.acquire(blocking=False):
            return
        try:
            self._looked, self._next = now, now + CLEAN_INTERVAL
            if self._claim(now):
                self._start(now)
        except Exception:
            log.exception('the session store could not be asked whether cleaning is due')
        finally:
            self._looking.release()

    def stop(self) -> None:
        """End the cleaning that runs, if one does, after its step."""
        self._stop.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _claim(self, now: float) -> bool:
        """Whether cleaning is due, and this process is the one to do it."""
        native = self._manager.native
        last = native.last_cleaned()
        if last is not None and last <= now < last + CLEAN_INTERVAL:  # and not in the future: the clock was set back
            self._next = last + CLEAN_INTERVAL
            return False
        return native.claim_cleaning(last, now) and last is not None  # the first interval begins with the store

    def _start(self, now: float) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._clean, args=(now, self._stop), name='spyce-session-cleaner',
                                        daemon=True)
        self._thread.start()

    def _clean(self, now: float, stop: threading.Event) -> None:
        removed = 0
        try:
            while not stop.is_set():
                count = self._manager.native.delete_expired(STEP, now)
                removed += count
                if count < STEP:
                    break
                stop.wait(PAUSE)
        except Exception:
            log.exception('cleaning the session store has failed; the next attempt is in %d seconds', CLEAN_INTERVAL)
        log.info('%d expired sessions removed', removed)
