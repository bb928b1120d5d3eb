"""Databases for tests of SQLStore: an SQLite file, and the servers that are there."""
from __future__ import annotations

import functools
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from spyce import sessions

sqlalchemy = pytest.importorskip('sqlalchemy', reason='the package SQLAlchemy is not installed')
SQLStore: Any = sessions.SQLStore  # a module that imports it from here is skipped without the package

from spyce.sessions.sqlserver import engine_at  # noqa: E402  it needs the package

# ssl_disabled: else PyMySQL reads all certificates of the machine for each connection.
SERVERS = {
    'postgresql': ('SPYCE_TEST_POSTGRESQL_URL', 'postgresql://postgres@127.0.0.1:5432/test'),
    'mariadb': ('SPYCE_TEST_MARIADB_URL', 'mariadb://root@127.0.0.1:3306/test?ssl_disabled=true'),
}
"""Where a server is: the variable of the environment that says it, and where one is looked for without it."""


def url_of(kind: str) -> str:
    """The URL of a server that answers; skips the test if there is none."""
    variable, local = SERVERS[kind]
    url = os.environ.get(variable, '')
    problem = _problem(url or local)
    assert not url or not problem, f'{variable} names a server that does not answer: {problem}'
    if problem:
        pytest.skip(f'no {kind} server ({problem}); {variable} may name one')
    return url or local


def _problem(url: str) -> str:
    try:
        with engine_at(url, 2).connect():
            return ''
    except (ImportError, sqlalchemy.exc.SQLAlchemyError) as error:
        return str(error).partition('\n')[0]


@functools.cache
def operator(url: str) -> Any:
    """An engine for what tests say themselves to a database."""
    return engine_at(url, 10)


def execute(url: str, statement: str) -> list[Any]:
    """The rows that a statement gives, as an operator of the database would see them."""
    with operator(url).connect() as connection:
        result = connection.exec_driver_sql(statement)
        return list(result.fetchall()) if result.returns_rows else []


def empty(url: str, table: str) -> None:
    """Make the tables of a store, if it has made them, as they were when they were new."""
    with operator(url).connect() as connection:
        if sqlalchemy.inspect(connection).has_table(table):
            for statement in ('BEGIN', f'DELETE FROM {table}', f'DELETE FROM {table}_ids',
                              f"UPDATE {table}_meta SET value = '' WHERE name = 'cleaned'", 'COMMIT'):
                connection.exec_driver_sql(statement)


def on(*kinds: str) -> Any:
    """For a test that is about some of the databases only."""
    return pytest.mark.parametrize('kind_place', kinds, indirect=True, scope='module')


@contextmanager
def own_table(url: str) -> Iterator[str]:
    """The name of a table in a database that others use, too; what begins with it is dropped at the end."""
    name = f'test_{secrets.token_hex(6)}'
    yield name
    with operator(url).connect() as connection:
        for table in sqlalchemy.inspect(connection).get_table_names():
            if table.startswith(name):
                connection.exec_driver_sql(f'DROP TABLE {table}')
