"""Logins through pages: tags, the cookie, request.login_id(), sessions."""
from __future__ import annotations

import pytest

import spyce
from spyce.login import FileStorage, LoginStorage, SessionStorage
from spyce.login.manager import GRACE, ROTATION
from spyce.login.throttle import PER_NAME_AND_ADDRESS, WINDOW
from spyce.sessions import DbmStore, MemoryStore
from spyce.testing import Client

AUTH = '''
def check(login, password):
    calls.append(login)
    return {('ann', 'pw'): 7, ('bob', 'pw'): 'bob'}.get((login, password))

calls = []
'''

PAGES = {
    'auth.py': AUTH,
    'page.spy': '<spy:login_required validator="auth.check"/>secret for [[= repr(request.login_id()) ]]',
    'who.spy': '[[= repr(request.login_id()) ]]',
    'optional.spy': '<f:form>[[= repr(request.login_id()) ]] <spy:login validator="auth.check"/></f:form> for all',
    'put.spy': "[[.import name=session]][[ session.put('cart', request['item']) ]]",
    'read.spy': "[[.import name=session]][[= session.get('cart') ]]",
    'id.spy': '[[.import name=session]][[= session.sessionid ]]',
}

START = 1_000_000_000.0
DAY = 86400


class Clock:
    now = START

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=['memory', 'dbm', 'files'])
def make_client(request, site, tmp_path, clock):
    def make(files=(), **options):
        store = DbmStore(tmp_path, clock) if request.param == 'dbm' else MemoryStore(clock)
        storage = FileStorage(tmp_path, clock) if request.param == 'files' else None
        client = site({**PAGES, **dict(files)}, session_store=store, login_storage=storage,
                      site_data=str(tmp_path / 'data'), **options)
        client.app.server.sessions.clock = clock
        return client
    return make


@pytest.fixture
def client(make_client):
    return make_client()


def log_in(client, user='ann', password='pw', path='/page.spy', **more):
    headers = more.pop('headers', None)
    return client.post(path, {'_spy_login_user': user, '_spy_login_password': password, **more}, headers=headers)


def login_cookie(answer):
    [cookie] = [cookie for cookie in answer.set_cookies if cookie.name == '_spy_login']
    return cookie


def who(client):
    return client.get('/who.spy').text.strip()


# The tags


def test_a_stranger_gets_a_form_and_not_the_page(client):
    answer = client.get('/page.spy')
    assert answer.status == 200 and 'secret' not in answer.text
    for field in ('_spy_login_user', '_spy_login_password', '_spy_login_rememberme'):
        assert f'name="{field}"' in answer.text
    assert '<form' in answer.text and answer.headers['Cache-Control'] == 'no-store'
    assert answer.set_cookies == []


def test_a_right_password_opens_the_page_from_then_on(client):
    assert log_in(client).text == 'secret for 7\n'
    assert client.get('/page.spy').text == 'secret for 7\n'
    assert who(client) == '7'
    assert who(Client(client.app)) == 'None'


def test_a_text_stays_a_text(client):
    assert log_in(client, 'bob').text == "secret for 'bob'\n"


@pytest.mark.parametrize(('user', 'password'), [('ann', 'no'), ('nobody', 'pw'), ('ann', ''), ('', 'pw')])
def test_a_wrong_password_gets_a_message_that_does_not_say_what_was_wrong(client, user, password):
    answer = log_in(client, user, password)
    assert answer.status == 200 and 'Name and password do not fit.' in answer.text
    assert 'secret' not in answer.text and answer.set_cookies == []
    assert who(client) == 'None'


def test_what_was_typed_is_escaped_and_the_password_never_shown(client):
    answer = log_in(client, '"><script>alert(1)</script>', '"><b>hunter2')
    assert '<script>' not in answer.text and '&quot;&gt;&lt;script&gt;' in answer.text
    assert 'hunter2' not in answer.text


def test_an_empty_form_is_no_attempt(client):
    answer = log_in(client, '', '')
    assert '_spy_login_password' in answer.text and 'do not fit' not in answer.text


def test_credentials_in_the_url_are_no_attempt(client):
    assert 'secret' not in client.get('/page.spy', '_spy_login_user=ann&_spy_login_password=pw').text


def test_the_optional_tag_shows_fields_to_strangers_and_the_rest_to_all(client):
    text = client.get('/optional.spy').text
    assert text.count('<form') == 1 and '_spy_login_user' in text and text.endswith('for all\n')
    text = log_in(client, path='/optional.spy').text
    assert '_spy_login_user' not in text and '>7 ' in text


def test_a_required_login_within_a_form_makes_no_second_one(make_client):
    client = make_client({'inside.spy': '<f:form><spy:login_required validator="auth.check"/>secret</f:form>'})
    text = client.get('/inside.spy').text
    assert text.count('<form') == text.count('</form>') == 1 and '_spy_login_user' in text
    assert 'secret' not in text
    assert 'secret' in log_in(client, path='/inside.spy').text


def test_the_id_is_right_before_the_tag_and_in_modules_too(make_client):
    client = make_client({
        'late.spy': '[[.import name=use]][[= request.login_id() ]] [[= use.who() ]] <spy:login_required '
                    'validator="auth.check"/>',
        'use.py': 'from spyceModule import spyceModulePlus\nclass use(spyceModulePlus):\n'
                  '    def who(self): return self.modules.request.login_id()\n'})
    assert log_in(client, path='/late.spy').text.split() == ['7', '7']


def test_a_parent_template_stands_around_the_form_too(make_client):
    client = make_client({'child.spy': '<spy:parent src="layout.spi"/><spy:login_required validator="auth.check"/>in',
                          'layout.spi': '<h1>Site</h1>[[= child._body ]]'})
    assert '<h1>Site</h1><form' in client.get('/child.spy').text.replace('\n', '')
    assert log_in(client, path='/child.spy').text.split() == ['<h1>Site</h1>in']


def test_a_site_has_a_form_of_its_own(make_client):
    client = make_client({'my.spi': '[[.tagcollection]]\n[[.begin name=ask singleton=True]]\n[[.attr name=message]]\n'
                                    'Who? ([[= message ]])\n[[.end]]\n'
                                    '[[.begin name=plain singleton=True]]\nAs in 2.1\n[[.end]]\n'},
                         globaltags=[('core', None, 'spy'), ('my', 'my.spi', 'my')], loginrequired_render='my:ask')
    assert 'Who? ()' in client.get('/page.spy').text
    assert 'Who? (Name and password do not fit.)' in log_in(client, password='no').text
    client.app.config.loginrequired_render = 'my:plain'
    assert 'As in 2.1' in client.get('/page.spy').text


@pytest.mark.parametrize(('tag', 'what'), [
    ('<spy:login_required validator="=auth.check"/>', 'validator'), ('<spy:login validator="check"/>', 'validator'),
    ('<spy:login validator="self.check"/>', 'validator'), ('<spy:login validator/>', 'validator'),
    ('<spy:login_required>x</spy:login_required>', 'no body'), ('<spy:login form="x"/>', 'form'),
    ('<spy:logout />', 'f:form'), ('<f:form method="get"><spy:logout /></f:form>', 'POST')])
def test_a_tag_that_is_used_wrongly_is_an_error_at_its_line(site, tag, what):
    client = site({'wrong.spy': f'one\n{tag}'}, debug=True)
    answer = client.get('/wrong.spy')
    assert answer.status == 500 and what in answer.text and 'wrong.spy:2' in answer.text


# Validators


def test_the_config_names_a_validator_for_all_pages(site):
    client = site({'page.spy': '<spy:login_required/>in'},
                  login_defaultvalidator=lambda login, password: 1 if password == login else None)
    assert 'in' in log_in(client, 'x', 'x').text
    assert '_spy_login' in client.cookies


def test_without_a_validator_nobody_gets_in_and_the_error_says_what_to_do(site):
    client = site({'page.spy': '<spy:login_required/>in'}, debug=True)
    assert client.get('/page.spy').status == 200
    answer = log_in(client, 'spyce', 'spyce')
    assert answer.status == 500 and 'login_defaultvalidator' in answer.text


def test_validators_of_2_1_can_be_taken_from_the_config(tmp_path):
    (tmp_path / 'page.spy').write_text('<spy:login_required/>user [[= request.login_id() ]]')
    (tmp_path / 'spyceconf.py').write_text('from spyceconf import *\nimport session\n'
                                           'session_store = session.MemoryStore()\n'
                                           'login_defaultvalidator = testvalidator\n'
                                           'login_storage = FileStorage("tokens")\n')
    (tmp_path / 'tokens').mkdir()
    client = Client(spyce.make_app(tmp_path))
    assert 'user 2' in log_in(client, 'spyce', 'spyce').text
    assert (tmp_path / 'tokens' / 'spyce-logins').is_dir()
    [file] = [file for file in (tmp_path / 'tokens' / 'spyce-logins').rglob('*') if len(file.name) == 64]
    assert client.get(f'/tokens/spyce-logins/{file.parent.name}/{file.name}').status in (403, 404)
    assert 'user' not in log_in(client, 'spyce', 'Spyce', path='/other.spy').text
    conf = (tmp_path / 'spyceconf.py').read_text().replace('testvalidator', 'nevervalidator')
    (tmp_path / 'spyceconf.py').write_text(conf)
    assert 'do not fit' in log_in(Client(spyce.make_app(tmp_path)), 'spyce', 'spyce').text


@pytest.mark.parametrize(('body', 'what'), [
    ('return True', 'bool'), ('return (1, 2)', 'tuple'), ('return 1.5', 'float'), ('1 / 0', 'ZeroDivisionError'),
    ('return ""', 'gave ')])
def test_a_validator_that_gives_no_id_is_an_error_and_nobody_gets_in(site, body, what):
    client = site({'page.spy': '<spy:login_required validator="v.check"/>in', 'v.py': f'def check(a, b):\n  {body}\n'},
                  debug=True)
    answer = log_in(client)
    assert answer.status == 500 and what in answer.text and '_spy_login' not in client.cookies


@pytest.mark.parametrize('body', ['return None', 'return False', 'pass'])
def test_a_validator_says_no(site, body):
    client = site({'page.spy': '<spy:login_required validator="v.check"/>in', 'v.py': f'def check(a, b):\n  {body}\n'})
    assert 'do not fit' in log_in(client).text


@pytest.mark.parametrize('validator', ['nosuch.check', 'auth.nosuch'])
def test_a_validator_that_is_not_there_is_an_error_that_names_it(site, validator):
    client = site({'page.spy': f'<spy:login_required validator="{validator}"/>in', 'auth.py': AUTH}, debug=True)
    assert 'nosuch' in log_in(client).text


def test_of_two_tags_the_first_one_decides_and_asks_once(make_client):
    client = make_client({'two.spy': '<f:form><spy:login validator="auth.check"/></f:form>[[ import auth ]]'
                                     '<spy:login_required validator="nosuch.check"/>[[= auth.calls ]]'})
    assert "['ann']" in log_in(client, path='/two.spy').text


# The cookie


def test_the_cookie_is_a_session_cookie_that_scripts_cannot_read(client):
    cookie = login_cookie(log_in(client))
    assert cookie.attributes == {'path': '/', 'httponly': '', 'samesite': 'Lax'}


def test_the_cookie_goes_where_the_session_cookie_goes(make_client):
    client = make_client(session_path='/shop', session_cookie_domain='example.com', session_cookie_secure=True,
                         session_cookie_samesite='Strict')
    attributes = login_cookie(log_in(client)).attributes
    assert attributes == {'path': '/shop', 'domain': 'example.com', 'secure': '', 'httponly': '', 'samesite': 'Strict'}


def test_over_https_the_cookie_is_secure(make_client):
    client = make_client()
    client.https = True
    assert 'secure' in login_cookie(log_in(client)).attributes


def test_a_remembered_login_outlives_the_browser_and_changes_daily(make_client, clock):
    client = make_client(login_remember=30 * DAY)
    first = login_cookie(log_in(client, _spy_login_rememberme='1'))
    assert first.attributes['max-age'] == str(30 * DAY)
    assert client.get('/page.spy').set_cookies == []
    clock.now += ROTATION
    second = login_cookie(client.get('/page.spy'))
    assert second.value != first.value and second.attributes['max-age'] == str(29 * DAY)
    assert who(client) == '7'
    clock.now += 29 * DAY
    assert who(client) == 'None'


def test_a_stolen_old_cookie_ends_the_login(make_client, clock):
    client = make_client()
    log_in(client, _spy_login_rememberme='1')
    thief = Client(client.app)
    thief.cookies['_spy_login'] = client.cookies['_spy_login']
    clock.now += ROTATION
    client.get('/page.spy')
    client.get('/page.spy')
    clock.now += GRACE + 1
    assert who(thief) == 'None'
    assert who(client) == 'None'


def test_a_new_token_survives_an_internal_redirect_and_an_error(make_client, clock):
    client = make_client({'hop.spy': '[[.import name=redirect]][[ request.login_id() ]]'
                                     "[[ redirect.internal('who.spy') ]]",
                          'error.spy': '[[ request.login_id() ]][[ 1/0 ]]'})
    log_in(client, _spy_login_rememberme='1')
    for path in ('/hop.spy', '/error.spy'):
        clock.now += ROTATION
        assert login_cookie(client.get(path))
        assert who(client) == '7'


def test_a_page_that_has_sent_its_headers_keeps_the_old_token(make_client, clock):
    client = make_client({'early.spy': 'x[[ response.flush() ]][[= request.login_id() ]]'})
    log_in(client, _spy_login_rememberme='1')
    clock.now += ROTATION
    assert client.get('/early.spy').text == 'x7\n'
    assert login_cookie(client.get('/page.spy'))


def test_a_login_that_is_not_remembered_ends_without_use(make_client, clock):
    client = make_client(session_expire=3600)
    log_in(client)
    clock.now += 3599
    assert who(client) == '7'
    clock.now += 3600
    assert who(client) == 'None'


def test_two_browsers_of_one_user_are_two_logins(client):
    other = Client(client.app)
    log_in(client)
    log_in(other)
    assert who(client) == who(other) == '7'
    assert client.cookies['_spy_login'] != other.cookies['_spy_login']


def test_logging_in_again_ends_the_login_before(client):
    log_in(client)
    before = client.cookies['_spy_login']
    log_in(client)
    old = Client(client.app)
    old.cookies['_spy_login'] = before
    assert who(old) == 'None' and who(client) == '7'


def test_without_a_cookie_no_store_is_touched(site, tmp_path):
    client = site(PAGES, session_store=DbmStore(tmp_path))
    folder = tmp_path / 'spyce-sessions'
    before = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert who(client) == 'None'
    assert client.get('/page.spy').status == 200
    assert before == {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}


def test_pages_without_logins_need_no_place_for_them(site, tmp_path):
    client = site(PAGES, login_storage=FileStorage(tmp_path))
    assert who(client) == 'None' and client.get('/page.spy').status == 200
    assert list((tmp_path / 'spyce-logins').iterdir()) == []


def test_a_folder_that_is_missing_stops_the_start(site, tmp_path):
    with pytest.raises(spyce.config.ConfigError, match='nosuch'):
        site(PAGES, login_storage=FileStorage(tmp_path / 'nosuch'))


def test_the_login_is_looked_up_once_a_request(site):
    class Counting(SessionStorage):
        loads = 0

        def load(self, name):
            type(self).loads += 1
            return super().load(name)

    client = site({**PAGES, 'often.spy': '[[.import name=include]][[= [request.login_id() for n in range(5)] ]]'
                                         "[[ include.spyce('who.spy') ]]"}, login_storage=Counting())
    log_in(client)
    Counting.loads = 0
    assert client.get('/often.spy').text.split() == ['[7,', '7,', '7,', '7,', '7]7']
    assert Counting.loads == 1


# Sessions


def test_the_session_gets_a_new_id_at_login_and_keeps_what_is_in_it(client):
    client.get('/put.spy', 'item=soap')
    before = client.cookies['sessionid']
    log_in(client)
    assert client.cookies['sessionid'] != before
    assert client.get('/read.spy').text == 'soap\n'
    planted = Client(client.app)
    planted.cookies['sessionid'] = before
    assert planted.get('/read.spy').text == '\n'


def test_a_visitor_without_a_session_gets_none_by_logging_in(client):
    assert [cookie.name for cookie in log_in(client).set_cookies] == ['_spy_login']


def test_who_logs_in_as_somebody_else_does_not_get_the_session(client):
    log_in(client)
    client.get('/put.spy', 'item=letters')
    log_in(client, 'bob')
    assert who(client) == "'bob'"
    assert client.get('/read.spy').text == '\n'


def test_tokens_of_forms_change_at_login(make_client):
    client = make_client({'token.spy': '[[.import name=session]][[= session.token() ]]',
                          'check.spy': "[[.import name=session]][[= session.check(request['token']) ]]"})
    for page in ('/token.spy', '/put.spy'):
        client.get(page)
        token = client.get('/token.spy').text.strip()
        assert client.get('/check.spy', {'token': token}).text == 'True\n'
        log_in(client)
        assert client.get('/check.spy', {'token': token}).text == 'False\n'


@pytest.mark.parametrize('args', ["readonly=True", "lock='merge'", "lock='request'"])
def test_a_page_may_import_the_session_as_it_likes(make_client, args):
    client = make_client({'page.spy': f'[[.import name=session args="{args}"]]<spy:login_required '
                                      'validator="auth.check"/>[[= session.get("cart") ]]'})
    client.get('/put.spy', 'item=soap')
    before = client.cookies['sessionid']
    assert log_in(client).text == 'soap\n'
    assert client.cookies['sessionid'] != before
    assert client.get('/page.spy').text == 'soap\n'


# Handlers and programs


def test_programs_log_in_and_out(make_client):
    client = make_client({
        'in.spy': '[[ import spyce.login ]][[ spyce.login.login(request._api, request["id"], remember=True) ]]'
                  '[[= request.login_id() ]]',
        'out.spy': '[[ import spyce.login ]][[ spyce.login.logout(request._api) ]][[= request.login_id() ]]',
        'wrong.spy': '[[ import spyce.login ]][[ spyce.login.login(request._api, None) ]]'})
    client.get('/put.spy', 'item=soap')
    answer = client.get('/in.spy', 'id=carl')
    assert answer.text == 'carl\n' and login_cookie(answer).attributes['max-age'] == str(30 * DAY)
    token = client.cookies['_spy_login']
    assert who(client) == "'carl'"
    answer = client.get('/out.spy')
    assert answer.text == '\n' and login_cookie(answer).is_deletion()
    assert '_spy_login' not in client.cookies and 'sessionid' not in client.cookies
    client.cookies['_spy_login'] = token
    assert who(client) == 'None'
    assert client.get('/wrong.spy').status == 500


def test_a_user_is_logged_out_everywhere_but_here(make_client):
    client = make_client({
        'all.spy': '[[ import spyce.login ]][[= spyce.login.end_all(request.login_id(), keep=request._api) ]]'})
    others = [Client(client.app) for _ in range(3)]
    bob = Client(client.app)
    log_in(bob, 'bob')
    for browser in (client, *others):
        log_in(browser)
    assert client.get('/all.spy').text == '3\n'
    assert [who(browser) for browser in (client, *others, bob)] == ['7', 'None', 'None', 'None', "'bob'"]


# Forms that a login interrupts


def test_what_was_sent_when_a_login_became_necessary_is_not_lost(client):
    answer = client.post('/page.spy', {'text': 'a "long" <letter>', 'text2': 'x', '_spy_token': 't', '_submitXY': 'Go'},
                         headers={'Sec-Fetch-Site': 'same-origin'})
    assert '<input type="hidden" name="text" value="a &quot;long&quot; &lt;letter&gt;">' in answer.text
    assert 'name="text2"' in answer.text
    assert '_spy_token' not in answer.text and '_submitXY' not in answer.text


@pytest.mark.parametrize('headers', [{}, {'Sec-Fetch-Site': 'cross-site'}, {'Sec-Fetch-Site': 'same-site'},
                                     {'Origin': 'https://evil.example'}, {'Origin': 'null'}])
def test_what_another_site_may_have_sent_is_not_sent_again(client, headers):
    assert 'amount' not in client.post('/page.spy', {'amount': '1000'}, headers=headers).text


# What is refused


@pytest.mark.parametrize('headers', [
    {'Sec-Fetch-Site': 'cross-site'}, {'Sec-Fetch-Site': 'cross-site', 'Origin': 'http://localhost'},
    {'Origin': 'http://evil.example'}, {'Origin': 'null'}, {'Origin': 'http://localhost.evil.example'},
    {'Origin': 'http://localhost:81'}, {'Origin': 'http://[::1'},
    {'Sec-Fetch-Site': 'same-site', 'Origin': 'http://evil.localhost'}])
def test_a_form_of_another_site_logs_nobody_in(client, headers):
    answer = log_in(client, headers=headers)
    assert 'secret' not in answer.text and 'another site' in answer.text and answer.set_cookies == []


@pytest.mark.parametrize('headers', [
    {}, {'Origin': 'http://localhost'}, {'Origin': 'http://LOCALHOST:80'}, {'Sec-Fetch-Site': 'same-origin'},
    {'Sec-Fetch-Site': 'same-origin', 'Origin': 'null'}, {'Sec-Fetch-Site': 'none'},
    {'Host': 'example.com:8000', 'Origin': 'http://example.com:8000'}])
def test_the_own_form_of_the_site_logs_in(client, headers):
    assert 'secret for 7' in log_in(client, headers=headers).text


def test_guessing_is_slowed_down(client, clock):
    for number in range(PER_NAME_AND_ADDRESS):
        assert log_in(client, password=f'guess {number}').status == 200
    answer = log_in(client)
    assert answer.status == 429 and answer.headers['Retry-After'] == str(int(WINDOW))
    assert 'try again in 15 minutes' in answer.text and 'secret' not in answer.text
    assert 'secret' in log_in(client, 'bob').text
    clock.now += WINDOW
    assert log_in(Client(client.app)).text == 'secret for 7\n'


def test_a_huge_password_does_not_reach_the_validator(client):
    assert 'do not fit' in log_in(client, password='x' * 100_000).text
    assert 'do not fit' in log_in(client, user='x' * 100_000).text
    assert len(log_in(client, user='x' * 100_000).text) < 5000


PICKLE = "cposix%0Asystem%0A(S'touch {path}'%0AtR."


@pytest.mark.parametrize('make_token', [
    lambda path: PICKLE.format(path=path), lambda path: '../../etc/passwd', lambda path: 'a%00b', lambda path: '',
    lambda path: 'A' * 5000, lambda path: 'A' * 22 + '.' + 'A' * 43, lambda path: '"<script>"'])
def test_a_cookie_that_is_no_token_of_ours_is_nothing(client, tmp_path, make_token):
    planted = tmp_path / 'pwn'
    for path in ('/who.spy', '/page.spy'):
        answer = client.get(path, headers={'Cookie': f'_spy_login={make_token(planted)}'})
        assert answer.status == 200 and 'secret' not in answer.text and answer.set_cookies == []
    assert not planted.exists()
    assert not [file for file in tmp_path.rglob('*') if 'passwd' in file.name or file.name.startswith('AAA')]


def test_of_several_cookies_the_one_that_is_known_counts(client):
    log_in(client)
    token = client.cookies['_spy_login']
    other = 'B' * 22 + '.' + 'B' * 43
    assert client.get('/who.spy', headers={'Cookie': f'_spy_login={other}; _spy_login={token}'}).text == '7\n'


# The config


@pytest.mark.parametrize(('option', 'value'), [
    ('login_storage', 'www/login-tokens'), ('login_storage', FileStorage), ('login_storage', object()),
    ('login_defaultvalidator', 'auth.check'), ('login_remember', 0), ('login_remember', '30 days'),
    ('login_render', 'login'), ('loginrequired_render', ':x')])
def test_an_option_that_cannot_be_meant_stops_the_start(site, option, value):
    with pytest.raises(spyce.config.ConfigError, match=option):
        site(PAGES, **{option: value})


def test_a_site_may_have_a_storage_of_its_own(site):
    class Own(LoginStorage):
        records: dict[str, tuple[str, object]] = {}

        def load(self, name):
            return self.records.get(name, (None, None))[0]

        def save(self, name, record, *, user, expires, replaces):
            if self.load(name) != replaces:
                return False
            self.records[name] = record, user
            return True

        def delete(self, name):
            return self.records.pop(name, None) is not None

        def find(self, user):
            return [name for name, (_, there) in self.records.items() if there == user]

    client = site(PAGES, login_storage=Own())
    log_in(client)
    assert who(client) == '7' and len(Own.records) == 1
