"""Every example runs, and does what its page says."""
from __future__ import annotations

from html import unescape
from pathlib import Path

import pytest

import spyce
from spyce.testing import Client

EXAMPLES = Path(__file__).parent.parent / 'examples'
PAGES = sorted(file.name for file in EXAMPLES.glob('*.spy'))


@pytest.fixture
def visitor() -> Client:
    return Client(spyce.make_app(EXAMPLES, session_store='memory:'), raise_errors=True)


@pytest.mark.parametrize('page', PAGES)
def test_every_page_runs_and_is_a_whole_document(visitor: Client, page: str) -> None:
    answer = visitor.get(f'/{page}')
    assert answer.status == (404 if page == 'source.spy' else 200)
    assert answer.text.startswith('<!DOCTYPE html>')
    assert answer.text.rstrip().endswith('</html>')


def test_the_index_leads_to_every_example_and_its_source(visitor: Client) -> None:
    index = visitor.get('/').text
    names = [page.removesuffix('.spy') for page in PAGES if page not in ('index.spy', 'source.spy', 'arrived.spy')]
    assert len(names) == 12
    for name in names:
        assert f'href="{name}.spy"' in index
        source = visitor.get('/source.spy', query={'name': name})
        assert source.status == 200
        assert '[[' in unescape(source.text)


@pytest.mark.parametrize('name', ['../spyceconf', 'spyceconf.py', '/etc/passwd', 'layout', '', '<script>'])
def test_only_examples_are_shown(visitor: Client, name: str) -> None:
    answer = visitor.get('/source.spy', query={'name': name})
    assert answer.status == 404
    assert '<script>' not in answer.text


@pytest.mark.parametrize('file', ['spyceconf.py', 'layout.spi', 'greeting.spi', 'catalog.py'])
def test_programs_are_not_served(visitor: Client, file: str) -> None:
    assert visitor.get(f'/{file}').status == 404


def test_counter_counts_each_visitor(visitor: Client) -> None:
    assert '<p class="big">1</p>' in visitor.get('/counter.spy').text
    assert '<p class="big">2</p>' in visitor.get('/counter.spy').text
    visitor.cookies.clear()
    assert '<p class="big">1</p>' in visitor.get('/counter.spy').text


def test_basket_keeps_what_was_added(visitor: Client) -> None:
    for item in ('apple', 'apple', 'cheese', 'yacht'):
        answer = visitor.post('/basket.spy', {'item': item, 'do': 'add'})
        assert answer.status == 302
    assert 'Total 5.20' in visitor.get('/basket.spy').text
    visitor.post('/basket.spy', {'item': 'cheese', 'do': 'remove'})
    assert 'Total 1.00' in visitor.get('/basket.spy').text
    visitor.post('/basket.spy', {'do': 'empty'})
    assert 'Nothing yet' in visitor.get('/basket.spy').text


def test_login_gives_a_new_session_id_and_logout_ends_it(visitor: Client) -> None:
    visitor.get('/counter.spy')
    before = visitor.cookies['sessionid']
    assert 'do not fit' in visitor.post('/login.spy', {'name': 'ada', 'password': '"><b>', 'do': 'login'}).text
    visitor.post('/login.spy', {'name': 'ada', 'password': 'lovelace', 'do': 'login'})
    assert visitor.cookies['sessionid'] != before
    assert 'Welcome, ada' in visitor.get('/login.spy').text
    visitor.post('/login.spy', {'do': 'logout'})
    assert 'sessionid' not in visitor.cookies
    assert 'Welcome' not in visitor.get('/login.spy').text


def test_transform_encodes_what_a_visitor_types(visitor: Client) -> None:
    text = visitor.get('/transform.spy', query={'text': '"><script>'}).text
    assert '<script>' not in text
    assert '&quot;&gt;&lt;script&gt;' in text


def test_redirects(visitor: Client) -> None:
    assert 'The server ran this page' in visitor.post('/redirect.spy', {'to': 'server'}).text
    assert 'The browser was told' in visitor.post('/redirect.spy', {'to': 'browser'}, follow_redirects=True).text


def test_upload_shows_the_file_and_keeps_to_its_limit(visitor: Client) -> None:
    answer = visitor.post('/upload.spy', files={'file': ('a<b>.txt', b'<hello>', 'text/plain')})
    assert 'a&lt;b&gt;.txt: 7 bytes, of type text/plain' in answer.text
    assert '<hello>' not in answer.text
    assert visitor.post('/upload.spy', files={'file': ('big', b'x' * 300_000, 'text/plain')}).status == 413
