"""Fixtures for all tests."""
from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import spyce
from spyce.pytest_plugin import spyce_client  # noqa: F401  here even if the package is not installed
from spyce.sessions import MemoryStore
from spyce.testing import Client

START_LINE_TIMEOUT = 30

settings.register_profile('any machine', deadline=None)  # none of these tests is about time
settings.load_profile('any machine')

MakeSite = Callable[..., Client]


@pytest.fixture(autouse=True, scope='session')
def private_state(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Sites under test keep nothing in the home of whoever runs the tests."""
    os.environ['XDG_STATE_HOME'] = str(tmp_path_factory.mktemp('state'))


@pytest.fixture
def site(tmp_path: Path) -> MakeSite:
    """site({'page.spy': '...'}, option=value) -> a client of a server with these files."""
    numbers = iter(range(100))

    def make(files: dict[str, str], **options: Any) -> Client:
        root = tmp_path / f'www{next(numbers)}'
        for name, text in files.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text), 'utf-8')
        options.setdefault('session_store', MemoryStore())
        return Client(spyce.make_app(str(root), **options))

    return make


class LiveServer:
    """A running `spyce serve`. line: what it printed first; url: its address; process: its Popen."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        timer = threading.Timer(START_LINE_TIMEOUT, process.kill)
        timer.start()
        self.line = process.stdout.readline()
        timer.cancel()
        self.url = self.line.rpartition(' ')[2].strip().rstrip('/')
        self.port = int(self.url.rpartition(':')[2] or 0) if self.url else 0

    def stop(self, signal_number: int, timeout: float = 30) -> tuple[int, str]:
        """Send a signal and wait. Returns the exit status and what was printed after the start line."""
        self.process.send_signal(signal_number)
        rest, _ = self.process.communicate(timeout=timeout)
        return self.process.returncode, rest


@pytest.fixture
def spyce_serve(tmp_path: Path) -> Iterator[Callable[..., LiveServer]]:
    """spyce_serve(root, '--threads', '4'): the real server in a process of its own, at a port of its own."""
    started: list[LiveServer] = []

    def serve(root: Path | str, *arguments: str) -> LiveServer:
        environment = {**os.environ, 'XDG_STATE_HOME': str(tmp_path / 'state'), 'PYTHONUNBUFFERED': ''}
        log = open(tmp_path / f'server{len(started)}.log', 'w+')  # noqa: SIM115  closed below
        with log:
            process = subprocess.Popen([sys.executable, '-m', 'spyce', 'serve', str(root), '--port', '0', *arguments],
                                       stdout=subprocess.PIPE, stderr=log, text=True, env=environment, cwd=tmp_path)
            server = LiveServer(process)
            started.append(server)
            if not server.line:
                process.wait(5)
                log.seek(0)
                pytest.fail(f'the server did not start:\n{log.read()}')
        return server

    yield serve
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait()
        assert server.process.stdout is not None
        server.process.stdout.close()
