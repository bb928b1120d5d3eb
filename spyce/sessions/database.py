"""The database file under DbmStore: opening it with care, lending its connections, trying again when it is busy."""
from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from spyce.sessions import forkgate
from spyce.sessions.errors import StoreError
from spyce.sessions.living import Living
from spyce.sessions.private import check_private_file, open_private_file
from spyce.sessions.stamp import Stamp

Result = TypeVar('Result')

APPLICATION_ID = 0x53705365  # 'SpSe'
VERSION = 2
BUSY_SECONDS = 10.0

UPGRADES = {
    1: ('ALTER TABLE entries ADD COLUMN user TEXT',
        'CREATE INDEX entries_by_user ON entries (user) WHERE user IS NOT NULL'),
}
"""What makes a store of a version one of the next version."""

ADVICE = {
    'is full': '. Free space on that disk; the store goes on as soon as there is some',
    'readonly': '. Make the disk writable again, and the file writable for this user; the store then goes on',
    'malformed': '. The file is damaged: move it away, and the store begins anew without its sessions',
    'not a database': '. Move the file away, and the store begins anew without its sessions',
    'unable to open': '. Look whether this user may still read and write it and its folder',
}
"""What to do, by a part of what SQLite says."""

SCHEMA = """
CREATE TABLE entries (key INTEGER PRIMARY KEY, value BLOB NOT NULL, created REAL NOT NULL, idle REAL NOT NULL,
                      expires REAL NOT NULL, user TEXT);
CREATE INDEX entries_by_expiry ON entries (expires);
CREATE INDEX entries_by_user ON entries (user) WHERE user IS NOT NULL;
CREATE TABLE ids (id TEXT PRIMARY KEY, key INTEGER NOT NULL, retired REAL, until REAL) WITHOUT ROWID;
CREATE INDEX ids_by_key ON ids (key);
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""

OF_CONNECTIONS = (
    'CREATE TEMP VIEW sessions AS SELECT id, e.* FROM ids JOIN entries e USING (key)',
    """CREATE TEMP TRIGGER session_is_made INSTEAD OF INSERT ON sessions BEGIN
       INSERT INTO ids (id, key) VALUES (new.id, new.key);
       INSERT INTO entries VALUES (new.key, new.value, new.created, new.idle, new.expires, new.user); END""",
    'CREATE TEMP TRIGGER session_has_ended AFTER DELETE ON entries BEGIN DELETE FROM ids WHERE key = old.key; END',
)
"""What makes a new session, and the end of one, single statements. While SQLite runs a statement, other threads have
the interpreter; between two statements of a transaction its thread waits for them, and with it all who want to write.
"""


class Database:
    """A database file of sessions, for any number of threads and processes.

    SQLite in WAL mode with synchronous=NORMAL: what was committed survives the death of the process, and a power
    failure leaves the state of a recent moment, whole.
    """

    def __init__(self, path: str) -> None:
        """path: the file, made if it is not there. Raises StoreError if it is unsafe or no store."""
        self.path = path
        self._log = path + '-wal'
        self._identity: tuple[int, int] | None = None
        self._log_identity: tuple[int, int] | None = None
        self._checked: Stamp | None = None  # of the folder, when all files were found to be those at their paths
        self._idle: deque[sqlite3.Connection] = deque()
        self._all: set[sqlite3.Connection] = set()
        self._writing = threading.Lock()  # transactions of one process queue here, not in SQLite's sleeps
        # Not __del__: the collector may take connections before the object that would close them.
        weakref.finalize(self, _close_connections, self._idle, self._all)
        _databases.add(self)
        for suffix in ('-wal', '-shm'):
            check_private_file(path + suffix)
        os.close(open_private_file(path))
        try:
            self._retry(self._prepare)
            self._identity = _identity(path)
        except BaseException:
            self.close()
            raise

    def is_current(self, stamp: Stamp | None) -> bool:
        """Whether the files that are open are still those at their paths. Raises StoreError if that cannot be said.

        stamp: that of their folder, now
        """
        if stamp is not None and stamp == self._checked:
            return True
        if _identity(self.path) != self._identity:
            return False
        with forkgate.inside:  # a fork would close the connections meanwhile
            if not self._idle:
                return True  # without a connection SQLite may have removed its log itself
            log = _identity(self._log)
            if self._log_identity is None:
                self._log_identity = log
            if log != self._log_identity:
                return False
            if log is not None:
                self._checked = stamp
            return True

    def query(self, sql: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows that a statement gives."""
        rows: list[tuple[Any, ...]] = self._retry(_rows, sql, values)
        return rows

    def write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do `work` in one transaction: all of it or nothing. It may be called again if the database is busy.

        For what execute() and insert() cannot do: see OF_CONNECTIONS.
        """
        with self._writing:
            result: Result = self._retry(_transaction, work)
            return result

    def execute(self, sql: str, values: tuple[object, ...] = ()) -> int:
        """Execute one statement, a transaction of its own. How many rows it changed."""
        count: int = self._retry(_row_count, sql, values)
        return count

    def insert(self, sql: str, values: tuple[object, ...]) -> bool:
        """The same for a statement that inserts. False, and nothing done, if a key is there already."""
        is_done: bool = self._retry(_insert, sql, values)
        return is_done

    def close(self) -> None:
        """Close the connections that nobody is using."""
        self._log_identity = self._checked = None
        _close_connections(self._idle, self._all)

    def _retry(self, work: Callable[..., Any], *args: object) -> Any:
        """Do `work` with a connection, and `args`; again while the database is busy, up to BUSY_SECONDS.

        Raises StoreError.
        """
        deadline: float | None = None
        with forkgate.inside:
            while True:
                try:
                    connection = self._idle.pop() if self._idle else self._connect()
                except IndexError:  # another thread was faster
                    continue
                except sqlite3.Error as error:
                    raise self._unusable(error) from error
                try:
                    result = work(connection, *args)
                except sqlite3.Error as error:
                    self._all.discard(connection)
                    connection.close()
                    deadline = deadline or time.monotonic() + BUSY_SECONDS
                    if not _is_busy(error):
                        self.close()  # the others may have seen the same trouble
                    if not _is_busy(error) or time.monotonic() > deadline:
                        raise self._unusable(error) from error
                except BaseException:
                    self._idle.append(connection)
                    raise
                else:
                    self._idle.append(connection)
                    return result

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            connection.execute('PRAGMA synchronous=NORMAL')
            connection.execute('PRAGMA trusted_schema=OFF')
            if self._identity is not None:  # else its tables are still to be made
                _make_triggers(connection)
        except BaseException:
            connection.close()
            raise
        self._all.add(connection)
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables in an empty file, upgrade those of an earlier version; refuse a file that is not ours."""
        if not _stamp(connection)[0] and _is_empty(connection):
            connection.execute('PRAGMA journal_mode=WAL')
            _transaction(connection, _make_tables)
        if _stamp(connection)[0] == APPLICATION_ID and _stamp(connection)[1] in UPGRADES:
            _transaction(connection, _upgrade)
        application, version = _stamp(connection)
        if application != APPLICATION_ID:
            raise StoreError(f'{self.path}: this is a database of another program, not a session store; give another '
                             'folder')
        if version != VERSION:
            raise StoreError(f'{self.path}: this session store is of version {version}, and this program knows '
                             f'version {VERSION}; use the program that made it, or remove the file and lose its '
                             'sessions')
        _make_triggers(connection)

    def _unusable(self, error: sqlite3.Error) -> StoreError:
        advice = next((advice for part, advice in ADVICE.items() if part in str(error)), '')
        return StoreError(f'{self.path}: the session store cannot be used: {error}{advice}')

    def _forget_after_fork(self) -> None:
        _abandoned.extend(self._all)
        self._all.clear()
        self._idle.clear()
        self._log_identity = self._checked = None
        self._writing = threading.Lock()


def _rows(connection: sqlite3.Connection, sql: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
    return connection.execute(sql, values).fetchall()


def _row_count(connection: sqlite3.Connection, sql: str, values: tuple[object, ...]) -> int:
    return connection.execute(sql, values).rowcount


def _insert(connection: sqlite3.Connection, sql: str, values: tuple[object, ...]) -> bool:
    try:
        connection.execute(sql, values)
    except sqlite3.IntegrityError:
        return False
    return True


def _transaction(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], Result]) -> Result:
    connection.execute('BEGIN IMMEDIATE')
    try:
        result = work(connection)
        connection.execute('COMMIT')
    except BaseException:
        if connection.in_transaction:
            connection.execute('ROLLBACK')
        raise
    return result


def _close_connections(idle: deque[sqlite3.Connection], connections: set[sqlite3.Connection]) -> None:
    with forkgate.closing(), contextlib.suppress(IndexError):  # another thread may close, too
        while True:
            connection = idle.pop()
            connections.discard(connection)
            connection.close()


def _identity(path: str) -> tuple[int, int] | None:
    """What tells the file at the path from another one there; None without a file. Raises StoreError."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f'{path}: the session store cannot be reached: {error.strerror}') from error
    return status.st_dev, status.st_ino


def _stamp(connection: sqlite3.Connection) -> tuple[int, int]:
    application = connection.execute('PRAGMA application_id').fetchone()[0]
    return application, connection.execute('PRAGMA user_version').fetchone()[0]


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute('SELECT 1 FROM sqlite_master').fetchone() is None


def _make_tables(connection: sqlite3.Connection) -> None:
    if not _is_empty(connection):
        return  # another process was faster
    for statement in SCHEMA.split(';'):
        connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('salt', ?)", (os.urandom(32),))
    connection.execute(f'PRAGMA application_id={APPLICATION_ID}')
    connection.execute(f'PRAGMA user_version={VERSION}')


def _make_triggers(connection: sqlite3.Connection) -> None:
    connection.execute('PRAGMA temp_store=MEMORY')
    for statement in OF_CONNECTIONS:
        connection.execute(statement)


def _upgrade(connection: sqlite3.Connection) -> None:
    version = _stamp(connection)[1]  # another process may have been faster
    while version in UPGRADES:
        for statement in UPGRADES[version]:
            connection.execute(statement)
        version += 1
        connection.execute(f'PRAGMA user_version={version}')


def _is_busy(error: sqlite3.Error) -> bool:
    return isinstance(error, sqlite3.OperationalError) and ('locked' in str(error) or 'busy' in str(error))


_databases: Living[Database] = Living()
_abandoned: list[sqlite3.Connection] = []
"""Connections of the process that this one was forked from: not to be used, and not to be closed either, since
closing one may write to the database in the name of its owner."""


def _before_fork() -> None:
    for database in _databases:
        database.close()


def _after_fork() -> None:
    for database in _databases:
        database._forget_after_fork()


forkgate.before_fork.append(_before_fork)
if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_after_fork)
