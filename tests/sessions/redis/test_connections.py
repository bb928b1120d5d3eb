"""RedisStore: each kind of connection that redis-py has, with short answers, long ones, and cut off."""
from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spyce.sessions import StoreError
from tests.redis_server import PrivateServer, RedisStore, free_port, redis

from ..conftest import Site


class Server(PrivateServer):
    """With TLS and a socket file."""

    def __init__(self, folder: Path) -> None:
        if shutil.which('openssl') is None:
            pytest.skip('openssl, which makes the certificate, is not installed')
        self.tls_port, self.certificate, self.file = free_port(), folder / 'cert.pem', folder / 'redis.sock'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
                        '-nodes', '-days', '2', '-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1',
                        '-keyout', folder / 'key.pem', '-out', self.certificate], check=True, capture_output=True)
        super().__init__(folder, '--tls-port', str(self.tls_port), '--tls-cert-file', str(self.certificate),
                         '--tls-key-file', f'{folder}/key.pem', '--tls-auth-clients', 'no', '--unixsocket',
                         str(self.file))


@pytest.fixture(scope='module')
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp('server'))
    yield server
    server.kill()


@pytest.fixture
def no_hiredis(monkeypatch: pytest.MonkeyPatch) -> None:
    from spyce.sessions import redisline
    monkeypatch.setattr(redisline, 'pack_command', None)


STORES: dict[str, Callable[[Server], Any]] = {
    'plain': lambda server: RedisStore(server.url),
    'TLS': lambda server: RedisStore(
        f'rediss://127.0.0.1:{server.tls_port}/0?ssl_ca_certs={server.certificate}'),
    'socket file': lambda server: RedisStore(f'unix://{server.file}'),
    'health checks': lambda server: RedisStore(f'{server.url}?health_check_interval=1'),
    'new protocol': lambda server: RedisStore(client=server.client(protocol=3)),
    'parser in Python': lambda server: RedisStore(client=redis.Redis(connection_pool=redis.ConnectionPool(
        port=server.port, parser_class=redis.connection._RESP2Parser, protocol=2))),
}


@pytest.fixture(params=STORES)
def site(request: pytest.FixtureRequest, server: Server) -> Iterator[Site]:
    site = Site(STORES[request.param](server), time.time)  # type: ignore[arg-type]
    yield site
    site.store.close()


def test_a_session_is_kept(site: Site) -> None:
    sessionid = site.visit(n=1)
    assert site.visit(sessionid, m='m' * 500) == sessionid
    assert site.stored(sessionid) == {'n': 1, 'm': 'm' * 500}


@pytest.mark.usefixtures('no_hiredis')
def test_a_session_is_kept_without_hiredis(site: Site) -> None:
    test_a_session_is_kept(site)


def test_answers_of_any_length_are_read(site: Site) -> None:
    sessionid = site.visit(n=1)
    for length in (65_000, 65_536, 70_000, 1_000_000):
        assert site.visit(sessionid, text='x' * length) == sessionid
        assert len(site.stored(sessionid)['text']) == length


def test_a_connection_that_the_server_has_closed_is_made_again(site: Site, server: Server) -> None:
    sessionid = site.visit(n=1)
    for kind in ('normal', 'pubsub'):
        server.client().execute_command('CLIENT', 'KILL', 'TYPE', kind, 'SKIPME', 'yes')
    assert site.visit(sessionid, m=2) == sessionid
    assert site.stored(sessionid) == {'n': 1, 'm': 2}


def test_what_the_server_refuses_is_said_and_the_connection_is_kept(site: Site, server: Server) -> None:
    sessionid = site.visit(n=1)
    client = server.client()
    client.config_set('maxmemory', 1)
    try:
        before = client.info('stats')['total_connections_received']
        for _ in range(3):
            with pytest.raises(StoreError, match='OOM|maxmemory|OutOfMemory'):
                site.visit(sessionid, n=2)
        assert client.info('stats')['total_connections_received'] == before
    finally:
        client.config_set('maxmemory', 0)
    assert site.stored(sessionid) == {'n': 1}
    assert site.visit(sessionid, n=3) == sessionid


def test_a_certificate_that_nobody_vouches_for_is_refused(server: Server) -> None:
    with pytest.raises(StoreError, match='CERTIFICATE_VERIFY_FAILED'):
        RedisStore(f'rediss://127.0.0.1:{server.tls_port}/0').check()
