"""Removing what has expired from a large store, against deleting as many rows of a plain table by their keys."""
from __future__ import annotations

import sqlite3
import tempfile
import time
from pathlib import Path

from benchmarks import workplace
from benchmarks.measure import Goal, Size, Table, each_in_turn
from benchmarks.stores import Spyce, Sqlite, spyce_fill

FLOOR = 'floor: sqlite3 WAL, DELETE by key'
OURS = 'Spyce DbmStore, clean()'
STEP = 1000


def tables(size: Size) -> list[Table]:
    """One table."""
    stored, expired, rounds = {'tiny': (50, 5, 1), 'full': (1_000_000, 10_000, 7)}.get(size.name, (50_000, 2000, 5))
    with tempfile.TemporaryDirectory(dir=workplace.folder()) as name:
        place = Path(name)
        measures = {FLOOR: _Floor(place, stored, expired).measure, OURS: _Spyce(place, stored, expired).measure}
        rows = each_in_turn(measures, rounds)
    return [Table('cleaning', f'Cleaning {stored:,} sessions of which {expired:,} expired', rows, FLOOR,
                  [Goal(OURS, FLOOR, 0.5)], note='Both delete in transactions of a thousand.')]


class _Floor:
    """Rows of one table."""

    def __init__(self, folder: Path, stored: int, expired: int) -> None:
        self._store = Sqlite(folder)
        self._store.fill(stored - expired)
        self._expired = expired

    def measure(self) -> float:
        """Seconds to delete the sessions that were put there to be deleted."""
        database = self._store.database
        left = len(self._store.ids)
        self._store.fill(left + self._expired)
        keys = [(sessionid,) for sessionid in self._store.ids[left:]]
        del self._store.ids[left:]
        database.execute('PRAGMA wal_checkpoint(TRUNCATE)')
        start = time.perf_counter()
        for first in range(0, len(keys), STEP):
            database.execute('BEGIN IMMEDIATE')
            database.executemany('DELETE FROM sessions WHERE id = ?', keys[first:first + STEP])
            database.execute('COMMIT')
        return time.perf_counter() - start


class _Spyce:
    """The sessions of a store, as `spyce sessions clean` removes them."""

    def __init__(self, folder: Path, stored: int, expired: int) -> None:
        from spyce.sessions import DbmStore
        self._store = DbmStore(folder)
        self._sessions = Spyce(self._store)
        self._sessions.fill(stored - expired)
        self._expired = expired

    def measure(self) -> float:
        """Seconds to remove those that have expired."""
        spyce_fill(self._store, self._expired, expires_in=-100)
        database = sqlite3.connect(f'{self._store.folder}/sessions.db')
        database.execute('PRAGMA wal_checkpoint(TRUNCATE)')
        database.close()
        start = time.perf_counter()
        removed = self._sessions.manager.clean()
        taken = time.perf_counter() - start
        if removed != self._expired:
            raise AssertionError(f'{removed} sessions were removed of {self._expired}')
        return taken
