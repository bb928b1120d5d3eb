"""RedisStore: the suite for session stores, also in a cluster; two trips a request; ids, users, expiry."""
from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spyce.sessions import SessionLocked, SessionManager
from spyce.storesuite import StoreSuite
from tests.redis_server import PrivateServer, RedisStore, key_of, redis
from tests.remote_stores import Place

from ..conftest import Clock, Site


class OnRedis(StoreSuite):
    place: Place

    def make_store(self, folder: Path) -> RedisStore:
        return self.place.store(prefix=f'{self.place.name}{folder}:', clock=self.clock)

    def damage(self, folder: Path, sessionid: str) -> None:
        client = redis.Redis.from_url(self.place.url.replace('+cluster', ''))
        client.hset(key_of(client, f'{self.place.name}{folder}:', sessionid), 'v', b'\x80')
        client.close()


class TestRedisStore(OnRedis):
    examples = 10

    @pytest.fixture(autouse=True)
    def _use(self, place: Place) -> None:
        self.place = place


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


class TestInACluster(OnRedis):
    examples = 5
    increments = 10

    @pytest.fixture(autouse=True)
    def _use(self, cluster_url: str) -> None:
        self.place = Place(cluster_url, 'prefix', f'{secrets.token_hex(4)}:')


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
