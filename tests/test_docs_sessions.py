"""docs/sessions.txt: its examples run, its tables are those of the code, and the tests that it names are there."""
from __future__ import annotations

import contextlib
import logging
import pickle
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from spyce.modules.session import session as SessionModule

import spyce
from spyce.config import load_config
from spyce.operator import sessions as commands
from spyce.sessions import SessionOptions
from spyce.testing import Client
from tests.examples_in_text import DOCS, examples

DOCUMENT = 'sessions.txt'
TEXT = (DOCS / DOCUMENT).read_text('utf-8')
PAGES = examples(DOCUMENT, 'page')
TESTS = Path(__file__).parent


@pytest.fixture
def browse(tmp_path: Path) -> Callable[..., Client]:
    """browse(session_index='user'): a browser at a site of all the example pages."""
    for name, page in PAGES.items():
        (tmp_path / name).write_text(page)
    app: list[Any] = []

    def visit(**options: Any) -> Client:
        if not app or options:
            app[:] = [spyce.make_app(str(tmp_path), session_store='memory:', **options)]
        return Client(app[0], raise_errors=True)
    return visit


def words(client: Client, page: str, **request: Any) -> str:
    return ' '.join(client.get(page, **request).text.split())


def test_each_example_is_run_here() -> None:
    kinds = re.findall(r'^Example (\w+) ', TEXT, re.MULTILINE)
    assert {kind: kinds.count(kind) for kind in kinds} == {
        'page': len(PAGES), 'config': 3, 'module': 1, 'program': 1, 'test': 1, 'lines': 1}
    tested = Path(__file__).read_text('utf-8')
    assert [name for name in PAGES if f'/{name}' not in tested] == []


def test_counter(browse: Callable[..., Client]) -> None:
    client = browse()
    assert words(client, '/counter.spy') == '<p>You have been here 1 times.</p>'
    assert words(client, '/counter.spy') == '<p>You have been here 2 times.</p>'


def test_modes(browse: Callable[..., Client]) -> None:
    client = browse()
    assert words(client, '/slow.spy') == 'a report that takes a minute'
    assert [words(client, '/like.spy') for _ in range(3)] == ['1', '2', '3']
    assert words(client, '/basket.spy') == '0 things'
    client.get('/shop.spy')
    client.get('/shop.spy')
    assert len(client.cookies) == 1


def test_login_and_logout(browse: Callable[..., Client]) -> None:
    client = browse()
    client.get('/counter.spy')
    before = client.cookies['sessionid']
    client.post('/login.spy', {'password': 'wrong'})
    assert words(client, '/login.spy') == 'nobody'
    client.post('/login.spy', {'password': 'lovelace'})
    assert words(client, '/login.spy') == 'ada'
    assert client.cookies['sessionid'] != before
    client.post('/login.spy', {'do': 'logout'})
    assert words(client, '/login.spy') == 'nobody'
    assert dict(client.cookies) == {}


def test_a_user_sees_and_ends_his_sessions(browse: Callable[..., Client]) -> None:
    browse(session_index='user')
    clients = [browse() for _ in range(3)]
    for client in clients:
        client.post('/login.spy', {'password': 'lovelace'})
    assert words(clients[0], '/devices.spy') == '3 sessions'
    assert words(browse(), '/devices.spy') == '0 sessions'
    clients[0].post('/devices.spy')
    assert [words(client, '/login.spy') for client in clients] == ['ada', 'nobody', 'nobody']
    assert words(clients[0], '/devices.spy') == '1 sessions'


def test_one_session_for_each_user(browse: Callable[..., Client]) -> None:
    browse(session_index='user')
    first, second, other = browse(), browse(), browse()
    for client, user in [(first, 'ada'), (other, 'eve'), (second, 'ada')]:
        client.get('/single.spy', {'user': user})
    assert [words(client, '/login.spy') for client in (first, second, other)] == ['nobody', 'ada', 'eve']


def test_tokens_and_messages(browse: Callable[..., Client]) -> None:
    client, other = browse(), browse()
    token = re.search(r'name="token" value="([^"]+)"', client.get('/guestbook.spy').text)
    assert token is not None
    foreign = re.search(r'name="token" value="([^"]+)"', other.get('/guestbook.spy').text)
    assert foreign is not None
    for wrong in '', 'x', 'é', foreign[1]:
        assert client.post('/guestbook.spy', {'text': 'spam', 'token': wrong}).status == 403
    answer = client.post('/guestbook.spy', {'text': '<b>', 'token': token[1]}, follow_redirects=True)
    assert '<p class="ok">Thank you.</p>' in answer.text
    assert '<li>&lt;b&gt;</li>' in answer.text
    assert 'spam' not in answer.text
    assert 'Thank you' not in client.get('/guestbook.spy').text


def test_lines(tmp_path: Path) -> None:
    [lines] = examples(DOCUMENT, 'lines').values()
    (tmp_path / 'page.spy').write_text(f'[[.import name=session]][[\\\n{lines}]]done')
    client = Client(spyce.make_app(str(tmp_path), session_store='memory:'), raise_errors=True)
    assert words(client, '/page.spy') == 'done'
    api = {name for name in vars(SessionModule) if not name.startswith('_')} - {'init', 'finish'}
    assert [name for name in sorted(api) if not re.search(rf'session\.{name}\b', TEXT) and 'iter' not in name] == []


@pytest.mark.parametrize('name', ['spyceconf.py', 'strict.py', 'nightly.py'])
def test_configs(name: str, tmp_path: Path) -> None:
    (tmp_path / 'www').mkdir()
    (tmp_path / 'data').mkdir()
    (tmp_path / 'www' / 'page.spy').write_text(PAGES['counter.spy'])
    (tmp_path / 'www' / 'spyceconf.py').write_text(examples(DOCUMENT, 'config')[name])
    app: Any = spyce.make_app(str(tmp_path / 'www'), site_data=str(tmp_path / 'state'))
    client = Client(app, https=True)
    assert '1 times' in client.get('/page.spy').text
    assert '2 times' in client.get('/page.spy').text
    if name != 'strict.py':
        assert (tmp_path / 'data' / 'spyce-sessions' / 'sessions.db').is_file()
    assert load_config(tmp_path / 'www').session_expire in (1800, 7200, 86400)
    app.server.sessions.close()


def test_backup_while_the_site_is_served_and_restore(tmp_path: Path) -> None:
    for name in 'www', 'data':
        (tmp_path / name).mkdir()
    (tmp_path / 'www' / 'page.spy').write_text(PAGES['counter.spy'])
    program = tmp_path / 'backup.py'
    program.write_text(examples(DOCUMENT, 'program')['backup.py'])
    app: Any = spyce.make_app(str(tmp_path / 'www'), session_store=f'dbm:{tmp_path / "data"}')
    client = Client(app)
    client.get('/page.spy')
    folder = tmp_path / 'data' / 'spyce-sessions'
    subprocess.run([sys.executable, program, folder / 'sessions.db', tmp_path / 'copy.db'], check=True)
    client.get('/page.spy')
    app.server.sessions.close()
    (tmp_path / 'copy.db').rename(folder / 'sessions.db')
    for name in '-wal', '-shm':
        (folder / f'sessions.db{name}').unlink(missing_ok=True)
    assert '2 times' in client.get('/page.spy').text
    app.server.sessions.close()


def test_the_store_of_the_document_passes_the_suite_as_it_says(tmp_path: Path) -> None:
    [(name, test)] = examples(DOCUMENT, 'test').items()
    (tmp_path / name).write_text(test)
    (tmp_path / 'filestore.py').write_text(examples(DOCUMENT, 'module')['filestore.py'])
    # A part of it: all of it runs on this store in test_store_suite.py.
    done = subprocess.run([sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--rootdir', tmp_path, name,
                           '-k', 'value or damaged or unknown'], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert re.search(r'1\d passed', done.stdout), done.stdout


def test_all_options_are_in_the_table_with_their_defaults() -> None:
    text = TEXT[TEXT.index('    option  '):TEXT.index('\nWhy these times')]
    table = dict(re.findall(r'^    (session_\w+) +(\S+) ', text, re.MULTILINE))
    options = {option.name: repr(option.default) for option in fields(SessionOptions)
               if option.name.startswith('session_')}
    assert table == options


def test_all_commands_are_there() -> None:
    named = re.findall(r'^    spyce sessions (\w+)', TEXT, re.MULTILINE)
    assert set(named) == set(commands.commands)


def test_each_requirement_has_an_answer_and_the_tests_that_it_names_exist() -> None:
    section = TEXT[TEXT.index('\n13. '):TEXT.index('\n14. ')]
    assert re.findall(r'^(R\d+) ', section, re.MULTILINE) == [f'R{number}' for number in range(1, 27)]
    named = re.findall(r'^ +([\w/]+\.py) (test_\w+)$', TEXT, re.MULTILINE)
    assert len(named) >= 20
    for file, name in named:
        assert f'def {name}(' in (TESTS / file).read_text('utf-8'), f'{file} {name}'


def test_the_text_is_plain_and_narrow() -> None:
    assert TEXT.isascii()
    assert [line for line in TEXT.splitlines() if len(line) > 100 or line != line.rstrip()] == []


def test_log_lines_of_a_life(browse: Callable[..., Client], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, 'spyce.session')
    client = browse()
    client.cookies['sessionid'] = 'no-id'
    client.get('/counter.spy')
    client.post('/login.spy', {'password': 'lovelace'})
    client.cookies['sessionid'], current = 'A' * 43, client.cookies['sessionid']
    client.get('/counter.spy')
    client.app.server.sessions.destroy(client.cookies['sessionid'])  # type: ignore[attr-defined]
    client.cookies['sessionid'] = current
    client.post('/login.spy', {'do': 'logout'})
    said = {re.sub('[0-9a-f]{12}', 'FP', record.getMessage()) for record in caplog.records}
    section = TEXT[TEXT.index('Log lines: '):TEXT.index('None of them has an id')]
    listed = {line.strip().partition('   ')[0] for line in section.splitlines() if line.startswith('    ')}
    assert said == listed - {'12 expired sessions removed'}


def test_an_id_counts_in_the_cookie_only(browse: Callable[..., Client]) -> None:
    victim = browse()
    victim.get('/counter.spy')
    thief, sent = browse(), {'sessionid': victim.cookies['sessionid']}
    assert '1 times' in thief.get('/counter.spy', sent).text
    assert '1 times' in browse().post('/counter.spy', sent).text
    assert victim.cookies['sessionid'] not in victim.get('/counter.spy').text


def test_the_cookie_is_small_and_as_the_document_shows_it(browse: Callable[..., Client]) -> None:
    answer = browse().get('/shop.spy')
    [header] = answer.headers.getlist('Set-Cookie')
    assert re.sub('=[^;]+', '=...', header, count=1) + '\n' in TEXT
    assert len(header.partition(';')[0]) == len('sessionid=') + 43
    with pytest.raises(ValueError, match='browsers drop cookies of more than 4096'):
        SessionOptions(session_cookie_name='x' * 4090)


class TestFailures:
    """The table of section 10: what the visitor gets and what the log says."""

    pages = {
        'n': "session['n'] = session.get('n', 0) + 1",
        'value': "session['before'] = 1; session['x'] = lambda: 1",
        'inside': "session['before'] = 1; session['x'] = []; session['x'].append(lambda: 1)",
        'large': "session['before'] = 1; session['x'] = ['x' * 2000000]",
        'released': "session['before'] = 1; session.release(); session['x'] = 1",
        'error': "session['before'] = 1; 1/0",
        'rollback': "session['before'] = 1; session.rollback(); 1/0",
        'ended': "session['x'] = 1; getServer().sessions.destroy(session.sessionid)",
        'renew': "session.regenerate()",
        'itself': "session['x'] = 1; visitor = getServerGlobals()['visitor'](); "
                  "visitor.cookies['sessionid'] = session.sessionid; "
                  "response.setReturnCode(visitor.get('/n.spy').status)",
    }

    @pytest.fixture
    def client(self, tmp_path: Path) -> Iterator[Client]:
        (tmp_path / 'data').mkdir()
        for name, code in self.pages.items():
            (tmp_path / f'{name}.spy').write_text(
                f'[[.import name=session]][[\\\nfrom spyce import getServer, getServerGlobals\n{code}\n]]')
        (tmp_path / 'show.spy').write_text('[[.import name=session]][[= sorted(session) ]]')
        app: Any = spyce.make_app(str(tmp_path), session_store=f'dbm:{tmp_path / "data"}', session_lock_timeout=0.2,
                             globals={})
        app.server.globals['visitor'] = lambda: Client(app)
        client = Client(app)
        assert client.get('/n.spy').status == 200
        yield client
        app.server.sessions.close()

    @pytest.fixture
    def said(self, caplog: pytest.LogCaptureFixture) -> Callable[[str], bool]:
        """said(text): whether the log and the document say so; ... stands for anything."""
        def find(text: str) -> bool:
            lines = [f'{record.levelname} {record.getMessage()} {record.exc_info[1]!r}' if record.exc_info else
                     f'{record.levelname} {record.getMessage()}' for record in caplog.records]
            pattern = re.escape(text).replace(re.escape('...'), '.*').replace('FP', '[0-9a-f]{12}')
            return text in ' '.join(TEXT.split()) and any(re.search(pattern, line) for line in lines)
        return find

    def stored(self, client: Client) -> str:
        return client.get('/show.spy').text.strip()

    def test_a_session_in_use(self, client: Client, said: Callable[[str], bool]) -> None:
        holder = client.app.server.sessions.request_session(  # type: ignore[attr-defined]
            [('sessionid', client.cookies['sessionid'])], secure=False)
        holder.get('n')
        answer = client.get('/n.spy')
        assert (answer.status, answer.headers['Retry-After']) == (503, '1')
        assert said('WARNING session FP: the session was in use by another request for')
        holder.finish()
        assert client.get('/n.spy').status == 200

    def test_a_page_that_requests_its_own_site(self, client: Client, caplog: pytest.LogCaptureFixture) -> None:
        assert client.get('/itself.spy').status == 503
        assert '; it is held by the page itself.spy' in caplog.text
        assert '; it is held by the page slow.spy' in ' '.join(TEXT.split())

    def test_files_that_are_removed(self, client: Client, tmp_path: Path, said: Callable[[str], bool]) -> None:
        shutil.rmtree(tmp_path / 'data' / 'spyce-sessions')
        assert self.stored(client) == '[]'
        assert said('ERROR .../spyce-sessions: the files of the session store were removed or replaced; it is opened '
                    'again, without the sessions that were in them')

    def test_a_damaged_file(self, client: Client, tmp_path: Path, said: Callable[[str], bool]) -> None:
        client.app.server.sessions.close()  # type: ignore[attr-defined]
        file = tmp_path / 'data' / 'spyce-sessions' / 'sessions.db'
        file.write_bytes(b'garbage!' * 1000)
        assert client.get('/n.spy').status == 503
        assert said('.../sessions.db: the session store cannot be used: ... Move the file away, and the store begins '
                    'anew without its sessions')
        file.unlink()
        assert client.get('/n.spy').status == 200

    @pytest.mark.parametrize(('page', 'text', 'stored'), [
        ('value', 'SessionValueError', "['before', 'n']"),
        ('inside', 'SessionValueError', "['n']"),
        ('large', 'SessionTooLarge', "['before', 'n']"),
        ('released', 'SessionReadOnly', "['before', 'n']"),
        ('error', 'ERROR', "['before', 'n']"),
        ('rollback', 'ERROR', "['n']"),
    ])
    def test_errors_of_pages(self, client: Client, page: str, text: str, stored: str,
                             said: Callable[[str], bool]) -> None:
        assert client.get(f'/{page}.spy').status == 500
        assert said(text)
        assert self.stored(client) == stored

    def test_a_session_that_is_ended_meanwhile(self, client: Client, said: Callable[[str], bool]) -> None:
        assert client.get('/ended.spy').status == 200
        assert said('WARNING session FP ended while a request used it; what that request put is not kept')
        assert self.stored(client) == '[]'

    def test_an_id_that_was_replaced(self, client: Client, said: Callable[[str], bool]) -> None:
        old = client.cookies['sessionid']
        client.get('/renew.spy')
        client.cookies['sessionid'], new = old, client.cookies['sessionid']
        answer = client.get('/n.spy')
        assert (answer.status, answer.set_cookies) == (200, [])
        assert said('WARNING session FP: the request came with an id that regenerate() has replaced; ...')
        client.cookies['sessionid'] = new
        assert self.stored(client) == "['n']"

    @pytest.mark.parametrize(('value', 'text', 'stored'), [
        (b'\x80', 'ERROR session FP: what is stored cannot be read and counts as lost: ...', '[]'),
        (pickle.dumps({'x': b'\x80', 'n': pickle.dumps(1)}),
         "ERROR session FP: item 'x' cannot be read and counts as missing: ...", "['n', 'x']"),
    ])
    def test_what_cannot_be_read(self, client: Client, tmp_path: Path, value: bytes, text: str, stored: str,
                                 said: Callable[[str], bool]) -> None:
        with contextlib.closing(sqlite3.connect(tmp_path / 'data/spyce-sessions/sessions.db')) as database, database:
            database.execute('UPDATE entries SET value = ?', (value,))
        (tmp_path / 'get.spy').write_text("[[.import name=session]][[= session.get('x') ]]")
        assert client.get('/get.spy').status == 200
        assert said(text)
        assert self.stored(client) == stored

    def test_a_disk_that_cannot_be_written(self, client: Client, said: Callable[[str], bool]) -> None:
        resource = pytest.importorskip('resource')
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            answer = client.get('/n.spy')
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, old)
        assert (answer.status, answer.headers['Retry-After']) == (503, '10')
        assert said('WARNING 503: .../sessions.db: the session store cannot be used: ...')
        assert client.get('/n.spy').status == 200
