"""The database server under SQLStore: connections that break and come back, errors as StoreError."""
from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from spyce.sessions import forkgate
from spyce.sessions.errors import StoreError
from spyce.sessions.living import Living

try:
    import sqlalchemy
    from sqlalchemy.engine import URL, Connection, CursorResult, Engine, make_url
    from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
    from sqlalchemy.pool import NullPool
except ImportError as error:
    raise ImportError("SQLStore needs the package SQLAlchemy: pip install 'spyce-session[sql]'") from error

Result = TypeVar('Result')

DRIVERS = {'postgresql': 'psycopg', 'mysql': 'pymysql', 'mariadb': 'pymysql'}
"""What a URL without a driver means."""
PACKAGES = {'psycopg': "'psycopg[binary]'", 'psycopg2': 'psycopg2-binary', 'MySQLdb': 'mysqlclient'}
"""What is to be installed for a module, if that has another name."""
CONFLICTS: frozenset[str | int] = frozenset(['40001', '40P01', 1205, 1213])
"""Codes of errors, of PostgreSQL and MySQL, after which the same may succeed: others were in the way."""
LOST: frozenset[str | int] = frozenset(['25006', '57P01', '57P02', 1290, 1927])
"""Codes of errors after which another connection may succeed: it was ended, or the server is not the primary now."""
NO_TABLE: frozenset[str | int] = frozenset(['42P01', 1146])
MOST_CONFLICTS = 10
SQLITE_BUSY = 'database is locked'
"""SQLite waits for others itself, but not where a new file is given its log: then it says this at once."""
NO_URL = ("SQLStore: this is not the URL of a database: write postgresql://USER:PASSWORD@HOST/DATABASE, mariadb://..., "
          "mysql://... or sqlite:///PATH; in a user name or password write '@' as %40, ':' as %3A, '/' as %2F")
LONGEST_PAUSE = 0.05
GRACE = 1.0
"""Seconds after which a server that was to end a statement itself is not waited for any longer."""


class AlreadyThere(StoreError):
    """There is a row of this key."""


class SQLServer:
    """Statements to a database, each a transaction of its own. Used by many threads, each with a connection of its own.

    A statement whose connection breaks is sent a second time over a new one: all that come here may be.
    """

    def __init__(self, engine: Engine, is_ours: bool, timeout: float, prepare: Callable[[Connection], None]) -> None:
        """is_ours: whether connections are ours to keep, else the engine's pool has them; prepare: asked before
        anything else, and again if the tables are gone."""
        self._is_ours = is_ours
        self._engine = engine if is_ours else engine.execution_options(isolation_level='AUTOCOMMIT')
        self._timeout = timeout
        self._prepare = prepare
        self._is_prepared = False
        self._idle: list[Connection] = []
        self.is_sqlite = engine.dialect.name == 'sqlite'
        file = engine.url.database or ''
        self._file = file if is_ours and self.is_sqlite and not file.startswith('file:') else None
        self._name = _name_of(engine.url)
        self.settle_in(os.getcwd())
        _servers.add(self)

    def settle_in(self, base: str) -> None:
        """Take a relative file of SQLite as relative to `base`; before anything is asked."""
        if self._file is not None:
            path = os.path.abspath(os.path.join(base, self._file))
            self._engine = engine_at(self._engine.url.set(database=path), self._timeout)
            self._name = _name_of(self._engine.url)

    def __str__(self) -> str:
        return self._name

    def prepare(self) -> None:
        """Look whether the tables are there. Raises StoreError."""
        self._is_prepared = False
        self.run(lambda connection: None)

    def rows(self, statement: str, values: Sequence[object] = ()) -> Sequence[Sequence[Any]]:
        """The rows that a statement gives. Raises StoreError."""
        return self.run(lambda connection: execute(connection, statement, values).fetchall())

    def count(self, statement: str, values: Sequence[object] = ()) -> int:
        """How many rows a statement has changed. Raises StoreError."""
        return self.run(lambda connection: execute(connection, statement, values).rowcount)

    def transaction(self, begin: str, work: Callable[[Connection], Result]) -> Result:
        """Do `work` in one transaction: all of it or nothing. It may be called again. Raises StoreError."""
        def in_transaction(connection: Connection) -> Result:
            connection.exec_driver_sql(begin)
            try:
                result = work(connection)
                connection.exec_driver_sql('COMMIT')
            except BaseException:
                if not connection.invalidated:
                    with suppress(DBAPIError):
                        connection.exec_driver_sql('ROLLBACK')
                raise
            return result

        return self.run(in_transaction)

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """Do `work` with a connection; again if the connection breaks, or others were in the way. Raises StoreError."""
        begun, conflicts, was_lost, was_missing = time.monotonic(), 0, False, False
        while True:
            try:
                return self._with_connection(work)
            except IntegrityError as error:
                raise AlreadyThere(str(self._failure(error))) from None
            except DBAPIError as error:
                seconds = time.monotonic() - begun
                if _is_one_of(error, CONFLICTS) and conflicts < MOST_CONFLICTS or (
                        SQLITE_BUSY in str(error.orig) and seconds < self._timeout):
                    conflicts += 1
                    time.sleep(random.uniform(0, LONGEST_PAUSE))
                elif _is_lost(error) and not was_lost and seconds < self._timeout / 2:
                    was_lost = True
                elif not was_missing and (_is_one_of(error, NO_TABLE) or 'no such table' in str(error.orig)):
                    was_missing, self._is_prepared = True, False
                else:
                    raise self._failure(error) from None
            except SQLAlchemyError as error:
                raise self._failure(error) from None

    def _make_file(self) -> None:
        """SQLite itself makes files that everybody may read. Its companions are as the file is."""
        if self._file is not None:
            with suppress(OSError):  # the connection will say it better
                os.close(os.open(self._engine.url.database or '', os.O_RDWR | os.O_CREAT, 0o600))

    def _with_connection(self, work: Callable[[Connection], Result]) -> Result:
        if not self.is_sqlite:
            return self._lend(work)
        with forkgate.inside:
            return self._lend(work)

    def _lend(self, work: Callable[[Connection], Result]) -> Result:
        if not self._is_prepared:
            self._make_file()
        connection = self._take_idle() or self._engine.connect()
        try:
            if not self._is_prepared:
                self._prepare(connection)
                self._is_prepared = True
            result = work(connection)
        except BaseException as error:
            if isinstance(error, DBAPIError) and _is_lost(error):
                self._drop_idle()  # they are as old, and probably broken, too
            _discard(connection)
            raise
        if self._is_ours:
            self._idle.append(connection)
        else:
            connection.close()
        return result

    def _take_idle(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _drop_idle(self) -> None:
        while (connection := self._take_idle()) is not None:
            _discard(connection)

    def close(self) -> None:
        """Close the connections that nobody is using."""
        self._drop_idle()

    def _failure(self, error: SQLAlchemyError) -> StoreError:
        """To be raised without its cause: that has the statement, whose values are sessions, and the password."""
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        text = str(cause).partition('\n')[0]
        return StoreError(f'{self._name}: the sessions cannot be reached: {type(cause).__name__}: {text}')

    def forget_after_fork(self) -> None:
        """The connections are the parent's: not to be used here, and not to be closed either."""
        _abandoned.extend(self._idle)
        self._idle = []
        if not self._is_ours:
            _abandoned.append(self._engine.pool)
            self._engine.dispose(close=False)


def _discard(connection: Connection) -> None:
    """Close a connection without a word to the server, which may have closed it, too."""
    connection.invalidate()
    connection.close()


def execute(connection: Connection, statement: str, values: Sequence[object]) -> CursorResult[Any]:
    """Execute one statement."""
    return connection.exec_driver_sql(statement, tuple(values))


def engine_at(url: str | URL, timeout: float) -> Engine:
    """An engine for a URL: see SQLStore. Raises ValueError, with nothing of the URL that may be a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(NO_URL) from None
    if '@' in (parsed.host or '') + (parsed.database or ''):  # a part of the password, which would be shown then
        raise ValueError(NO_URL)
    kind = parsed.get_backend_name()
    if kind == 'sqlite' and parsed.database in (None, '', ':memory:'):
        raise ValueError('SQLStore: an SQLite database in memory would be another one for each thread; name a file, or '
                         'use MemoryStore()')
    if '+' not in parsed.drivername and kind in DRIVERS:
        parsed = parsed.set(drivername=f'{kind}+{DRIVERS[kind]}')
    try:
        engine = sqlalchemy.create_engine(parsed, isolation_level='AUTOCOMMIT', poolclass=NullPool,
                                          connect_args=_connect_args(parsed, timeout))
    except ImportError as error:
        raise ImportError(f'SQLStore needs the driver {error.name} for {kind} databases: pip install '
                          f"{PACKAGES.get(str(error.name), error.name)}") from error
    except SQLAlchemyError as error:
        raise ValueError(f'SQLStore: {_name_of(parsed)} cannot be used: {error}') from None
    if kind == 'postgresql':
        sqlalchemy.event.listen(engine, 'connect', _setter(f'SET statement_timeout = {math.ceil(timeout * 1000)}'))
        if parsed.get_driver_name() == 'psycopg':
            from spyce.sessions.psycopglimit import connector
            connect = connector(timeout + GRACE)
            sqlalchemy.event.listen(engine, 'do_connect', lambda dialect, record, args, named: connect(*args, **named))
    elif kind == 'sqlite':
        sqlalchemy.event.listen(engine, 'connect', _setter('PRAGMA journal_mode = WAL', 'PRAGMA synchronous = NORMAL'))
    return engine


def _connect_args(url: URL, timeout: float) -> dict[str, Any]:
    """What the driver is told of time, in its own words."""
    driver, seconds = url.get_driver_name(), max(1, math.ceil(timeout))
    if driver in ('psycopg', 'psycopg2'):  # the server ends what takes too long; this is for one that is not there
        return {'connect_timeout': max(2, seconds), 'tcp_user_timeout': seconds * 1000, 'keepalives_idle': seconds,
                'keepalives_interval': max(1, seconds // 3)}
    if driver in ('pymysql', 'mysqldb'):
        return {'connect_timeout': seconds, 'read_timeout': seconds, 'write_timeout': seconds}
    return {'timeout': timeout} if driver == 'pysqlite' else {}


def _setter(*statements: str) -> Callable[[Any, Any], None]:
    def say(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()

    return say


def _name_of(url: URL) -> str:
    """What errors call the database: nothing that may be secret."""
    host = '' if url.host is None else f'{url.host}:{url.port}' if url.port else url.host
    return f'{url.get_backend_name()}://{host}/{url.database or ""}'


def _is_one_of(error: DBAPIError, codes: frozenset[str | int]) -> bool:
    """Whether the server gave one of these codes. Drivers have them in attributes of their own."""
    cause: Any = error.orig
    found = {getattr(cause, 'sqlstate', None), getattr(cause, 'pgcode', None), *cause.args[:1]}
    return not codes.isdisjoint(found)


def _is_lost(error: DBAPIError) -> bool:
    return error.connection_invalidated or _is_one_of(error, LOST)


_servers: Living[SQLServer] = Living()
_abandoned: list[object] = []


def _before_fork() -> None:
    for server in _servers:
        if server.is_sqlite:
            server.close()


def _after_fork() -> None:
    for server in _servers:
        server.forget_after_fork()


forkgate.before_fork.append(_before_fork)
if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_after_fork)
