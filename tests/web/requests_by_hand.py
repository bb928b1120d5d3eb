"""WSGI environs, written by hand."""
from __future__ import annotations

import io
from typing import Any


def environ_for(method: str = 'GET', path: str = '/page.spy', query: str = '', body: bytes = b'',
                **more: Any) -> dict[str, Any]:
    """A WSGI environ; header X-Y is given as HTTP_X_Y."""
    environ = {'REQUEST_METHOD': method, 'PATH_INFO': path, 'SCRIPT_NAME': '', 'QUERY_STRING': query,
               'REMOTE_ADDR': '192.0.2.1', 'SERVER_NAME': 'localhost', 'SERVER_PORT': '80', 'wsgi.url_scheme': 'http',
               'wsgi.input': io.BytesIO(body), 'wsgi.errors': io.StringIO()}
    if body:
        environ['CONTENT_LENGTH'] = str(len(body))
    environ.update(more)
    return environ
