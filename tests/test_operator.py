"""`spyce sessions`: what an operator sees of a site's sessions, and ends, while the site is served or not."""
from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from spyce.cli import main
from spyce.sessions import DbmStore
from tests.examples_in_text import examples
from tests.stored_sessions import make_session

COUNTER = '''[[.import name=session]]
[[ session['n'] = session.get('n', 0) + 1 ]][[= session['n'] ]]'''


class Site:
    """A site whose sessions are in its folder `data`, and the command for it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / 'www'
        self.data = folder / 'data'
        self.root.mkdir()
        self.data.mkdir()
        (self.root / 'count.spy').write_text(COUNTER)
        self.configure()

    def configure(self, store: str = "session.DbmStore('../data')") -> None:
        (self.root / 'spyceconf.py').write_text(
            f"from spyceconf import *\nimport session\nsession_store = {store}\nsession_index = 'user'\n")

    def make(self, age: float = 0, **items: Any) -> str:
        """A session that was made `age` seconds ago; its id."""
        return make_session(DbmStore(self.data), age, **items)

    def ids(self) -> set[str]:
        store = DbmStore(self.data)
        try:
            return set(store.list())
        finally:
            store.close()

    def run(self, *arguments: str) -> Result:
        """The command in this process."""
        return CliRunner().invoke(main, ['sessions', *arguments, '--root', str(self.root)])

    def said(self, *arguments: str) -> str:
        """What the command prints, all being well."""
        done = self.run(*arguments)
        assert (done.exit_code, done.stderr) == (0, ''), done.output
        return done.stdout


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def failure(done: Result) -> str:
    """The one line that a command said before it failed."""
    assert done.exit_code == 1
    assert done.stdout == ''
    [line] = done.stderr.splitlines()
    return line


def test_an_empty_store_has_a_line_of_titles(site: Site) -> None:
    assert site.said('list').split() == ['ID', 'CREATED', 'ENDS', 'BYTES', 'USER', 'ITEMS']
    assert site.said('list', '--json') == ''


def test_list_shows_each_session_by_the_beginning_of_its_id(site: Site) -> None:
    ada, eve = site.make(user='ada', cart=[1]), site.make(age=90000, user=7)
    text = site.said('list')
    lines = {line.split()[0]: line for line in text.splitlines()[1:]}
    assert set(lines) == {ada[:8] + '...', eve[:8] + '...'}
    assert lines[ada[:8] + '...'].endswith('ada   user cart')
    assert '(ended)' in lines[eve[:8] + '...']
    assert ada not in text


def test_ids_in_full_if_asked_for(site: Site) -> None:
    sessionid = site.make(n=1)
    assert sessionid in site.said('list', '--full-ids')
    assert sessionid in site.said('show', sessionid, '--full-ids')


def test_list_as_json_is_one_document_a_line(site: Site) -> None:
    sessionid = site.make(user='ada', n=1)
    [document] = map(json.loads, site.said('list', '--json').splitlines())
    assert document['id'] == sessionid[:8] + '...'
    assert document['user'] == 'ada'
    assert document['names'] == ['user', 'n']
    assert document['created'].endswith('+00:00')
    assert document['created'] < document['ends']
    assert document['idle'] == 86400


def test_a_list_that_is_cut_off_says_so(site: Site) -> None:
    for _ in range(3):
        site.make(n=1)
    done = site.run('list', '--limit', '2', '--json')
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == 'These are 2; there are more: see --limit.\n'


def test_show_takes_the_beginning_of_an_id(site: Site) -> None:
    sessionid = site.make(n=1, name='Ada')
    for text in sessionid, sessionid[:8], sessionid[:8] + '...', sessionid[:4]:
        lines = [line.split() for line in site.said('show', text).splitlines()]
        assert ['n', '1'] in lines
        assert ['name', "'Ada'"] in lines


def test_show_as_json(site: Site) -> None:
    document = json.loads(site.said('show', site.make(user='ada', n=1), '--json'))
    assert document['items'] == {'user': "'ada'", 'n': '1'}
    assert document['user'] == 'ada'


def test_show_hides_what_looks_like_a_secret_and_cuts_what_is_long(site: Site) -> None:
    sessionid = site.make(api_Token='t0p', form={'Password': 's3cret', 'n': 1}, log='x' * 5000)
    text = site.said('show', sessionid)
    assert 't0p' not in text
    assert 's3cret' not in text
    assert "'n': 1" in text
    assert max(map(len, text.splitlines())) < 130
    text = site.said('show', sessionid, '--values')
    assert 't0p' in text
    assert 's3cret' in text
    assert 'x' * 5000 in text


def test_nothing_that_a_visitor_typed_controls_the_terminal(site: Site) -> None:
    sessionid = site.make(**{'user': 'a\x1b[2Jb', 'na\x1b[2Jme': 'va\x1b]0;lue\r'})  # type: ignore[arg-type]
    for command in [('list',), ('show', sessionid), ('show', sessionid, '--values')]:
        assert '\x1b' not in site.said(*command)
        assert '\r' not in site.said(*command)


def test_an_item_that_cannot_be_read_is_said_to_be_so(site: Site) -> None:
    (site.root / 'shapes.py').write_text('class Point:\n    x = 1\n')
    (site.root / 'point.spy').write_text("[[.import name=session]][[ import shapes\nsession['p'] = shapes.Point() ]]")
    done = CliRunner().invoke(main, ['render', str(site.root / 'point.spy'), '--root', str(site.root)])
    assert done.exit_code == 0, done.output
    [sessionid] = site.ids()
    assert 'Point object' in site.said('show', sessionid)
    (site.root / 'shapes.py').write_text('')
    assert '<cannot be read: ' in site.said('show', sessionid)


def test_unknown_and_ambiguous_ids_are_errors_of_one_line(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert failure(site.run('show', 'A' * 43)) == f"Error: there is no session {'A' * 43!r}"
    assert failure(site.run('destroy', 'abcdef')) == "Error: there is no session 'abcdef'"
    assert failure(site.run('show', 'abc')) == "Error: 'abc' is too short: give at least 4 characters of the id"
    ids = iter(['same' + 'A' * 39, 'same' + 'B' * 39])
    monkeypatch.setattr('spyce.sessions.link.new_id', lambda: next(ids))
    monkeypatch.setattr('spyce.sessions.items.new_id', lambda: next(ids), raising=False)
    site.make(n=1)
    site.make(n=2)
    assert failure(site.run('destroy', 'same')).startswith("Error: 2 sessions have ids that begin with 'same': ")
    assert len(site.ids()) == 2
    site.said('destroy', 'sameA')
    assert site.ids() == {'same' + 'B' * 39}


@pytest.mark.parametrize('start', ['-', '--', '--root', '-h'])
def test_an_id_may_look_like_an_option(site: Site, start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sessionid = (start + 'x' * 43)[:43]
    monkeypatch.setattr('spyce.sessions.link.new_id', lambda: sessionid)
    monkeypatch.setattr('spyce.sessions.items.new_id', lambda: sessionid, raising=False)
    assert site.make(n=1) == sessionid
    assert 'n     1' in site.said('show', sessionid)
    assert site.said('destroy', sessionid[:8] + '...') == 'ended 1 session\n'


def test_destroy_ends_one_session(site: Site) -> None:
    ended, kept = site.make(n=1), site.make(n=2)
    assert site.said('destroy', ended) == 'ended 1 session\n'
    assert site.ids() == {kept}
    assert json.loads(site.said('destroy', kept[:8], '--json')) == {'ended': 1}


def test_destroy_older_than(site: Site) -> None:
    kept = site.make(age=80, n=1)
    for _ in range(2):
        site.make(age=7200, n=1)
    assert site.said('destroy', '--older-than', '90m') == 'ended 2 sessions\n'
    assert site.ids() == {kept}
    assert site.said('destroy', '--older-than', '1.5m', '--yes') == 'ended 0 sessions\n'
    assert site.said('destroy', '--older-than', '0s', '--yes') == 'ended 1 session\n'


@pytest.mark.parametrize('arguments', [(), ('abcdefgh', '--older-than', '1d'), ('--older-than', '1'),
                                       ('--older-than', '1y'), ('--older-than', '-1d'), ('--older-than', 'inf')])
def test_destroy_wants_one_thing_to_do(site: Site, arguments: tuple[str, ...]) -> None:
    sessionid = site.make(age=10 ** 6, n=1)
    done = site.run('destroy', *arguments)
    assert done.exit_code == 2
    assert site.ids() == {sessionid}


def test_clean_removes_what_has_ended(site: Site) -> None:
    kept = site.make(n=2)
    site.make(age=90000, n=1)
    assert site.said('clean') == 'removed 1 session that had ended\n'
    assert site.said('clean', '--json') == '{"removed": 0}\n'
    assert site.ids() == {kept}


def test_stats(site: Site) -> None:
    site.make(n=1)
    site.make(age=90000, n=1)
    document = json.loads(site.said('stats', '--json'))
    assert (document['live'], document['expired']) == (1, 1)
    assert document['oldest'] < document['newest']
    lines = [line.split() for line in site.said('stats').splitlines()]
    assert ['live', '1'] in lines
    assert any('sessions.db' in line[0] for line in lines)


def test_a_config_elsewhere(site: Site, tmp_path: Path) -> None:
    site.make(n=1)
    (site.root / 'spyceconf.py').unlink()
    (tmp_path / 'other.py').write_text('import session\nsession_store = session.DbmStore("data")\n')
    assert len(site.said('list', '--config', str(tmp_path / 'other.py')).splitlines()) == 2


def test_what_the_operator_can_mend_is_an_error_of_one_line(site: Site, tmp_path: Path) -> None:
    site.configure("'memory:'")
    assert 'no command can see them' in failure(site.run('list'))
    site.configure('7')
    assert 'session_store = 7 cannot be used' in failure(site.run('stats'))
    site.configure()
    site.make(n=1)
    (site.data / 'spyce-sessions').chmod(0o755)
    assert 'chmod 0700' in failure(site.run('list'))
    done = CliRunner().invoke(main, ['sessions', 'list', '--root', str(tmp_path / 'nowhere')])
    assert 'there is no folder' in failure(done)


def test_a_session_store_of_the_sites_own(site: Site) -> None:
    (site.root / 'filestore.py').write_text(examples('sessions.txt', 'module')['filestore.py'])
    site.configure(f'__import__("filestore").FileStore({str(site.data)!r})')
    done = CliRunner().invoke(main, ['render', str(site.root / 'count.spy'), '--root', str(site.root)])
    assert done.exit_code == 0, done.output
    [document] = map(json.loads, site.said('list', '--json', '--full-ids').splitlines())
    assert document['names'] == ['n']
    assert site.said('destroy', document['id']) == 'ended 1 session\n'
    assert site.said('list', '--json') == ''


def test_while_the_site_is_served(site: Site, spyce_serve: Callable[..., Any]) -> None:
    server = spyce_serve(site.root)

    def count(cookie: str = '') -> tuple[str, str]:
        connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=30)
        connection.request('GET', '/count.spy', headers={'Cookie': cookie} if cookie else {})
        answer = connection.getresponse()
        body = answer.read().decode().strip()
        connection.close()
        return body, (answer.getheader('Set-Cookie') or '').partition(';')[0]

    body, cookie = count()
    assert count(cookie) == ('2', '')
    shown = json.loads(site.said('list', '--json'))['id']
    assert json.loads(site.said('show', shown, '--json'))['items'] == {'n': '2'}
    assert count(cookie) == ('3', '')
    assert site.said('destroy', shown) == 'ended 1 session\n'
    body, new_cookie = count(cookie)
    assert body == '1'
    assert new_cookie not in ('', cookie)


@pytest.mark.skipif(not hasattr(os, 'openpty'), reason='there are no terminals here')
class TestOnATerminal:
    def run(self, site: Site, *arguments: str, answer: str = '', **environment: str) -> tuple[int, str]:
        """Exit status and output of the command, started at a terminal 100 characters wide."""
        ours, theirs = os.openpty()
        os.write(ours, answer.encode())
        process = subprocess.Popen([sys.executable, '-m', 'spyce', 'sessions', *arguments, '--root', str(site.root)],
                                   stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
                                   env={**os.environ, 'COLUMNS': '100', 'TERM': 'xterm', **environment})
        os.close(theirs)
        output = b''
        while True:
            try:
                data = os.read(ours, 10000)
            except OSError:  # Linux says so when the other side is closed
                data = b''
            if not data:
                break
            output += data
        os.close(ours)
        return process.wait(30), output.decode()

    def test_a_table_is_drawn(self, site: Site) -> None:
        pytest.importorskip('rich')
        sessionid = site.make(user='[red]ada')
        status, text = self.run(site, 'list')
        assert status == 0
        assert sessionid[:8] in text
        assert '[red]ada' in text
        assert '\u2502' in text

    def test_without_rich_it_is_plain_text(self, site: Site, tmp_path: Path) -> None:
        (tmp_path / 'rich.py').write_text('raise ImportError("not installed")')
        site.make(user='ada')
        status, text = self.run(site, 'list', PYTHONPATH=str(tmp_path))
        assert status == 0
        assert text.split()[:6] == ['ID', 'CREATED', 'ENDS', 'BYTES', 'USER', 'ITEMS']

    def test_before_many_are_ended_it_asks(self, site: Site) -> None:
        site.make(age=7200, n=1)
        status, text = self.run(site, 'destroy', '--older-than', '1h', answer='n\n')
        assert status == 1
        assert 'End all sessions that were made before' in text
        assert len(site.ids()) == 1
        status, text = self.run(site, 'destroy', '--older-than', '1h', answer='y\n')
        assert (status, site.ids()) == (0, set())

    def test_yes_answers_in_advance(self, site: Site) -> None:
        site.make(age=7200, n=1)
        status, text = self.run(site, 'destroy', '--older-than', '1h', '--yes')
        assert (status, site.ids()) == (0, set())
