"""Over HTTP: the page that uses the session on the same servers, visitors with cookies, sessions on disk."""
from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import apps, workplace
from benchmarks.client import CLIENT, CONNECTIONS, first_visit, seconds_per_request, visit
from benchmarks.measure import Goal, Size, Table, each_in_turn, is_installed, same_output

PATIENCE = 30
"""Seconds for a server to begin."""

APPLICATION = 'benchmarks.server:application'

SERVERS = {
    'waitress': ['-m', 'waitress', '--listen=127.0.0.1:{port}', '--threads=8', APPLICATION],
    'gunicorn, 1 worker': ['-m', 'gunicorn', '-b', '127.0.0.1:{port}', '-k', 'gthread', '--threads', '8', '-w', '1',
                           '--log-level', 'error', APPLICATION],
    'gunicorn, 2 workers': ['-m', 'gunicorn', '-b', '127.0.0.1:{port}', '-k', 'gthread', '--threads', '8', '-w', '2',
                            '--log-level', 'error', APPLICATION],
    'granian, 1 worker': ['-m', 'granian', '--interface', 'wsgi', '--host', '127.0.0.1', '--port', '{port}',
                          '--workers', '1', '--blocking-threads', '8', '--log-level', 'error', APPLICATION],
}
"""Arguments of Python by the name of the server; its module is the second of them. Eight threads each."""

CONTESTANTS = {'floor': ('floor', ''), 'Spyce': ('spyce', ''), 'Flask': ('flask', 'flask flask_session cachelib')}
"""By name: the function of benchmarks.apps, and the packages that it needs."""


def tables(size: Size) -> list[Table]:
    """One table: all servers run all the time, and are asked in turns."""
    visitors, seconds, rounds = {'tiny': (32, 1, 1), 'full': (1000, 4, 7)}.get(size.name, (100, 1, 3))
    with tempfile.TemporaryDirectory(dir=workplace.folder()) as name, contextlib.ExitStack() as running:
        measures, outputs = {}, {}
        for number, (contestant, server) in enumerate(_pairs(size)):
            folder = Path(name) / str(number)
            folder.mkdir()
            site = running.enter_context(serving(CONTESTANTS[contestant][0], folder, SERVERS[server]))
            url = site.url + apps.URL
            cookies = [first_visit(url) for _ in range(visitors)]
            file = folder / 'cookies'
            file.write_text('\n'.join(cookies) + '\n')
            row = f'{contestant}, {server}'
            outputs[row] = visit(url, cookies[0])
            measures[row] = partial(seconds_per_request, url, file, seconds)
        if not measures:
            return []
        same_output(outputs)
        rows = each_in_turn(measures, rounds)
    goals = [Goal(f'Spyce, {server}', f'Flask, {server}', 2) for server in SERVERS]
    goals.append(Goal('Spyce, gunicorn, 2 workers', 'Spyce, gunicorn, 1 worker', 1.7))
    return [Table('http', f'Over HTTP, session on disk, {visitors:,} visitors, {CONNECTIONS} connections', rows,
                  rows[0].name, goals, note=f'Asked by {CLIENT}, on the same machine. Flask: with Flask-Session on '
                  'files and Jinja2. Time is that of one request while all connections are busy.')]


def _pairs(size: Size) -> Iterator[tuple[str, str]]:
    """The contestants on the servers, as far as they are installed."""
    for server, arguments in list(SERVERS.items())[:None if size.turn else 1]:
        for contestant, (_, packages) in CONTESTANTS.items():
            wanted = packages.split() if size.peers else []
            if is_installed(arguments[1]) and (size.peers or not packages) and all(map(is_installed, wanted)):
                yield contestant, server


@dataclass(frozen=True)
class Server:
    """A running server. pid: of its first process."""

    url: str
    pid: int


@contextlib.contextmanager
def serving(app: str, folder: Path, arguments: list[str]) -> Iterator[Server]:
    """Run a server while the block does. Raises AssertionError if it does not start.

    app: a function of benchmarks.apps; arguments: of Python, with {port} for the port, {folder} for the folder.
    """
    port = free_port()
    environment = {**os.environ, 'BENCH_APP': f'{app}:disk:{folder}', 'PYTHONPATH': os.getcwd(),
                   'XDG_STATE_HOME': str(folder)}
    with open(folder / 'log', 'w+') as log:
        command = [sys.executable, *(part.format(port=port, folder=folder) for part in arguments)]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            if not _accepts(port, process):
                log.seek(0)
                raise AssertionError(f'{arguments[1]} does not start: {log.read()}')
            yield Server(f'http://127.0.0.1:{port}', process.pid)
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port: int = probe.getsockname()[1]
        return port


def _accepts(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the server accepts connections; False if it ends or takes too long."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', port), 1):
            return True
        time.sleep(0.05)
    return False
