"""The raw response: headers checked when they are set, text encoded once, sent whole or in flushed pieces."""
from __future__ import annotations

import pytest

from spyce.web.errors import ResponseError


class TestBody:
    def test_a_buffered_page_is_sent_whole_with_its_length(self, make_response, sent):
        response = make_response()
        response.write('a')
        response.write(b'b')
        response.write('é')
        assert b''.join(response.close()) == 'abé'.encode()
        assert sent.status == '200 OK'
        assert sent.get('Content-Length') == ['4']
        assert sent.get('Content-Type') == ['text/html; charset=utf-8']
        assert sent.written == []

    def test_close_and_iterable_are_one_and_may_be_called_again(self, make_response):
        response = make_response()
        response.write('x')
        assert response.iterable() == response.close() == [b'x']

    def test_clear_drops_what_was_written(self, make_response):
        response = make_response()
        response.write('gone')
        response.clear()
        response.write('kept')
        assert response.close() == [b'kept']

    def test_only_text_and_bytes_are_written(self, make_response):
        with pytest.raises(TypeError, match='int'):
            make_response().write(5)

    def test_head_gets_the_headers_of_get_and_no_body(self, make_response, sent):
        response = make_response('HEAD')
        response.write('abc')
        assert response.close() == []
        assert sent.get('Content-Length') == ['3']

    @pytest.mark.parametrize('code', [204, 304])
    def test_some_statuses_have_no_body(self, make_response, sent, code):
        response = make_response()
        response.write('abc')
        response.setReturnCode(code)
        assert response.close() == []
        assert sent.get('Content-Length') == sent.get('Content-Type') == []

    def test_encoders_see_the_whole_body_and_may_add_headers(self, make_response, sent):
        response = make_response()

        def reverse(body):
            response.addHeader('X-Encoded', 'yes')
            return body[::-1]

        response.body_encoders.append(reverse)
        response.write('abc')
        assert response.close() == [b'cba']
        assert sent.get('X-Encoded') == ['yes']

    def test_errors_go_to_the_log_of_the_server(self, make_response):
        response = make_response()
        response.writeErr('trouble')
        assert response._request.environ['wsgi.errors'].getvalue() == 'trouble'


class TestEncoding:
    def test_the_option_encoding_is_used_and_named(self, make_response, sent):
        response = make_response(options={'encoding': 'latin-1'})
        response.write('é€')
        assert response.close() == [b'\xe9&#8364;']
        assert sent.get('Content-Type') == ['text/html; charset=latin-1']

    def test_a_charset_in_the_content_type_wins(self, make_response, sent):
        response = make_response()
        response.setContentType('text/plain; charset=iso-8859-1')
        response.write('é€')
        assert response.close() == [b'\xe9?']
        assert sent.get('Content-Type') == ['text/plain; charset=iso-8859-1']

    def test_an_unknown_charset_does_not_break_the_page(self, make_response):
        for name in ('klingon', 'base64'):
            response = make_response()
            response.setContentType(f'text/plain; charset={name}')
            response.write('é')
            assert response._take() == 'é'.encode()

    @pytest.mark.parametrize('content_type, charset', [
        ('application/json', True), ('application/atom+xml', True), ('text/css', True), ('image/svg+xml', True),
        ('image/png', False), ('application/octet-stream', False)])
    def test_texts_get_a_charset(self, make_response, sent, content_type, charset):
        response = make_response()
        response.setContentType(content_type)
        response.close()
        assert sent.get('Content-Type') == [content_type + '; charset=utf-8' * charset]

    def test_half_a_surrogate_pair_does_not_break_the_page(self, make_response):
        response = make_response()
        response.write('a\ud800b')
        assert response.close() == [b'a&#55296;b']


class TestHeaders:
    def test_a_name_may_come_twice_unless_replaced(self, make_response, sent):
        response = make_response()
        for value in 'abc':
            response.addHeader('X-Two', value)
        response.addHeader('x-one', 1)
        response.addHeader('X-TWO', 'd', replace=1)
        response.addHeader('X-Two', 'e')
        assert response.headers == [('x-one', '1'), ('X-TWO', 'd'), ('X-Two', 'e')]
        response.close()
        assert sent.get('x-two') == ['d', 'e']

    def test_content_type_is_the_content_type(self, make_response, sent):
        response = make_response()
        response.addHeader('content-type', 'text/x-odd; charset=utf-8')
        response.close()
        assert sent.get('Content-Type') == ['text/x-odd; charset=utf-8']

    def test_clear_headers_can_keep_cookies(self, make_response):
        response = make_response()
        response.addHeader('Set-Cookie', 'a=b')
        response.addHeader('X-A', 'b')
        response.clearHeaders(keep_cookies=True)
        assert response.headers == [('Set-Cookie', 'a=b')]
        response.clearHeaders()
        assert response.headers == []

    @pytest.mark.parametrize('name', ['X:Y', 'X\r\nY', 'X Y', '', 'X\0', 'É', 'X\n'])
    def test_names_that_http_does_not_allow(self, make_response, name):
        with pytest.raises(ValueError, match='name of a header'):
            make_response().addHeader(name, 'v')

    @pytest.mark.parametrize('value', ['v\r\nX-B: 1', 'v\n', 'v\r', 'a\0b', '\x7f'])
    def test_values_that_http_does_not_allow(self, make_response, value):
        response = make_response()
        with pytest.raises(ValueError, match='control character'):
            response.addHeader('X-A', value)
        with pytest.raises(ValueError, match='control character'):
            response.setContentType('text/html' + value)
        assert response.headers == []
        assert response.content_type == 'text/html'

    def test_a_value_beyond_latin1_is_refused_with_a_remedy_but_urls_are_escaped(self, make_response):
        response = make_response()
        with pytest.raises(ValueError, match='quote'):
            response.addHeader('X-A', '€')
        response.addHeader('Location', '/caf€?q=ü')
        assert response.headers == [('Location', '/caf%E2%82%AC?q=%C3%BC')]

    def test_headers_of_the_connection_are_refused(self, make_response):
        for name in ('Transfer-Encoding', 'Connection', 'Upgrade', 'Status'):
            with pytest.raises(ValueError):
                make_response().addHeader(name, 'x')

    def test_content_length_is_counted_whatever_the_page_says(self, make_response, sent):
        response = make_response()
        response.addHeader('Content-Length', '99')
        response.write('abc')
        response.close()
        assert sent.get('Content-Length') == ['3']


class TestStatus:
    def test_a_number_or_its_digits(self, make_response, sent):
        response = make_response()
        response.setReturnCode('503')
        assert response.returncode == 503
        response.setReturnCode(response.RETURN_NOT_FOUND)
        response.close()
        assert sent.status == '404 NOT FOUND'

    @pytest.mark.parametrize('code', [0, 99, 100, 600, 'x', '', '2\r\n00', None])
    def test_anything_else_is_refused(self, make_response, code):
        with pytest.raises((ValueError, TypeError)):
            make_response().setReturnCode(code)

    def test_names_and_texts_of_2_1(self, make_response):
        response = make_response()
        assert response.RETURN_OK == 200
        assert response.RETURN_HTTP_VERSION_NOT_SUPPORTED == 505
        assert response.RETURN_CODE[404] == 'NOT FOUND'
        numbers = {*range(100, 102), *range(200, 207), *range(300, 306), 307, *range(400, 418), *range(500, 506)}
        assert set(response.RETURN_CODE) == numbers

    def test_a_status_without_a_text_of_its_own(self, make_response, sent):
        response = make_response()
        response.setReturnCode(599)
        response.close()
        assert sent.status == '599 SERVER ERROR'


class TestBeforeSend:
    def test_callbacks_run_once_in_order_and_may_add_headers(self, make_response, sent):
        response = make_response()
        for name in ('one', 'two'):
            response.before_send(lambda name=name: response.addHeader('X-Order', name))
        response.prepare()
        response.close()
        assert sent.get('X-Order') == ['one', 'two']

    def test_they_run_before_a_flush_too(self, make_response, sent):
        response = make_response()
        response.before_send(lambda: response.addHeader('X-A', 'b'))
        response.flush()
        response.close()
        assert sent.get('X-A') == ['b']

    def test_what_one_raises_comes_out_and_nothing_was_sent(self, make_response, sent):
        response = make_response()
        response.before_send(lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            response.close()
        assert sent.status == ''
        assert not response.headers_sent


class TestFlush:
    def test_pieces_leave_as_they_are_flushed(self, make_response, sent):
        response = make_response()
        response.write('a')
        response.flush()
        assert (sent.written, response.headers_sent) == ([b'a'], True)
        response.write('b')
        response.clear()
        response.write('c')
        assert response.close() == []
        assert sent.written == [b'a', b'c']
        assert sent.get('Content-Length') == []

    def test_unbuffered_each_write_leaves_at_once(self, make_response, sent):
        response = make_response()
        response.unbuffer()
        response.write('a')
        response.write('b')
        assert sent.written == [b'a', b'b']

    def test_afterwards_it_is_too_late_for_headers(self, make_response):
        response = make_response()
        response.flush()
        for late in (lambda: response.addHeader('X-A', 'b'), lambda: response.setReturnCode(404),
                     lambda: response.setContentType('text/plain'), response.clearHeaders,
                     lambda: response.before_send(print)):
            with pytest.raises(ResponseError, match='headers already sent'):
                late()

    def test_send_headers_sends_nothing_else(self, make_response, sent):
        response = make_response()
        response.write('a')
        response.sendHeaders()
        assert (sent.status, sent.written) == ('200 OK', [])

    def test_head_flushes_headers_only(self, make_response, sent):
        response = make_response('HEAD')
        response.write('a')
        response.flush()
        assert (response.close(), sent.written) == ([], [])

    def test_a_client_that_went_away_cancels_quietly(self, make_response, sent):
        response = make_response()
        sent.fail_with = BrokenPipeError()
        response.write('a')
        response.flush()
        assert response.isCancelled
        sent.fail_with = AssertionError('written to a client that is gone')
        response.write('b')
        assert response.close() == []

    def test_another_error_while_sending_comes_out(self, make_response, sent):
        response = make_response()
        sent.fail_with = ZeroDivisionError()
        response.write('a')
        with pytest.raises(ZeroDivisionError):
            response.flush()
