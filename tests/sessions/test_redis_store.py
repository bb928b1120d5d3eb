"""RedisStore: two trips a request, leases that are fenced, outages, clusters; and the suite for session stores."""
from __future__ import annotations

import logging
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spyce.sessions import SessionLocked, SessionManager, StoreError
from spyce.storesuite import StoreSuite
from tests.redis_server import PrivateServer, RedisStore, any_server, own_keys, redis

from .conftest import Clock, Site

LEASE = 0.3

WORKER = """
import sys, time
from spyce.sessions import RedisStore, SessionManager
url, prefix, sessionid, what, lease = sys.argv[1:6]
manager = SessionManager.for_store(RedisStore(url, prefix=prefix, lease=float(lease)))
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
else:
    for _ in range(40):
        session = request(what)
        if what == 'merge':
            session.incr('n')
        else:
            session['n'] += 1
        session.finish()
"""


@pytest.fixture(scope='module')
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server for all tests that leave it alone."""
    with any_server(tmp_path_factory.mktemp('redis')) as url:
        yield url


@pytest.fixture(scope='module')
def module_prefix(server_url: str) -> Iterator[str]:
    """What all keys of these tests begin with."""
    with own_keys(server_url) as prefix:
        yield prefix


@pytest.fixture
def prefix(module_prefix: str) -> str:
    return f'{module_prefix}{secrets.token_hex(4)}:'


@pytest.fixture
def make_store(server_url: str, prefix: str, clock: Clock) -> Iterator[Callable[..., RedisStore]]:
    """Stores of several web servers, so to say, on the same sessions."""
    stores: list[RedisStore] = []

    def make(url: str = server_url, **options: Any) -> RedisStore:
        stores.append(RedisStore(url, prefix=prefix, clock=clock, **options))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def store(make_store: Callable[..., RedisStore]) -> RedisStore:
    return make_store()


@pytest.fixture
def client(server_url: str) -> Iterator[Any]:
    client = redis.Redis.from_url(server_url)
    yield client
    client.close()


@pytest.fixture
def private(tmp_path: Path) -> Iterator[PrivateServer]:
    server = PrivateServer(tmp_path, '--appendonly', 'yes', '--appendfsync', 'always')
    yield server
    server.kill()


def start(*arguments: object) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, '-c', WORKER, *map(str, arguments)], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert line_of(process) == 'ready'
    tell(process)
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


class TestRedisStore(StoreSuite):
    examples = 10

    @pytest.fixture(autouse=True)
    def _use(self, server_url: str, prefix: str) -> None:
        self.url, self.prefix = server_url, prefix

    def make_store(self, folder: Path) -> RedisStore:
        return RedisStore(self.url, prefix=f'{self.prefix}{folder}:', clock=self.clock)

    def damage(self, folder: Path, sessionid: str) -> None:
        client = redis.Redis.from_url(self.url)
        client.hset(key_of(client, f'{self.prefix}{folder}:', sessionid), 'v', b'\x80')
        client.close()


@pytest.fixture(scope='module')
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A cluster of one node: what would need two slots at once is refused there, too."""
    server = PrivateServer(tmp_path_factory.mktemp('cluster'), '--cluster-enabled', 'yes', '--cluster-announce-ip',
                           '127.0.0.1')
    try:
        client = server.client()
        client.execute_command('CLUSTER', 'ADDSLOTS', *range(16384))
        deadline = time.monotonic() + 20
        while client.cluster('INFO')['cluster_state'] != 'ok':
            assert time.monotonic() < deadline
            time.sleep(0.02)
        client.close()
        yield f'redis+cluster://127.0.0.1:{server.port}'
    finally:
        server.kill()


class TestInACluster(StoreSuite):
    examples = 5
    increments = 10

    @pytest.fixture(autouse=True)
    def _use(self, cluster_url: str) -> None:
        self.url, self.prefix = cluster_url, f'{secrets.token_hex(4)}:'

    def make_store(self, folder: Path) -> RedisStore:
        return RedisStore(self.url, prefix=f'{self.prefix}{folder}:', clock=self.clock)

    def damage(self, folder: Path, sessionid: str) -> None:
        client = redis.Redis.from_url(self.url.replace('+cluster', ''))
        client.hset(key_of(client, f'{self.prefix}{folder}:', sessionid), 'v', b'\x80')
        client.close()


def key_of(client: Any, prefix: str, sessionid: str) -> bytes:
    return next(key for key in client.scan_iter(match='*' + sessionid) if key.startswith(prefix.encode()))


# Trips


def commands_of(client: Any, work: Callable[[], object]) -> list[str]:
    """The commands that clients sent meanwhile, without those of scripts."""
    sent: list[str] = []
    marker = secrets.token_hex(8)
    with client.client() as asking, client.monitor() as monitor:
        asking.ping()  # connected before anything is counted
        while 'PING' not in monitor.next_command()['command'].upper():
            pass
        work()
        asking.echo(marker)
        while marker not in (command := monitor.next_command())['command']:
            if command['client_type'] != 'lua':
                sent.append(command['command'].split()[0].upper())
    return sent


@pytest.mark.parametrize(('lock', 'change', 'trips'), [
    ('request', True, 2), ('request', False, 2), ('merge', True, 2), ('merge', False, 1), ('readonly', False, 1)])
def test_a_request_takes_two_trips_and_one_if_it_neither_locks_nor_writes(
        store: RedisStore, client: Any, clock: Clock, lock: str, change: bool, trips: int) -> None:
    site = Site(store, clock)
    sessionid = site.visit(n=1, m=2)

    def request() -> None:
        session = site.request(sessionid, lock=lock)
        assert session['m'] == 2
        if change:
            session['n'] = 2
        session.finish()

    request()
    assert len(commands_of(client, request)) == trips


def test_incr_in_mode_merge_takes_one_trip_beside_the_load(store: RedisStore, client: Any, clock: Clock) -> None:
    site = Site(store, clock)
    sessionid = site.visit(n=1)

    def request() -> None:
        session = site.request(sessionid, lock='merge')
        session.incr('n')
        session.finish()

    request()
    assert commands_of(client, request) == ['HMGET', 'EVALSHA']
    assert site.stored(sessionid) == {'n': 3}


def test_many_puts_in_mode_merge_need_no_lock_while_nobody_else_is_there(store: RedisStore, client: Any,
                                                                         clock: Clock) -> None:
    site = Site(store, clock)
    sessionid = site.visit(n=1)

    def request() -> None:
        session = site.request(sessionid, lock='merge')
        session.incr('n')
        session.flash('added')
        session['m'] = 1
        session.finish()

    request()
    assert len(commands_of(client, request)) == 4


def test_an_unknown_id_costs_one_trip_and_leaves_nothing(store: RedisStore, client: Any, clock: Clock,
                                                         prefix: str) -> None:
    site = Site(store, clock)
    site.stored('B' * 43)
    assert len(commands_of(client, lambda: site.request('A' * 43).get('n'))) == 1
    assert not list(client.scan_iter(match=f'{prefix}*'))


# Several at once


@pytest.mark.parametrize('lock', ['request', 'merge'])
def test_processes_lose_no_update(store: RedisStore, server_url: str, prefix: str, lock: str, clock: Clock) -> None:
    site = Site(store, time.time)  # type: ignore[arg-type]
    sessionid = site.visit(n=0)
    workers = [start(server_url, prefix, sessionid, lock, 30) for _ in range(3)]
    for worker in workers:
        worker.communicate()
        assert worker.returncode == 0
    assert site.stored(sessionid) == {'n': 120}


def test_merging_respects_who_has_the_session_for_himself(make_store: Callable[..., RedisStore], clock: Clock) -> None:
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


def test_who_waits_is_woken_long_before_he_would_look_again(make_store: Callable[..., RedisStore],
                                                            clock: Clock) -> None:
    here, there = Site(make_store(), clock), Site(make_store(), clock)
    sessionid = here.visit(n=1)
    for _ in range(3):
        holder = here.request(sessionid)
        assert holder['n'] == 1
        waited: list[float] = []

        def wait(waited: list[float] = waited) -> None:
            assert there.visit(sessionid, m=1) == sessionid
            waited.append(time.monotonic())

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.1)
        freed = time.monotonic()
        holder.finish()
        thread.join(10)
        assert waited[0] - freed < 1


def test_who_waits_in_vain_is_told(make_store: Callable[..., RedisStore], clock: Clock) -> None:
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


def test_an_answer_may_take_less_time_than_the_wait_for_a_lock(make_store: Callable[..., RedisStore],
                                                               clock: Clock) -> None:
    here, there = Site(make_store(), clock), Site(make_store(timeout=0.5), clock)
    sessionid = here.visit(n=1)
    holder = here.request(sessionid)
    assert holder['n'] == 1
    thread = threading.Timer(0.8, holder.finish)
    thread.start()
    assert there.visit(sessionid, n=2) == sessionid
    thread.join()


def test_however_many_threads_wait_there_is_a_connection_for_the_holders(make_store: Callable[..., RedisStore],
                                                                        clock: Clock) -> None:
    here, there = Site(make_store(), clock), Site(make_store(), clock)
    ids = [here.visit(n=number) for number in range(120)]
    holders = [here.request(sessionid) for sessionid in ids]
    assert [holder['n'] for holder in holders] == list(range(120))
    threads = [threading.Thread(target=there.visit, args=(sessionid,), kwargs={'m': 1}) for sessionid in ids]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    for holder in holders:
        holder.finish()
    for thread in threads:
        thread.join(20)
    assert [there.stored(sessionid) for sessionid in ids] == [{'n': number, 'm': 1} for number in range(120)]


def test_everything_that_is_stored_ends_by_itself(make_store: Callable[..., RedisStore], client: Any, prefix: str,
                                                  clock: Clock) -> None:
    here, there = (Site(make_store(), clock, session_index='user', session_lock_timeout=0.3) for _ in range(2))
    here.store.check()
    sessionid = here.visit(user='ada')
    renewing = here.request(sessionid)
    renewing.regenerate()
    with pytest.raises(SessionLocked):
        there.visit(sessionid, n=1)
    renewing.finish()
    keys = set(client.scan_iter(match=f'{prefix}*'))
    assert len(keys) == 5  # the session, its old id, the list of those who waited, the index of a user, the salt
    assert [key for key in keys if client.pttl(key) < 0] == [f'{prefix}salt'.encode()]


# Leases


def test_a_holder_that_is_killed_leaves_the_session_free_after_its_lease(store: RedisStore, server_url: str,
                                                                         prefix: str) -> None:
    site = Site(store, time.time)  # type: ignore[arg-type]
    sessionid = site.visit(n=1)
    holder = start(server_url, prefix, sessionid, 'hold', 1)
    assert line_of(holder) == 'held'
    end(holder)
    begun = time.monotonic()
    site.visit(sessionid, m=2)
    assert time.monotonic() - begun < 5
    assert site.stored(sessionid) == {'n': 1, 'm': 2}


def test_a_holder_that_was_stopped_cannot_overwrite_what_came_after_its_lease(store: RedisStore, server_url: str,
                                                                             prefix: str) -> None:
    site = Site(store, time.time)  # type: ignore[arg-type]
    sessionid = site.visit(n=1)
    holder = start(server_url, prefix, sessionid, 'hold', LEASE)
    assert line_of(holder) == 'held'
    holder.send_signal(signal.SIGSTOP)
    site.visit(sessionid, n='of the next one')
    holder.send_signal(signal.SIGCONT)
    tell(holder)
    assert line_of(holder).startswith('StoreError another request has taken the session, since its lease was lost '
                                      'while the page ran (lease=0.3 seconds)')
    assert site.stored(sessionid) == {'n': 'of the next one'}
    end(holder)


def test_a_slow_holder_goes_on_to_be_the_holder_if_nobody_wanted_the_session(make_store: Callable[..., RedisStore],
                                                                            clock: Clock) -> None:
    site = Site(make_store(lease=LEASE), clock)
    sessionid = site.visit(n=1)
    session = site.request(sessionid)
    session['n'] = 2
    time.sleep(LEASE + 0.1)
    session.finish()
    assert site.stored(sessionid) == {'n': 2}


@pytest.mark.parametrize('lock', ['request', 'merge'])
def test_a_slow_holder_is_refused_also_if_the_next_one_has_finished(make_store: Callable[..., RedisStore],
                                                                    clock: Clock, lock: str) -> None:
    here, there = Site(make_store(lease=LEASE), clock), Site(make_store(), clock)
    sessionid = here.visit(n=1)
    slow = here.request(sessionid)
    slow['n'] = 2
    time.sleep(LEASE + 0.1)
    session = there.request(sessionid, lock=lock)
    session['m'] = 3
    session.finish()
    with pytest.raises(StoreError, match='lease was lost'):
        slow.finish()
    assert here.stored(sessionid) == {'n': 1, 'm': 3}
    assert here.visit(sessionid, n=4) == sessionid


def test_giving_back_a_lease_that_was_lost_does_not_free_the_next_holder(make_store: Callable[..., RedisStore],
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
def test_a_forked_child_has_its_own_connections_and_gives_back_no_lease(store: RedisStore, clock: Clock,
                                                                        make_store: Callable[..., RedisStore]) -> None:
    site = Site(store, clock)
    mine, other = site.visit(n=0), site.visit(n=0)
    held = site.request(mine)
    assert held['n'] == 0
    child = os.fork()
    if child == 0:
        status = 1
        try:
            held.abandon()
            for _ in range(30):
                session = site.request(other)
                session['n'] += 1
                session.finish()
            status = 0
        finally:
            os._exit(status)
    for _ in range(30):
        session = site.request(other)
        session['n'] += 1
        session.finish()
    assert os.waitpid(child, 0)[1] == 0
    assert site.stored(other) == {'n': 60}
    with pytest.raises(SessionLocked):
        Site(make_store(), clock, session_lock_timeout=0.05).visit(mine, n=1)
    held.finish()


# New ids, users, expiry


def test_a_new_id_keeps_the_beginning_by_which_a_cluster_places_it_and_no_more(store: RedisStore,
                                                                              clock: Clock) -> None:
    site = Site(store, clock)
    old = site.visit(n=1)
    session = site.request(old)
    session.regenerate()
    session.finish()
    assert session.sessionid[:3] == old[:3]
    assert len(session.sessionid) == 43
    assert len(os.path.commonprefix([session.sessionid[3:], old[3:]])) < 10


def test_requests_in_flight_follow_ids_that_were_replaced_twice(make_store: Callable[..., RedisStore],
                                                               clock: Clock) -> None:
    site = Site(make_store(), clock)
    sessionid = first = site.visit(n=1)
    late, arrived = site.request(first, lock='merge'), clock()
    assert late['n'] == 1
    for _ in range(2):
        clock.advance(1)
        session = site.request(sessionid)
        session.regenerate()
        session.finish()
        sessionid = session.sessionid
    late['late'] = True
    late.finish()
    exact = site.request(first, arrived=arrived)
    exact['exact'] = True
    exact.finish()
    assert site.stored(sessionid) == {'n': 1, 'late': True, 'exact': True}
    assert site.stored(first) == {}


@pytest.mark.parametrize('lock', ['request', 'merge'])
def test_a_user_is_found_by_the_current_ids_of_his_sessions(store: RedisStore, client: Any, prefix: str, clock: Clock,
                                                            lock: str) -> None:
    site = Site(store, clock, session_index='user')
    one, two = site.visit(user='ada'), site.visit(n=1)
    login = site.request(two, lock=lock)
    login['user'] = 'ada'
    login.finish()
    assert {info.id for info in site.manager.find('ada')} == {one, two}
    session = site.request(one, lock=lock)
    session.regenerate()
    session.finish()
    assert {info.id for info in site.manager.find('ada')} == {session.sessionid, two}
    client.delete(key_of(client, prefix, one))  # the old id is remembered for a time, the session for longer
    assert {info.id for info in site.manager.find('ada')} == {session.sessionid, two}
    site.visit(two, user='eve')
    assert {info.id for info in site.manager.find('ada')} == {session.sessionid}
    assert site.manager.end_all('ada') == 1
    assert site.manager.find('ada') == []


def test_the_index_of_a_user_lasts_as_long_as_his_sessions(store: RedisStore, client: Any, prefix: str,
                                                          clock: Clock) -> None:
    site = Site(store, clock, session_index='user', session_expire=1000.0)
    sessionid = site.visit(user='ada')
    index, = client.scan_iter(match=f'{prefix}user:*')
    client.pexpire(index, 1_000)
    clock.advance(500)
    site.stored(sessionid)
    session = site.request(sessionid)
    assert session['user'] == 'ada'
    session.finish()
    assert client.pttl(index) > 1_000_000


def test_the_server_keeps_a_session_for_its_idle_time_and_a_minute(store: RedisStore, client: Any, prefix: str,
                                                                  clock: Clock) -> None:
    site = Site(store, clock, session_expire=1000.0)
    sessionid = site.visit(n=1)
    key = key_of(client, prefix, sessionid)
    assert 1_050_000 < client.pttl(key) <= 1_060_000
    client.pexpire(key, 5_000)
    site.visit(sessionid, n=2)
    assert client.pttl(key) <= 5_000
    clock.advance(500)
    site.visit(sessionid, n=3)
    assert 1_050_000 < client.pttl(key) <= 1_060_000


def test_no_process_is_asked_to_clean(store: RedisStore, clock: Clock) -> None:
    site = Site(store, clock)
    site.visit(n=1)
    clock.advance(100_000)
    site.visit(n=1)
    assert not [thread for thread in threading.enumerate() if thread.name == 'spyce-session-cleaner']


# Outages


def test_a_server_that_goes_away_is_an_error_at_once_and_comes_back_without_a_restart(private: PrivateServer) -> None:
    site = Site(RedisStore(private.url), time.time)  # type: ignore[arg-type]
    sessionid = site.visit(n=1)
    session = site.request(sessionid)
    session['n'] = 2
    private.kill()
    for request in (session.finish, lambda: site.stored(sessionid), lambda: site.visit(n=3)):
        begun = time.monotonic()
        with pytest.raises(StoreError, match=rf'^redis://127.0.0.1:{private.port}/0: the sessions cannot be reached'):
            request()
        assert time.monotonic() - begun < 2
    private.start()
    assert site.stored(sessionid) == {'n': 1}
    assert site.request(sessionid, lock='merge')['n'] == 1
    site.store.close()


def test_a_restart_between_requests_goes_unnoticed(private: PrivateServer) -> None:
    site = Site(RedisStore(private.url, lease=LEASE), time.time)  # type: ignore[arg-type]
    sessionid = site.visit(n=1)
    private.kill()
    private.start()
    assert site.visit(sessionid, m=2) == sessionid
    private.client().script_flush()
    assert site.visit(sessionid, k=3) == sessionid
    assert site.stored(sessionid) == {'n': 1, 'm': 2, 'k': 3}
    site.store.close()


def test_a_connection_that_the_server_has_closed_goes_unnoticed(store: RedisStore, client: Any, clock: Clock) -> None:
    site = Site(store, clock)
    sessionid = site.visit(n=1)
    for lock in ('request', 'merge', 'readonly'):
        for connection in client.client_list(_type='normal'):
            if connection['id'] != str(client.client_id()):
                client.client_kill_filter(_id=connection['id'])
        session = site.request(sessionid, lock=lock)
        assert session['n'] == 1
        session.finish()


def test_a_server_that_hangs_is_an_error_after_the_timeout(private: PrivateServer) -> None:
    site = Site(RedisStore(private.url, timeout=0.3), time.time)  # type: ignore[arg-type]
    sessionid = site.visit(n=1)
    private.signal(signal.SIGSTOP)
    begun = time.monotonic()
    with pytest.raises(StoreError, match='Timeout'):
        site.stored(sessionid)
    assert time.monotonic() - begun < 2
    private.signal(signal.SIGCONT)
    assert site.stored(sessionid) == {'n': 1}
    site.store.close()


def test_a_lock_that_cannot_be_given_back_breaks_no_page(private: PrivateServer,
                                                        caplog: pytest.LogCaptureFixture) -> None:
    site = Site(RedisStore(private.url, lease=7), time.time)  # type: ignore[arg-type]
    sessionid = site.visit(n=1)
    session = site.request(sessionid)
    assert session['n'] == 1
    private.kill()
    session.finish()
    assert 'the lock of a session cannot be given back yet' in caplog.text
    assert sessionid not in caplog.text


@pytest.mark.parametrize('change', [False, True])
def test_a_lock_that_could_not_be_given_back_is_when_the_server_answers_again(private: PrivateServer,
                                                                             change: bool) -> None:
    site = Site(RedisStore(private.url, lease=60, timeout=0.3), time.time,  # type: ignore[arg-type]
                session_lock_timeout=5)
    sessionid, other = site.visit(n=1), site.visit(n=1)
    session = site.request(sessionid)
    assert session['n'] == 1
    if change:
        session['n'] = 2
    private.signal(signal.SIGSTOP)
    if change:
        with pytest.raises(StoreError):
            session.finish()
    else:
        session.finish()
    private.signal(signal.SIGCONT)
    site.visit(other, m=1)
    assert Site(RedisStore(private.url), time.time,  # type: ignore[arg-type]
                session_lock_timeout=5).visit(sessionid, m=1) == sessionid


@pytest.mark.parametrize('skew', [-1.0, -0.02, 0.0, 1.0])
def test_who_waited_for_a_session_has_it_under_its_new_id_whatever_the_clocks_say(make_store: Callable[..., RedisStore],
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


def test_many_new_ids_cost_no_more_than_one(store: RedisStore, clock: Clock, client: Any, prefix: str) -> None:
    site = Site(store, clock, session_index='user')
    first = sessionid = site.visit(user='ada')
    for _ in range(30):
        session = site.request(sessionid)
        session.regenerate()
        session.finish()
        sessionid = session.sessionid
    assert [info.id for info in site.manager.find('ada')] == [sessionid]
    [index] = client.scan_iter(f'{prefix}user:*')
    assert client.zrange(index, 0, -1) == [sessionid.encode()]
    assert site.store.fetch(first) is None  # so far back nobody is in flight
    assert [info.id for info in site.manager.sessions()] == [sessionid]
    assert site.manager.end_all('ada') == 1


def test_a_merge_that_is_sent_again_takes_no_lock_away(make_store: Callable[..., RedisStore], clock: Clock) -> None:
    here = Site(make_store(), clock)
    there = Site(make_store(), clock, session_lock_timeout=1)
    sessionid = here.visit(n=1)
    merging = here.request(sessionid, lock='merge')
    merging['m'] = 1
    send, holders = here.store._server._send, []  # type: ignore[attr-defined]

    def lose_an_answer(pool: Any, command: Any) -> Any:
        answer = send(pool, command)
        if not holders and command[0] == 'EVALSHA':
            holders.append(there.request(sessionid))
            holders[0]['n'] = 99
            raise redis.ConnectionError('the answer is lost')
        return answer

    here.store._server._send = lose_an_answer  # type: ignore[attr-defined]
    merging.finish()
    holders[0].finish()
    assert there.visit(sessionid, k=2) == sessionid
    assert there.stored(sessionid) == {'n': 99, 'm': 1, 'k': 2}


def test_a_script_that_fails_since_the_server_is_a_replica_now_is_sent_elsewhere(store: RedisStore,
                                                                                clock: Clock) -> None:
    """Redis 6 says so within other words."""
    site = Site(store, clock)
    sessionid = site.visit(n=1)
    failed: list[Any] = []
    read = redis.Connection.read_response

    def fail(connection: Any, *args: Any, **named: Any) -> Any:
        answer = read(connection, *args, **named)
        if not failed:
            failed.append(connection._sock)
            raise redis.ResponseError('ERR Error running script (call to f_1): @user_script:9: -READONLY You can not '
                                      'write against a read only replica.')
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redis.Connection, 'read_response', fail)
        assert site.visit(sessionid, n=2) == sessionid
    assert site.stored(sessionid) == {'n': 2}
    assert failed[0].fileno() == -1  # closed


@pytest.mark.parametrize('how', ['regenerate', 'invalidate'])
def test_all_who_wait_are_woken_when_the_id_means_nothing_any_more(make_store: Callable[..., RedisStore],
                                                                   clock: Clock, how: str) -> None:
    sites = [Site(make_store(), clock) for _ in range(5)]
    sessionid = sites[0].visit(n=1)
    holder = sites[0].request(sessionid)
    assert holder['n'] == 1
    threads = [threading.Thread(target=lambda site=site: site.request(sessionid).get('n')) for site in sites[1:]]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    getattr(holder, how)()
    holder.finish()
    begun = time.monotonic()
    for thread in threads:
        thread.join(10)
    assert time.monotonic() - begun < 1  # who is not woken looks after 2 seconds


@pytest.mark.parametrize('url', [
    'redis://127.0.0.1/0?decode_responses=True', 'redis://127.0.0.1/0?socket_timeout=1',
    'redis://127.0.0.1/0?max_connections=1', 'redis+sentinel://127.0.0.1/main/0?ssl=True', 'redis://127.0.0.1/sessions',
    'redis://:p\u2100sword@127.0.0.1/0', 'redis://user:sword', 'redis://:sword'])
def test_a_url_with_what_the_store_relies_on_or_a_forgotten_host_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match='Redis server') as wrong:
        RedisStore(url)
    assert 'sword' not in str(wrong.value).replace('password', '')


# What an operator is told


def test_check_says_what_is_wrong(private: PrivateServer, caplog: pytest.LogCaptureFixture) -> None:
    store = RedisStore(private.url)
    store.check()
    assert not caplog.records
    other = RedisStore(private.url)
    other.check()
    assert other.salt == store.salt
    admin = private.client()
    admin.config_set('maxmemory', '100mb')
    admin.config_set('maxmemory-policy', 'volatile-lru')
    with caplog.at_level(logging.WARNING):
        store.check()
    assert 'maxmemory-policy is volatile-lru' in caplog.text
    admin.execute_command('ACL', 'SETUSER', 'web', 'on', '>pass', '~spyce:*', '+@read', '+@write', '+@scripting',
                          '+@connection', '+@blocking', '+time')
    site = Site(RedisStore(private.url.replace('//', '//web:pass@')), time.time)  # type: ignore[arg-type]
    site.store.check()
    site.visit(site.visit(n=1), n=2)
    assert len(site.store.list()) == 1
    private.kill()
    with pytest.raises(StoreError, match='cannot be reached'):
        store.check()


def test_a_password_is_in_no_text(private: PrivateServer, caplog: pytest.LogCaptureFixture) -> None:
    private.client().config_set('requirepass', 'right')
    good = RedisStore(private.url.replace('//', '//:right@'))
    good.check()
    bad = RedisStore(private.url.replace('//', '//:s3cret@') + '?password=s3cret')
    with pytest.raises(StoreError) as raised:
        bad.check()
    assert raised.value.__suppress_context__
    texts = [repr(bad), str(raised.value), caplog.text]
    for url in ('redis://:s3/cret@host/0', 'redis://:s3#cret@host/0', 'redis://:s3cret@host:port/0',
                'http://:s3cret@host', 'redis+sentinel://:s3cret@host', 'redis+sentinel://:s3cret@host:x/service'):
        with pytest.raises(ValueError, match='Redis server') as wrong:
            RedisStore(url)
        texts.append(str(wrong.value))
    assert not [text for text in texts if 's3' in text or 'cret' in text]


def test_urls(tmp_path: Path) -> None:
    def connection_of(url: str) -> Any:
        return RedisStore(url, connect_timeout=3, timeout=4)._server.client.connection_pool

    tls = connection_of('rediss://ada:p%40ss@host:7000/2')
    assert tls.connection_class is redis.SSLConnection
    known = {name: tls.connection_kwargs[name] for name in ('host', 'port', 'db', 'username', 'password',
                                                            'socket_connect_timeout', 'socket_timeout')}
    assert known == {'host': 'host', 'port': 7000, 'db': 2, 'username': 'ada', 'password': 'p@ss',
                     'socket_connect_timeout': 3, 'socket_timeout': 4}
    assert connection_of(f'unix://{tmp_path}/redis.sock?db=1').connection_kwargs['path'] == f'{tmp_path}/redis.sock'
    found = connection_of('redis+sentinel://ada:p%40ss@one,[::1]:7001/main/3')
    assert found.service_name == 'main'
    assert [(sentinel.connection_pool.connection_kwargs['host'], sentinel.connection_pool.connection_kwargs['port'])
            for sentinel in found.sentinel_manager.sentinels] == [('one', 26379), ('::1', 7001)]
    assert (found.connection_kwargs['db'], found.connection_kwargs['password']) == (3, 'p@ss')
    assert repr(RedisStore('redis+cluster://ada:p%40ss@host:7000')) == "RedisStore('redis+cluster://host:7000')"


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match='either the url of the server or a client'):
        RedisStore()
    with pytest.raises(ValueError, match='braces'):
        RedisStore('redis://host', prefix='{a}')
    with pytest.raises(ValueError, match='more than 0'):
        RedisStore('redis://host', lease=0)
    with pytest.raises(ValueError, match='decode_responses'):
        RedisStore(client=redis.Redis(decode_responses=True))


def test_a_client_of_the_site_s_own(server_url: str, prefix: str, clock: Clock) -> None:
    client = redis.Redis.from_url(server_url, socket_timeout=0.5)
    site, other = (Site(RedisStore(client=client, prefix=prefix, clock=clock), clock) for _ in range(2))
    sessionid = site.visit(n=1)
    holder = site.request(sessionid)
    assert holder['n'] == 1
    thread = threading.Timer(0.8, holder.finish)
    thread.start()
    assert other.visit(sessionid, n=2) == sessionid
    thread.join()
    assert repr(site.store) == "RedisStore('Redis')"
    site.store.close()
    assert site.stored(sessionid) == {'n': 2}
    site.store.close()
    other.store.close()


def test_a_replica_takes_the_place_of_a_primary_that_sentinels_watch(private: PrivateServer, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ('replica', 'sentinel')]
    for folder in folders:
        folder.mkdir()
    settings = folders[1] / 'sentinel.conf'
    settings.write_text(f'sentinel monitor main 127.0.0.1 {private.port} 1\n'
                        'sentinel down-after-milliseconds main 300\nsentinel failover-timeout main 3000\n')
    replica = PrivateServer(folders[0], '--replicaof', f'127.0.0.1 {private.port}')
    sentinel = PrivateServer(folders[1], str(settings), '--sentinel')
    try:
        site = Site(RedisStore(f'redis+sentinel://127.0.0.1:{sentinel.port}/main'), time.time)  # type: ignore[arg-type]
        deadline = time.monotonic() + 30
        watching = sentinel.client()
        while not (watching.sentinel_slaves('main') and replica.client().info()['master_link_status'] == 'up'):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        sessionid = site.visit(n=1)
        private.client().wait(1, 5000)
        private.kill()
        while True:
            assert time.monotonic() < deadline
            try:
                site.visit(sessionid, m=2)
                break
            except StoreError:
                time.sleep(0.05)
        assert site.stored(sessionid) == {'n': 1, 'm': 2}
        site.store.close()
    finally:
        sentinel.kill()
        replica.kill()


def test_a_primary_that_was_made_a_replica_is_left(private: PrivateServer) -> None:
    site = Site(RedisStore(private.url), time.time)  # type: ignore[arg-type]
    sessionid = site.visit(n=1)
    private.client().replicaof('127.0.0.1', private.port)
    with pytest.raises(StoreError, match='ReadOnlyError'):
        site.visit(n=2)
    private.client().replicaof('NO', 'ONE')
    assert site.visit(sessionid, n=3) == sessionid
    site.store.close()


def test_who_needs_no_redis_imports_none() -> None:
    code = 'import sys, spyce.sessions, spyce.testing; print("redis" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout == 'False\n'


def test_programs_may_use_the_store_without_a_server(store: RedisStore, clock: Clock) -> None:
    store.save('one', {'n': 1, '_expires': 60})
    store.save('login-' + 'ab' * 32, {'n': 2, '_expires': 60})
    assert SessionManager.for_store(store).native is store
    assert store.load('one', 5) == {'n': 1, '_expires': 60}
    assert sorted(store.list()) == ['login-' + 'ab' * 32, 'one']
    clock.advance(61)
    assert store.is_expired('one')
