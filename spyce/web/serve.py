"""The web servers behind `spyce serve`: waitress in one process, gunicorn for several."""
from __future__ import annotations

import os
import signal
import socket
import time
import traceback
from collections.abc import Callable, Iterable
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

from spyce.web.errors import ServeError

if TYPE_CHECKING:
    from spyce.config import Config
    from spyce.web.wsgi import Application

GRACE = 30
"""Seconds that requests in flight get to finish after SIGTERM or SIGINT."""

ARRIVAL = 0.2
"""Seconds after SIGTERM or SIGINT that a connection gets to send its request, or the rest of it."""

BACKLOG = 1024


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 picks a free one. Raises ServeError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM,
                                                                flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ServeError(f'cannot listen at {host}: {error.strerror or error}') from error
    try:
        if os.name == 'posix':  # elsewhere it would let two servers share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ServeError(f'cannot listen at {host} port {port}: {error.strerror}; '
                         'another port can be given with --port') from error
    return listener


def start_line(root: str, listener: socket.socket) -> str:
    """The one line that tells where the site is, to be printed once connections are accepted."""
    host, port = listener.getsockname()[:2]
    if ':' in host:
        host = f'[{host}]'
    return f'Serving {root} at http://{host}:{port}/'


class Serves(Protocol):
    """What serve_with_threads needs: a WSGI application that knows its configuration."""

    @property
    def config(self) -> Config:
        """The configuration of the site."""

    def start_background(self) -> None:
        """Run the scheduled tasks of the site in this process."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request."""


def serve_with_threads(app: Serves, listener: socket.socket, *, threads: int | None = None,
                       signals: Iterable[int] = (signal.SIGTERM, signal.SIGINT),
                       before_finish: Callable[[], object] = lambda: None) -> None:
    """Serve in this process until one of `signals`; then finish what has begun.

    threads: requests answered at once, by default config.threads.  before_finish: called before that last wait.
    """
    from waitress.server import TcpWSGIServer, create_server
    config = app.config
    server = create_server(app, sockets=[listener], threads=threads or config.threads, ident=None, backlog=BACKLOG,
                           # waitress stores a body before it asks us; so it has to refuse one that is too large
                           max_request_body_size=config.max_body_bytes,
                           clear_untrusted_proxy_headers=False)  # whom to trust is for trusted_proxies to say
    assert isinstance(server, TcpWSGIServer)
    stopping: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if stopping:  # asked twice: at once
            os._exit(1)
        stopping.append(number)
        server.pull_trigger()

    for number in signals:
        signal.signal(number, stop)
    print(start_line(config.root, listener), flush=True)
    app.start_background()
    _loop(server, until=lambda: bool(stopping))
    before_finish()
    _finish(server)


def _loop(server: Any, until: Callable[[], bool], timeout: float = 1) -> None:
    """Answer requests. until: asked after each event, and every `timeout` seconds."""
    while not until():
        server.asyncore.loop(timeout=timeout, map=server._map, count=1, use_poll=server.adj.asyncore_use_poll)


def _finish(server: Any) -> None:
    """Take no new connections, answer the requests that are here, stop."""
    from waitress.wasyncore import dispatcher
    dispatcher.close(server)  # the listening socket only: the trigger has to go on waking the loop
    deadline = time.monotonic() + GRACE

    def is_busy(channel: Any) -> bool:
        # A connection that was just accepted, whose request is still to be read, has a request that is here.
        return bool(channel.requests or channel.total_outbufs_len or time.time() - channel.last_activity < ARRIVAL)

    def done() -> bool:
        return not any(map(is_busy, list(server.active_channels.values()))) or time.monotonic() > deadline

    _loop(server, until=done, timeout=ARRIVAL / 2)
    server.task_dispatcher.shutdown(cancel_pending=True, timeout=1)
    for channel in list(server._map.values()):
        channel.close()


def serve_with_processes(make_app: Callable[[bool], Application], config: Config, listener: socket.socket) -> None:
    """Serve with gunicorn in config.processes processes of config.threads threads.

    make_app: makes the application, in each process anew; it is told whether it may do so without a store that cannot
    be used now.  Ends this process when it is told to stop.
    Raises ServeError if gunicorn is not installed.
    """
    try:
        from gunicorn.app.base import BaseApplication
        from gunicorn.arbiter import Arbiter
    except ImportError as error:
        raise ServeError("several workers need gunicorn: pip install 'spyce-session[workers]'") from error

    _check_in_child(lambda: make_app(False))
    line = start_line(config.root, listener)
    address = f'fd://{listener.detach()}'  # gunicorn takes the socket over

    class GracefulArbiter(Arbiter):  # type: ignore[misc]
        """Ctrl-C lets requests in flight finish, as SIGTERM does."""

        def handle_int(self) -> None:
            self.handle_term()

    class Site(BaseApplication):  # type: ignore[misc]
        """What gunicorn asks for settings and application."""

        def load_config(self) -> None:
            settings: dict[str, Any] = {
                'bind': address, 'workers': config.processes, 'threads': config.threads,
                'worker_class': 'gthread', 'graceful_timeout': GRACE, 'loglevel': 'warning', 'proc_name': 'spyce',
                'when_ready': lambda arbiter: print(line, flush=True),
            }
            if 'control_socket_disable' in self.cfg.settings:
                settings['control_socket_disable'] = True
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self) -> Application:
            # When a worker dies and the store is away, too, the next one serves the pages that need no session:
            # gunicorn would end the site if it failed.
            app = make_app(True)
            app.start_background()
            return app

    GracefulArbiter(Site()).run()


def _check_in_child(make_app: Callable[[], Application]) -> None:
    """Make the application once in a process of its own, so that its stores are not carried over a fork.

    Raises ServeError with what that process says: gunicorn would announce the site first and fail then.
    """
    from spyce.config import ConfigError
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            make_app()
        except ConfigError as error:
            os.write(sender, str(error).encode())
        except Exception:
            os.write(sender, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(sender)
    with os.fdopen(receiver, 'rb') as pipe:
        message = pipe.read().decode()
    os.waitpid(child, 0)
    if message:
        raise ServeError(message)
