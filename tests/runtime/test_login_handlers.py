"""Logins and active handlers: the logout button, handlers of pages that require a login, handlers that log in."""
from __future__ import annotations

from html.parser import HTMLParser

import pytest

from spyce.testing import Client

PAGES = {
    'auth.py': "def check(login, password): return {'ann': 7, 'bob': 8}.get(login) if password == 'pw' else None",
    'page.spy': '<f:form><spy:login_required validator="auth.check"/>secret for [[= request.login_id() ]]'
                '<f:text name="note"/><f:submit value="Save" handler="acts.save"/><spy:logout /></f:form>',
    'acts.py': 'saved = []\n'
               'def save(api, note): saved.append((api.request.login_id(), note))\n'
               'def sign_up(api, name):\n'
               '    import spyce.login\n'
               '    spyce.login.login(api, name)\n'
               'def out_elsewhere(api):\n'
               '    import spyce.login\n'
               '    saved.append(spyce.login.end_all(api.request.login_id(), keep=api))\n',
    'saved.spy': '[[ import acts ]][[= acts.saved ]]',
    'signup.spy': '<f:form>[[= request.login_id() ]]<f:text name="name"/><f:submit value="Join" '
                  'handler="acts.sign_up"/><f:submit value="Elsewhere" handler="acts.out_elsewhere"/></f:form>',
    'shop.spy': '[[.import name=session]][[= session.get("cart") ]][[ session.put("cart", "soap") ]]',
    'who.spy': '[[= request.login_id() ]]',
}


class Form(HTMLParser):
    """The fields of a page's form as a browser sends them, and its buttons by their text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.buttons: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        kind = (attributes.get('type') or '').lower()
        if tag == 'input' and kind == 'submit':
            self.buttons[attributes.get('value') or ''] = attributes.get('name') or ''
        elif tag == 'input' and kind != 'checkbox':
            self.fields[attributes['name'] or ''] = attributes.get('value') or ''


def press(client, path, page, button, **fill):
    form = Form(page)
    return client.post(path, {**form.fields, form.buttons[button]: button, **fill},
                       headers={'Sec-Fetch-Site': 'same-origin'})


@pytest.fixture
def client(site, tmp_path):
    return site(PAGES, site_data=str(tmp_path / 'data'))


def log_in(client, user='ann'):
    return client.post('/page.spy', {'_spy_login_user': user, '_spy_login_password': 'pw'})


def saved(client):
    return client.get('/saved.spy').text.strip()


def test_the_button_logs_out_on_the_server_and_in_the_browser(client):
    log_in(client)
    client.get('/shop.spy')
    token = client.cookies['_spy_login']
    answer = press(client, '/page.spy', client.get('/page.spy').text, 'Logout')
    assert 'secret' not in answer.text and '_spy_login_user' in answer.text
    assert '_spy_login' not in client.cookies
    assert client.get('/shop.spy').text == '\n'
    client.cookies['_spy_login'] = token
    assert 'secret' not in client.get('/page.spy').text


def test_the_page_that_comes_with_the_login_has_a_button_that_works(client):
    assert 'secret' not in press(client, '/page.spy', log_in(client).text, 'Logout').text
    assert '_spy_login' not in client.cookies


def test_the_button_may_stand_in_a_tag_of_a_collection(site, tmp_path):
    client = site({**PAGES, 'out.spy': '[[.taglib from=bits.spi as=my]]<my:out />[[= request.login_id() ]]',
                   'bits.spi': '[[.tagcollection]][[.begin name=out singleton=True]]<f:form><spy:logout /></f:form>'
                               '[[.end]]'}, site_data=str(tmp_path / 'data'))
    log_in(client)
    press(client, '/out.spy', client.get('/out.spy').text, 'Logout')
    assert client.get('/who.spy').text == '\n'


def test_another_site_cannot_log_a_visitor_out(client):
    log_in(client)
    button = Form(client.get('/page.spy').text).buttons['Logout']
    client.post('/page.spy', {button: 'Logout'})
    client.get('/page.spy', {button: 'Logout'})
    assert client.get('/who.spy').text == '7\n'


def test_a_handler_runs_for_who_is_logged_in(client):
    log_in(client)
    press(client, '/page.spy', client.get('/page.spy').text, 'Save', note='milk')
    assert saved(client) == "[(7, 'milk')]"


def test_a_handler_of_a_page_that_requires_a_login_does_not_run_for_a_stranger(client):
    log_in(client)
    page = client.get('/page.spy').text
    stranger = Client(client.app)
    for name in ('sessionid', 'sessionid-form'):  # all but the login
        if name in client.cookies:
            stranger.cookies[name] = client.cookies[name]
    answer = press(stranger, '/page.spy', page, 'Save', note='mine')
    assert 'secret' not in answer.text and '_spy_login_user' in answer.text
    assert saved(client) == '[]'


def test_a_handler_does_not_run_with_a_wrong_password(client):
    log_in(client)
    page = client.get('/page.spy').text
    client.cookies.pop('_spy_login')
    press(client, '/page.spy', page, 'Save', note='x', _spy_login_user='ann', _spy_login_password='no')
    assert saved(client) == '[]'


def test_a_handler_of_an_include_does_not_run_for_a_stranger_of_the_page_around_it(site, tmp_path):
    client = site({**PAGES, 'part.spi': '<f:form><f:text name="note"/><f:submit value="Save" handler="acts.save"/>'
                                        '</f:form>',
                   'open.spy': '[[.import name=include]][[ include.spyce("part.spi") ]]',
                   'closed.spy': '[[.import name=include]][[ include.spyce("part.spi") ]]'
                                 '<spy:login_required validator="auth.check"/>'}, site_data=str(tmp_path / 'data'))
    page = client.get('/open.spy').text
    press(client, '/closed.spy', page, 'Save', note='mine')
    assert saved(client) == '[]'
    press(client, '/open.spy', page, 'Save', note='mine')
    assert saved(client) == "[(None, 'mine')]"


@pytest.mark.parametrize('password', ['pw', 'wrong'])
def test_who_logs_in_with_the_form_of_a_button_presses_no_other_one(site, tmp_path, password):
    client = site({**PAGES, 'both.spy': '<f:form><spy:login validator="auth.check"/><f:text name="note"/>'
                                        '<f:submit value="Save" handler="acts.save"/></f:form>'},
                  site_data=str(tmp_path / 'data'))
    answer = press(client, '/both.spy', client.get('/both.spy').text, 'Save', note='milk', _spy_login_user='ann',
                   _spy_login_password=password)
    assert answer.status == 200
    assert Form(answer.text).fields['note'] == 'milk'
    assert saved(client) == '[]'
    press(client, '/both.spy', answer.text, 'Save', _spy_login_user='')
    assert saved(client) == ("[(7, 'milk')]" if password == 'pw' else "[(None, 'milk')]")


def test_what_was_typed_before_the_login_ran_out_is_there_again_after_the_next_one(client):
    log_in(client)
    page = client.get('/page.spy').text
    client.cookies.pop('_spy_login')
    answer = press(client, '/page.spy', page, 'Save', note='milk & "bread"')
    fields = {**Form(answer.text).fields, '_spy_login_user': 'ann', '_spy_login_password': 'pw'}
    answer = client.post('/page.spy', fields)
    assert Form(answer.text).fields['note'] == 'milk & "bread"' and saved(client) == '[]'
    press(client, '/page.spy', answer.text, 'Save')
    assert saved(client) == repr([(7, 'milk & "bread"')])


def test_a_handler_logs_in_who_has_signed_up(client):
    client.get('/shop.spy')
    before = client.cookies['sessionid']
    answer = press(client, '/signup.spy', client.get('/signup.spy').text, 'Join', name='carl')
    assert 'carl' in answer.text
    assert client.get('/who.spy').text == 'carl\n'
    assert client.cookies['sessionid'] != before


def test_a_handler_logs_a_user_out_everywhere_else(client):
    others = [Client(client.app) for _ in range(2)]
    for browser in (client, *others):
        log_in(browser)
    press(client, '/signup.spy', client.get('/signup.spy').text, 'Elsewhere')
    assert saved(client) == '[2]'
    assert [browser.get('/who.spy').text for browser in (client, *others)] == ['7\n', '\n', '\n']
