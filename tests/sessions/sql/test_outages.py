"""SQLStore: databases that are gone, stand still, or have others in the way."""
from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import spyce
from spyce.sessions import StoreError
from spyce.testing import Client
from tests.proxy import Proxy
from tests.sql_servers import SQLStore, execute, on, sqlalchemy

from ..conftest import Clock, Site


def end_connections(url: str, table: str) -> None:
    """What a restart of the server does to connections; their last statement was about the table."""
    if url.startswith('postgresql'):
        assert execute(url, 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity '
                            f"WHERE pid <> pg_backend_pid() AND position('{table}' in query) > 0")
        return
    name = sqlalchemy.make_url(url).database
    own = execute(url, f"SELECT id FROM information_schema.processlist WHERE id <> connection_id() AND db = '{name}'")
    assert own
    for row in own:
        try:
            execute(url, f'KILL {row[0]}')
        except sqlalchemy.exc.OperationalError as error:
            if 'Unknown thread id' not in str(error):  # it was an earlier test's, and has ended by itself meanwhile
                raise


@on('postgresql', 'mariadb')
@pytest.mark.parametrize('lock', ['request', 'merge'])
def test_connections_that_the_server_ended_are_replaced_quietly(url: str, table: str, store: SQLStore, clock: Clock,
                                                                lock: str, caplog: pytest.LogCaptureFixture) -> None:
    site = Site(store, clock)
    sessionid = site.visit(n=1)
    several_at_once = threading.Barrier(3)
    threads = [threading.Thread(target=store._server.run, args=[  # so that it keeps three connections
        lambda connection: (connection.exec_driver_sql(f'SELECT 1 FROM {table}'), several_at_once.wait(10))])
        for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    end_connections(url, table)
    session = site.request(sessionid, lock=lock)
    assert session['n'] == 1
    session['n'] = 2
    end_connections(url, table)
    session.finish()
    assert site.stored(sessionid) == {'n': 2}
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@on('postgresql', 'mariadb')
def test_a_server_that_is_not_there_is_an_error_that_names_it_without_the_password(url: str, clock: Clock) -> None:
    scheme = url.partition(':')[0]
    store = SQLStore(f'{scheme}://user:secret@127.0.0.1:1/site', clock=clock, timeout=2)
    begun = time.monotonic()
    for ask in (store.check, lambda: store.fetch('A' * 43), lambda: store.fetch_locked('A' * 43, bool, 1, 1)):
        with pytest.raises(StoreError, match=f'{scheme}://127.0.0.1:1/site: the sessions cannot be reached') as caught:
            ask()
        assert 'secret' not in str(caught.value)
        assert caught.value.__suppress_context__
    assert time.monotonic() - begun < 10
    assert 'secret' not in repr(store)


@on('postgresql', 'mariadb')
def test_an_outage_is_503_and_ends_without_a_restart(url: str, table: str, tmp_path: Path,
                                                     caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / 'n.spy').write_text("[[.import name=session]][[ session['n'] = session.get('n', 0) + 1 ]]"
                                    "[[= session['n'] ]]")
    proxy = Proxy(url)
    app: Any = spyce.make_app(str(tmp_path), session_store=SQLStore(proxy.url, table=table, timeout=2))
    client = Client(app)
    assert client.get('/n.spy').text.strip() == '1'
    proxy.cut()
    begun = time.monotonic()
    answer = client.get('/n.spy')
    assert (answer.status, answer.headers['Retry-After']) == (503, '10')
    assert time.monotonic() - begun < 5
    name = f"{url.partition(':')[0]}://127.0.0.1:{proxy.port}/"
    assert f'503: {name}' in caplog.text
    assert ': the sessions cannot be reached: OperationalError' in caplog.text
    proxy.open()
    assert client.get('/n.spy').text.strip() == '2'
    proxy.cut()
    app.server.sessions.close()


@on('postgresql', 'mariadb')
def test_a_database_that_stands_still_is_an_error_in_time(url: str, table: str, clock: Clock) -> None:
    proxy = Proxy(url)
    site = Site(SQLStore(proxy.url, table=table, timeout=1, clock=clock), clock)
    sessionid = site.visit(n=1)
    session = site.request(sessionid)
    session['n'] = 2
    begun = time.monotonic()
    with proxy.frozen():
        with pytest.raises(StoreError, match='cannot be reached: OperationalError'):
            session.finish()
        assert time.monotonic() - begun < 5
    assert site.visit(sessionid, n=3) == sessionid
    site.store.close()
    proxy.cut()


@on('postgresql')
def test_a_row_that_somebody_locks_for_long_is_an_error_in_time(url: str, table: str, clock: Clock,
                                                                make_store: Callable[..., SQLStore]) -> None:
    site = Site(make_store(timeout=0.3), clock)
    sessionid = site.visit(n=1)
    engine = sqlalchemy.create_engine(sqlalchemy.make_url(url).set(drivername='postgresql+psycopg'))
    with engine.begin() as connection:
        connection.exec_driver_sql(f'SELECT * FROM {table} FOR UPDATE')
        with pytest.raises(StoreError, match='cannot be reached: QueryCanceled'):
            site.visit(sessionid, n=2)
    assert site.visit(sessionid, n=3) == sessionid
    engine.dispose()


@on('postgresql')
@pytest.mark.parametrize('level', ['REPEATABLE READ', 'SERIALIZABLE'])
def test_transactions_that_are_in_each_others_way_are_tried_again(url: str, table: str, store: SQLStore, level: str,
                                                                  clock: Clock) -> None:
    store.check()
    engine = sqlalchemy.create_engine(
        sqlalchemy.make_url(url).set(drivername='postgresql+psycopg'), pool_size=8,
        connect_args={'options': f'-c default_transaction_isolation={level.lower().replace(" ", chr(92) + " ")}'})
    sites = [Site(SQLStore(engine=engine, table=table, clock=clock), clock) for _ in range(4)]
    sessionid = sites[0].visit(n=0)
    failures: list[BaseException] = []

    def work(site: Site) -> None:
        try:
            for _ in range(20):
                add_one(site, sessionid)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(site,)) for site in sites]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert sites[0].stored(sessionid) == {'n': 80}
    engine.dispose()


def add_one(site: Site, sessionid: str, lock: str = 'request') -> None:
    session = site.request(sessionid, lock=lock)
    session['n'] += 1
    session.finish()
