"""A real `spyce serve` in a process of its own, for experiments."""
from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SOAK = bool(os.environ.get('SPYCE_SOAK'))
"""Whether the experiments run in full (make soak) or small (make test)."""


class ServerProcess:
    """`spyce serve` on a free port of this machine; `log` has what it writes to stderr, by default beside `root`."""

    def __init__(self, root: Path, *arguments: str, log: Path | None = None) -> None:
        self._command = [sys.executable, '-m', 'spyce', 'serve', str(root), '--port', '0', *arguments]
        self.log = log or root.parent / 'server.log'
        self.start()

    def start(self) -> None:
        """Start, and wait until it accepts connections."""
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=log, text=True,
                                            start_new_session=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith('Serving '), self.log.read_text()
        self.host, _, port = line.strip().rstrip('/').rpartition('/')[2].partition(':')
        self.port = int(port)

    def workers(self) -> list[int]:
        """Process ids of the workers (Linux)."""
        found = []
        for stat in Path('/proc').glob('[0-9]*/stat'):
            with suppress(OSError):  # it has ended meanwhile
                if int(stat.read_text().rpartition(')')[2].split()[1]) == self.process.pid:
                    found.append(int(stat.parent.name))
        return found

    def kill(self) -> None:
        """Kill the server and all its workers, as kill -9 does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self._wait()

    def stop(self) -> None:
        """Ask the server to stop."""
        if self.process.poll() is None:
            self.process.terminate()
        self._wait()

    def _wait(self) -> None:
        self.process.wait(timeout=60)
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def running(root: Path, *arguments: str) -> Iterator[ServerProcess]:
    """A server that is stopped at the end of the block."""
    server = ServerProcess(root, *arguments)
    try:
        yield server
    finally:
        server.stop()


class Visitor:
    """A client with a cookie and a connection of its own."""

    def __init__(self, server: ServerProcess, cookie: str | None = None) -> None:
        self.cookie = cookie
        self._connection = http.client.HTTPConnection(server.host, server.port, timeout=60)

    def get(self, path: str) -> tuple[int, str]:
        """(status, body) of a GET."""
        self._connection.request('GET', path, headers={'Cookie': self.cookie} if self.cookie else {})
        response = self._connection.getresponse()
        body = response.read().decode('utf-8')
        sent = response.getheader('Set-Cookie')
        if sent:
            self.cookie = sent.partition(';')[0]
        return response.status, body

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
