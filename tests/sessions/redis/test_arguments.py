"""RedisStore: its URL and other arguments, and what it tells an operator."""
from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest

from spyce.sessions import StoreError
from tests.redis_server import PrivateServer, RedisStore, redis

from ..conftest import Site


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
        for _ in range(3):  # as often as a load balancer asks
            store.check()
    assert caplog.text.count('maxmemory-policy is volatile-lru') == 1
    admin.execute_command('ACL', 'SETUSER', 'web', 'on', '>pass', '~spyce:*', '+@read', '+@write', '+@scripting',
                          '+@connection', '+@blocking', '+time')
    site = Site(RedisStore(private.url.replace('//', '//web:pass@')), time.time)  # type: ignore[arg-type]
    site.store.check()
    site.visit(site.visit(n=1), n=2)
    assert len(site.store.list()) == 1
    private.kill()
    with pytest.raises(StoreError, match='cannot be reached'):
        store.check()


def test_a_server_whose_memory_is_full_answers(private: PrivateServer) -> None:
    store = RedisStore(private.url)
    store.check()
    private.client().config_set('maxmemory', 1)
    store.check()
    with pytest.raises(StoreError, match='maxmemory'):
        RedisStore(private.url, prefix='another site:').check()


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


@pytest.mark.parametrize('url', [
    'redis://127.0.0.1/0?decode_responses=True', 'redis://127.0.0.1/0?socket_timeout=1',
    'redis://127.0.0.1/0?max_connections=1', 'redis+sentinel://127.0.0.1/main/0?ssl=True', 'redis://127.0.0.1/sessions',
    'redis://:p\u2100sword@127.0.0.1/0', 'redis://user:sword', 'redis://:sword'])
def test_a_url_with_what_the_store_relies_on_or_a_forgotten_host_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match='Redis server') as wrong:
        RedisStore(url)
    assert 'sword' not in str(wrong.value).replace('password', '')


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match='either the url of the server or a client'):
        RedisStore()
    with pytest.raises(ValueError, match='braces'):
        RedisStore('redis://host', prefix='{a}')
    with pytest.raises(ValueError, match='more than 0'):
        RedisStore('redis://host', lease=0)
    with pytest.raises(ValueError, match='decode_responses'):
        RedisStore(client=redis.Redis(decode_responses=True))
