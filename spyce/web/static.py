"""Sending a static file, with conditional and range requests."""
from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import parse_range_header
from werkzeug.wrappers import Response
from werkzeug.wsgi import wrap_file

from spyce.web.errors import RequestError


class RangeNotSatisfiable(RequestError):
    """The file does not have the range of bytes that was asked for."""

    http_status = 416


class Unreadable(RequestError):
    """The server may not read the file."""

    http_status = 403


def send_file(file: str, file_type: str, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer a GET or HEAD request with a file: whole, a part of it, or 304 if the client has it already.

    file: its real path.  Raises RangeNotSatisfiable, Unreadable.
    """
    try:
        stream = open(file, 'rb')  # noqa: SIM115  closed by the response
    except OSError as error:
        raise Unreadable(f'cannot read {file}: {error.strerror}') from error
    response = Response(wrap_file(environ, stream), content_type=file_type, direct_passthrough=True)
    try:
        status = os.fstat(stream.fileno())
        response.set_etag(f'{status.st_mtime_ns:x}-{status.st_size:x}')
        response.last_modified = datetime.fromtimestamp(int(status.st_mtime), timezone.utc)
        response.content_length = status.st_size
        response.headers['X-Content-Type-Options'] = 'nosniff'
        response.make_conditional(_with_simple_range(environ), accept_ranges=True, complete_length=status.st_size)
        body: Iterable[bytes] = response(environ, start_response)
    except RequestedRangeNotSatisfiable as error:
        stream.close()
        refused = RangeNotSatisfiable(f'range {environ.get("HTTP_RANGE")!r} of {file}')
        refused.http_headers = (('Content-Range', f'bytes */{status.st_size}'),)
        raise refused from error
    except BaseException:
        stream.close()
        raise
    if environ['REQUEST_METHOD'] == 'HEAD' or response.status_code == 304:
        stream.close()
        return []
    return body


def _with_simple_range(environ: dict[str, Any]) -> dict[str, Any]:
    """Without a Range header that we need not understand: then the whole file is the right answer (RFC 9110, 14.2)."""
    wanted = parse_range_header(environ.get('HTTP_RANGE'))
    if wanted is not None and wanted.units == 'bytes' and len(wanted.ranges) == 1:
        return environ
    return {name: value for name, value in environ.items() if name != 'HTTP_RANGE'}
