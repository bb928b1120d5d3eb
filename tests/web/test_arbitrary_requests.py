"""Whatever a client sends, it never gets a 500 from a page that has no bug."""
from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import spyce
from tests.experiments.server import SOAK

PAGE = r"""
[[.import names="session, cookie, include, redirect"]]
[[\
for name in [None, 'a', '\xe9', '']:
    for ask in (request.get, request.get1, request.post, request.post1, request.getpost, request.getpost1,
                request.postget, request.postget1):
        ask(name), ask(name, 'x', 1)
    request.file(name), request.env(name), request.getHeader(name)
for key in ('a', '', '\xe9'):
    request[key]
for part in (None, 'scheme', 'location', 'path', 'parameters', 'query', 'fragment'):
    request.uri(part)
request.method(), request.query(), request.uri_path(), request.stack(), repr(request)
cookie.get(), cookie.get('a'), 'a' in cookie, cookie.keys()
session.get('a'), len(session), session.sessionid
if request.post1('put'):
    session.put('a', request.post1('put'))
]]ok
"""

HOSTILE = [b'', b'a=1', b'a=1&a=2&b', b'%', b'%zz=%', b'\xff\xfe', b'=', b'&&&', b'a=' + b'x' * 3000, b'\r\n', b'--XX',
           b'--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\none\r\n--XX--\r\n',
           b'--XX\r\nContent-Disposition: form-data; name="f"; filename="../x"\r\n\r\nfile\r\n--XX--\r\n',
           b'--XX\r\nContent-Disposition: form-data\r\n\r\n--XX\r\n\r\n--XX--', b'put=v']

texts = st.one_of(st.text(st.characters(max_codepoint=255), max_size=60),
                  st.sampled_from([piece.decode('latin-1') for piece in HOSTILE]))
bodies = st.one_of(st.binary(max_size=200), st.sampled_from(HOSTILE))
types = st.one_of(st.none(), texts, st.sampled_from([
    'application/x-www-form-urlencoded', 'multipart/form-data; boundary=XX', 'multipart/form-data',
    'multipart/form-data; boundary="', 'multipart/form-data; boundary=' + 'x' * 300, 'text/plain; charset=nope']))
cookies = st.one_of(texts, st.sampled_from([
    'sessionid=' + 'A' * 43, 'sessionid=; sessionid=x', 'a="', 'a=%ff; b', '; ; ;', '=x', 'sessionid=' + 'x' * 5000]))
lengths = st.one_of(st.none(), st.integers(-5, 300).map(str), st.sampled_from(['', 'x', '1e3', '-1', '9' * 30, '\xb2']))


@pytest.fixture(scope='module')
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root: Path = tmp_path_factory.mktemp('www')
    (root / 'page.spy').write_text(PAGE)
    return spyce.make_app(root, session_store='memory:', max_body_bytes=2000, max_fields=20)


@settings(max_examples=20_000 if SOAK else 200, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=st.one_of(st.sampled_from(['GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'TRACE']), texts),
       path=st.one_of(st.just('/page.spy'), texts.map(lambda text: '/' + text)),
       query=texts, body=bodies, content_type=types, cookie=cookies, length=lengths, chunked=st.booleans())
def test_no_request_is_a_server_error(app: Any, method: str, path: str, query: str, body: bytes,
                                      content_type: str | None, cookie: str, length: str | None,
                                      chunked: bool) -> None:
    environ = {
        'REQUEST_METHOD': method, 'SCRIPT_NAME': '', 'PATH_INFO': path, 'QUERY_STRING': query, 'HTTP_COOKIE': cookie,
        'SERVER_NAME': 'localhost', 'SERVER_PORT': '80', 'SERVER_PROTOCOL': 'HTTP/1.1', 'REMOTE_ADDR': '127.0.0.1',
        'wsgi.version': (1, 0), 'wsgi.url_scheme': 'http', 'wsgi.input': io.BytesIO(body), 'wsgi.errors': io.StringIO(),
        'wsgi.multithread': True, 'wsgi.multiprocess': False, 'wsgi.run_once': False,
        'CONTENT_LENGTH': str(len(body)) if length is None else length}
    if content_type is not None:
        environ['CONTENT_TYPE'] = content_type
    if chunked:
        environ['HTTP_TRANSFER_ENCODING'] = 'chunked'
        environ['wsgi.input_terminated'] = True
    status = []
    sent: list[bytes] = []

    def start_response(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        status.append(int(line.split()[0]))
        assert all('\n' not in value and '\r' not in value for _, value in headers)
        return sent.append

    b''.join(app(environ, start_response))
    assert status[0] in (200, 301, 304, 400, 403, 404, 405, 413, 416)
