"""SQLStore: the suite for session stores, how often it asks, cleaning by several servers."""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spyce.sessions import SessionManager
from spyce.storesuite import StoreSuite
from tests.remote_stores import Place
from tests.sql_servers import SQLStore, empty, engine_at, execute, on, sqlalchemy

from ..conftest import Clock, Site


class TestSQLStore(StoreSuite):
    examples = 5

    @pytest.fixture(autouse=True)
    def _use(self, kind_place: Place) -> Iterator[None]:
        self.place = kind_place
        self.tables: dict[Path, str] = {}
        yield
        for table in self.tables.values():
            empty(self.place.url, table)

    def make_store(self, folder: Path) -> SQLStore:
        # The next test, whose folders are others, has the same tables: see Place.fresh()
        self.tables.setdefault(folder, f'{self.place.name}{len(self.tables)}')
        return self.place.store(table=self.tables[folder], clock=self.clock)

    def damage(self, folder: Path, sessionid: str) -> None:
        execute(self.place.url, f"UPDATE {self.tables[folder]} SET value = '' WHERE id = '{sessionid}'")


@pytest.mark.parametrize(('lock', 'change', 'count'), [
    ('request', True, 2), ('request', False, 2), ('merge', True, 2), ('merge', False, 1), ('readonly', False, 1)])
@on('postgresql', 'sqlite')
def test_a_request_takes_two_statements_and_one_if_it_neither_locks_nor_writes(
        url: str, make_store: Callable[..., SQLStore], clock: Clock, lock: str, change: bool, count: int) -> None:
    engine = sqlalchemy.create_engine(sqlalchemy.make_url(url).set(drivername={
        'postgresql': 'postgresql+psycopg'}.get(url.partition(':')[0], 'sqlite')))
    said: list[str] = []
    sqlalchemy.event.listen(engine, 'before_cursor_execute', lambda *args: said.append(args[2]))
    site = Site(make_store(engine=engine), clock)
    sessionid = site.visit(n=1, m=2)

    def request() -> None:
        session = site.request(sessionid, lock=lock)
        assert session['m'] == 2
        if change:
            session['n'] = 2
        session.finish()

    request()
    said.clear()
    request()
    assert len(said) == count
    engine.dispose()


@on('postgresql')
def test_no_transaction_is_open_while_a_page_runs(url: str, store: SQLStore, clock: Clock, table: str) -> None:
    site = Site(store, clock)
    sessionid = site.visit(n=1)
    session = site.request(sessionid)
    session['n'] = 2
    states = execute(url, f"SELECT DISTINCT state FROM pg_stat_activity WHERE position('{table}' in query) > 0 "
                          'AND pid <> pg_backend_pid()')
    assert states == [('idle',)]
    session.finish()


def test_ids_differ_by_small_and_capital_letters(store: SQLStore, clock: Clock) -> None:
    site = Site(store, clock)
    sessionid = site.visit(n=1)
    assert site.stored(sessionid.swapcase()) == {}
    assert site.stored(sessionid) == {'n': 1}


@pytest.mark.parametrize('sessionid', ['é' * 43, 'a\0b', 'x' * 1000, "' OR ''='", '%s?', ''])
def test_an_id_that_no_row_can_have_is_unknown(store: SQLStore, sessionid: str) -> None:
    assert store.resolve(sessionid) is None
    assert store.fetch(sessionid) is None
    assert store.fetch_locked(sessionid, lambda pointer: True, 1, 1) is None


def test_users_of_any_name_are_found(store: SQLStore, clock: Clock) -> None:
    site = Site(store, clock, session_index='user')
    names = ['ada', 'ADA', 'ada ', 'x' * 5000, 'x' * 5001, 'é%_?\0', "'"]
    ids = [site.visit(user=name) for name in names]
    assert [[info.id for info in site.manager.find(name)] for name in names] == [[sessionid] for sessionid in ids]


def test_an_engine_of_the_site_is_used_as_it_is(url: str, make_store: Callable[..., SQLStore], clock: Clock) -> None:
    drivers = {'postgresql': 'postgresql+psycopg', 'mariadb': 'mariadb+pymysql', 'sqlite': 'sqlite'}
    engine = sqlalchemy.create_engine(sqlalchemy.make_url(url).set(drivername=drivers[url.partition(':')[0]]))
    store = make_store(engine=engine)
    site = Site(store, clock)
    sessionid = site.visit(n=1)
    session = site.request(sessionid)
    session.regenerate()
    session.finish()
    assert Site(make_store(), clock).stored(session.sessionid) == {'n': 1}
    assert engine.pool.checkedout() == 0
    store.close()
    assert engine.pool.checkedin() > 0
    with engine.connect() as connection:  # its own transactions are as they were
        connection.exec_driver_sql(f'UPDATE {store.table} SET idle = 7')
        connection.rollback()
        assert connection.exec_driver_sql(f'SELECT idle FROM {store.table}').scalar() != 7
    engine.dispose()


def test_servers_that_clean_at_once_share_the_work(make_store: Callable[..., SQLStore], clock: Clock) -> None:
    stores = [make_store() for _ in range(3)]
    for number in range(61):
        stores[0].create(f'{number:043}', {}, created=clock(), idle=1, expires=clock() + 1 + 5 * (number == 7))
    removed: list[int] = []

    def clean(store: SQLStore) -> None:
        while count := store.delete_expired(5, clock() + 2):
            removed.append(count)

    threads = [threading.Thread(target=clean, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(removed) == 60
    assert stores[0].list() == [f'{7:043}']


@on('postgresql', 'mariadb')
def test_cleaning_waits_for_no_row_that_somebody_has(url: str, table: str, clock: Clock,
                                                     make_store: Callable[..., SQLStore]) -> None:
    store = make_store(timeout=2)
    for number in range(300):  # enough for a database to use its indexes
        store.create(f'{number:043}', {}, created=clock(), idle=1, expires=clock() + (1 if number < 10 else 100))
    engine = engine_at(url, 10)
    with engine.connect() as connection:
        connection.exec_driver_sql('BEGIN')
        connection.exec_driver_sql(f"SELECT * FROM {table} WHERE id = '{3:043}' FOR UPDATE")
        assert store.delete_expired(100, clock() + 2) == 9
        connection.exec_driver_sql('ROLLBACK')
    assert store.delete_expired(100, clock() + 2) == 1


def test_one_of_many_that_ask_cleans(make_store: Callable[..., SQLStore], clock: Clock) -> None:
    stores = [make_store() for _ in range(3)]
    assert [store.last_cleaned() for store in stores] == [None] * 3
    assert [store.claim_cleaning(None, clock() + 0.1) for store in stores] == [True, False, False]
    assert stores[1].last_cleaned() == clock() + 0.1
    assert [store.claim_cleaning(clock() + 0.1, clock() + 1 / 3) for store in stores] == [True, False, False]


def test_ids_that_were_replaced_are_forgotten(url: str, table: str, store: SQLStore, clock: Clock) -> None:
    site = Site(store, clock)
    session = site.request(site.visit(n=1))
    session.regenerate()
    session.finish()
    assert execute(url, f'SELECT count(*) FROM {table}_ids') == [(1,)]
    clock.advance(1000)
    site.manager.clean()
    assert execute(url, f'SELECT count(*) FROM {table}_ids') == [(0,)]
    assert site.stored(session.sessionid) == {'n': 1}


def test_the_manager_of_a_program_uses_the_store_without_a_server(url: str, table: str) -> None:
    manager = SessionManager.for_store(SQLStore(url, table=table))
    session = manager.request_session([], secure=False)
    session['n'] = 1
    session.finish()
    assert [info.id for info in manager.sessions()] == [session.sessionid]
    manager.close()
