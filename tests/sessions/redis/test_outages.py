"""RedisStore: servers that are gone, hang, or are not the primary any more."""
from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spyce.sessions import StoreError
from tests.proxy import Proxy
from tests.redis_server import PrivateServer, RedisStore, redis

from ..conftest import Clock, Site

LEASE = 0.3


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


def test_a_merge_that_is_sent_again_takes_no_lock_away(make_store: Callable[..., RedisStore], clock: Clock) -> None:
    here = Site(make_store(), clock)
    there = Site(make_store(), clock, session_lock_timeout=1)
    sessionid = here.visit(n=1)
    merging = here.request(sessionid, lock='merge')
    merging['m'] = 1
    send, holders = here.store._server._send, []  # type: ignore[attr-defined]

    def lose_an_answer(pool: Any, command: Any) -> Any:
        answer = send(pool, command)
        if not holders and command[0].startswith('EVAL'):
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
    from spyce.sessions.redisline import Line  # needs the package redis

    site = Site(store, clock)
    sessionid = site.visit(n=1)
    failed: list[Any] = []
    ask = Line.ask

    def fail(line: Any, command: Any) -> Any:
        answer = ask(line, command)
        if not failed:
            failed.append(line._connection._sock)
            raise redis.ResponseError('ERR Error running script (call to f_1): @user_script:9: -READONLY You can not '
                                      'write against a read only replica.')
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Line, 'ask', fail)
        assert site.visit(sessionid, n=2) == sessionid
    assert site.stored(sessionid) == {'n': 2}
    assert failed[0].fileno() == -1  # closed


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


def test_an_address_that_leads_to_another_primary_now_is_asked_again(private: PrivateServer, tmp_path: Path) -> None:
    """The connections to the old one, which is a replica now, are open still."""
    (tmp_path / 'other').mkdir()
    other = PrivateServer(tmp_path / 'other', '--replicaof', f'127.0.0.1 {private.port}')
    proxy = Proxy(private.url)
    try:
        site = Site(RedisStore(proxy.url), time.time)  # type: ignore[arg-type]
        sessionid = site.visit(n=1)
        deadline = time.monotonic() + 20
        while not other.client().keys():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        other.client().replicaof('NO', 'ONE')
        proxy.lead_to(other.url)
        private.client().replicaof('127.0.0.1', other.port)
        assert site.visit(sessionid, n=2) == sessionid
        assert Site(RedisStore(other.url), time.time).stored(sessionid) == {'n': 2}  # type: ignore[arg-type]
        site.store.close()
    finally:
        proxy.cut()
        other.kill()


def test_a_primary_that_was_made_a_replica_is_left(private: PrivateServer) -> None:
    site = Site(RedisStore(private.url), time.time)  # type: ignore[arg-type]
    sessionid = site.visit(n=1)
    private.client().replicaof('127.0.0.1', private.port)
    with pytest.raises(StoreError, match='ReadOnlyError'):
        site.visit(n=2)
    private.client().replicaof('NO', 'ONE')
    assert site.visit(sessionid, n=3) == sessionid
    site.store.close()
