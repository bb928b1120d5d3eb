"""Redis or Valkey servers for tests: one that is there, or private ones that tests may kill."""
from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from spyce import sessions

redis = pytest.importorskip('redis', reason='the package redis is not installed')
RedisStore: Any = sessions.RedisStore  # a module that imports it from here is skipped without the package

URL = 'SPYCE_TEST_REDIS_URL'
LOCAL = 'redis://127.0.0.1:6379/15'
PROGRAM = shutil.which('redis-server') or shutil.which('valkey-server')


class PrivateServer:
    """A server process on a port of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        if PROGRAM is None:
            pytest.skip('neither redis-server nor valkey-server is installed')
        self.port = free_port()
        self.folder = folder
        self.options = options
        self.url = f'redis://127.0.0.1:{self.port}/0'
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert PROGRAM is not None
        self.process = subprocess.Popen(
            [PROGRAM, *self.options, '--port', str(self.port), '--bind', '127.0.0.1', '--dir', str(self.folder),
             '--save', '', '--loglevel', 'warning', '--repl-diskless-sync-delay', '0'], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not answers(self.url):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError('the server does not start')
            time.sleep(0.02)

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it at once."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None

    def client(self, **options: Any) -> Any:
        return redis.Redis(port=self.port, **options)


def free_port() -> int:
    """A port that nobody listens at; nor at the one 10000 above it, where nodes of a cluster talk to each other."""
    while True:
        with socket.socket() as probe, socket.socket() as above:
            probe.bind(('127.0.0.1', 0))
            port: int = probe.getsockname()[1]
            try:
                above.bind(('127.0.0.1', port + 10000))
            except (OSError, OverflowError):
                continue
            return port


def answers(url: str) -> bool:
    """Whether a server is there."""
    client = redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=2)
    try:
        client.ping()
    except redis.AuthenticationError:
        return True
    except redis.RedisError:
        return False
    finally:
        client.close()
    return True


@contextmanager
def any_server(folder: Path) -> Iterator[str]:
    """The URL of a server for tests that leave it alone: the one of the environment, or of this machine, or a new one
    in this folder."""
    url = os.environ.get(URL, '')
    if url or answers(LOCAL):
        assert not url or answers(url), f'{URL}={url} does not answer'
        yield url or LOCAL
        return
    server = PrivateServer(folder)
    try:
        yield server.url
    finally:
        server.kill()


@contextmanager
def own_keys(url: str) -> Iterator[str]:
    """A prefix for keys on a server that others use, too; they are removed at the end."""
    prefix = f'spyce-test-{secrets.token_hex(6)}:'
    yield prefix
    client = redis.Redis.from_url(url)
    for key in list(client.scan_iter(match=f'{prefix}*', count=1000)):
        client.delete(key)
    client.close()


def key_of(client: Any, prefix: str, sessionid: str) -> bytes:
    """The key of a session."""
    return next(key for key in client.scan_iter(match='*' + sessionid) if key.startswith(prefix.encode()))
