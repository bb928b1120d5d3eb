"""The client for tests of pages: cookies as a browser keeps them, redirects, forms, uploads."""
from __future__ import annotations

import json

import pytest

import spyce
from spyce.testing import Client, SetCookie

pytest_plugins = ['pytester']


def echo(environ, start_response):
    """Answers with what it was asked, and with the headers that the query names."""
    headers = [('Content-Type', 'application/json')]
    status = '200 OK'
    for part in filter(None, environ['QUERY_STRING'].split('&')):
        name, _, value = part.partition(':')
        if name == 'status':
            status = value
        elif name in ('Set-Cookie', 'Location'):
            headers.append((name, value))
    body = environ['wsgi.input'].read(int(environ.get('CONTENT_LENGTH') or 0)).decode('latin-1')
    seen = {'method': environ['REQUEST_METHOD'], 'path': environ['PATH_INFO'], 'query': environ['QUERY_STRING'],
            'cookie': environ.get('HTTP_COOKIE', ''), 'type': environ.get('CONTENT_TYPE', ''), 'body': body,
            'x': environ.get('HTTP_X_PROBE', ''), 'scheme': environ['wsgi.url_scheme']}
    start_response(status, headers)
    return [json.dumps(seen).encode()]


def seen(response):
    return json.loads(response.text)


@pytest.fixture
def client():
    return Client(echo)


class TestRequests:
    def test_get_with_a_query(self, client):
        assert seen(client.get('/p', {'a': ['1', '2'], 'b': 'x y'}))['query'] == 'a=1&a=2&b=x+y'
        assert seen(client.get('/p?a=1', 'b=2'))['query'] == 'a=1&b=2'
        assert seen(client.get('/p?a=%41'))['query'] == 'a=%41'

    def test_post_of_a_form_a_text_or_bytes(self, client):
        asked = seen(client.post('/p', {'a': ['1', '2'], 'b': 'é'}))
        assert (asked['body'], asked['type']) == ('a=1&a=2&b=%C3%A9', 'application/x-www-form-urlencoded')
        assert seen(client.post('/p', 'a=1'))['type'] == 'application/x-www-form-urlencoded'
        asked = seen(client.post('/p', b'{}', content_type='application/json'))
        assert (asked['body'], asked['type']) == ('{}', 'application/json')

    def test_files_make_it_multipart(self, client):
        asked = seen(client.post('/p', {'a': '1'}, files={'doc': ('n.txt', b'hello', 'text/plain')}))
        assert asked['type'].startswith('multipart/form-data')
        assert 'filename="n.txt"' in asked['body']
        assert 'hello' in asked['body']
        with pytest.raises(TypeError, match='dictionary'):
            client.post('/p', 'a=1', files={'doc': ('n.txt', b'')})

    def test_any_method_and_headers(self, client):
        asked = seen(client.request('DELETE', '/p', headers={'X-Probe': 'yes'}))
        assert (asked['method'], asked['x']) == ('DELETE', 'yes')

    def test_https(self):
        assert seen(Client(echo, https=True).get('/'))['scheme'] == 'https'

    def test_percent_codes_in_the_path_are_decoded_once(self, client):
        assert seen(client.get('/a%2525b%C3%A9'))['path'] == '/a%25b\xc3\xa9'


class TestResponses:
    def test_what_an_answer_has(self, client):
        answer = client.get('/p?status:404 NOT FOUND&Set-Cookie:a=b; Path=/; HttpOnly&Set-Cookie:c=d')
        assert answer.status == 404
        assert answer.content_type == 'application/json'
        assert answer.headers['content-TYPE'] == 'application/json'
        assert answer.headers.getlist('Set-Cookie') == ['a=b; Path=/; HttpOnly', 'c=d']
        assert answer.set_cookies == [SetCookie('a', 'b', {'path': '/', 'httponly': ''}), SetCookie('c', 'd', {})]
        assert answer.body == answer.text.encode()


class TestCookies:
    def test_they_are_kept_and_sent_back(self, client):
        client.get('/?Set-Cookie:a=1; Path=/')
        client.get('/?Set-Cookie:b=2; Path=/')
        assert dict(client.cookies) == {'a': '1', 'b': '2'}
        assert seen(client.get('/'))['cookie'] == 'a=1; b=2'

    def test_a_new_value_replaces_the_old(self, client):
        client.get('/?Set-Cookie:a=1; Path=/')
        client.get('/?Set-Cookie:a=2; Path=/')
        assert seen(client.get('/'))['cookie'] == 'a=2'

    @pytest.mark.parametrize('end', ['Max-Age=0', 'Max-Age=-5', 'Expires=Thu, 01-Jan-70 00:00:00 GMT',
                                     'EXPIRES=Sun, 06 Nov 1994 08:49:37 GMT'])
    def test_one_whose_time_is_over_is_dropped(self, client, end):
        client.get('/?Set-Cookie:a=1; Path=/')
        client.get(f'/?Set-Cookie:a=; Path=/; {end}')
        assert dict(client.cookies) == {}

    def test_the_path_decides(self, client):
        client.get('/app/page?Set-Cookie:a=1; Path=/app')
        client.get('/app/page?Set-Cookie:b=2')
        assert seen(client.get('/app'))['cookie'] == 'a=1; b=2'
        assert seen(client.get('/app/x'))['cookie'] == 'a=1; b=2'
        assert seen(client.get('/apple'))['cookie'] == ''

    def test_the_longest_path_comes_first(self, client):
        client.get('/?Set-Cookie:a=root; Path=/')
        client.get('/?Set-Cookie:a=sub; Path=/sub')
        assert seen(client.get('/sub'))['cookie'] == 'a=sub; a=root'

    def test_secure_cookies_go_over_https_only(self, client):
        client.get('/?Set-Cookie:a=1; Path=/; Secure')
        assert seen(client.get('/'))['cookie'] == ''
        client.https = True
        assert seen(client.get('/'))['cookie'] == 'a=1'

    def test_a_test_can_set_and_delete_them(self, client):
        client.cookies['a'] = '1'
        assert seen(client.get('/x'))['cookie'] == 'a=1'
        del client.cookies['a']
        assert 'a' not in client.cookies
        with pytest.raises(KeyError):
            del client.cookies['a']

    def test_a_header_given_with_the_request_wins(self, client):
        client.cookies['a'] = '1'
        assert seen(client.get('/', headers={'Cookie': 'b=2'}))['cookie'] == 'b=2'


class TestRedirects:
    def test_they_are_shown_unless_followed(self, client):
        assert client.get('/a/b?status:302 FOUND&Location:c').status == 302
        answer = client.post('/a/b?status:302 FOUND&Location:c', {'x': '1'}, follow_redirects=True)
        assert (answer.url, seen(answer)['method'], seen(answer)['body']) == ('/a/c', 'GET', '')

    def test_307_repeats_the_request(self, client):
        answer = client.post('/a/b?status:307 TEMPORARY&Location:/c', {'x': '1'}, follow_redirects=True)
        assert (seen(answer)['method'], seen(answer)['body']) == ('POST', 'x=1')

    def test_an_endless_chain_is_an_error(self, client):
        def loop(environ, start_response):
            start_response('302 FOUND', [('Location', '/')])
            return []

        with pytest.raises(RuntimeError, match='20 redirects'):
            Client(loop).get('/', follow_redirects=True)


class TestPages:
    def test_an_error_in_a_page_comes_out_if_asked_for(self, tmp_path):
        (tmp_path / 'page.spy').write_text('[[= 1/0 ]]')
        app = spyce.make_app(str(tmp_path), session_store='memory:')
        assert Client(app).get('/page.spy').status == 500
        with pytest.raises(ZeroDivisionError) as caught:
            Client(app, raise_errors=True).get('/page.spy')
        assert any(entry.path == tmp_path / 'page.spy' for entry in caught.traceback)

    @pytest.fixture(autouse=True)
    def only_the_plugin_under_test(self, monkeypatch):
        # It is found by itself where the package is installed; loading it twice is an error.
        monkeypatch.setenv('PYTEST_DISABLE_PLUGIN_AUTOLOAD', '1')

    def test_the_fixture_makes_a_test_of_three_lines(self, pytester):
        pytester.makefile('.spy', hello='Hello [[= request.get1("name") ]]')
        pytester.makepyfile('''
            def test_hello(spyce_client):
                assert 'Hello you' in spyce_client.get('/hello.spy', {'name': 'you'}).text
        ''')
        pytester.runpytest('-p', 'spyce.pytest_plugin').assert_outcomes(passed=1)

    def test_an_ini_option_names_the_site(self, pytester):
        pytester.mkdir('site').joinpath('hello.spy').write_text('Hello')
        pytester.makeini('[pytest]\nspyce_root = site')
        pytester.makepyfile('def test_hello(spyce_client):\n    assert spyce_client.get("/hello.spy").status == 200')
        pytester.runpytest('-p', 'spyce.pytest_plugin').assert_outcomes(passed=1)
