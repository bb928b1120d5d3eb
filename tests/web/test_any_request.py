"""Whatever a client sends, a page that asks for all of it is no reason for a 500."""
from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests_by_hand import environ_for

import spyce

EXAMPLES = 20000 if os.environ.get('SPYCE_SOAK') else 150

PAGE = """[[.import names="cookie, session"]]
[[
request.get(); request.post(); request.get1(); request.post1(); request.file(); request.getpost1('a', 'b', 1)
request.uri(); request.uri('path'); request.uri('query'); request.method(); request.query(); request.getHeader()
request.getHeader('Cookie'); request['a']; request.env(); request.filename(); cookie.get(); cookie.get('sessionid')
session.get('a'); len(session); session.sessionid; session.is_new
]][[= request.uri() ]][[= request.get() ]][[= request.post() ]][[= cookie.get() ]]"""

SOME_TEXT = st.text(st.characters(max_codepoint=255), max_size=40)
PATHS = st.one_of(
    st.sampled_from(['/page.spy', '/', '', '/sub', '/a.txt', '/page.spy/', '/nosuch.spy']),
    SOME_TEXT.map(lambda text: '/' + text),
    st.lists(st.sampled_from(['..', '.', '', 'sub', 'page.spy', 'a.txt', '\0', '\\', '%2e%2e', 'x\xff']),
             max_size=6).map('/'.join))
BODIES = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from([b'--X\r\n', b'--X--', b'\r\n', b'Content-Disposition: form-data; name="a"', b'a=1&', b'%',
                              b'; filename="\xff"', b'Content-Type: text/plain; charset=utf-7', b'\0']),
             max_size=12).map(b''.join))
HEADERS = st.dictionaries(
    st.sampled_from(['CONTENT_TYPE', 'CONTENT_LENGTH', 'HTTP_COOKIE', 'HTTP_RANGE', 'HTTP_IF_MODIFIED_SINCE',
                     'HTTP_IF_NONE_MATCH', 'HTTP_IF_RANGE', 'HTTP_HOST', 'HTTP_X_FORWARDED_FOR', 'REQUEST_URI',
                     'HTTP_TRANSFER_ENCODING', 'HTTP_X_FORWARDED_PROTO', 'HTTP_X_FORWARDED_HOST']),
    st.one_of(SOME_TEXT, st.sampled_from(['multipart/form-data; boundary=X', 'application/x-www-form-urlencoded',
                                          'bytes=0-1', '*', '-1', '10', 'chunked', 'sessionid=../../x; a="\\', '"x"'])),
    max_size=5)


@pytest.fixture(scope='module')
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp('site')
    (root / 'page.spy').write_text(PAGE)
    (root / 'a.txt').write_text('text')
    (root / 'sub').mkdir()
    return spyce.make_app(str(root), session_store='memory:', max_body_bytes=150, max_fields=5,
                          trusted_proxies=['192.0.2.1'])


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=st.sampled_from(['GET', 'HEAD', 'POST', 'PUT', 'OPTIONS', 'TRACE', 'x y']), path=PATHS, query=SOME_TEXT,
       body=BODIES, headers=HEADERS, terminated=st.booleans())
def test_any_request_is_answered_without_a_500(app, method, path, query, body, headers, terminated):
    environ = environ_for(method, path, query, body)
    environ.update(headers)
    if terminated:
        environ['wsgi.input_terminated'] = True
    statuses: list[str] = []
    sent: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]]) -> Any:
        statuses.append(status)
        assert not any(character in name + value for name, value in headers for character in '\r\n\0')
        return sent.append

    answer = app(environ, start_response)
    sent.extend(answer)
    if hasattr(answer, 'close'):
        answer.close()
    assert len(statuses) == 1
    assert not statuses[0].startswith('5'), environ['wsgi.errors'].getvalue()
    if method == 'HEAD':
        assert b''.join(sent) == b''
