"""Pages as text, for programs: what spyce.render() and spyce.render_string() do."""
from __future__ import annotations

import contextvars
import functools
import io
import os
import sys
import threading
import unicodedata
from keyword import iskeyword
from typing import Any, NoReturn

from spyce.config import load_config
from spyce.runtime.context import current_server, living_servers
from spyce.runtime.errors import spyceRuntimeException
from spyce.runtime.exceptions import SpyceError
from spyce.runtime.handler import REDIRECTED, Execution, Load
from spyce.runtime.paths import is_absolute, look_at_file, real_folder, url_to_file
from spyce.runtime.server import spyceServer
from spyce.runtime.wrapper import spyceWrapper
from spyce.web.request import WebRequest
from spyce.web.response import WebResponse

Path = str | os.PathLike[str]

MOST_SITES = 50
"""Sites whose compiled pages are kept, for programs that render pages of ever new folders."""

_servers: dict[tuple[str, str | None, bool], spyceServer] = {}
_servers_lock = threading.RLock()


def render_file(path: Path, arguments: dict[str, Any], root: Path | None, config: Path | None) -> str:
    """See spyce.render()."""
    path = os.fspath(path)
    signature = _signature(tuple(arguments))
    server, real_root = _meant_server(root, config)
    if server is None:
        path = os.path.abspath(path)
        server, real_root = _server_of(os.path.dirname(path), None)
    elif not is_absolute(path):
        path = url_to_file(path, server.config.root, os.path.join(server.config.root, 'page'))
    file, status = look_at_file(path)
    return Rendering(server, file, real_root).text(lambda: server.load_page(file, signature, status), arguments)


def render_source(source: str, arguments: dict[str, Any], root: Path | None, config: Path | None) -> str:
    """See spyce.render_string()."""
    signature = _signature(tuple(arguments))
    server, real_root = _meant_server(root, config)
    if server is None:
        server, real_root = _server_of(None, None)
    return Rendering(server, '<string>', real_root).text(lambda: server.load_string(source, signature), arguments)


@functools.lru_cache(maxsize=1000)
def _signature(names: tuple[str, ...]) -> str:
    """Arguments of these names as parameters of the page, the same whatever their order. Raises TypeError."""
    for name in names:
        # Names become source text, and may come from a visitor's form through **: nothing else gets through here.
        if (not name.isidentifier() or iskeyword(name) or name in ('self', '__debug__') or name.startswith('_spyce')
                or unicodedata.normalize('NFKC', name) != name):
            raise TypeError(f'a page cannot have an argument called {name!r:.100}: no variable can have that name')
    return '*, ' + ', '.join(sorted(names)) if names else ''


def _meant_server(root: Path | None, config: Path | None) -> tuple[spyceServer | None, str | None]:
    """The server of the site that the caller names, else the one whose request or task is being worked on.

    With it the real path of its root, None if that was not looked up.
    """
    if root is None and config is None:
        return current_server.get(), None
    return _server_of(root, config)


def _server_of(root: Path | None, config: Path | None) -> tuple[spyceServer, str | None]:
    """A server for render() alone, made at the first use of that site, as in _meant_server(). Raises ConfigError."""
    real_root = real_folder(os.curdir if root is None else os.fspath(root))
    key = (real_root, None if config is None else os.path.realpath(config), root is None)
    with _servers_lock:
        server = _servers.pop(key, None)
        if server is None:
            server = spyceServer(load_config(root, config))
            living_servers.discard(server)  # getServer() outside of requests means the servers that the program made
        _servers[key] = server  # last: the first is the one that was not used for longest
        if len(_servers) > MOST_SITES:
            del _servers[next(iter(_servers))]
    return server, None if root is None else real_root


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
        try:
            return ''.join(self._parts)  # type: ignore[arg-type]  # if not, this tells
        except TypeError:
            raise TypeError('the page has written bytes, and rendering a page gives text') from None


def _no_start(*args: Any) -> NoReturn:
    raise AssertionError('a response that goes nowhere has been sent')


class Rendering(Execution):
    """One page run for a program: its text is returned, and its errors are raised."""

    def __init__(self, server: spyceServer, file: str, real_root: str | None) -> None:
        """file: of the page; real_root: the real path of the root, None if it is to be looked up."""
        request = _quiet_request(server, file, real_root)
        self._text_response = TextResponse(request, server)
        self._file = file
        super().__init__(server, request, self._text_response)

    def text(self, load: Load, arguments: dict[str, Any]) -> str:
        """The text of the page that `load` gives, run with these arguments. Raises what the page raises."""
        return contextvars.copy_context().run(self._render, load, arguments)

    def _render(self, load: Load, arguments: dict[str, Any]) -> str:
        self._enter()
        db = self.server.config.db
        if _needs_transaction(db):
            with db.transaction():
                return self._printed(load, arguments)
        return self._printed(load, arguments)

    def _printed(self, load: Load, arguments: dict[str, Any]) -> str:
        try:
            self._run_redirected(load, (), arguments)
            self._complete()
            return self._text_response.text()
        finally:
            self._let_go()

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


def _needs_transaction(db: Any) -> bool:
    """Whether a page that is rendered is outside of any transaction of the configuration's `db`, and may have one; only
    spyce.db has these."""
    return db is not None and hasattr(type(db), 'transaction') and not getattr(db, 'in_transaction', True)


_QUIET = {
    'REQUEST_METHOD': 'GET', 'SCRIPT_NAME': '', 'QUERY_STRING': '', 'SERVER_NAME': 'localhost', 'SERVER_PORT': '80',
    'SERVER_PROTOCOL': 'HTTP/1.0', 'HTTP_HOST': 'localhost', 'REMOTE_ADDR': '127.0.0.1', 'wsgi.version': (1, 0),
    'wsgi.url_scheme': 'http', 'wsgi.multithread': True, 'wsgi.multiprocess': False, 'wsgi.run_once': False,
}


def _quiet_request(server: spyceServer, file: str, real_root: str | None) -> WebRequest:
    """What a page that is rendered sees as its request: a GET of its own address, without query and cookies."""
    request = WebRequest({**_QUIET, 'wsgi.input': io.BytesIO(), 'wsgi.errors': sys.stderr}, server.config)
    if real_root is not None:
        request.root = real_root
    request.environ['PATH_INFO'] = _address(file, request.root)
    return request


@functools.lru_cache(maxsize=1000)
def _address(file: str, root: str) -> str:
    """The path of the url of a file, as WSGI has it; of one outside of the root, its name."""
    below = os.path.join(root, '')
    name = file.removeprefix(below) if file.startswith(below) else os.path.basename(file)
    return '/' + os.fsencode(name).decode('latin-1').replace(os.sep, '/')
