"""From a url to a page, a file, a redirect or an error: routing, and what must never be sent."""
from __future__ import annotations

import io
import logging
import os

import pytest
from requests_by_hand import environ_for

from spyce.testing import Client
from spyce.web.errors import error_page


@pytest.fixture
def client(make_site):
    """A function like make_site that gives a client."""
    return lambda *args, **options: Client(make_site(*args, **options))


class TestPages:
    def test_a_spy_file_is_a_page(self, client):
        site = client({'index.spy': '', 'sub/page.spy': ''})
        assert site.get('/sub/page.spy').text == 'page sub/page.spy'

    def test_a_page_may_answer_any_method_but_trace_and_connect(self, client):
        site = client({'page.spy': ''})
        for method in ('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'):
            assert site.request(method, '/page.spy').status == 200
        for method in ('TRACE', 'CONNECT', 'BREW'):
            answer = site.request(method, '/page.spy')
            assert answer.status == 405
            assert answer.headers['Allow'] == 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

    def test_a_missing_page_is_left_to_the_error_page_of_the_site(self, client):
        answer = client().get('/nosuch.spy')
        assert (answer.status, answer.text) == (404, 'no such page')

    def test_the_first_index_file_that_exists_answers_for_a_folder(self, client):
        site = client({'index.spy': '', 'index.html': 'h', 'sub/index.html': 'sub', 'empty/x.txt': ''})
        assert site.get('/').text == 'page index.spy'
        assert site.get('/sub/').text == 'sub'
        assert site.get('/empty/').status == 404

    def test_index_files_are_configured(self, client):
        assert client({'start.spy': ''}, indexFiles=['start.spy']).get('/').text == 'page start.spy'

    def test_other_endings_can_be_pages(self, client):
        site = client({'a.html': ''}, www_handlers={'spy': 'spyce', 'html': 'spyce', '/': 'directory', None: 'dump'})
        assert site.get('/a.html').text == 'page a.html'

    def test_without_the_dump_handler_nothing_else_is_sent(self, client):
        site = client({'a.txt': 'x', 'page.spy': ''}, www_handlers={'spy': 'spyce'})
        assert site.get('/a.txt').status == 404
        assert site.get('/').status == 404
        assert site.get('/page.spy').status == 200

    def test_the_server_learns_of_its_environment_at_the_first_request(self, make_site):
        app = make_site({'page.spy': ''})
        Client(app).get('/page.spy')
        Client(app).get('/page.spy')
        assert [environ['wsgi.multiprocess'] for environ in app.server.environments] == [False]

    def test_a_path_may_be_any_text(self, client):
        site = client({'café menu/seite ü.spy': ''})
        assert site.get('/caf%C3%A9%20menu/seite%20%C3%BC.spy').text == 'page café menu/seite ü.spy'


class TestFolderWithoutSlash:
    def test_redirects_to_the_folder_and_keeps_the_query(self, client):
        answer = client({'sub/index.html': ''}).get('/sub?a=1&b=%20')
        assert answer.status == 301
        assert answer.headers['Location'] == '/sub/?a=1&b=%20'

    def test_never_to_another_host(self, client):
        site = client({'evil.example/index.html': ''})
        assert site.get('//evil.example').status == 404
        assert site.get('/evil.example').headers['Location'] == '/evil.example/'

    def test_a_line_break_in_the_query_stays_within_the_header(self, make_site):
        app, headers = make_site({'sub/index.html': ''}), []
        environ = {'REQUEST_METHOD': 'GET', 'PATH_INFO': '/sub', 'QUERY_STRING': 'a\r\nX-Injected: yes',
                   'wsgi.input': io.BytesIO(), 'wsgi.errors': io.StringIO()}
        list(app(environ, lambda status, more, exc_info=None: headers.extend(more)))
        assert dict(headers)['Location'] == '/sub/?a%0D%0AX-Injected:%20yes'

    def test_under_a_mount_point(self, make_site):
        app = make_site({'index.html': 'home', 'sub/index.html': ''})
        for path_info, location in [('/sub', '/mount/sub/'), ('', '/mount/')]:
            headers: list[tuple[str, str]] = []
            environ = {'REQUEST_METHOD': 'GET', 'SCRIPT_NAME': '/mount', 'PATH_INFO': path_info,
                       'wsgi.input': io.BytesIO(), 'wsgi.errors': io.StringIO()}
            list(app(environ, lambda status, more, exc_info=None, headers=headers: headers.extend(more)))
            assert dict(headers)['Location'] == location


HOSTILE_PATHS = [
    '/../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/..%2f..%2fetc/passwd', '//etc/passwd', '/etc//passwd',
    '/index.spy/', '/index.spy%00.html', '/index.spy/x', '/a\\..\\..\\b', '/%5c..%5cx', '/x%0a.html', '/./index.spy',
    '/sub/../index.spy', '/%ff.html', '/' + 'a/' * 3000, '/' + 'x' * 5000,
    '/nosuch%3Cscript%3Ealert(1)%3C/script%3E.html',
    '/.hidden.html', '/.git/config.txt', '/sub/.htaccess', '/parent.spi', '/x.py', '/x.pyc', '/X.PY', '/x.py.gz',
    '/data.db', '/data.sqlite3', '/page.html~', '/%23page.html%23', '/page.bak', '/page.html.orig', '/.page.html.swp',
    '/unknown.xyzzy', '/noending', '/key.pem', '/index.spy.gz',
]


class TestHostilePaths:
    FILES = {'index.spy': 'SECRET', 'parent.spi': 'SECRET', 'x.py': 'SECRET', 'x.pyc': 'SECRET', 'X.PY': 'SECRET',
             'x.py.gz': 'SECRET', '.hidden.html': 'SECRET', '.git/config.txt': 'SECRET', 'sub/.htaccess': 'SECRET',
             'data.db': 'SECRET', 'data.sqlite3': 'SECRET', 'page.html~': 'SECRET', '#page.html#': 'SECRET',
             'page.bak': 'SECRET', 'page.html.orig': 'SECRET', '.page.html.swp': 'SECRET', 'unknown.xyzzy': 'SECRET',
             'noending': 'SECRET', 'key.pem': 'SECRET', 'index.spy.gz': 'SECRET'}

    @pytest.mark.parametrize('path', HOSTILE_PATHS)
    def test_nothing_leaks(self, make_site, tmp_path, path):
        answer = Client(make_site(self.FILES)).get(path)
        assert answer.status == 404
        assert 'SECRET' not in answer.text
        assert 'root:' not in answer.text
        assert '<script' not in answer.text.lower()
        assert str(tmp_path) not in answer.text

    def test_a_link_out_of_the_root_is_not_followed(self, make_site, tmp_path):
        (tmp_path / 'outside.html').write_text('SECRET')
        (tmp_path / 'outside.spy').write_text('SECRET')
        (tmp_path / 'root-beside').mkdir()
        (tmp_path / 'root-beside' / 'a.html').write_text('SECRET')
        app = make_site({'in.html': 'inside'})
        for name, target in [('a.html', '../outside.html'), ('a.spy', '../outside.spy'), ('d', '../root-beside')]:
            (tmp_path / 'root' / name).symlink_to(target)
        (tmp_path / 'root' / 'good.html').symlink_to('in.html')
        site = Client(app)
        assert [site.get(path).status for path in ('/a.html', '/a.spy', '/d/a.html', '/d/', '/d')] == [404] * 5
        assert site.get('/good.html').text == 'inside'

    def test_a_harmless_name_does_not_show_what_it_links_to(self, make_site, tmp_path):
        app = make_site({'page.spy': 'SECRET', '.env': 'SECRET', 'x.py': 'SECRET'})
        for number, target in enumerate(('page.spy', '.env', 'x.py')):
            (tmp_path / 'root' / f'{number}.txt').symlink_to(target)
        assert [Client(app).get(f'/{number}.txt').status for number in range(3)] == [404] * 3

    def test_a_pipe_does_not_hang_the_server(self, make_site, tmp_path):
        app = make_site()
        os.mkfifo(tmp_path / 'root' / 'a.html')
        os.mkfifo(tmp_path / 'root' / 'a.spy')
        assert [Client(app).get(path).status for path in ('/a.html', '/a.spy')] == [404, 404]

    def test_the_folder_of_the_sessions_is_private(self, make_site, tmp_path):
        app = make_site({'data/a.html': 'SECRET', 'other/a.html': 'fine'}, site_data='data')
        assert Client(app).get('/data/a.html').status == 404
        assert Client(app).get('/other/a.html').status == 200


class TestStaticFiles:
    def test_type_length_and_nosniff(self, client):
        answer = client({'a.css': 'p {}', 'b.png': b'\x89PNG'}).get('/a.css')
        assert answer.text == 'p {}'
        assert answer.headers['Content-Type'] == 'text/css; charset=utf-8'
        assert answer.headers['Content-Length'] == '4'
        assert answer.headers['X-Content-Type-Options'] == 'nosniff'
        assert client().get('/b.png').headers['Content-Type'] == 'image/png'

    @pytest.mark.parametrize('name, content_type', [
        ('a.js', 'text/javascript; charset=utf-8'), ('a.woff2', 'font/woff2'), ('a.tar.gz', 'application/gzip'),
        ('A.JPG', 'image/jpeg'), ('a.webp', 'image/webp')])
    def test_types_do_not_depend_on_the_machine(self, client, name, content_type):
        answer = client({name: 'x'}).get('/' + name)
        assert answer.headers['Content-Type'] == content_type
        assert 'Content-Encoding' not in answer.headers

    def test_the_site_can_add_types_but_not_open_what_is_closed(self, client):
        site = client({'a.xyz': 'x', 'a.py': 'SECRET', 'a.db': 'SECRET'},
                      mime={'xyz': 'chemical/x-xyz', '.py': 'text/plain', '.db': 'text/plain'})
        assert site.get('/a.xyz').headers['Content-Type'] == 'chemical/x-xyz'
        assert [site.get(path).status for path in ('/a.py', '/a.db')] == [404, 404]

    def test_mime_files_of_2_1_are_read(self, client, tmp_path):
        (tmp_path / 'spyce.mime').write_text('chemical/x-xyz xyz\n')
        site = client({'a.xyz': 'x'}, mime=[str(tmp_path / 'spyce.mime')])
        assert site.get('/a.xyz').headers['Content-Type'] == 'chemical/x-xyz'

    def test_head(self, client):
        answer = client({'a.txt': 'abc'}).head('/a.txt')
        assert (answer.status, answer.body, answer.headers['Content-Length']) == (200, b'', '3')

    def test_other_methods_are_refused(self, client):
        answer = client({'a.txt': 'abc'}).post('/a.txt', data={'a': '1'})
        assert (answer.status, answer.headers['Allow']) == (405, 'GET, HEAD')

    def test_a_file_that_has_not_changed_is_not_sent_again(self, client):
        site = client({'a.txt': 'abc'})
        first = site.get('/a.txt')
        for condition in ({'If-None-Match': first.headers['ETag']},
                          {'If-Modified-Since': first.headers['Last-Modified']}):
            again = site.get('/a.txt', headers=condition)
            assert (again.status, again.body) == (304, b'')
        assert site.get('/a.txt', headers={'If-None-Match': '"other"'}).status == 200

    @pytest.mark.parametrize('wanted, content, content_range', [
        ('bytes=0-1', b'ab', 'bytes 0-1/6'), ('bytes=4-', b'ef', 'bytes 4-5/6'), ('bytes=-2', b'ef', 'bytes 4-5/6'),
        ('bytes=3-99', b'def', 'bytes 3-5/6')])
    def test_a_range(self, client, wanted, content, content_range):
        answer = client({'a.txt': 'abcdef'}).get('/a.txt', headers={'Range': wanted})
        assert (answer.status, answer.body) == (206, content)
        assert answer.headers['Content-Range'] == content_range
        assert answer.headers['Content-Length'] == str(len(content))

    @pytest.mark.parametrize('wanted', ['bytes=0-1,3-4', 'lines=1-2', 'bytes=x-y', 'nonsense'])
    def test_ranges_beyond_our_understanding_get_the_whole(self, client, wanted):
        answer = client({'a.txt': 'abcdef'}).get('/a.txt', headers={'Range': wanted})
        assert (answer.status, answer.body) == (200, b'abcdef')

    def test_a_range_outside_of_the_file(self, client):
        answer = client({'a.txt': 'abcdef'}).get('/a.txt', headers={'Range': 'bytes=7-9'})
        assert (answer.status, answer.headers['Content-Range']) == (416, 'bytes */6')

    def test_a_range_of_a_file_that_has_changed_since_is_the_whole(self, client):
        answer = client({'a.txt': 'abcdef'}).get('/a.txt', headers={'Range': 'bytes=0-1', 'If-Range': '"old"'})
        assert (answer.status, answer.body) == (200, b'abcdef')

    def test_an_empty_file(self, client):
        assert client({'a.txt': ''}).get('/a.txt', headers={'Range': 'bytes=0-1'}).body == b''

    @pytest.mark.skipif(os.geteuid() == 0, reason='root may read everything')
    def test_an_unreadable_file_is_forbidden(self, client, tmp_path):
        site = client({'a.txt': 'abc'})
        (tmp_path / 'root' / 'a.txt').chmod(0)
        assert site.get('/a.txt').status == 403


class TestErrors:
    def test_an_exception_that_escapes_is_logged_and_shows_nothing(self, make_site, caplog):
        def broken(request, response):
            response.write('half a page')
            raise RuntimeError('<b>secret</b>')

        with caplog.at_level(logging.ERROR, 'spyce.web'):
            answer = Client(make_site(pages={'page.spy': broken})).get('/page.spy')
        assert answer.status == 500
        assert 'secret' not in answer.text
        assert 'half' not in answer.text
        assert 'RuntimeError: <b>secret</b>' in caplog.text

    def test_an_exception_after_the_headers_cuts_the_connection(self, make_site):
        def broken(request, response):
            response.write('half a page')
            response.flush()
            raise RuntimeError('late')

        with pytest.raises(RuntimeError, match='late'):
            Client(make_site(pages={'page.spy': broken})).get('/page.spy')

    def test_an_exception_of_a_callback_is_one_too(self, make_site):
        app = make_site(pages={'page.spy': lambda request, response: response.before_send(lambda: 1 / 0)})
        assert Client(app).get('/page.spy').status == 500

    def test_a_body_over_the_limit_is_413_before_the_page_runs(self, make_site):
        ran = []
        app = make_site(pages={'page.spy': lambda request, response: ran.append(1)}, max_body_bytes=10)
        assert Client(app).post('/page.spy', data='x' * 11).status == 413
        assert ran == []
        assert Client(app).post('/page.spy', data='x' * 10).status == 200

    def test_the_announced_length_alone_is_enough(self, make_site):
        statuses: list[str] = []
        environ = environ_for('POST', '/page.spy', body=b'x', CONTENT_LENGTH=str(10 ** 9))
        list(make_site({'page.spy': ''})(environ, lambda status, headers: statuses.append(status)))
        assert statuses == ['413 REQUEST ENTITY TOO LARGE']

    def test_too_many_fields_are_413(self, make_site):
        app = make_site(pages={'page.spy': lambda request, response: request.form()})
        assert Client(app).post('/page.spy', data='a=1&' * 100000).status == 413

    def test_a_bad_form_is_400(self, make_site):
        app = make_site(pages={'page.spy': lambda request, response: request.form()})
        answer = Client(app).post('/page.spy', data=b'x', content_type='multipart/form-data')
        assert answer.status == 400

    def test_head_of_an_error_has_no_body(self, client):
        answer = client().head('/nothing.txt')
        assert (answer.status, answer.body) == (404, b'')

    def test_the_page_escapes_what_it_is_given(self):
        page = error_page(404, '<title>', 'a & <b>')
        assert '&lt;title&gt;' in page
        assert 'a &amp; &lt;b&gt;' in page
        assert '<b>' not in page

    def test_a_status_without_words_of_its_own(self):
        assert '418 Error' in error_page(418)
