"""SQLStore: the suite for session stores on each database, leases that are fenced, outages, tables."""
from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import spyce
from spyce.sessions import SessionLocked, SessionManager, StoreError
from spyce.storesuite import StoreSuite
from spyce.testing import Client
from tests.sql_servers import Proxy, SQLStore, engine_at, execute, own_table, sqlalchemy, url_of

from .conftest import Clock, Site

LEASE = 0.3

WORKER = """
import sys
from spyce.sessions import SQLStore, SessionManager
url, table, sessionid, what, lease = sys.argv[1:6]
manager = SessionManager.for_store(SQLStore(url, table=table, lease=float(lease)))
def request(lock='request'):
    session = manager.request_session([('sessionid', sessionid)], secure=False)
    session.view(lock=lock)
    return session
print('ready', flush=True)
sys.stdin.readline()
if what == 'hold':
    session = request()
    session['n'] = 'of the holder'
    print('held', flush=True)
    sys.stdin.readline()
    try:
        session.finish()
        print('saved', flush=True)
    except Exception as error:
        print(type(error).__name__, error, flush=True)
elif what == 'check':
    manager.native.check()
    print('made', flush=True)
else:
    for _ in range(40):
        session = request(what)
        if what == 'merge':
            session.incr('n')
        else:
            session['n'] += 1
        session.finish()
"""


def on(*kinds: str) -> Any:
    """For a test that is about some of the databases only."""
    return pytest.mark.parametrize('url', kinds, indirect=True, scope='module')


@pytest.fixture(scope='module', params=['postgresql', 'mariadb', 'sqlite'])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Each database in turn."""
    if request.param == 'sqlite':
        return f'sqlite:///{tmp_path_factory.mktemp("sqlite")}/site.db'
    return url_of(request.param)


@pytest.fixture(scope='module')
def module_table(url: str) -> Iterator[str]:
    """What the tables of these tests begin with."""
    with own_table(url) as table:
        yield table


@pytest.fixture
def table(module_table: str) -> str:
    return f'{module_table}_{secrets.token_hex(4)}'


@pytest.fixture
def make_store(url: str, table: str, clock: Clock) -> Iterator[Callable[..., SQLStore]]:
    """Stores of several web servers, so to say, on the same sessions."""
    stores: list[SQLStore] = []

    def make(**options: Any) -> SQLStore:
        target = {} if 'engine' in options else {'url': url}
        stores.append(SQLStore(**target, **{'table': table, 'clock': clock, **options}))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def store(make_store: Callable[..., SQLStore]) -> SQLStore:
    return make_store()


def start(*arguments: object) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, '-c', WORKER, *map(str, arguments)], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert line_of(process) == 'ready'
    return process


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write('\n')
    process.stdin.flush()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


# The suite for stores


class TestSQLStore(StoreSuite):
    examples = 5

    @pytest.fixture(autouse=True)
    def _use(self, url: str, module_table: str) -> None:
        self.url, self.table = url, module_table

    def make_store(self, folder: Path) -> SQLStore:
        return SQLStore(self.url, table=self._table(folder), clock=self.clock)

    def _table(self, folder: Path) -> str:
        return f'{self.table}_{hashlib.blake2b(str(folder).encode(), digest_size=4).hexdigest()}'

    def damage(self, folder: Path, sessionid: str) -> None:
        execute(self.url, f"UPDATE {self._table(folder)} SET value = '' WHERE id = '{sessionid}'")


# Statements


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


# Several at once


@pytest.mark.parametrize('lock', ['request', 'merge'])
def test_processes_lose_no_update(url: str, table: str, store: SQLStore, lock: str) -> None:
    site = Site(store, time.time)  # type: ignore[arg-type]
    sessionid = site.visit(n=0)
    workers = [start(url, table, sessionid, lock, 30) for _ in range(2)]
    for worker in workers:
        tell(worker)
    for worker in workers:
        worker.communicate()
        assert worker.returncode == 0
    assert site.stored(sessionid) == {'n': 80}


def test_merging_respects_who_has_the_session_for_himself(make_store: Callable[..., SQLStore], clock: Clock) -> None:
    here, there = Site(make_store(), clock), Site(make_store(), clock)
    sessionid = here.visit(n=1)
    merging = there.request(sessionid, lock='merge')
    merging['merged'] = True
    holder = here.request(sessionid)
    holder['n'] = 2
    thread = threading.Thread(target=merging.finish)
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    holder.finish()
    thread.join(10)
    assert here.stored(sessionid) == {'n': 2, 'merged': True}


def test_who_waits_in_vain_is_told(make_store: Callable[..., SQLStore], clock: Clock) -> None:
    here = Site(make_store(), clock)
    there = Site(make_store(), clock, session_lock_timeout=0.05)
    sessionid = here.visit(n=1)
    holder = here.request(sessionid)
    assert holder['n'] == 1
    with pytest.raises(SessionLocked, match='for 0.05 seconds .*another process'):
        there.visit(sessionid, n=2)
    with pytest.raises(SessionLocked, match='session_lock_waiters'):
        there.store.fetch_locked(sessionid, lambda pointer: True, 1, 0)
    holder.finish()
    assert there.visit(sessionid, n=3) == sessionid


def test_a_request_in_flight_finds_the_session_that_got_a_new_id_while_it_waited(
        make_store: Callable[..., SQLStore], clock: Clock) -> None:
    here, there = Site(make_store(), clock), Site(make_store(), clock)
    old, arrived = here.visit(n=1), clock()
    clock.advance(1)
    renewing = here.request(old)
    assert renewing['n'] == 1
    renewing.regenerate()
    late = there.request(old, arrived=arrived)
    thread = threading.Thread(target=lambda: late.update(m=2) or late.finish())  # type: ignore[func-returns-value]
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    renewing.finish()
    thread.join(10)
    assert here.stored(renewing.sessionid) == {'n': 1, 'm': 2}
    clock.advance(1)
    assert here.stored(old) == {}


@pytest.mark.parametrize('skew', [-1.0, -0.02, 1.0])
def test_who_waited_for_a_session_has_it_under_its_new_id_whatever_the_clocks_say(make_store: Callable[..., SQLStore],
                                                                                  skew: float) -> None:
    here = Site(make_store(), time.time)  # type: ignore[arg-type]
    there = Site(make_store(), lambda: time.time() + skew)  # type: ignore[arg-type]
    sessionid = here.visit(n=1)
    renewing = here.request(sessionid)
    renewing['user'] = 'ada'
    renewing.regenerate()
    late = there.request(sessionid)
    thread = threading.Thread(target=lambda: late.update(basket=1) or late.finish())  # type: ignore[func-returns-value]
    thread.start()
    thread.join(0.2)
    assert thread.is_alive()
    renewing.finish()
    thread.join(10)
    assert here.stored(renewing.sessionid) == {'n': 1, 'user': 'ada', 'basket': 1}


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


# Leases


def test_a_holder_that_is_killed_leaves_the_session_free_after_its_lease(url: str, table: str,
                                                                         store: SQLStore) -> None:
    site = Site(store, time.time)  # type: ignore[arg-type]
    sessionid = site.visit(n=1)
    holder = start(url, table, sessionid, 'hold', 1)
    tell(holder)
    assert line_of(holder) == 'held'
    end(holder)
    begun = time.monotonic()
    site.visit(sessionid, m=2)
    assert time.monotonic() - begun < 5
    assert site.stored(sessionid) == {'n': 1, 'm': 2}


@pytest.mark.skipif(not hasattr(signal, 'SIGSTOP'), reason='no process can be stopped here')
def test_a_holder_that_was_stopped_cannot_overwrite_what_came_after_its_lease(url: str, table: str,
                                                                             store: SQLStore) -> None:
    site = Site(store, time.time)  # type: ignore[arg-type]
    sessionid = site.visit(n=1)
    holder = start(url, table, sessionid, 'hold', LEASE)
    tell(holder)
    assert line_of(holder) == 'held'
    holder.send_signal(signal.SIGSTOP)
    site.visit(sessionid, n='of the next one')
    holder.send_signal(signal.SIGCONT)
    tell(holder)
    assert line_of(holder).startswith('StoreError another request has taken the session, since its lease was lost '
                                      'while the page ran (lease=0.3 seconds)')
    assert site.stored(sessionid) == {'n': 'of the next one'}
    end(holder)


def test_a_slow_holder_goes_on_to_be_the_holder_if_nobody_wanted_the_session(make_store: Callable[..., SQLStore],
                                                                            clock: Clock) -> None:
    site = Site(make_store(lease=LEASE), clock)
    sessionid = site.visit(n=1)
    session = site.request(sessionid)
    session['n'] = 2
    time.sleep(LEASE + 0.1)
    session.finish()
    assert site.stored(sessionid) == {'n': 2}


@pytest.mark.parametrize('change', [{}, {'id': True}], ids=['put', 'regenerate'])
@pytest.mark.parametrize('lock', ['request', 'merge'])
def test_a_slow_holder_is_refused_also_if_the_next_one_has_finished(make_store: Callable[..., SQLStore], clock: Clock,
                                                                    lock: str, change: dict[str, bool]) -> None:
    here, there = Site(make_store(lease=LEASE), clock), Site(make_store(), clock)
    sessionid = here.visit(n=1)
    slow = here.request(sessionid)
    slow['n'] = 2
    if change:
        slow.regenerate()
    time.sleep(LEASE + 0.1)
    session = there.request(sessionid, lock=lock)
    session['m'] = 3
    session.finish()
    with pytest.raises(StoreError, match='lease was lost'):
        slow.finish()
    assert here.stored(sessionid) == {'n': 1, 'm': 3}
    assert here.visit(sessionid, n=4) == sessionid


def test_giving_back_a_lease_that_was_lost_does_not_free_the_next_holder(make_store: Callable[..., SQLStore],
                                                                        clock: Clock) -> None:
    here, there = Site(make_store(lease=LEASE), clock), Site(make_store(), clock)
    sessionid = here.visit(n=1)
    slow = here.request(sessionid)
    assert slow['n'] == 1
    time.sleep(LEASE + 0.1)
    holder = there.request(sessionid)
    assert holder['n'] == 1
    slow.finish()
    third = Site(make_store(), clock, session_lock_timeout=0.05)
    with pytest.raises(SessionLocked):
        third.visit(sessionid, n=3)
    holder.finish()


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='there is no fork here')
@pytest.mark.filterwarnings('ignore::DeprecationWarning')  # fork with threads, from Python 3.12
def test_a_forked_child_has_its_own_connections_and_gives_back_no_lease(store: SQLStore, clock: Clock,
                                                                        make_store: Callable[..., SQLStore]) -> None:
    site = Site(store, clock)
    mine, other = site.visit(n=0), site.visit(n=0)
    held = site.request(mine)
    assert held['n'] == 0
    child = os.fork()
    if child == 0:
        status = 1
        try:
            held.abandon()
            for _ in range(20):
                site.visit(other, n=site.stored(other)['n'])
                add_one(site, other)
            status = 0
        finally:
            os._exit(status)
    for _ in range(20):
        add_one(site, other)
    assert os.waitpid(child, 0)[1] == 0
    with pytest.raises(SessionLocked):
        Site(make_store(), clock, session_lock_timeout=0.05).visit(mine, n=1)
    held.finish()


def add_one(site: Site, sessionid: str, lock: str = 'request') -> None:
    session = site.request(sessionid, lock=lock)
    session['n'] += 1
    session.finish()


# Outages


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
@pytest.mark.parametrize('change', [False, True])
def test_a_lock_that_could_not_be_given_back_is_when_the_database_answers_again(
        url: str, table: str, store: SQLStore, clock: Clock, change: bool, caplog: pytest.LogCaptureFixture) -> None:
    proxy = Proxy(url)
    here = Site(SQLStore(proxy.url, table=table, timeout=2, clock=clock), clock)
    sessionid, other = here.visit(n=1), here.visit(n=1)
    session = here.request(sessionid)
    assert session['n'] == 1
    proxy.cut()
    if change:
        session['n'] = 2
        with pytest.raises(StoreError):
            session.finish()
    else:
        session.finish()
        assert 'the lock of a session cannot be given back yet' in caplog.text
    proxy.open()
    here.visit(other, m=1)
    assert Site(store, clock, session_lock_timeout=5).visit(sessionid, m=1) == sessionid
    here.store.close()
    proxy.cut()


@on('postgresql', 'mariadb')
def test_a_change_whose_answer_was_lost_is_done_once(url: str, store: SQLStore, clock: Clock) -> None:
    site = Site(store, clock)
    sessionid = site.visit(n=1)
    lost: list[str] = []

    def lose(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith(losing) and statement not in lost:
            lost.append(statement)
            (cursor.connection.close if url.startswith('postgresql') else cursor.connection._force_close)()
            raise error(2013, 'the answer is lost')

    engine = store._server._engine
    error = engine.dialect.dbapi.OperationalError
    sqlalchemy.event.listen(engine, 'after_cursor_execute', lose)
    store.close()
    losing: tuple[str, ...] = ('INSERT', 'UPDATE')
    for lock in 'request', 'merge':
        add_one(site, sessionid, lock)
    new = site.visit(m=1)
    losing = ('COMMIT',)
    session = site.request(sessionid)
    session.regenerate()
    session.finish()
    sqlalchemy.event.remove(engine, 'after_cursor_execute', lose)
    assert len(lost) == 5  # locked, saved, merged, created, and with a new id
    assert site.stored(session.sessionid) == {'n': 3}
    assert site.stored(new) == {'m': 1}
    assert sorted(store.list()) == sorted([session.sessionid, new])


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


# Tables


def test_processes_that_make_the_tables_at_once(url: str, table: str) -> None:
    workers = [start(url, table, '', 'check', 30) for _ in range(4)]
    for worker in workers:
        tell(worker)
    assert [line_of(worker) for worker in workers] == ['made'] * 4
    for worker in workers:
        worker.communicate()
    assert execute(url, f"SELECT count(*) FROM {table}_meta WHERE name = 'salt'") == [(1,)]


@on('postgresql')
@pytest.mark.parametrize('level', ['repeatable read', 'serializable'])
def test_processes_that_make_the_tables_at_once_where_transactions_see_the_past(url: str, table: str,
                                                                               level: str) -> None:
    option = quote('-c default_transaction_isolation=' + level.replace(' ', r'\ '))
    test_processes_that_make_the_tables_at_once(f'{url}?options={option}', table)


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


# Cleaning


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
