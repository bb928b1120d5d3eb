"""Cleaning costs what has expired, however many sessions live, and takes none of these.

Cost is counted in instructions of SQLite's virtual machine, which are the same on every machine and every day.
"""
from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from spyce.sessions import DbmStore, SessionManager, SessionOptions
from tests.experiments.server import SOAK

SIZES = (1_000, 100_000, 1_000_000) if SOAK else (1_000, 10_000)
ROUNDS = 1_000 if SOAK else 10
NOW = 1_000_000.0

@dataclass
class Work:
    """What SQLite was asked to do."""

    instructions: int = 0
    statements: list[str] = field(default_factory=list)  # those of a trigger too, once a row, by what set it off
    executed: list[str] = field(default_factory=list)


@contextmanager
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    """Count what all connections do that are opened in this block."""
    work = Work()
    connect = sqlite3.connect

    def count() -> int:
        work.instructions += 1
        return 0

    class Counted(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            work.executed.append(sql)
            return super().execute(sql, *values)

    def counted_connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, factory=Counted, **kwargs)
        connection.set_progress_handler(count, 1)
        connection.set_trace_callback(work.statements.append)
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, 'connect', counted_connect)
        yield work


def transactions(work: Work) -> int:
    """How many that delete there were: each statement is one, unless it stands between others."""
    assert not any(sql.startswith('BEGIN') for sql in work.executed)
    return sum(sql.startswith('DELETE') for sql in work.executed)


def manager_of(store: DbmStore) -> SessionManager:
    return SessionManager(SessionOptions(session_store=store), create_lock=lambda name: None, clock=lambda: NOW)


def make_store(folder: Path, live: int) -> Path:
    """A folder with a store in which that many sessions live, all alike."""
    folder.mkdir()
    with closing(DbmStore(folder)) as store:
        session = manager_of(store).request_session([], secure=False)
        session['text'] = 'x' * 500
        session.finish()
    with closing(sqlite3.connect(folder / 'spyce-sessions' / 'sessions.db')) as connection:
        multiply(connection, 'entries', live, key='n', expires='expires + n % 1000')
        multiply(connection, 'ids', live, key='n', id="'id of ' || n")
        connection.commit()
    return folder


def multiply(connection: sqlite3.Connection, table: str, rows: int, **differences: str) -> None:
    """Add copies of the one row of a table until there are `rows`; `differences`: columns as expressions of n."""
    columns = [row[1] for row in connection.execute(f'PRAGMA table_info({table})')]
    values = ', '.join(differences.get(column, column) for column in columns)
    connection.execute('WITH RECURSIVE number(n) AS (VALUES (2) UNION ALL SELECT n + 1 FROM number WHERE n < ?) '
                       f'INSERT INTO {table} SELECT {values} FROM number, (SELECT * FROM {table})', (rows,))


def let_expire(folder: Path, number: int) -> None:
    with closing(sqlite3.connect(folder / 'spyce-sessions' / 'sessions.db')) as connection:
        connection.execute('UPDATE entries SET expires = ? WHERE key IN (SELECT key FROM entries LIMIT ?)',
                           (NOW - 1, number))
        connection.commit()


@pytest.fixture(scope='module')
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """A store of each size."""
    base = tmp_path_factory.mktemp('stores')
    return {live: make_store(base / str(live), live) for live in SIZES}


@pytest.mark.parametrize('expired', [0, 10, 500])
def test_cost_follows_what_has_expired(expired: int, folders: dict[int, Path],
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    costs = {}
    for live, folder in folders.items():
        let_expire(folder, expired)
        with counting(monkeypatch) as work, closing(DbmStore(folder)) as store:
            store.check()
            work.instructions = 0
            begun = time.perf_counter()
            assert manager_of(store).clean() == expired
            costs[live] = work.instructions
            print(f'{live} live, {expired} expired: {work.instructions} instructions, '
                  f'{(time.perf_counter() - begun) * 1000:.1f} ms')
    smallest = costs[SIZES[0]]
    assert all(cost <= smallest * 1.1 + 100 for cost in costs.values()), costs


def test_cleaning_finds_everything_by_an_index(folders: dict[int, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folders[SIZES[0]]
    let_expire(folder, 5)
    with counting(monkeypatch) as work, closing(DbmStore(folder)) as store:
        store.check()
        work.statements.clear()
        assert manager_of(store).clean() == 5
    searching = [statement for statement in work.statements if statement.startswith(('SELECT', 'DELETE'))]
    assert searching
    searching.append('DELETE FROM ids WHERE key = 1')  # what the end of a session is to its ids
    with closing(sqlite3.connect(folder / 'spyce-sessions' / 'sessions.db')) as connection:
        for statement in searching:
            plan = [row[3] for row in connection.execute(f'EXPLAIN QUERY PLAN {statement}')]
            steps = [step for step in plan if not step.startswith('LIST SUBQUERY')]  # a heading, not a step
            assert steps
            assert all(step.startswith('SEARCH') for step in steps), (statement, plan)


def test_cleaning_is_done_in_steps_between_which_requests_get_their_turn(tmp_path: Path,
                                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_store(tmp_path / 'store', 3_500)
    let_expire(folder, 3_000)
    with counting(monkeypatch) as work, closing(DbmStore(folder)) as store:
        store.check()
        work.executed.clear()
        manager = manager_of(store)
        assert manager.clean(limit=100) == 100
        assert transactions(work) == 1
        assert manager.clean() == 2_900
        assert transactions(work) >= 1 + 3
        assert len(store.list()) == 500


def test_cleaning_at_the_same_time_never_takes_a_session_that_is_in_use(tmp_path: Path) -> None:
    now = NOW
    with closing(DbmStore(tmp_path)) as store:
        manager = SessionManager(SessionOptions(session_store=store, session_expire=100),
                                 create_lock=lambda name: None, clock=lambda: now)
        ids = []
        for _ in range(20):
            session = manager.request_session([], secure=False)
            session['n'] = 0
            session.finish()
            ids.append(session.sessionid)

        done = threading.Event()

        def clean() -> None:
            while not done.is_set():
                manager.clean()

        cleaners = [threading.Thread(target=clean) for _ in range(2)]
        for cleaner in cleaners:
            cleaner.start()
        try:
            for visits in range(ROUNDS):
                now += 60  # more than half of the idle time
                for sessionid in ids:
                    session = manager.request_session([('sessionid', sessionid)], secure=False)
                    assert session.get('n') == visits
                    session['n'] += 1
                    session.finish()
        finally:
            done.set()
            for cleaner in cleaners:
                cleaner.join()
