"""`spyce serve --dev` as a developer uses it: a real process, files that are edited, what a browser gets."""
from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spyce import make_app
from spyce.testing import Client
from spyce.web.refresh import RefreshedSite
from spyce.web.reload import Activity

pytestmark = pytest.mark.skipif(os.name != 'posix', reason='elsewhere the server is not restarted')

DEADLINE = 20.0
SCRIPT = '/_spyce/dev/refresh.js'


class Browser:
    """Asks the server, a new connection for each request."""

    def __init__(self, server: Any) -> None:
        self.port = server.port

    def ask(self, path: str, method: str = 'GET', **headers: str) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=DEADLINE)
        try:
            names = {name.replace('_', '-'): value for name, value in headers.items()}
            connection.request(method, path, headers={'Sec-Fetch-Dest': 'document', **names})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def text(self, path: str) -> str:
        return self.ask(path)[2]

    def wait_for(self, path: str, said: str) -> str:
        """Ask until the page says it."""
        return until(lambda: text if said in (text := self.text(path)) else '', f'{path} does not say {said!r}')


class Events:
    """An open event stream."""

    def __init__(self, server: Any) -> None:
        self.connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=DEADLINE)
        self.connection.request('GET', '/_spyce/dev/events')
        self.answer = self.connection.getresponse()
        assert self.answer.getheader('Content-Type') == 'text/event-stream; charset=utf-8'

    def next(self) -> str:
        """The next message; '' if the stream has ended."""
        while line := self.answer.readline():
            if line.startswith(b'data: '):
                return line[6:].decode().strip()
        return ''


def until(found: Callable[[], Any], otherwise: str) -> Any:
    deadline = time.monotonic() + DEADLINE
    while not (result := found()):
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)
    return result


def version_in(text: str) -> str:
    return text.partition('?v=')[2].partition('"')[0]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / 'site'
    folder.mkdir()
    (folder / 'index.spy').write_text('<p>[[ import shop ]][[= shop.NAME ]]</p>')
    (folder / 'shop.py').write_text("NAME = 'first'\n")
    return folder


@pytest.fixture
def serve(spyce_serve, root, tmp_path):
    """serve(): the server for `root`; its log is at server0.log."""
    started = []

    def start(*arguments: str) -> Any:
        started.append(spyce_serve(root, '--dev', *arguments))
        return started[-1]

    yield start
    for server in started:  # before the fixture kills it: so that it ends the process that serves
        if server.process.poll() is None:
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(DEADLINE)


class TestPages:
    def test_pages_and_what_they_are_made_of_are_reloaded_at_once(self, serve, root):
        (root / 'tags').mkdir()
        (root / 'page.spy').write_text('[[.taglib name=mine from=mine.py as=my]][[.import name=include]]'
                                       '[[.include file=pasted.spi]] [[ include.spyce("run.spi") ]] <my:hello />')
        (root / 'pasted.spi').write_text('pasted 1')
        (root / 'run.spi').write_text('run 1')
        (root / 'mine.py').write_text('from spyceTag import spyceTagLibrary, spyceTag\n'
                                      'class hello(spyceTag):\n  name = "hello"\n'
                                      '  def begin(self): self.getOut().write("tag 1")\n'
                                      'class mine(spyceTagLibrary):\n  tags = [hello]\n')
        browser = Browser(serve())
        text = browser.text('/page.spy')
        for part in ('pasted', 'run'):
            assert f'{part} 1' in text
            (root / f'{part}.spi').write_text(f'{part} 2 ')
            assert f'{part} 2' in browser.text('/page.spy')
        assert 'tag 1' in text
        (root / 'mine.py').write_text((root / 'mine.py').read_text().replace('tag 1', 'tag 2'))
        assert 'tag 2' in browser.wait_for('/page.spy', 'tag 2')

    def test_the_full_error_page_is_shown(self, serve, root):
        (root / 'page.spy').write_text('[[= 1/0 ]]')
        text = Browser(serve()).text('/page.spy')
        assert 'page.spy:1' in text and 'ZeroDivisionError' in text and SCRIPT in text


class TestRestart:
    def test_a_changed_module_of_the_site_counts(self, serve, root):
        server = serve()
        browser = Browser(server)
        assert 'first' in browser.text('/')
        (root / 'shop.py').write_text("NAME = 'second'\n")
        browser.wait_for('/', 'second')
        assert server.process.stdout.readline() == server.line  # the same address

    def test_a_new_module_counts(self, serve, root):
        (root / 'index.spy').write_text('[[ import extra ]][[= extra.NAME ]]')
        browser = Browser(serve())
        assert 'No module named' in browser.text('/')
        (root / 'extra.py').write_text("NAME = 'extra'\n")
        browser.wait_for('/', 'extra')

    def test_a_changed_config_counts(self, serve, root):
        (root / 'index.spy').write_text('[[= response._api.getServer().config.globals ]]')
        browser = Browser(serve())
        (root / 'spyceconf.py').write_text("globals = {'made': 'later'}\n")
        browser.wait_for('/', 'later')

    def test_a_config_elsewhere_and_what_it_imports_count(self, serve, root, tmp_path):
        (tmp_path / 'conf').mkdir()
        (tmp_path / 'conf' / 'names.py').write_text("NAME = 'one'\n")
        (tmp_path / 'conf' / 'my.py').write_text("import names\nglobals = {'name': names.NAME}\n")
        (root / 'index.spy').write_text('[[= response._api.getServer().config.globals ]]')
        browser = Browser(serve('--config', str(tmp_path / 'conf' / 'my.py')))
        assert 'one' in browser.text('/')
        (tmp_path / 'conf' / 'names.py').write_text("NAME = 'three'\n")
        browser.wait_for('/', 'three')

    def test_a_broken_config_is_shown_until_it_is_mended(self, serve, root, tmp_path):
        (root / 'spyceconf.py').write_text('globals = {}\nport = 80 +\n')
        browser = Browser(serve())
        status, _, text = browser.ask('/')
        assert status == 500 and 'spyceconf.py:2' in text and SCRIPT in text
        assert 'spyceconf.py", line 2' in (tmp_path / 'server0.log').read_text()
        (root / 'spyceconf.py').write_text('globals = {}\n')
        browser.wait_for('/', 'first')
        (root / 'spyceconf.py').write_text("sesion_expire = 'x'\ndebug = 'maybe'\n")
        browser.wait_for('/', 'expected True or False')
        (root / 'spyceconf.py').unlink()
        browser.wait_for('/', 'first')

    def test_a_site_that_ends_its_process_is_shown_until_it_is_mended(self, serve, root):
        browser = Browser(serve())
        (root / 'spyceconf.py').write_text('import os\nos._exit(7)\n')
        browser.wait_for('/', 'with status 7')
        (root / 'spyceconf.py').write_text('')
        browser.wait_for('/', 'first')

    def test_a_request_in_flight_is_answered(self, serve, root, tmp_path):
        (root / 'slow.spy').write_text(f"[[ import os, time, shop; open('{tmp_path / 'started'}', 'w').close()\n"
                                       f"while not os.path.exists('{tmp_path / 'go'}'): time.sleep(0.02)\n"
                                       ']][[= shop.NAME ]] finished')
        browser = Browser(serve())
        answers: list[str] = []
        thread = threading.Thread(target=lambda: answers.append(browser.text('/slow.spy')))
        thread.start()
        until((tmp_path / 'started').exists, 'the page did not begin')
        (root / 'shop.py').write_text("NAME = 'second'\n")
        browser.wait_for('/', 'second')
        (tmp_path / 'go').touch()
        thread.join(DEADLINE)
        assert answers and 'first finished' in answers[0]

    def test_sessions_are_kept(self, serve, root):
        (root / 'index.spy').write_text('[[.import name=session]][[ import shop ]][[= shop.NAME ]] '
                                        "[[= session.incr('n') ]] visits")
        browser = Browser(serve())
        _, headers, text = browser.ask('/')
        assert 'first 1 visits' in text
        cookie = headers['set-cookie'].partition(';')[0]
        (root / 'shop.py').write_text("NAME = 'second'\n")
        browser.wait_for('/', 'second')
        assert 'second 2 visits' in browser.ask('/', Cookie=cookie)[2]

    @pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT], ids=['SIGTERM', 'SIGINT'])
    def test_it_ends_when_it_is_told_even_with_a_browser_listening(self, serve, number):
        server = serve()
        events = Events(server)
        assert events.next()
        begin = time.monotonic()
        assert server.stop(number) == (0, '')
        assert time.monotonic() - begin < 10
        assert events.next() == ''
        with pytest.raises(OSError):
            Browser(server).text('/')

    def test_nothing_stays_behind_when_it_is_killed(self, serve):
        server = serve()
        server.process.kill()
        server.process.wait(DEADLINE)

        def is_gone() -> bool:
            try:
                Browser(server).text('/')
            except OSError:
                return True
            return False

        until(is_gone, 'the process that serves is still there')


class TestRefresh:
    def test_browsers_are_told_of_a_changed_file(self, serve, root):
        (root / 'style.css').write_text('p { color: red }')
        server = serve()
        events = Events(server)
        assert events.next() == version_in(Browser(server).text('/'))
        (root / 'style.css').write_text('p { color: blue }')
        assert events.next() == version_in(Browser(server).text('/'))

    def test_a_restart_is_a_change_too(self, serve, root):
        server = serve()
        browser = Browser(server)
        events = Events(server)
        before = events.next()
        (root / 'shop.py').write_text("NAME = 'second'\n")
        assert events.next() == ''  # the browser asks again by itself
        browser.wait_for('/', 'second')
        assert Events(server).next() == version_in(browser.text('/')) != before

    def test_what_a_page_writes_while_it_runs_is_no_change(self, serve, root):
        (root / 'count.spy').write_text(f"[[ f = open('{root}/count.txt', 'a'); f.write('x'); f.close() ]]<p>counted")
        (root / 'count.txt').write_text('')
        server = serve()
        events = Events(server)
        first = events.next()
        for _ in range(3):
            Browser(server).text('/count.spy')
        (root / 'new.spy').write_text('')
        second = events.next()
        assert second.endswith('-1') and first != second, 'only the new page counts'


@pytest.fixture(scope='class')
def pages(tmp_path_factory) -> Client:
    """A site with every kind of answer, as the server for development sends it."""
    folder = tmp_path_factory.mktemp('kinds')
    for name, text in {
        'index.spy': '[[.import name=compress]]<p>ü</p>', 'plain.html': '<p>plain</p>', 'bare.spy': 'bare text',
        'broken.spy': '[[= 1/0 ]]', 'stream.spy': '<p>one</p>[[ response.flush() ]]two', 'style.css': '<p>',
        'data.spy': "[[ response.setContentType('application/json') ]]<1>",
        'none.spy': '[[ response.setReturnCode(204) ]]',
    }.items():
        (folder / name).write_text(text)
    app = make_app(str(folder), debug=True, session_store='memory:')
    return Client(RefreshedSite(app, 8, Activity()))


class TestScript:
    @pytest.mark.parametrize(('path', 'headers', 'added'), [
        ('/', {}, True), ('/plain.html', {}, True), ('/bare.spy', {}, True), ('/broken.spy', {}, True),
        ('/stream.spy', {}, True), ('/missing.spy', {}, True), ('/', {'Sec-Fetch-Dest': 'iframe'}, True),
        ('/', {'Sec-Fetch-Dest': ''}, True), ('/', {'Accept-Encoding': 'gzip'}, True),
        ('/', {'Sec-Fetch-Dest': 'empty'}, False), ('/bare.spy', {'Sec-Fetch-Dest': ''}, False),
        ('/data.spy', {}, False), ('/style.css', {}, False), ('/none.spy', {}, False),
        ('/plain.html', {'Range': 'bytes=0-3'}, False)])
    def test_only_pages_that_a_browser_shows_are_added_to(self, pages, path, headers, added):
        answer = pages.get(path, headers={'Sec-Fetch-Dest': 'document', **headers})
        assert (SCRIPT in answer.text) is added
        length = answer.headers.get('Content-Length')
        if path == '/stream.spy' or answer.status == 204:
            assert length is None
        else:
            assert int(length) == len(answer.text.encode())

    def test_head_and_get_agree(self, pages):
        lengths = [pages.request(method, '/', headers={'Sec-Fetch-Dest': 'document'}).headers['Content-Length']
                   for method in ('HEAD', 'GET')]
        assert lengths[0] == lengths[1]

    def test_a_page_that_the_browser_has_kept_is_sent_anew(self, pages):
        tag = pages.get('/plain.html').headers['ETag']
        assert pages.get('/plain.html', headers={'If-None-Match': tag}).status == 200

    def test_the_script_is_there(self, pages):
        answer = pages.get(SCRIPT + '?v=1')
        assert answer.status == 200 and answer.headers['Content-Type'].startswith('text/javascript')
        assert 'EventSource' in answer.text and '/_spyce/dev/events' in answer.text

    def test_an_answer_to_a_form_is_not_asked_for_again_with_the_form(self, pages):
        assert 'data-posted' in pages.post('/', {}, headers={'Sec-Fetch-Dest': 'document'}).text
        assert 'data-posted' not in pages.get('/', headers={'Sec-Fetch-Dest': 'document'}).text


class TestDebugger:
    def test_breakpoint_in_a_page_talks_with_the_terminal(self, root, tmp_path):
        (root / 'index.spy').write_text('[[ x = 6 ]]\n[[ breakpoint() ]]\n<p>[[= x ]]</p>')
        process = subprocess.Popen([sys.executable, '-m', 'spyce', 'serve', str(root), '--dev', '--port', '0'],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        with process:
            try:
                assert process.stdin is not None and process.stdout is not None
                port = int(process.stdout.readline().rpartition(':')[2].strip('/\n'))
                process.stdin.write('p x * 7\nwhere\ncontinue\n')
                process.stdin.flush()
                answer = Browser(SimpleNamespace(port=port)).text('/')
                assert '<p>6</p>' in answer and 'Pdb' not in answer
            finally:
                process.terminate()
            shown = process.stdout.read()
        assert '42' in shown and re.search(r'index\.spy\([23]\)spyceProcess\(\)', shown)


class TestAddress:
    def test_only_this_machine_is_let_in_whatever_the_config_says(self, serve, root, tmp_path):
        (root / 'spyceconf.py').write_text("ipaddr = '0.0.0.0'\nsession_store = 'memory:'\n")
        assert serve().line.startswith(f'Serving {root} at http://127.0.0.1:')
        log = (tmp_path / 'server0.log').read_text()
        assert 'OPEN TO OTHERS' not in log
        assert 'sessions are lost at each restart' in log

    def test_a_name_of_elsewhere_that_means_this_machine_is_refused(self, serve):
        browser = Browser(serve())
        assert [browser.ask('/', Host=name)[0] for name in ('rebound.example', '[', '')] == [403] * 3
        assert [browser.ask('/index.spy', Host=f'{name}:1')[0]
                for name in ('localhost', '127.0.0.1', '[::1]', 'site.localhost')] == [200] * 4

    def test_another_address_is_warned_of(self, serve, tmp_path):
        serve('--host', '0.0.0.0')
        assert 'THIS SITE IS OPEN TO OTHERS' in (tmp_path / 'server0.log').read_text()

    def test_several_workers_are_refused(self, root):
        from click.testing import CliRunner

        from spyce.cli import main
        result = CliRunner().invoke(main, ['serve', str(root), '--dev', '--workers', '2'])
        assert result.exit_code == 2 and 'leave --workers out' in result.output
