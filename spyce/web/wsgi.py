"""The WSGI application of a site: finds what a url means, and answers with a page, a file or an error."""
from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from spyce.web.errors import RequestError, RequestTooLarge, error_page
from spyce.web.filetypes import content_type
from spyce.web.request import WebRequest
from spyce.web.response import StartResponse, WebResponse, WriteBytes
from spyce.web.routing import Kind, route
from spyce.web.status import reason

if TYPE_CHECKING:
    from spyce.config import Config

log = logging.getLogger('spyce.web')

PAGE_METHODS = ('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS')
FILE_METHODS = ('GET', 'HEAD')


class PageServer(Protocol):
    """What the application needs of a server of pages."""

    @property
    def config(self) -> Config:
        """The configuration of the site."""

    def handle_page(self, request: Any, response: Any, file: str, status: os.stat_result | None = None) -> int:
        """Answer with the page in `file`, or with its error page; the caller closes the response.

        status: what was just found out about the file; None if there is none.
        """

    def start_schedule(self) -> None:
        """Run the scheduled tasks of the site in this process."""


class MethodNotAllowed(RequestError):
    """The address does not answer requests with this method."""

    http_status = 405

    def __init__(self, method: str, allowed: tuple[str, ...]) -> None:
        super().__init__(f'{method!r:.30} is not among {", ".join(allowed)}')
        self.http_headers = (('Allow', ', '.join(allowed)),)


class NotFound(RequestError):
    """The url means nothing here."""

    http_status = 404


class Application:
    """A WSGI application for one site. server: the server of its pages; config: its configuration; root: its folder."""

    def __init__(self, server: PageServer) -> None:
        self.server = server
        self.config = server.config
        self.root = server.config.root
        self._environment_noted = False

    def start_background(self) -> None:
        """Run the scheduled tasks of the site in this process; for workers that serve (`spyce serve` does it)."""
        self.server.start_schedule()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if not self._environment_noted:
            self._environment_noted = True
            note = getattr(self.server, 'note_environment', None)
            if note is not None:
                note(environ)
        start = _Start(start_response)
        request = WebRequest(environ, self.config)
        try:
            return self._answer(request, start)
        except RequestError as error:
            log.info('%s %.500r: %s', error.http_status, request.uri(), error)
            return self._short_page(request, start, error.http_status, error.http_headers)
        except Exception:
            log.exception('error while answering %.500r', request.uri())
            if start.started:
                raise  # the web server cuts the connection, so that the client does not take a part for the whole
            return self._short_page(request, start, 500)
        finally:
            request.close()

    def _answer(self, request: WebRequest, start: _Start) -> Iterable[bytes]:
        path_info = request.environ.get('PATH_INFO', '')
        if not path_info:
            if request.environ.get('SCRIPT_NAME'):
                return self._redirect_to_folder(request, start)
            path_info = '/'
        kind, file, status = route(path_info, request.root, self.config)
        if kind is Kind.PAGE or kind is Kind.MISSING_PAGE:
            return self._page(request, start, file, status)
        if kind is Kind.STATIC:
            return self._static(request, start, file)
        if kind is Kind.ADD_SLASH:
            self._check_method(request, FILE_METHODS)
            return self._redirect_to_folder(request, start)
        raise NotFound('there is nothing at this path')

    def _page(self, request: WebRequest, start: _Start, file: str, status: os.stat_result | None) -> Iterable[bytes]:
        # Pages of 2.1 saw GET and POST only; a page of today may want to answer them all. TRACE and CONNECT are
        # not for pages.
        self._check_method(request, PAGE_METHODS)
        length = request.environ.get('CONTENT_LENGTH')
        if length and length.isdecimal() and int(length[:20]) > self.config.max_body_bytes:
            raise RequestTooLarge('the body of the request is larger than max_body_bytes')
        response = WebResponse(start, request, self.config)
        self.server.handle_page(request, response, file, status)
        return response.close()

    def _static(self, request: WebRequest, start: _Start, file: str) -> Iterable[bytes]:
        file_type = content_type(file, self.config)
        if file_type is None:
            raise NotFound('a file of this kind is not sent')
        self._check_method(request, FILE_METHODS)
        from spyce.web.static import send_file  # when it is needed: Werkzeug takes a while to import
        return send_file(file, file_type, request.environ, start)

    def _check_method(self, request: WebRequest, allowed: tuple[str, ...]) -> None:
        if request.method() not in allowed:
            raise MethodNotAllowed(request.method(), allowed)

    def _redirect_to_folder(self, request: WebRequest, start: _Start) -> Iterable[bytes]:
        """Send the client to the same path with a slash: a path only, so that it cannot lead to another host."""
        path = '/' + quote(request.path.lstrip('/'), safe="/:@!$&'()*+,;=~") + '/'
        query = quote(request.environ.get('QUERY_STRING', ''), safe="%/:?@!$&'()*+,;=~", encoding='latin-1')
        location = path + ('?' + query if query else '')
        return self._short_page(request, start, 301, [('Location', location)], 'Moved', 'The page is at this address '
                                'with a slash at its end.')

    def _short_page(self, request: WebRequest, start: _Start, status: int, headers: Iterable[tuple[str, str]] = (),
                    title: str | None = None, message: str | None = None) -> Iterable[bytes]:
        body = error_page(status, title, message).encode()
        start(f'{status} {reason(status)}', [
            ('Content-Type', 'text/html; charset=utf-8'), ('X-Content-Type-Options', 'nosniff'),
            ('Content-Length', str(len(body))), *headers])
        return [] if request.method() == 'HEAD' else [body]


class _Start:
    """start_response that remembers whether it was called."""

    def __init__(self, start_response: StartResponse) -> None:
        self._start_response = start_response
        self.started = False

    def __call__(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> WriteBytes:
        self.started = True
        return self._start_response(status, headers)


def make_app(root: str | os.PathLike[str] | None = None, config: Any = None, **options: Any) -> Application:
    """The WSGI application of the site in the folder `root`, by default the current one.

    config: path of a config file; None loads spyceconf.py from root, if it is there.
    options: options of the configuration that win over the file's, such as debug=True or session_store='memory:';
    relative paths in them are relative to root.
    Raises ConfigError for a value that cannot be used, TypeError for an unknown option.
    """
    from spyce.config import load_config
    return app_for(load_config(root, config, options))


def app_for(config: Config, waits_for_stores: bool = False) -> Application:
    """The WSGI application of a site whose configuration is loaded.

    Raises ConfigError if a configured store cannot be used, unless waits_for_stores.
    """
    from spyce.config import ConfigError
    from spyce.runtime.exceptions import SpyceError
    from spyce.runtime.server import spyceServer
    from spyce.sessions.errors import SessionError
    try:
        server = spyceServer(config, waits_for_stores)
        if config.health_path is None and config.metrics_path is None:
            return Application(server)
        from spyce.web.operating import OperatedApplication
        return OperatedApplication(server)
    except (SessionError, SpyceError) as error:
        raise ConfigError(str(error)) from error
