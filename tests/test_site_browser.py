"""The demonstration site in a real browser: Chromium, headless."""
from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SITE = Path(__file__).parent.parent / 'examples' / 'site'

BROWSER = next((path for name in ('chromium', 'chromium-browser', 'google-chrome') if (path := shutil.which(name))), '')

playwright = pytest.importorskip('playwright.sync_api', reason='playwright is not installed')

pytestmark = pytest.mark.skipif(not BROWSER, reason='no Chromium on this machine')

ARGUMENTS = ['--no-sandbox', '--disable-quic', '--disable-background-networking', '--disable-component-update',
             '--disable-sync']


@pytest.fixture(scope='module')
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any, spyce_serve: Callable[..., Any]) -> Iterator[Any]:
    """A tab at the site; an error in the browser's console fails the test."""
    server = spyce_serve(SITE)
    context = browser.new_context(base_url=server.url, viewport={'width': 1000, 'height': 800})
    page = context.new_page()
    page.set_default_timeout(15_000)
    errors: list[str] = []
    page.on('pageerror', lambda error: errors.append(str(error)))
    page.on('response', lambda answer: errors.append(f'{answer.status} {answer.url}')
            if answer.status >= 400 and not answer.url.endswith('/favicon.ico') else None)
    yield page
    context.close()
    assert errors == []


def sign_up(page: Any, name: str, password: str) -> None:
    page.goto('/signup.spy')
    page.get_by_label('Name').fill(name)
    page.get_by_label('Password').fill(password)
    page.get_by_label('Once more').fill(password)
    page.get_by_role('button', name='Make an account').click()


def log_in(page: Any, name: str, password: str) -> None:
    page.locator('[name=_spy_login_user]').fill(name)
    page.locator('[name=_spy_login_password]').fill(password)
    page.locator('[name=_spy_login_password]').press('Enter')


def test_from_signing_up_to_logging_out(page: Any) -> None:
    expect = playwright.expect
    sign_up(page, 'ada', 'short')
    expect(page.locator('.validationerror')).to_contain_text('needs 8 characters')
    expect(page.get_by_label('Name')).to_have_value('ada')
    sign_up(page, 'ada', 'lovelace')
    expect(page.get_by_role('status')).to_contain_text('Your account is made')
    log_in(page, 'ada', 'wrong')
    expect(page.locator('[name=_spy_login_password]')).to_have_value('')
    log_in(page, 'ada', 'lovelace')
    page.get_by_label('To do').fill('<b>buy</b> tea')
    page.get_by_label('To do').press('Enter')
    expect(page.locator('.todos span')).to_have_text('<b>buy</b> tea')
    page.reload()
    expect(page.locator('.todos li')).to_have_count(1)
    page.get_by_role('button', name='Done').click()
    expect(page.locator('.todos li.done')).to_have_count(1)
    page.get_by_role('button', name='Remove').click()
    expect(page.get_by_text('Nothing to do')).to_be_visible()
    page.get_by_role('link', name='ada').click()
    page.get_by_role('button', name='Logout').click()
    page.goto('/todo.spy')
    expect(page.locator('[name=_spy_login_password]')).to_be_visible()


def test_from_the_shop_to_an_order(page: Any) -> None:
    expect = playwright.expect
    page.goto('/shop.spy')
    honey = page.locator('.product', has_text='Honey')
    honey.get_by_label('How many: Honey').fill('two')
    honey.get_by_role('button').click()
    expect(page.locator('.validationerror')).to_have_count(1)
    honey.get_by_label('How many: Honey').fill('2')
    honey.get_by_role('button').click()
    expect(page.get_by_role('status')).to_contain_text('Honey: in your basket')
    page.get_by_role('link', name='Basket').click()
    expect(page.locator('table')).to_contain_text('11.50')
    page.get_by_role('button', name='Order').click()
    expect(page.locator('.validationerror')).to_contain_text('who is it for?')
    page.get_by_label('Name').fill('Ada')
    page.get_by_label('to the shop').check()
    page.get_by_label('wrap it as a gift').check()
    page.get_by_role('button', name='Order').click()
    expect(page.get_by_role('status')).to_contain_text('wrapped as a gift')
    page.reload()
    expect(page.get_by_role('status')).to_have_count(0)


def test_cookies_are_hidden_from_scripts(page: Any) -> None:
    sign_up(page, 'eve', 'lovelace')
    log_in(page, 'eve', 'lovelace')
    assert page.context.cookies()
    assert page.evaluate('document.cookie') == ''


def test_a_narrow_screen_does_not_scroll_sideways(page: Any) -> None:
    page.set_viewport_size({'width': 360, 'height': 700})
    for name in 'index', 'signup', 'todo', 'shop', 'basket':
        page.goto(f'/{name}.spy')
        assert page.evaluate('document.documentElement.scrollWidth') <= 360, name
