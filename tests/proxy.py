"""A way to a server that tests can cut, stop and open again."""
from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


def _nothing() -> None:
    pass


class Proxy:
    """Passes on what goes to the server of a URL, and its answers; `url` leads there through it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.lead_to(url)
        self._sockets: list[socket.socket] = []
        self._flows = threading.Event()
        self._flows.set()
        self._to_lose: int | None = None
        self._meanwhile: Callable[[], object] = _nothing
        self.port = 0
        self.open()
        login, at, _ = parts.netloc.rpartition('@')
        self.url: str = parts._replace(netloc=f'{login}{at}127.0.0.1:{self.port}').geturl()

    def lead_to(self, url: str) -> None:
        """The server for new connections; those that are there stay."""
        parts = urlsplit(url)
        self._target = parts.hostname, parts.port

    def open(self) -> None:
        """Let connections through."""
        self._listener = socket.create_server(('127.0.0.1', self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                here = listener.accept()[0]
                there = socket.create_connection(self._target)
                self._sockets += here, there
                threading.Thread(target=self._pump, args=(here, there, False), daemon=True).start()
                threading.Thread(target=self._pump, args=(there, here, True), daemon=True).start()

    def cut(self) -> None:
        """Nobody gets through, nor does who was connected: as when the server is stopped."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        while self._sockets:
            with contextlib.suppress(OSError):
                self._sockets.pop().shutdown(socket.SHUT_RDWR)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """All is taken and nothing is passed on, as when the server stands still."""
        self._flows.clear()
        yield
        self._flows.set()

    def losing_each_answer(self, meanwhile: Callable[[], object] = _nothing) -> Iterator[None]:
        """For a loop over the same work: its first answer is lost, with the connection, the next time its second, and
        so on, until there is none that was not. meanwhile: is done between the loss and its being noticed."""
        for number in itertools.count():
            self._to_lose, self._meanwhile = number, meanwhile
            yield
            if self._to_lose is not None:
                self._to_lose = None
                return

    def _is_to_be_lost(self) -> bool:
        if self._to_lose is None:
            return False
        self._to_lose = self._to_lose - 1 if self._to_lose else None
        if self._to_lose is None:
            self._meanwhile()
            return True
        return False

    def _pump(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                if is_answer and self._is_to_be_lost():
                    break
                target.sendall(data)
        for end in source, target:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()
