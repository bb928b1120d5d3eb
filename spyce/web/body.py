"""What a client sent, parsed by Werkzeug. Imported when a page asks for it: Werkzeug takes a while to import."""
from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser
from werkzeug.http import parse_cookie, parse_options_header
from werkzeug.wsgi import LimitedStream, get_content_length, get_input_stream

from spyce.web.errors import BadRequest, RequestTooLarge
from spyce.web.upload import Upload, limited_files

if TYPE_CHECKING:
    from spyce.config import Config

Pairs = list[tuple[str, str]]


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


def cookie_pairs(header: str) -> Pairs:
    """(name, value) of a Cookie header, as WSGI has it, in order."""
    text = header.encode('latin-1', 'replace').decode('utf-8', 'replace')
    # parse_cookie wants the bytes as latin-1, as WSGI has them, and fails if they are not UTF-8.
    parsed = parse_cookie(text.encode().decode('latin-1'), cls=_OrderedPairs)
    assert isinstance(parsed, _OrderedPairs)
    return parsed.pairs


def urlencoded_pairs(text: str, max_fields: int) -> Pairs:
    """(name, value) of a query or a form, in order, blank values kept. Raises RequestTooLarge."""
    if not text:
        return []
    if text.count('&') >= max_fields:
        raise RequestTooLarge('the request has more fields than max_fields')
    return parse_qsl(text, keep_blank_values=True, encoding='utf-8', errors='replace')


class Body:
    """The body of one request."""

    def __init__(self, environ: dict[str, Any], config: Config) -> None:
        """Raises RequestTooLarge for a body that is announced to be larger than max_body_bytes."""
        self._environ = environ
        self._config = config
        self._temporary_files: list[IO[bytes]] = []
        try:
            self._stream = get_input_stream(environ, max_content_length=config.max_body_bytes)
        except RequestEntityTooLarge as error:
            raise self._too_large() from error
        if environ.get('wsgi.input_terminated'):
            self._stream = cast('IO[bytes]', _BoundedStream(environ['wsgi.input'], config.max_body_bytes))

    def read(self, size: int = -1) -> bytes:
        """All of it, or its next `size` bytes. Raises RequestTooLarge, BadRequest."""
        try:
            return self._stream.read(size)
        except ClientDisconnected as error:
            raise _too_short() from error
        except RequestEntityTooLarge as error:
            raise self._too_large() from error

    def readline(self, size: int = -1) -> bytes:
        """The next line, or the first `size` bytes of it. Raises what read() raises."""
        try:
            return self._stream.readline(size)
        except ClientDisconnected as error:
            raise _too_short() from error
        except RequestEntityTooLarge as error:
            raise self._too_large() from error

    def form(self) -> tuple[Pairs, list[tuple[str, Upload]]]:
        """The fields and the files of a form, each (name, value), in order. Raises what read() raises."""
        mimetype, options = parse_options_header(self._environ.get('CONTENT_TYPE'))
        if mimetype == 'application/x-www-form-urlencoded':
            return urlencoded_pairs(self.read().decode('utf-8', 'replace'), self._config.max_fields), []
        if mimetype == 'multipart/form-data':
            return self._multipart(options.get('boundary', ''))
        return [], []

    def close(self) -> None:
        """Remove the temporary files of uploads."""
        for file in self._temporary_files:
            file.close()

    def _multipart(self, boundary: str) -> tuple[Pairs, list[tuple[str, Upload]]]:
        config = self._config
        parser = MultiPartParser(
            stream_factory=limited_files(config.max_file_bytes, self._temporary_files),
            max_form_memory_size=config.max_body_bytes, max_form_parts=config.max_fields, cls=_OrderedPairs)
        try:
            fields, storages = parser.parse(self._stream, boundary.encode('ascii'), get_content_length(self._environ))
        except RequestEntityTooLarge as error:
            raise RequestTooLarge('the request is over max_body_bytes or max_fields') from error
        except ClientDisconnected as error:
            raise _too_short() from error
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

    def _too_large(self) -> RequestTooLarge:
        return RequestTooLarge('the body of the request is larger than max_body_bytes '
                               f'({self._config.max_body_bytes})')


def _too_short() -> BadRequest:
    return BadRequest('the body of the request is shorter than its Content-Length')
