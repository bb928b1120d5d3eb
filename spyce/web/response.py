"""The raw response of 2.1 over WSGI (reference 6.4): collects, encodes once, sends whole or in flushed pieces."""
from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING
from wsgiref.util import is_hop_by_hop

from spyce.web.errors import ResponseError
from spyce.web.status import ReturnCodes, reason

if TYPE_CHECKING:
    from spyce.config import Config
    from spyce.web.request import WebRequest

WriteBytes = Callable[[bytes], object]
StartResponse = Callable[..., WriteBytes]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROLS = re.compile(r'[\x00-\x08\x0a-\x1f\x7f]')  # all but the tab
_URL_HEADERS = ('location', 'content-location', 'refresh')
_TEXT_TYPE = re.compile(r'text/.*|application/(.*\+)?(xml|json|javascript)|image/svg\+xml')
_MARKUP_TYPE = re.compile(r'.*(html|xml).*')


class WebResponse(ReturnCodes):
    """The answer to one request.

    returncode: HTTP status, to be set with setReturnCode.  headers: list of (name, value), without the content
    type.  headers_sent: whether it is too late to change them.  isCancelled: whether the client has gone away.
    no_cookies: why a cookie cannot reach the client, None if it can.
    body_encoders: called in order with the whole body, as bytes, of a page that was not flushed; each gives what to
    send instead, and may add headers.
    """

    no_cookies: str | None = None

    def __init__(self, start_response: StartResponse, request: WebRequest, config: Config) -> None:
        self.returncode = 200
        self.headers: list[tuple[str, str]] = []
        self.headers_sent = False
        self.isCancelled = False
        self.content_type = 'text/html'
        self.body_encoders: list[Callable[[bytes], bytes]] = []
        self._start_response = start_response
        self._request = request
        self._config = config
        self._parts: list[str | bytes] = []
        self._callbacks: list[Callable[[], object]] = []
        self._unbuffered = False
        self._closed = False
        self._send: WriteBytes | None = None
        self._body: list[bytes] = []

    # -- text ----------------------------------------------------------------------------------------------------

    def write(self, s: str | bytes) -> None:
        """Add to the body. Text is encoded when it is sent, bytes are sent as they are."""
        if not isinstance(s, (str, bytes)):
            raise TypeError(f'write() takes str or bytes, not {type(s).__name__}')
        self._parts.append(s)
        if self._unbuffered:
            self.flush()

    def writeErr(self, s: str) -> None:
        """Write to the error log of the server."""
        self._request.environ['wsgi.errors'].write(s)

    def clear(self) -> None:
        """Drop what was written and not yet sent (recorded case response-flush)."""
        self._parts.clear()

    def flush(self, stopFlag: int = 0) -> None:
        """Send the headers, if they have not been sent, and what has been written so far.

        stopFlag: true at the end of the page, as 2.1's filters pass it on; it makes no difference here.
        """
        self.sendHeaders()
        data = self._take()
        if data and self._has_body() and not self.isCancelled:
            assert self._send is not None
            try:
                self._send(data)
            except Exception as error:
                if not _client_went_away(error):
                    raise
                self.isCancelled = True

    def unbuffer(self) -> None:
        """From now on send everything as soon as it is written."""
        self._unbuffered = True
        self.flush()

    # -- headers -------------------------------------------------------------------------------------------------

    def setContentType(self, content_type: str) -> None:
        """Set the type of the body, for example 'text/plain'. A charset is added to texts when they are sent.

        Raises ValueError for a type with control characters, ResponseError if the headers have been sent.
        """
        self._check_unsent()
        self.content_type = _checked_value('Content-Type', content_type)

    def setReturnCode(self, code: int | str) -> None:
        """Set the HTTP status: a number from 200 to 599, or its digits (recorded case response-return-code).

        Raises ValueError for anything else, ResponseError if the headers have been sent.
        """
        self._check_unsent()
        number = int(code)
        if not 200 <= number <= 599:
            raise ValueError(f'{code!r} cannot be the status of a page: it must be a number from 200 to 599')
        self.returncode = number

    def addHeader(self, type: str, data: object, replace: int = 0) -> None:
        """Add a header; with a true `replace` in the place of those of the same name.

        'Content-Type' sets the content type. 'Content-Length' is ignored, as it is counted when the page is sent.
        Raises ValueError for a name or value that HTTP does not allow, and for headers that belong to the
        connection; ResponseError if the headers have been sent. Recorded cases response-add-header,
        response-add-header-replace, resp-header-colon.
        """
        self._check_unsent()
        name = str(type)
        lower = _checked_name(name)
        value = _checked_value(name, data)
        if lower == 'content-type':
            self.content_type = value
            return
        if lower == 'content-length':
            return
        if replace:
            self.headers = [header for header in self.headers if header[0].lower() != lower]
        self.headers.append((name, value))

    def clearHeaders(self, keep_cookies: bool = False) -> None:
        """Drop the headers that were added; with keep_cookies all but Set-Cookie. The content type stays."""
        self._check_unsent()
        self.headers = [header for header in self.headers if keep_cookies and header[0].lower() == 'set-cookie']

    def before_send(self, callback: Callable[[], object]) -> None:
        """Call `callback()` once, before the headers leave; it may still add some. They run in this order.

        Raises ResponseError if the headers have been sent.
        """
        self._check_unsent()
        self._callbacks.append(callback)

    def prepare(self) -> None:
        """Run the callbacks that wait for the end of the page. What one raises comes out of here."""
        while self._callbacks:
            self._callbacks.pop(0)()

    def sendHeaders(self) -> None:
        """Send status and headers now, if they have not been sent; the length of the body is left open."""
        if not self.headers_sent:
            self.prepare()
            self._start([])

    # -- end -----------------------------------------------------------------------------------------------------

    def close(self) -> list[bytes]:
        """The page has ended: send what is left. Returns what the WSGI application has to return."""
        if self._closed:
            return self._body
        if self.headers_sent:
            self._closed = True
            self.flush(1)
            return self._body
        self.prepare()
        if self.headers_sent:  # a callback has flushed
            return self.close()
        self._closed = True
        data = self._take()
        if self._may_have_body():
            for encode in self.body_encoders:
                data = encode(data)
        self._start([('Content-Length', str(len(data)))] if self._may_have_body() else [])
        if data and self._has_body():
            self._body = [data]
        return self._body

    def iterable(self) -> list[bytes]:
        """What the WSGI application has to return; the same as close()."""
        return self.close()

    # -- how -----------------------------------------------------------------------------------------------------

    def _check_unsent(self) -> None:
        if self.headers_sent:
            raise ResponseError('headers already sent: set headers, cookies and status before flush() or unbuffer()')

    def _start(self, more: list[tuple[str, str]]) -> None:
        headers = [*self.headers, *more]
        if self._may_have_body():
            headers.insert(0, ('Content-Type', _read_type(self.content_type, self._config.encoding)[0]))
        self.headers_sent = True
        self._send = self._start_response(f'{self.returncode} {reason(self.returncode)}', headers)

    def _may_have_body(self) -> bool:
        return self.returncode not in (204, 304)

    def _has_body(self) -> bool:
        return self._may_have_body() and self._request.method() != 'HEAD'

    def _take(self) -> bytes:
        _, encoding, errors = _read_type(self.content_type, self._config.encoding)
        data = b''.join([part if isinstance(part, bytes) else part.encode(encoding, errors) for part in self._parts])
        self._parts.clear()
        return data


@lru_cache(maxsize=256)
def _read_type(content_type: str, encoding: str) -> tuple[str, str, str]:
    """A content type with a charset if it is one of text; how such text is encoded, and what replaces the rest of it.

    encoding: the one of the configuration, for types that name none.
    """
    errors = 'xmlcharrefreplace' if _MARKUP_TYPE.match(content_type) else 'replace'
    if 'charset' in content_type.lower():
        from werkzeug.http import parse_options_header
        named = parse_options_header(content_type)[1].get('charset', '')
        return content_type, named if _is_text_encoding(named) else encoding, errors
    if _TEXT_TYPE.match(content_type):
        content_type = f'{content_type}; charset={encoding}'
    return content_type, encoding, errors


@lru_cache(maxsize=256)
def _checked_name(name: str) -> str:
    """The name of a header that a page may set, in lower case."""
    if not _TOKEN.fullmatch(name):
        raise ValueError(f'{name!r} cannot be the name of a header: letters, digits and - only')
    lower = name.lower()
    if lower == 'status':
        raise ValueError('the status of a page is set with setReturnCode(), not with a header')
    if is_hop_by_hop(lower):
        raise ValueError(f'the header {name} belongs to the connection: only the web server may send it')
    return lower


def _checked_value(name: str, data: object) -> str:
    value = str(data)
    if _CONTROLS.search(value):
        raise ValueError(f'the value of the header {name} holds a line break or another control character')
    if value.isascii():
        return value
    if name.lower() in _URL_HEADERS:
        from werkzeug.urls import iri_to_uri
        return iri_to_uri(value)
    try:
        value.encode('latin-1')
    except UnicodeEncodeError:
        raise ValueError(f'the value of the header {name} holds characters that headers cannot carry: {value!a}; '
                         'urllib.parse.quote() makes them safe') from None
    return value


def _is_text_encoding(name: str) -> bool:
    try:
        return bool(name) and isinstance(''.encode(name), bytes) and bool(codecs.lookup(name))
    except (LookupError, ValueError):
        return False


def _client_went_away(error: Exception) -> bool:
    # Each WSGI server has its own word for it; waitress's is no OSError.
    return isinstance(error, OSError) or type(error).__name__ == 'ClientDisconnected'
