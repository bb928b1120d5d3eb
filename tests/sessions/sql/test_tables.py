"""SQLStore: its tables are made, made again, and nobody else's; what it may not be told."""
from __future__ import annotations

import multiprocessing
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from spyce.sessions import StoreError, sqltables
from spyce.storemodel import in_processes
from tests.sql_servers import SQLStore, engine_at, execute, on, sqlalchemy

from ..conftest import Clock, Site

PROCESSES = 4

needs_fork = pytest.mark.skipif(not hasattr(os, 'fork'), reason='there is no fork here')


def at_once(work: Callable[[], object]) -> None:
    """Do work() in several processes, which all begin when the last of them is there."""
    start = multiprocessing.get_context('fork').Barrier(PROCESSES)
    in_processes(PROCESSES, lambda: (start.wait(30), work()))


@needs_fork
def test_processes_that_make_the_tables_at_once(url: str, table: str) -> None:
    at_once(lambda: SQLStore(url, table=table).check())
    assert execute(url, f"SELECT count(*) FROM {table}_meta WHERE name = 'salt'") == [(1,)]


@needs_fork
@on('postgresql')
@pytest.mark.parametrize('level', ['repeatable read', 'serializable'])
def test_processes_that_make_the_tables_at_once_where_transactions_see_the_past(url: str, table: str,
                                                                               level: str) -> None:
    option = quote('-c default_transaction_isolation=' + level.replace(' ', r'\ '))
    test_processes_that_make_the_tables_at_once(f'{url}?options={option}', table)


def test_tables_that_were_dropped_are_made_again(url: str, table: str, store: SQLStore, clock: Clock) -> None:
    site = Site(store, clock)
    sessionid = site.visit(n=1)
    for name in (f'{table}_meta', f'{table}_ids', table):
        execute(url, f'DROP TABLE {name}')
    assert site.stored(sessionid) == {}
    assert site.stored(site.visit(n=2)) == {'n': 2}


@pytest.mark.parametrize('part', ['_meta', '_ids', ''])
def test_one_that_was_dropped_is_made_again_and_the_others_stay(url: str, table: str, store: SQLStore, clock: Clock,
                                                                part: str) -> None:
    site = Site(store, clock)
    sessionid = site.visit(n=1)
    execute(url, f'DROP TABLE {table}{part}')
    assert site.stored('A' * 43) == {}
    assert site.stored(sessionid) == ({'n': 1} if part else {})
    if part != '_meta':  # who has found the tables does not look there
        session = site.request(site.visit(n=2))
        session.regenerate()
        session.finish()
    store.check()
    assert store.last_cleaned() in (None, clock())


@on('postgresql', 'mariadb')
def test_there_are_indexes_for_what_is_asked(url: str, table: str, store: SQLStore) -> None:
    store.check()
    with engine_at(url, 10).connect() as connection:
        inspector = sqlalchemy.inspect(connection)
        columns = {(name, *index['column_names']) for name in (table, f'{table}_ids')
                   for index in inspector.get_indexes(name)}
    assert columns >= {(table, 'id'), (table, 'expires'), (table, 'owner'), (f'{table}_ids', 'until')}


def test_a_file_is_for_its_owner_only(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / 'own.db'
    before = os.umask(0o022)
    try:
        Site(SQLStore(f'sqlite:///{file}', clock=clock), clock).visit(n=1)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob('own.db*')} == {0o600}


def test_a_password_with_a_sign_that_ends_it_is_refused_and_not_shown() -> None:
    for text in ('postgresql://user:p@ssword@host/db', 'mariadb://user:p/ss@word@host/db'):
        with pytest.raises(ValueError, match='%40') as caught:
            SQLStore(text)
        assert 'word@' not in str(caught.value)
        assert 'ss' not in re.sub('(?i)password|session|address', '', str(caught.value))


def test_stores_on_one_table_write_equal_log_lines(make_store: Callable[..., SQLStore]) -> None:
    stores = [make_store(), make_store()]
    for store in stores:
        store.check()
    assert stores[0].salt == stores[1].salt


UPGRADES = {
    1: ('ALTER TABLE {table} ADD COLUMN note varchar(10)', "UPDATE {table} SET note = 'kept'"),
    2: ('ALTER TABLE {table}_ids ADD COLUMN note varchar(10)',)}


@needs_fork
def test_tables_of_an_earlier_version_become_those_of_this_one(url: str, table: str, store: SQLStore, clock: Clock,
                                                              make_store: Callable[..., SQLStore]) -> None:
    """Whichever of the processes with the new version is first; those with the old one that run still may go on."""
    site = Site(store, clock)
    sessionid = site.visit(n=1)

    def run_the_new_version() -> None:
        sqltables.VERSION, sqltables.UPGRADES = 3, UPGRADES
        SQLStore(url, table=table).check()

    at_once(run_the_new_version)
    assert execute(url, f"SELECT value FROM {table}_meta WHERE name = 'version'") == [('3',)]
    assert execute(url, f'SELECT note FROM {table}') == [('kept',)]
    assert execute(url, f'SELECT note FROM {table}_ids') == []
    assert site.visit(sessionid, n=2) == sessionid
    assert site.stored(sessionid) == {'n': 2}
    with pytest.raises(StoreError, match=f'{table} .*version 3'):
        make_store().check()


def test_tables_of_a_later_version_are_refused(url: str, table: str, store: SQLStore,
                                               make_store: Callable[..., SQLStore]) -> None:
    store.check()
    execute(url, f"UPDATE {table}_meta SET value = '99' WHERE name = 'version'")
    with pytest.raises(StoreError, match=f'{table} .*version 99'):
        make_store().check()


def test_a_table_of_another_program_is_refused_and_left_alone(url: str, table: str, store: SQLStore) -> None:
    execute(url, f'CREATE TABLE {table} (name varchar(10))')
    execute(url, f"INSERT INTO {table} VALUES ('kept')")
    for _ in range(2):
        with pytest.raises(StoreError):
            store.check()
    assert execute(url, f'SELECT * FROM {table}') == [('kept',)]


@pytest.mark.parametrize('table_name', ['users; DROP TABLE x', 'Sessions', '', 'x' * 41, 'a-b', '1a',
                                        'order'])
def test_a_name_that_is_none_for_a_table_is_refused(table_name: str) -> None:
    with pytest.raises(ValueError, match='table='):
        SQLStore('sqlite:////tmp/x.db', table=table_name)


@pytest.mark.parametrize('options', [
    {}, {'url': 'sqlite:////tmp/x.db', 'engine': object()}, {'url': 'sqlite:////tmp/x.db', 'lease': 0},
    {'url': 'sqlite:////tmp/x.db', 'timeout': -1}])
def test_arguments_that_cannot_be_meant_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match='SQLStore: '):
        SQLStore(**options)
