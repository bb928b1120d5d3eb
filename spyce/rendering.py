"""Pages as text, for programs: what spyce.render() and spyce.render_string() do."""
from __future__ import annotations

import contextvars
import functools
import io
import os
import sys
import threading
import unicodedata
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from keyword import iskeyword
from typing import Any, NoReturn

from spyce.config import load_config
from spyce.runtime.context import current_server, living_servers, serving
from spyce.runtime.errors import spyceRuntimeException
from spyce.runtime.exceptions import SpyceError
from spyce.runtime.handler import REDIRECTED, Execution, Load
from spyce.runtime.paths import real_file, real_folder, url_to_file
from spyce.runtime.server import spyceServer
from spyce.runtime.stdout import install_stdout
from spyce.runtime.wrapper import spyceWrapper
from spyce.web.request import WebRequest
from spyce.web.response import WebResponse

Path = str | os.PathLike[str]

MOST_SITES = 50
"""Sites whose compiled pages are kept, for programs that render pages of ever new folders."""

_servers: dict[tuple[str, str | None, bool], spyceServer] = {}
_servers_lock = threading.RLock()


def render_file(path: Path, arguments: Mapping[str, Any], root: Path | None, config: Path | None) -> str:
    """See spyce.render()."""
    path = os.fspath(path)
    signature = _signature(tuple(arguments))
    server = _meant_server(root, config)
    if server is None:
        path = os.path.abspath(path)
        server = _server_of(os.path.dirname(path), None)
    elif not os.path.isabs(path):
        path = url_to_file(path, server.config.root, os.path.join(server.config.root, 'page'))
    file = real_file(path)
    return Rendering(server, file).text(lambda: server.load_page(file, signature), arguments)


def render_source(source: str, arguments: Mapping[str, Any], root: Path | None, config: Path | None) -> str:
    """See spyce.render_string()."""
    signature = _signature(tuple(arguments))
    server = _meant_server(root, config) or _server_of(None, None)
    return Rendering(server, '<string>').text(lambda: server.load_string(source, signature), arguments)


@functools.lru_cache(maxsize=1000)
def _signature(names: tuple[str, ...]) -> str:
    """Arguments of these names as parameters of the page, the same whatever their order. Raises TypeError."""
    for name in names:
        # Names become source text, and may come from a visitor's form through **: nothing else gets through here.
        if (not name.isidentifier() or iskeyword(name) or name in ('self', '__debug__') or name.startswith('_spyce')
                or unicodedata.normalize('NFKC', name) != name):
            raise TypeError(f'a page cannot have an argument called {name!r:.100}: no variable can have that name')
    return '*, ' + ', '.join(sorted(names)) if names else ''


def _meant_server(root: Path | None, config: Path | None) -> spyceServer | None:
    """The server of the site that the caller names, else the one whose request or task is being worked on."""
    if root is None and config is None:
        return current_server.get()
    return _server_of(root, config)


def _server_of(root: Path | None, config: Path | None) -> spyceServer:
    """A server for render() alone, made at the first use of that site. Raises ConfigError."""
    key = (real_folder(os.curdir if root is None else os.fspath(root)),
           None if config is None else os.path.realpath(config), root is None)
    with _servers_lock:
        server = _servers.pop(key, None)
        if server is None:
            server = spyceServer(load_config(root, config))
            living_servers.discard(server)  # getServer() outside of requests means the servers that the program made
        _servers[key] = server  # last: the first is the one that was not used for longest
        if len(_servers) > MOST_SITES:
            del _servers[next(iter(_servers))]
        return server


class TextResponse(WebResponse):
    """A raw response that goes nowhere: its text is kept."""

    no_cookies = 'the page is rendered as text for a program, and nobody gets its cookies'

    def __init__(self, request: WebRequest, server: spyceServer) -> None:
        super().__init__(_no_start, request, server.config)

    def flush(self, stopFlag: int = 0) -> None:
        """Nothing: there is nobody to send it to yet."""

    def sendHeaders(self) -> None:
        """Nothing, as they go nowhere."""

    def unbuffer(self) -> None:
        """Nothing, as for flush()."""

    def text(self) -> str:
        """All that was written. Raises TypeError if bytes are among it."""
        if any(isinstance(part, bytes) for part in self._parts):
            raise TypeError('the page has written bytes, and rendering a page gives text')
        return ''.join(map(str, self._parts))


def _no_start(*args: Any) -> NoReturn:
    raise AssertionError('a response that goes nowhere has been sent')


class Rendering(Execution):
    """One page run for a program: its text is returned, and its errors are raised."""

    def __init__(self, server: spyceServer, file: str) -> None:
        request = _quiet_request(server, file)
        self._text_response = TextResponse(request, server)
        self._file = file
        super().__init__(server, request, self._text_response)

    def text(self, load: Load, arguments: Mapping[str, Any]) -> str:
        """The text of the page that `load` gives, run with these arguments. Raises what the page raises."""
        return contextvars.copy_context().run(self._render, load, dict(arguments))

    def _render(self, load: Load, arguments: dict[str, Any]) -> str:
        install_stdout()
        with serving(self.server, self.output), _transaction(self.server.config.db):
            self._run_redirected(load, (), arguments)
            self._complete()
        return self._text_response.text()

    def _show(self, wrapper: spyceWrapper, error: spyceRuntimeException) -> NoReturn:
        raise error.exception

    def _refuse(self, error: Exception) -> NoReturn:
        raise error

    def _show_plainly(self, failure: BaseException, logged: bool = False) -> NoReturn:
        raise failure

    def _complete(self) -> None:
        if self.request.state.get(REDIRECTED):
            raise SpyceError(f'{self._file} sends its visitor elsewhere with redirect.external(), so it has no text')
        super()._complete()


def _transaction(db: Any) -> AbstractContextManager[object]:
    """A transaction of the configuration's `db` for a page that runs outside of any; only spyce.db has these."""
    if hasattr(type(db), 'transaction') and not getattr(db, 'in_transaction', True):
        transaction: AbstractContextManager[object] = db.transaction()
        return transaction
    return nullcontext()


def _quiet_request(server: spyceServer, file: str) -> WebRequest:
    """What a page that is rendered sees as its request: a GET of its own address, without query and cookies."""
    request = WebRequest({
        'REQUEST_METHOD': 'GET', 'SCRIPT_NAME': '', 'PATH_INFO': '', 'QUERY_STRING': '',
        'SERVER_NAME': 'localhost', 'SERVER_PORT': '80', 'SERVER_PROTOCOL': 'HTTP/1.0', 'HTTP_HOST': 'localhost',
        'REMOTE_ADDR': '127.0.0.1', 'wsgi.version': (1, 0), 'wsgi.url_scheme': 'http', 'wsgi.input': io.BytesIO(),
        'wsgi.errors': sys.stderr, 'wsgi.multithread': True, 'wsgi.multiprocess': False, 'wsgi.run_once': False,
    }, server.config)
    root = os.path.join(request.root, '')
    name = file.removeprefix(root) if file.startswith(root) else os.path.basename(file)
    request.environ['PATH_INFO'] = '/' + os.fsencode(name).decode('latin-1').replace(os.sep, '/')  # as WSGI has it
    return request
