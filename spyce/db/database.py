"""The object `db`: an engine, its tables by name, and one transaction for each request."""
from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import sqlalchemy
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.orm import Session

from spyce.config.loading import loading
from spyce.db.errors import DatabaseError, NoSuchTable
from spyce.db.rows import delete_row
from spyce.db.tables import Join, Source, Table, View
from spyce.runtime.exceptions import spyceDone, spyceRedirect


def open_db(url: str | URL | Engine, **engine_options: Any) -> Database:
    """The database at `url`, for `db = ...` in a config. No connection is made before the first use.

    url: as SQLAlchemy has them, such as 'postgresql://user@host/name'; 'sqlite:///site.db' is beside the config file;
    an Engine is taken as it is.  engine_options: for sqlalchemy.create_engine.
    Raises ValueError for SQLite in memory, sqlalchemy.exc.ArgumentError for a url that is none.
    """
    if isinstance(url, Engine):
        return Database(url)
    # A database server may have closed an idle connection: a ping costs less than an error page.
    engine_options.setdefault('pool_pre_ping', True)
    engine = sqlalchemy.create_engine(_placed(make_url(url)), **engine_options)
    database = Database(engine)
    weakref.finalize(database, engine.dispose)
    return database


def _placed(url: URL) -> URL:
    """The url with a relative SQLite file made absolute: against the folder of the config that is being read."""
    if url.get_backend_name() != 'sqlite' or (url.database or '').startswith('file:'):
        return url
    if url.database in (None, '', ':memory:'):
        raise ValueError('open_db(): an SQLite database in memory would be another one for each thread; name a file')
    config = loading.get()
    return url.set(database=os.path.join(config.folder if config is not None else os.getcwd(), url.database))


class Database:
    """Tables by name (db.users, or db['users'] for a name that means something else here), and transactions.

    engine: the SQLAlchemy engine.  schema: where tables are looked for, None for the usual one; may be set (2.1:
    db.schema).  Safe to use from many threads; rows and `session` belong to one transaction.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.schema: str | None = None
        self._metadata = sqlalchemy.MetaData()
        self._tables: dict[tuple[str | None, str], Source] = {}
        self._lock = threading.RLock()
        self._current: ContextVar[_Transaction | None] = ContextVar('spyce_db_transaction', default=None)
        if hasattr(os, 'register_at_fork'):
            known = weakref.ref(engine)
            os.register_at_fork(after_in_child=lambda: _forget_connections(known()))

    # -- tables --------------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name.startswith('_'):  # Python asks every object for such names
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Any:
        """The table or view of that name. Raises NoSuchTable."""
        key = (self.schema, name)
        table = self._tables.get(key)
        if table is None:
            with self._lock:
                table = self._tables.get(key) or self._reflect(*key)
                self._tables[key] = table
        return table

    def _reflect(self, schema: str | None, name: str) -> Source:
        transaction = self._current.get()
        if transaction is not None and transaction.session is not None:
            # A second connection might have to wait for this one.
            return self._read_table(schema, name, transaction.session.connection())
        with self.engine.connect() as connection:
            return self._read_table(schema, name, connection)

    def _read_table(self, schema: str | None, name: str, connection: sqlalchemy.Connection) -> Source:
        try:
            table = sqlalchemy.Table(name, self._metadata, schema=schema, autoload_with=connection)
        except NoSuchTableError as error:
            inspector = sqlalchemy.inspect(connection)
            known = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
            if name in known:
                raise NoSuchTable(f'the table {name} refers to {error}, which is not in the database') from None
            raise NoSuchTable(f'the database has no table {name!r}; it has: {", ".join(known) or "none"}') from None
        if not table.primary_key.columns:
            return View(self._get_session, name, table, list(table.c))
        for column in table.primary_key.columns:
            column.nullable = False  # SQLite calls them nullable, and SQLAlchemy then inserts no two rows at once
        return Table(self._get_session, table)

    def join(self, left: Source, right: Source, onclause: Any = None, isouter: bool = False) -> Join:
        """Two tables or joins side by side, to be read; the condition follows from a foreign key if none is given."""
        return Join(self._get_session, left, right, onclause, isouter)

    def with_labels(self, join: Join) -> Join:
        """A join whose columns are called TABLE_COLUMN in its rows, for tables with columns of the same name."""
        return join.with_labels()

    # -- the transaction -------------------------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """The SQLAlchemy session of the running transaction, for all that SQLAlchemy can do.

        Raises DatabaseError outside of a request and of `with db.transaction():`.
        """
        return self._running().open(self.engine)

    def _running(self) -> _Transaction:
        transaction = self._current.get()
        if transaction is None:
            raise DatabaseError('the database is used outside of a request: put this into "with db.transaction():"')
        return transaction

    def _get_session(self) -> Session:
        return self.session

    @property
    def in_transaction(self) -> bool:
        """Whether this code runs in a request or in a transaction() that is not over."""
        transaction = self._current.get()
        return transaction is not None and not transaction.is_over

    def delete(self, row: Any) -> None:
        """Delete a row."""
        delete_row(self.session, row)

    def flush(self) -> None:
        """Commit what was done so far; the transaction goes on with the next use.

        If that fails, all of it is rolled back, and the error comes out: sqlalchemy.exc.IntegrityError, for one.
        """
        session = self.session
        try:
            session.commit()
        except BaseException:
            session.rollback()
            raise

    def rollback(self) -> None:
        """Forget what was done since the last flush()."""
        transaction = self._running()
        transaction.has_failed = False
        if transaction.session is not None:
            transaction.session.rollback()

    @contextmanager
    def transaction(self) -> Iterator[Database]:
        """`with db.transaction():` commits at its end, or rolls back if an error leaves it.

        Within a request or another such block it is a part of that transaction, which is committed at its own end;
        an error that leaves the block rolls back all of it, and until db.rollback() nothing more can be done in it.
        """
        outer = self._current.get()
        if outer is not None and not outer.is_over:
            with outer.failing():
                yield self
            return
        transaction = _Transaction()
        token = self._current.set(transaction)
        try:
            with transaction.failing():
                yield self
        finally:
            self._current.reset(token)
            transaction.end(transaction.has_failed)

    def begin_request(self) -> None:
        """A request begins: what it does is one transaction. Called by the server."""
        self._current.set(_Transaction())

    def end_request(self, failed: bool) -> None:
        """The request has ended: commit, or roll back if it has `failed`. Called by the server, in the same context.

        Raises what the commit raises; it is rolled back then.
        """
        transaction = self._current.get()
        if transaction is not None:
            transaction.end(failed)


class _Transaction:
    """One transaction. Its session is opened when something is first asked of it."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self.is_over = False
        self.has_failed = False

    def open(self, engine: Engine) -> Session:
        if self.is_over:
            raise DatabaseError('the database is used after its request, or "with db.transaction():", has ended')
        if self.has_failed:
            raise DatabaseError('an error has left a "with db.transaction():" block in this request, and everything '
                                'was rolled back; db.rollback() begins anew')
        if self.session is None:
            # Rows stay readable after the end, as in 2.1: a page may keep them.
            self.session = Session(engine, expire_on_commit=False)
        return self.session

    @contextmanager
    def failing(self) -> Iterator[None]:
        """An error that leaves the block rolls back; the end of a page is none."""
        try:
            yield
        except (spyceDone, spyceRedirect):
            raise
        except BaseException:
            self.has_failed = True
            if self.session is not None:
                self.session.rollback()
            raise

    def end(self, failed: bool) -> None:
        self.is_over = True
        session, self.session = self.session, None
        if session is None:
            return
        try:
            if not failed and not self.has_failed:
                session.commit()
        finally:
            session.close()  # rolls back what was not committed


def _forget_connections(engine: Engine | None) -> None:
    """In a forked process: the connections are the parent's."""
    if engine is not None:
        engine.dispose(close=False)
