"""The demonstration site (examples/site), page by page."""
from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

import spyce
from spyce.testing import Client

SITE = Path(__file__).parent.parent / 'examples' / 'site'
PAGES = sorted(file.name for file in SITE.glob('*.spy'))

TOMORROW = (date.today() + timedelta(days=1)).isoformat()


@pytest.fixture
def browse(tmp_path: Path) -> Callable[[], Client]:
    """browse(): a new visitor."""
    app = spyce.make_app(SITE, session_store='memory:', site_data=str(tmp_path / 'data'))
    return lambda: Client(app, raise_errors=True)


@pytest.fixture
def visitor(browse: Callable[[], Client]) -> Client:
    return browse()


def sign_up(client: Client, name: str = 'ada', password: str = 'lovelace') -> Any:
    fields = {'name': name, 'password': password, 'again': password}
    return client.press(client.get('/signup.spy'), 'Make an account', fill=fields, follow_redirects=True)


def log_in(client: Client, name: str = 'ada', password: str = 'lovelace') -> Any:
    return client.post('/todo.spy', {'_spy_login_user': name, '_spy_login_password': password})


def words(text: str) -> str:
    return ' '.join(re.sub(r'<[^>]*>', ' ', text).split())


@pytest.mark.parametrize('page', PAGES)
def test_every_page_is_a_whole_document(visitor: Client, page: str) -> None:
    answer = visitor.get(f'/{page}')
    assert answer.status == 200
    assert answer.text.lstrip().startswith('<!DOCTYPE html>')
    assert answer.text.rstrip().endswith('</html>')
    assert answer.text.count('<h1>') == 1


@pytest.mark.parametrize('file', ['accounts.py', 'records.py', 'ui.spi', 'layout.spi', 'demo.db'])
def test_programs_are_not_served(visitor: Client, file: str) -> None:
    assert visitor.get(f'/{file}').status == 404


def test_the_site_runs_below_a_path_too(tmp_path: Path) -> None:
    client = Client(spyce.make_app(SITE.parent, session_store='memory:', site_data=str(tmp_path)), raise_errors=True)
    assert 'A whole site, small' in client.get('/site/').text
    answer = client.press(client.get('/site/shop.spy'), 'Add to basket', follow_redirects=True)
    assert 'Apples: in your basket.' in answer.text


@pytest.mark.parametrize(('fields', 'message'), [
    ({'name': 'ada', 'password': 'short', 'again': 'short'}, 'Password needs 8 characters or more'),
    ({'name': 'ada', 'password': 'lovelace', 'again': 'babbage'}, 'Once more is not the same'),
    ({'name': '<b>', 'password': 'lovelace', 'again': 'lovelace'}, 'Name use letters and digits, at most 30'),
])
def test_signing_up_says_what_is_wrong_and_keeps_what_was_typed(visitor: Client, fields: dict[str, str],
                                                                message: str) -> None:
    answer = visitor.press(visitor.get('/signup.spy'), 'Make an account', fill=fields)
    assert message in words(answer.text).replace(':', '')
    assert f'value="{fields["name"].replace("<", "&lt;").replace(">", "&gt;")}"' in answer.text
    assert 'lovelace' not in answer.text


def test_a_name_can_be_taken_once(browse: Callable[[], Client]) -> None:
    assert 'Your account is made' in sign_up(browse()).text
    assert 'ADA is taken' in sign_up(browse(), 'ADA').text


def test_the_list_is_for_those_who_are_logged_in(visitor: Client) -> None:
    sign_up(visitor)
    assert 'Nothing to do' not in visitor.get('/todo.spy').text
    assert 'Nothing to do' not in log_in(visitor, password='babbage').text
    assert 'Nothing to do' in log_in(visitor).text
    assert 'Nothing to do' in visitor.get('/todo.spy').text


def test_each_user_has_a_list_of_his_own(browse: Callable[[], Client]) -> None:
    ada, eve = browse(), browse()
    for client, name in [(ada, 'ada'), (eve, 'eve')]:
        sign_up(client, name)
        log_in(client, name)
    answer = ada.press(ada.get('/todo.spy'), 'Add', fill={'text': 'buy <tea>'}, follow_redirects=True)
    assert 'buy &lt;tea&gt;' in answer.text
    assert 'tea' not in eve.get('/todo.spy').text
    eve.press(eve.get('/todo.spy'), 'Add', fill={'text': 'spy'})
    eve.press(eve.get('/todo.spy'), 'Remove', fill={'todo:int': '1'})
    assert 'buy &lt;tea&gt;' in ada.get('/todo.spy').text
    answer = ada.press(ada.get('/todo.spy'), 'Done', follow_redirects=True)
    assert '<li class="done">' in answer.text
    answer = ada.press(answer, 'Remove', follow_redirects=True)
    assert 'Removed.' in answer.text
    assert 'Nothing to do' in answer.text
    assert 'Removed.' not in ada.get('/todo.spy').text


def test_a_stranger_cannot_run_the_handlers_of_the_list(browse: Callable[[], Client]) -> None:
    ada, stranger = browse(), browse()
    sign_up(ada)
    log_in(ada)
    page = ada.get('/todo.spy')
    answer = stranger.press(page, 'Add', fill={'text': 'planted'})
    assert '_spy_login_password' in answer.text
    assert 'planted' not in ada.get('/todo.spy').text


def test_logging_out_and_a_new_password(visitor: Client) -> None:
    sign_up(visitor)
    log_in(visitor)
    page = visitor.get('/account.spy')
    wrong = {'old': 'babbage', 'password': 'analytical', 'again': 'analytical'}
    assert 'is not right' in visitor.press(page, 'Change', fill=wrong).text
    answer = visitor.press(page, 'Change', fill={**wrong, 'old': 'lovelace'}, follow_redirects=True)
    assert 'Your password is changed.' in answer.text
    visitor.press(visitor.get('/account.spy'), 'Logout')
    assert '_spy_login_password' in visitor.get('/account.spy').text
    assert '_spy_login_password' in log_in(visitor).text
    assert 'Nothing to do' in log_in(visitor, password='analytical').text


def test_the_basket_counts_and_is_ordered(visitor: Client) -> None:
    visitor.press(visitor.get('/shop.spy'), 'Add to basket')
    answer = visitor.press(visitor.get('/shop.spy'), 'Add to basket', fill={'count:int': '3'}, follow_redirects=True)
    assert '<b class="count">4</b>' in answer.text
    page = visitor.get('/basket.spy')
    assert 'Total 12.80' in words(page.text)
    assert 'Total 6.40' in words(visitor.press(page, 'Change', fill={'count:int': '2'}, follow_redirects=True).text)
    page = visitor.get('/basket.spy')
    answer = visitor.press(page, 'Order', fill={'name': ' ', 'day': '2001-01-01', 'address': 'here'})
    for message in 'who is it for?', 'the earliest is tomorrow', 'street, number and town, please':
        assert message in answer.text
    assert 'value="2001-01-01"' in answer.text
    answer = visitor.press(answer, 'Order', fill={'name': 'Ada', 'day': TOMORROW, 'address': '1 Hill Road, Ham',
                                                  'gift': 'yes'}, follow_redirects=True)
    assert 'Thank you, Ada. Your order is number 1, wrapped as a gift.' in answer.text
    assert 'Your basket is empty' in visitor.get('/basket.spy').text


@pytest.mark.parametrize('count', ['many', '-1', '1000', '1e9'])
def test_a_count_that_is_none_is_refused_at_its_form(visitor: Client, count: str) -> None:
    answer = visitor.press(visitor.get('/shop.spy'), 'Add to basket', fill={'count:int': count})
    assert 'validationerror' in answer.text
    assert 'class="count"' not in answer.text


def test_a_basket_holds_only_what_the_shop_has(visitor: Client, caplog: pytest.LogCaptureFixture) -> None:
    answer = visitor.press(visitor.get('/shop.spy'), 'Add to basket', fill={'key': '"><script>'})
    assert 'there is no such thing here' in caplog.text
    assert '<script>' not in answer.text
    assert 'class="count"' not in answer.text
