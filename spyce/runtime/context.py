"""What is current in this thread: the server that a request or config belongs to, and where its output goes."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from spyce.sessions.living import Living

if TYPE_CHECKING:
    from spyce.runtime.output import Output
    from spyce.runtime.server import spyceServer

current_server: ContextVar[Any | None] = ContextVar('spyce_server', default=None)
current_output: ContextVar[Output | None] = ContextVar('spyce_output', default=None)

living_servers: Living[spyceServer] = Living()


@contextmanager
def outside_of_pages() -> Iterator[None]:
    """While the block runs, what is printed does not reach a visitor: for log records, which may go to stdout."""
    token = current_output.set(None)
    try:
        yield
    finally:
        current_output.reset(token)


@contextmanager
def serving(server: spyceServer, output: Output | None) -> Iterator[None]:
    """While the block runs, getServer() gives `server`, and print writes to `output` (None: the real stdout)."""
    server_token = current_server.set(server)
    output_token = current_output.set(output)
    try:
        yield
    finally:
        current_output.reset(output_token)
        current_server.reset(server_token)


def getServer(config: Any = None) -> spyceServer:
    """The server of the request (or config file) being worked on; outside of any, the only server of the process.

    With `config`, a new server for that configuration (reference: 2.1's spyce.getServer(config)).
    Raises LookupError if no server is meant, or more than one could be.
    """
    if config is not None:
        from spyce.runtime.server import spyceServer
        return spyceServer(config)
    from spyce.config.loading import loading
    if loading.get() is not None:
        raise LookupError('getServer(): the config is being read, and its server is made from it afterwards; call '
                          'getServer() from pages, modules or scheduled tasks')
    server: spyceServer | None = current_server.get()
    if server is not None:
        return server
    servers = list(living_servers)
    if len(servers) == 1:
        return servers[0]
    if not servers:
        raise LookupError('getServer(): there is no Spyce server in this process; spyce.make_app(root) makes one')
    raise LookupError(f'getServer(): {len(servers)} Spyce servers live in this process, and this code runs in no '
                      "request of theirs; use the app's own: app.server")
