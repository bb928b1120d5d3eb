"""The raw request: what a client sent, read lazily, limited, never trusted."""
from __future__ import annotations

import io
import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from requests_by_hand import environ_for

from spyce.config import Config
from spyce.web.body import cookie_pairs
from spyce.web.errors import BadRequest, RequestError, RequestTooLarge
from spyce.web.request import WebRequest

FORM = 'application/x-www-form-urlencoded'
MULTIPART = 'multipart/form-data; boundary=XX'


def multipart(*parts: tuple[str, str | None, bytes]) -> bytes:
    body = b''
    for name, filename, content in parts:
        head = f'Content-Disposition: form-data; name="{name}"'
        if filename is not None:
            head += f'; filename="{filename}"\r\nContent-Type: text/plain; charset=utf-8'
        body += b'--XX\r\n' + head.encode() + b'\r\n\r\n' + content + b'\r\n'
    return body + b'--XX--\r\n'


class TestQuery:
    def test_pairs_come_in_order_with_blank_values_kept(self, make_request):
        request = make_request(query='a=1&b=two&a=3&c=&d')
        assert request.query() == [('a', '1'), ('b', 'two'), ('a', '3'), ('c', ''), ('d', '')]

    def test_plus_and_percent_codes_are_decoded_as_utf8(self, make_request):
        assert make_request(query='a+b=caf%C3%A9+%26').query() == [('a b', 'café &')]

    def test_bytes_that_are_not_utf8_are_replaced(self, make_request):
        assert make_request(query='a=%FF&b=\xff').query() == [('a', '\ufffd'), ('b', '\ufffd')]

    def test_semicolons_do_not_separate(self, make_request):
        assert make_request(query='a=1;b=2').query() == [('a', '1;b=2')]

    def test_more_fields_than_allowed_are_too_large(self, make_request):
        options = {'max_fields': 3}
        assert len(make_request(query='a&b&c', options=options).query()) == 3
        with pytest.raises(RequestTooLarge, match='max_fields'):
            make_request(query='a&b&c&d', options=options).query()


class TestForm:
    def test_urlencoded_body(self, make_request):
        request = make_request('POST', query='q=1', body=b'a=1&a=2&b=%E2%82%AC&c=', CONTENT_TYPE=FORM)
        assert request.form() == [('a', '1'), ('a', '2'), ('b', '€'), ('c', '')]
        assert request.files() == []

    def test_put_and_patch_have_forms_get_has_none(self, make_request):
        assert make_request('PUT', body=b'a=1', CONTENT_TYPE=FORM).form() == [('a', '1')]
        assert make_request('PATCH', body=b'a=1', CONTENT_TYPE=FORM).form() == [('a', '1')]
        assert make_request('GET', body=b'a=1', CONTENT_TYPE=FORM).form() == []

    def test_multipart_fields_keep_their_order_across_names(self, make_request):
        body = multipart(('a', None, b'1'), ('b', None, b'2'), ('a', None, 'é'.encode()))
        assert make_request('POST', body=body, CONTENT_TYPE=MULTIPART).form() == [('a', '1'), ('b', '2'), ('a', 'é')]

    def test_undecodable_bytes_are_replaced(self, make_request):
        assert make_request('POST', body=b'a=\xff', CONTENT_TYPE=FORM).form() == [('a', '\ufffd')]
        body = multipart(('a', None, b'\xff'))
        assert make_request('POST', body=body, CONTENT_TYPE=MULTIPART).form() == [('a', '\ufffd')]

    def test_another_content_type_has_no_form_and_its_body_can_be_read(self, make_request):
        request = make_request('POST', body=b'{"a": 1}', CONTENT_TYPE='application/json')
        assert request.form() == []
        assert request.read() == b'{"a": 1}'

    @pytest.mark.parametrize('content_type', ['multipart/form-data', 'multipart/form-data; boundary=é'])
    def test_multipart_without_a_usable_boundary_is_a_bad_request(self, make_request, content_type):
        with pytest.raises(BadRequest):
            make_request('POST', body=b'x', CONTENT_TYPE=content_type).form()


class TestFiles:
    def test_an_upload_has_the_surface_of_a_field_storage(self, make_request):
        body = multipart(('note', None, b'hello'), ('doc', 'notes.txt', b'line1\nline2\n'))
        request = make_request('POST', body=body, CONTENT_TYPE=MULTIPART)
        [(name, upload)] = request.files()
        assert request.form() == [('note', 'hello')]
        assert (name, upload.name, upload.filename, upload.type) == ('doc', 'doc', 'notes.txt', 'text/plain')
        assert upload.value == b'line1\nline2\n'
        assert upload.file.read() == b'line1\nline2\n'
        assert upload.file.seek(2) == 2
        assert upload.value == b'line1\nline2\n'
        assert upload.file.tell() == 2
        assert upload.type_options == {'charset': 'utf-8'}
        assert upload.disposition == 'form-data'
        assert upload.disposition_options == {'name': 'doc', 'filename': 'notes.txt'}
        assert upload.headers['content-type'] == 'text/plain; charset=utf-8'

    def test_a_text_reader_can_stand_on_the_file(self, make_request):
        body = multipart(('doc', 'a.csv', 'é;1\n'.encode()))
        [(_, upload)] = make_request('POST', body=body, CONTENT_TYPE=MULTIPART).files()
        assert io.TextIOWrapper(upload.file, 'utf-8').read() == 'é;1\n'

    def test_a_file_field_left_empty_is_an_empty_field(self, make_request):
        request = make_request('POST', body=multipart(('doc', '', b'')), CONTENT_TYPE=MULTIPART)
        assert request.files() == []
        assert request.form() == [('doc', '')]

    def test_a_file_over_its_limit_is_too_large(self, make_request):
        body = multipart(('doc', 'a.txt', b'x' * 101))
        with pytest.raises(RequestTooLarge, match='max_file_bytes'):
            make_request('POST', body=body, CONTENT_TYPE=MULTIPART, options={'max_file_bytes': 100}).files()
        assert make_request('POST', body=body, CONTENT_TYPE=MULTIPART, options={'max_file_bytes': 101}).files()

    def test_files_are_closed_with_the_request(self, make_request):
        request = make_request('POST', body=multipart(('doc', 'a.txt', b'x')), CONTENT_TYPE=MULTIPART)
        [(_, upload)] = request.files()
        request.close()
        assert upload.file.closed


class TestBody:
    def test_it_is_readable_while_nobody_asked_for_the_form(self, make_request):
        request = make_request('POST', body=b'one\ntwo\nthree', CONTENT_TYPE=FORM)
        assert request.readline() == b'one\n'
        assert request.read(2) == b'tw'
        assert request.readline() == b'o\n'
        assert request.read() == b'three'
        assert request.read() == b''

    def test_a_body_over_the_limit_is_too_large(self, make_request):
        request = make_request('POST', body=b'a=12345', CONTENT_TYPE=FORM, options={'max_body_bytes': 6})
        with pytest.raises(RequestTooLarge, match='max_body_bytes'):
            request.form()

    def test_a_chunked_body_over_the_limit_is_too_large(self, make_request):
        request = make_request('POST', CONTENT_TYPE=FORM, options={'max_body_bytes': 10},
                               **{'wsgi.input': io.BytesIO(b'x' * 50), 'wsgi.input_terminated': True,
                                  'HTTP_TRANSFER_ENCODING': 'chunked'})
        with pytest.raises(RequestTooLarge):
            request.form()

    def test_a_body_shorter_than_announced_is_a_bad_request(self, make_request):
        for content_type, body in [(FORM, b'a=1'), (MULTIPART, multipart(('a', None, b'1')))]:
            with pytest.raises(BadRequest):
                make_request('POST', body=body, CONTENT_TYPE=content_type, CONTENT_LENGTH='5000').form()

    @pytest.mark.parametrize('length', ['-1', 'many', '', '1e3', '0x10', '٣'])
    def test_a_length_that_is_none_means_no_body(self, make_request, length):
        request = make_request('POST', body=b'a=1', CONTENT_TYPE=FORM, CONTENT_LENGTH=length)
        assert request.form() == []

    def test_many_fields_are_too_large(self, make_request):
        for content_type, body in [(FORM, b'a=1&' * 10000),
                                   (MULTIPART, multipart(*[(f'f{i}', None, b'') for i in range(1001)]))]:
            with pytest.raises(RequestTooLarge):
                make_request('POST', body=body, CONTENT_TYPE=content_type).form()


class TestEnvironment:
    def test_env_gives_one_variable_or_the_dictionary(self, make_request):
        request = make_request(query='a=1')
        assert request.env('QUERY_STRING') == 'a=1'
        assert request.env('NO_SUCH') is None
        assert request.env()['REMOTE_ADDR'] == '192.0.2.1'

    def test_headers_are_found_in_any_case(self, make_request):
        request = make_request(HTTP_USER_AGENT='probe/2', CONTENT_TYPE='text/x')
        assert request.getHeader('user-agent') == request.getHeader('User-Agent') == 'probe/2'
        assert request.getHeader('Content-type') == 'text/x'
        assert request.getHeader('Referer') is None
        assert request.getHeader() == {'User-Agent': 'probe/2', 'Content-Type': 'text/x'}

    def test_the_rest_of_the_raw_request(self, make_request):
        request = make_request('post')
        assert request.method() == 'POST'
        assert request.getServerID() == os.getpid()
        assert request._stack == []
        assert request.state == {}
        assert not request.is_secure()
        assert make_request(**{'wsgi.url_scheme': 'https'}).is_secure()

    def test_cookies_come_in_order_undecoded_with_duplicates(self, make_request):
        request = make_request(HTTP_COOKIE='b=2; a=%41; b=3; a b; =x; c="q;1"')
        assert [pair for pair in request.cookies() if pair[0] in ('a', 'b', 'c')][:3] == \
            [('b', '2'), ('a', '%41'), ('b', '3')]
        assert make_request().cookies() == []


COOKIE_TEXT = st.text(st.sampled_from('aZ09!#$%&*+-._~:/?@[](){}<>|^,"\\ =;\t\n\r\x00\x7f\xe9'), max_size=6)
COOKIE_HEADERS = st.one_of(
    st.binary(max_size=40).map(lambda sent: sent.decode('latin-1')),
    st.lists(st.tuples(COOKIE_TEXT, st.sampled_from(['=', '=', '=', ' = ', '']), COOKIE_TEXT).map(''.join),
             max_size=4).flatmap(lambda pairs: st.sampled_from(['; ', '; ', ';', '; ; ', ', ']).map(
                 lambda between: between.join(pairs))))


@given(header=COOKIE_HEADERS)
@example(header='sessionid=abc')
@example(header='a=1; b=; a=x=y; c=%3B:/?')
@example(header='a=1; b')
@example(header='a=1\n')
@example(header='a="1"; b=2')
def test_cookies_are_read_as_werkzeug_reads_them(header):
    read = WebRequest(environ_for(HTTP_COOKIE=header), Config(root='/nowhere')).cookies()
    assert read == cookie_pairs(header)


class TestUri:
    def test_path_and_query_as_sent(self, make_request):
        assert make_request(query='x=%41&y=2').uri() == '/page.spy?x=%41&y=2'
        assert make_request(path='/caf\xc3\xa9 <1>').uri() == '/caf%C3%A9%20%3C1%3E'
        assert make_request(path='/caf\xc3\xa9').path == '/café'

    def test_the_original_spelling_is_kept_if_it_means_the_same_path(self, make_request):
        assert make_request(path='/a~b', REQUEST_URI='/a%7Eb?x').uri() == '/a%7Eb'
        assert make_request(path='/a~b', RAW_URI='/elsewhere').uri() == '/a~b'
        assert make_request(path='/a', REQUEST_URI='http://evil/a').uri() == '/a'

    def test_a_mount_point_is_part_of_it(self, make_request):
        request = make_request(SCRIPT_NAME='/site', path='/page.spy')
        assert request.uri() == request.path == '/site/page.spy'


class TestProxy:
    HEADERS = {'HTTP_X_FORWARDED_FOR': '203.0.113.9, 198.51.100.7', 'HTTP_X_FORWARDED_PROTO': 'https',
               'HTTP_X_FORWARDED_HOST': 'shop.example', 'HTTP_HOST': 'backend:8000'}

    def test_nobody_is_trusted_by_default(self, make_request):
        request = make_request(**self.HEADERS)
        assert (request.remote_addr, request.is_secure(), request.host) == ('192.0.2.1', False, 'backend:8000')

    def test_a_trusted_proxy_tells_address_scheme_and_host(self, make_request):
        request = make_request(**self.HEADERS, options={'trusted_proxies': ['192.0.2.0/24']})
        assert (request.remote_addr, request.is_secure(), request.host) == ('198.51.100.7', True, 'shop.example')

    def test_the_client_is_the_last_address_that_is_no_trusted_proxy(self, make_request):
        request = make_request(**self.HEADERS, options={'trusted_proxies': ['192.0.2.1', '198.51.100.7']})
        assert request.remote_addr == '203.0.113.9'

    def test_nonsense_from_a_trusted_proxy_is_left_out(self, make_request):
        request = make_request(HTTP_X_FORWARDED_FOR='<script>', HTTP_X_FORWARDED_PROTO='gopher', HTTP_HOST='a',
                               HTTP_X_FORWARDED_HOST='a b"', options={'trusted_proxies': ['192.0.2.1']})
        assert (request.remote_addr, request.is_secure(), request.host) == ('192.0.2.1', False, 'a')

    def test_an_ipv6_spelling_of_an_ipv4_proxy_counts(self, make_request):
        request = make_request(REMOTE_ADDR='::ffff:192.0.2.1', **self.HEADERS,
                               options={'trusted_proxies': ['192.0.2.1']})
        assert request.is_secure()


@given(query=st.binary(max_size=60), body=st.binary(max_size=200), cookie=st.binary(max_size=60),
       length=st.none() | st.text(st.characters(max_codepoint=255), max_size=6),
       content_type=st.sampled_from([FORM, MULTIPART, 'multipart/form-data; boundary="', '']) |
       st.text(st.characters(max_codepoint=255), max_size=40))
def test_any_request_can_be_read_or_is_refused(query, body, cookie, length, content_type):
    environ = environ_for('POST', query=query.decode('latin-1'), body=body, CONTENT_TYPE=content_type,
                          HTTP_COOKIE=cookie.decode('latin-1'))
    if length is not None:
        environ['CONTENT_LENGTH'] = length
    request = WebRequest(environ, Config(root='/nowhere', max_body_bytes=150, max_fields=5))
    try:
        request.query()
        request.cookies()
        request.form()
        request.files()
    except RequestError:
        pass
    finally:
        request.close()
