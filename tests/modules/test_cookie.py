from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

import pytest
from fake_page import FakePage
from hypothesis import given
from hypothesis import strategies as st
from spyce.modules.cookie import cookie


def sent(page: FakePage) -> list[str]:
    return [value for name, value in page.response.headers if name == 'Set-Cookie']


def test_values_of_the_request_are_unquoted() -> None:
    jar = FakePage(cookies=[('a', '1'), ('b', 'x%20y')]).start(cookie)
    assert jar.get('a') == '1'
    assert jar['b'] == 'x y'
    assert jar.get() == {'a': '1', 'b': 'x y'}
    assert jar.keys() == ['a', 'b']
    assert 'a' in jar and 'zz' not in jar


def test_a_missing_cookie_is_none() -> None:
    jar = FakePage().start(cookie)
    assert jar.get('zz') is None
    assert jar['zz'] is None


def test_of_several_cookies_of_one_name_the_first_counts() -> None:
    assert FakePage(cookies=[('a', 'deep'), ('a', 'root')]).start(cookie)['a'] == 'deep'


def test_changing_the_dictionary_of_all_changes_nothing() -> None:
    jar = FakePage(cookies=[('a', '1')]).start(cookie)
    jar.get().clear()
    assert jar['a'] == '1'


def test_values_are_quoted() -> None:
    page = FakePage()
    page.start(cookie).set('v', 'a b; c=d, 50% "q"')
    assert sent(page) == ['v=a%20b%3B%20c%3Dd%2C%2050%25%20%22q%22']


@given(st.text())
def test_every_value_survives_the_round_trip(value: str) -> None:
    page = FakePage()
    try:
        page.start(cookie).set('v', value)
    except ValueError:
        return  # too long, or half of a surrogate pair
    raw = sent(page)[0].removeprefix('v=')
    assert FakePage(cookies=[('v', raw)]).start(cookie)['v'] == value


def test_attributes_in_the_order_of_2_1() -> None:
    page = FakePage()
    page.start(cookie).set('b', '2', 3600, 'example.org', '/x', 1)
    morsel = SimpleCookie(sent(page)[0])['b']
    assert morsel.value == '2'
    assert (morsel['max-age'], morsel['domain'], morsel['path'], morsel['secure']) == (
        '3600', 'example.org', '/x', True)
    assert morsel['expires'].endswith(' GMT') and len(morsel['expires'].split()[3]) == 4


def test_a_cookie_without_attributes_ends_with_the_browser() -> None:
    page = FakePage()
    page.start(cookie).set('c', '3')
    assert sent(page) == ['c=3']


def test_httponly_and_samesite() -> None:
    page = FakePage()
    page.start(cookie).set('c', '3', httponly=1, samesite='Lax')
    assert sent(page) == ['c=3; HttpOnly; SameSite=Lax']


def test_numbers_are_sent_as_text() -> None:
    page = FakePage()
    page.start(cookie).set('n', 5)
    assert sent(page) == ['n=5']


def delete_by_method(jar: Any) -> None:
    jar.delete('a')


def delete_by_statement(jar: Any) -> None:
    del jar['a']


def delete_by_none(jar: Any) -> None:
    jar.set('a', None)


@pytest.mark.parametrize('delete', [delete_by_method, delete_by_statement, delete_by_none])
def test_deleting_sends_a_date_in_the_past(delete: Any) -> None:
    page = FakePage()
    delete(page.start(cookie))
    assert sent(page) == ['a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0']


@pytest.mark.parametrize('arguments', [
    {'key': 'a\r\nb'}, {'key': ''}, {'key': 'a b'}, {'key': 'a=b'}, {'key': 'a;b'}, {'key': 'ä'},
    {'path': '/\r\nX: 1'}, {'path': '/; Domain=evil.org'}, {'path': '/\0'},
    {'domain': 'example.org\r\nX: 1'}, {'domain': 'a;b'}, {'domain': 'a b'}, {'domain': 'a\n'},
    {'samesite': 'Lax\r\nX: 1'},
])
def test_what_would_break_the_header_is_refused(arguments: dict[str, str]) -> None:
    page = FakePage()
    with pytest.raises(ValueError):
        page.start(cookie).set(**{'key': 'k', 'value': 'v', **arguments})
    assert sent(page) == []


def test_a_cookie_that_browsers_would_drop_is_an_error() -> None:
    page = FakePage()
    with pytest.raises(ValueError, match="'big'.*4096"):
        page.start(cookie).set('big', 'x' * 4096)
    assert sent(page) == []
