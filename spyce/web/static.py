"""Static files: which may be sent at all, and sending them with conditional and range requests."""
from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timezone
from functools import lru_cache
from mimetypes import MimeTypes
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import parse_range_header
from werkzeug.wrappers import Response
from werkzeug.wsgi import wrap_file

from spyce.web.errors import RequestError

if TYPE_CHECKING:
    from spyce.config import Config

NEVER = frozenset((
    'spy', 'spi', 'py', 'pyc', 'pyo', 'pyw', 'pyd', 'so', 'o',                     # code
    'db', 'db3', 'sqlite', 'sqlite3', 'dbm', 'dir', 'dat', 'pag', 'pickle', 'pkl',  # data
    'pem', 'key', 'p12', 'pfx', 'env', 'ini', 'cfg', 'conf', 'log',                # secrets
    'bak', 'orig', 'swp', 'swo', 'old', 'rej', 'save', 'tmp'))                     # left by an editor
"""File endings that are never sent, even if the mime option gives them a type."""

COMPRESSED = {'.gz': 'application/gzip', '.bz2': 'application/x-bzip2', '.xz': 'application/x-xz',
              '.tgz': 'application/gzip'}

NEWER_TYPES = {  # some Pythons do not know these yet
    '.avif': 'image/avif', '.ico': 'image/vnd.microsoft.icon', '.js': 'text/javascript', '.md': 'text/markdown',
    '.mjs': 'text/javascript', '.otf': 'font/otf', '.ttf': 'font/ttf', '.wasm': 'application/wasm',
    '.webmanifest': 'application/manifest+json', '.webp': 'image/webp', '.woff': 'font/woff', '.woff2': 'font/woff2',
}


class RangeNotSatisfiable(RequestError):
    """The file does not have the range of bytes that was asked for."""

    http_status = 416


class Unreadable(RequestError):
    """The server may not read the file."""

    http_status = 403


@lru_cache(maxsize=1)
def _known_types() -> dict[str, str]:
    # Not the tables of the system: what is served must not depend on the machine.
    return {**MimeTypes(filenames=()).types_map[True], **NEWER_TYPES, **COMPRESSED}


def content_type(file: str, config: Config) -> str | None:
    """The content type of a file that may be sent; None for one that must not be, or whose type is not known."""
    name = os.path.basename(file).lower()
    if name.startswith(('.', '#', '~')) or name.endswith(('~', '#')) or _is_private(file, config):
        return None
    stem, ending = os.path.splitext(name)
    if ending[1:] in NEVER or (ending in COMPRESSED and os.path.splitext(stem)[1][1:] in NEVER):
        return None
    known = config.mime.get(ending) or _known_types().get(ending)
    if known is not None and known.startswith('text/') and 'charset' not in known:
        return f'{known}; charset={config.encoding}'
    return known


def _is_private(file: str, config: Config) -> bool:
    """Whether the file lies in a folder of the session store or of the site's own data."""
    store = config.sessions.session_store
    folders = (config.site_data, config.sessions.session_folder, getattr(store, 'folder', None))
    return any(file.startswith(os.path.join(os.path.realpath(folder), ''))
               for folder in folders if isinstance(folder, (str, os.PathLike)))


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
