"""The raw request of 2.1 over a WSGI environ (reference 6.4). What a client sent is parsed when a page asks for it."""
from __future__ import annotations

import os
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser
from werkzeug.http import parse_cookie, parse_options_header
from werkzeug.wsgi import LimitedStream, get_content_length, get_input_stream

from spyce.web.errors import BadRequest, RequestTooLarge
from spyce.web.proxy import behind_proxy
from spyce.web.upload import Upload, limited_files

if TYPE_CHECKING:
    from spyce.config import Config

Pairs = list[tuple[str, str]]

METHODS_WITH_FORM = ('POST', 'PUT', 'PATCH')


class _OrderedPairs(MultiDict[str, Any]):
    """Keeps the pairs in the order of the request, across names too, which MultiDict alone does not."""

    def __init__(self, mapping: Any = None) -> None:
        super().__init__(mapping)
        self.pairs: list[tuple[str, Any]] = list(mapping or ())


class _BoundedStream(LimitedStream):
    """A body that ends by itself but was not announced with a length: it must not be longer than `limit` bytes."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        super().__init__(stream, limit + 1, is_max=True)

    def readinto(self, b: bytearray) -> int | None:  # type: ignore[override]
        size = super().readinto(b)
        if self.is_exhausted:
            raise RequestEntityTooLarge()
        return size


class WebRequest:
    """One request. `state` lives as long as it does: what modules share among pages of the request hangs there."""

    def __init__(self, environ: dict[str, Any], config: Config) -> None:
        self.environ = behind_proxy(environ, config.trusted_proxies)
        self.config = config
        self.state: dict[str, Any] = {}
        self._stack: list[str] = []
        self._temporary_files: list[IO[bytes]] = []

    # -- 2.1's raw request -------------------------------------------------------------------------------------

    def read(self, n: int | None = None) -> bytes:
        """The body, or its next `n` bytes. Empty once a page has asked for the form, which reads it all.

        Raises RequestTooLarge, BadRequest (the client sent less than it announced).
        """
        try:
            return self._body.read(-1 if n is None else n)
        except ClientDisconnected as error:
            raise BadRequest('the body of the request is shorter than its Content-Length') from error
        except RequestEntityTooLarge as error:
            raise self._body_too_large() from error

    def readline(self, n: int | None = None) -> bytes:
        """The next line of the body, or the first `n` bytes of it. Raises what read() raises."""
        try:
            return self._body.readline(-1 if n is None else n)
        except ClientDisconnected as error:
            raise BadRequest('the body of the request is shorter than its Content-Length') from error
        except RequestEntityTooLarge as error:
            raise self._body_too_large() from error

    def env(self, name: str | None = None) -> Any:
        """A variable of the CGI environment, None if it is not set; without name the dictionary of all."""
        return self.environ if name is None else self.environ.get(name)

    def getHeader(self, type: str | None = None) -> Any:
        """A request header by its name in any case, None if it was not sent; without name a dict of all.

        Recorded case request-header.
        """
        if type is not None:
            key = type.upper().replace('-', '_')
            if key not in ('CONTENT_TYPE', 'CONTENT_LENGTH'):
                key = f'HTTP_{key}'
            return self.environ.get(key) or None
        return {_header_name(key): value for key, value in self.environ.items()
                if key.startswith('HTTP_') or (key in ('CONTENT_TYPE', 'CONTENT_LENGTH') and value)}

    def getServerID(self) -> int:
        """The id of this process."""
        return os.getpid()

    # -- what the client sent, parsed --------------------------------------------------------------------------

    def method(self) -> str:
        """The request method, upper case."""
        return str(self.environ.get('REQUEST_METHOD', 'GET')).upper()

    def query(self) -> Pairs:
        """(name, value) of the query string, in order, blank values kept. Raises RequestTooLarge."""
        return list(self._query)

    def form(self) -> Pairs:
        """(name, value) of the fields of a POST, PUT or PATCH body, in order, blank values kept; not its files.

        Raises RequestTooLarge, BadRequest.
        """
        return list(self._form[0])

    def files(self) -> list[tuple[str, Upload]]:
        """(name, file) of the files in a multipart body, in order. Raises RequestTooLarge, BadRequest."""
        return list(self._form[1])

    def cookies(self) -> Pairs:
        """(name, value) of the cookies in order, as sent: values not url-decoded, a name may come twice."""
        return list(self._cookies)

    def is_secure(self) -> bool:
        """Whether the client (or a trusted proxy before it) speaks https."""
        return bool(self.environ.get('wsgi.url_scheme') == 'https')

    @property
    def remote_addr(self) -> str:
        """The address of the client, as far as trusted proxies tell; empty if unknown."""
        return str(self.environ.get('REMOTE_ADDR') or '')

    @property
    def host(self) -> str:
        """Host and port that the client asked for. Whatever it likes to say: check before trusting it."""
        name = self.environ.get('HTTP_HOST') or self.environ.get('SERVER_NAME') or ''
        return str(name)

    @property
    def path(self) -> str:
        """The path of the url, decoded, with the prefix that the application is mounted under."""
        return self._path_bytes.decode('utf-8', 'replace')

    def uri(self) -> str:
        """Path and query as the client sent them, still escaped (recorded case request-uri)."""
        query = self.environ.get('QUERY_STRING', '')
        return self._escaped_path + ('?' + query if query else '')

    def close(self) -> None:
        """The request is over: remove the temporary files of its uploads."""
        for file in self._temporary_files:
            file.close()

    # -- how -----------------------------------------------------------------------------------------------------

    @property
    def _path_bytes(self) -> bytes:
        path = self.environ.get('SCRIPT_NAME', '') + self.environ.get('PATH_INFO', '')
        return str(path).encode('latin-1', 'replace')

    @property
    def _escaped_path(self) -> str:
        # The original spelling, if the server passes it on and nothing on the way has rewritten the path.
        original = str(self.environ.get('REQUEST_URI') or self.environ.get('RAW_URI') or '').partition('?')[0]
        if original.startswith('/') and unquote_to_bytes(original.encode('latin-1', 'replace')) == self._path_bytes:
            return original
        return quote(self._path_bytes, safe="/:@!$&'()*+,;=~-._") or '/'

    @cached_property
    def _query(self) -> Pairs:
        text = str(self.environ.get('QUERY_STRING', '')).encode('latin-1', 'replace').decode('utf-8', 'replace')
        return self._parse_urlencoded(text)

    @cached_property
    def _cookies(self) -> Pairs:
        text = str(self.environ.get('HTTP_COOKIE', '')).encode('latin-1', 'replace').decode('utf-8', 'replace')
        # parse_cookie wants the bytes as latin-1, as WSGI has them, and fails if they are not UTF-8.
        parsed = parse_cookie(text.encode().decode('latin-1'), cls=_OrderedPairs)
        assert isinstance(parsed, _OrderedPairs)
        return parsed.pairs

    @cached_property
    def _body(self) -> IO[bytes]:
        try:
            stream = get_input_stream(self.environ, max_content_length=self.config.max_body_bytes)
        except RequestEntityTooLarge as error:
            raise self._body_too_large() from error
        if self.environ.get('wsgi.input_terminated'):
            return cast('IO[bytes]', _BoundedStream(self.environ['wsgi.input'], self.config.max_body_bytes))
        return stream

    @cached_property
    def _form(self) -> tuple[Pairs, list[tuple[str, Upload]]]:
        if self.method() not in METHODS_WITH_FORM:
            return [], []
        mimetype, options = parse_options_header(self.environ.get('CONTENT_TYPE'))
        if mimetype == 'application/x-www-form-urlencoded':
            return self._parse_urlencoded(self.read().decode('utf-8', 'replace')), []
        if mimetype == 'multipart/form-data':
            return self._parse_multipart(options.get('boundary', ''))
        return [], []

    def _parse_urlencoded(self, text: str) -> Pairs:
        if not text:
            return []
        if text.count('&') >= self.config.max_fields:
            raise RequestTooLarge('the request has more fields than max_fields')
        return parse_qsl(text, keep_blank_values=True, encoding='utf-8', errors='replace')

    def _parse_multipart(self, boundary: str) -> tuple[Pairs, list[tuple[str, Upload]]]:
        config = self.config
        parser = MultiPartParser(
            stream_factory=limited_files(config.max_file_bytes, self._temporary_files),
            max_form_memory_size=config.max_body_bytes, max_form_parts=config.max_fields, cls=_OrderedPairs)
        try:
            fields, storages = parser.parse(self._body, boundary.encode('ascii'), get_content_length(self.environ))
        except RequestEntityTooLarge as error:
            raise RequestTooLarge('the request is over max_body_bytes or max_fields') from error
        except ClientDisconnected as error:
            raise BadRequest('the body of the request is shorter than its Content-Length') from error
        except ValueError as error:
            raise BadRequest(f'the form of the request cannot be read: {error}') from error
        assert isinstance(fields, _OrderedPairs) and isinstance(storages, _OrderedPairs)
        pairs = [(name or '', value) for name, value in fields.pairs]
        files = []
        for name, storage in storages.pairs:
            if storage.filename:
                files.append((name or '', Upload(name or '', storage)))
            else:  # a file field that the visitor left empty is an empty field, as it was for cgi.FieldStorage
                pairs.append((name or '', ''))
        return pairs, files

    def _body_too_large(self) -> RequestTooLarge:
        return RequestTooLarge(f'the body of the request is larger than max_body_bytes ({self.config.max_body_bytes})')


def _header_name(key: str) -> str:
    return '-'.join(word.capitalize() for word in key.removeprefix('HTTP_').split('_'))
