"""What broke Spyce 2.1.3, asked of this one: no leak, no markup, no further header, no id that a client chose."""
from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import spyce
from spyce.testing import Client

ISSUED = re.compile(r'[A-Za-z0-9_-]{43}')


def make_client(root: Path, pages: dict[str, str], **options: object) -> Client:
    root.mkdir(exist_ok=True)
    for name, text in pages.items():
        (root / name).write_text(text)
    options.setdefault('session_store', 'memory:')
    return Client(spyce.make_app(root, **options))


def answered_in_full(client: Client, path: str, **request: object) -> str:
    """Status, headers and body of an answer, as one text."""
    answer = client.get(path, **request)  # type: ignore[arg-type]
    return f'{answer.status}\n{answer.headers}\n{answer.text}'


@pytest.mark.parametrize('call', [
    r"response.addHeader('X-A', 'v\r\nX-B: 1')", r"response.addHeader('X\r\nY', 'v')",
    r"response.addHeader('X-A', 'a\0b')",
    r"cookie.set('a\r\nX-B: 1', 'v')", r"cookie.set('k', 'v', path='/\r\nX-B: 1')",
    r"cookie.set('k', 'v', domain='x\r\nX-B: 1')", r"response.setContentType('text/html\r\nX-B: 1')",
    r"redirect.external('\r\nX-B: 1')", r"redirect.externalRefresh('/\r\nX-B: 1')",
])
def test_a_page_cannot_be_made_to_send_a_header_of_the_visitors(tmp_path: Path, call: str) -> None:
    page = f"[[.import names='cookie, redirect']][[ try: {{ {call} }} except ValueError: {{ ]]refused[[ }} ]]"
    answer = make_client(tmp_path / 'www', {'page.spy': page}).get('/page.spy')
    assert answer.status == 200
    assert answer.text.strip() == 'refused'
    assert 'X-B' not in answer.headers


def test_the_page_of_a_missing_file_shows_neither_path_nor_markup(tmp_path: Path) -> None:
    client = make_client(tmp_path / 'www', {'page.spy': 'x'})
    text = answered_in_full(client, '/nosuch%3Cscript%3Ealert(1)%3C/script%3E.spy')
    assert text.startswith('404')
    assert '<script>' not in text
    assert str(tmp_path) not in text


@pytest.mark.parametrize('path', [
    '/../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/..%2f..%2fetc/passwd', '//etc/passwd', '/page.spy/',
    '/page.spy%00.html', '/parent.spi', '/x.py', '/notes.db', '/.secret', '/page.spy~', '/a%5c..%5cb', '/%ff%fe',
])
def test_only_pages_and_known_files_are_answered(tmp_path: Path, path: str) -> None:
    files = {'page.spy': '[[= 6 * 7 ]]', 'parent.spi': 'leak', 'x.py': 'leak', 'notes.db': 'leak', '.secret': 'leak',
             'page.spy~': 'leak'}
    text = answered_in_full(make_client(tmp_path / 'www', files), path)
    assert text[:3] in ('400', '403', '404')
    for leaked in ('leak', 'root:', '42', str(tmp_path)):
        assert leaked not in text


COUNT = "[[.import name=session]][[ session.put('n', session.get('n', 0) + 1) ]][[= session['n'] ]]"


@pytest.mark.parametrize('sent', [
    '../../etc/passwd', '/etc/passwd', 'a%2F..%2Fb', 'a%00b', '', 'A' * 5000, 'A' * 43, '..', '\xe9' * 43,
])
@pytest.mark.parametrize('store', ['memory:', 'dbm:.'])
def test_an_id_that_this_server_did_not_make_is_never_adopted(tmp_path: Path, sent: str, store: str) -> None:
    client = make_client(tmp_path / 'www', {'page.spy': COUNT}, session_store=store)
    before = all_files(tmp_path)
    answer = client.get('/page.spy', headers={'Cookie': f'sessionid={sent}'})
    assert (answer.status, answer.text) == (200, '1\n')
    issued = {cookie.name: cookie.value for cookie in answer.set_cookies}['sessionid']
    assert issued != sent
    assert ISSUED.fullmatch(issued)
    made = all_files(tmp_path) - before
    assert all('spyce-sessions' in file for file in made)
    assert not any(sent and sent in os.path.basename(file) for file in made)


def test_each_visitor_with_a_made_up_id_gets_an_id_of_his_own(tmp_path: Path) -> None:
    client = make_client(tmp_path / 'www', {'page.spy': COUNT})
    ids = set()
    for _ in range(20):
        answer = client.get('/page.spy', headers={'Cookie': 'sessionid=' + 'A' * 43})
        ids |= {cookie.value for cookie in answer.set_cookies}
    assert len(ids) == 20


def test_an_id_from_before_login_is_worth_nothing_after_it(tmp_path: Path) -> None:
    client = make_client(tmp_path / 'www', {
        'page.spy': COUNT,
        'login.spy': "[[.import name=session]][[ session.regenerate(); session.put('user', 'ann') ]]",
        'who.spy': "[[.import name=session]][[= session.get('user') ]]"})
    client.get('/page.spy')
    planted = client.cookies['sessionid']
    client.get('/login.spy')
    assert client.cookies['sessionid'] != planted
    assert client.get('/who.spy').text == 'ann\n'
    assert client.get('/who.spy', headers={'Cookie': f'sessionid={planted}'}).text == '\n'


def test_an_id_is_worth_nothing_after_logout(tmp_path: Path) -> None:
    client = make_client(tmp_path / 'www', {
        'page.spy': COUNT, 'out.spy': '[[.import name=session]][[ session.invalidate() ]]',
        'read.spy': "[[.import name=session]][[= session.get('n') ]]"})
    client.get('/page.spy')
    old = client.cookies['sessionid']
    client.get('/out.spy')
    assert 'sessionid' not in client.cookies
    assert client.get('/read.spy', headers={'Cookie': f'sessionid={old}'}).text == '\n'


def test_the_session_cookie_is_for_the_server_only(tmp_path: Path) -> None:
    root = tmp_path / 'www'
    plain = make_client(root, {'page.spy': COUNT}).get('/page.spy').set_cookies[0].attributes
    assert {'httponly', 'samesite', 'path'} == set(plain)
    assert plain['samesite'] == 'Lax'
    over_https = Client(spyce.make_app(root, session_store='memory:'), https=True).get('/page.spy')
    assert 'secure' in over_https.set_cookies[0].attributes


def test_pages_with_a_session_are_not_cached(tmp_path: Path) -> None:
    answer = make_client(tmp_path / 'www', {'page.spy': COUNT}).get('/page.spy')
    assert answer.headers['Cache-Control'] == 'no-store'
    assert 'Cookie' in answer.headers['Vary']


def test_a_page_that_touches_no_session_leaves_nothing_behind(tmp_path: Path) -> None:
    client = make_client(tmp_path / 'www', {'page.spy': 'x', 'import.spy': '[[.import name=session]]x',
                                            'read.spy': "[[.import name=session]][[= session.get('n') ]]"},
                         session_store='dbm:.')
    before = all_files(tmp_path)
    for page in ('page', 'import', 'read'):
        answer = client.get(f'/{page}.spy')
        assert answer.set_cookies == []
    assert all_files(tmp_path) - before == set()


def all_files(folder: Path) -> set[str]:
    return {os.path.join(place, file) for place, _, files in os.walk(folder) for file in files}
