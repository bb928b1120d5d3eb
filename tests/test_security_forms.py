"""What broke the forms, tags and logins of Spyce 2.1.3, asked of this one: no markup, no code, no foreign press."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

import spyce
from spyce.testing import Client

HOSTILE = 'q"><script>alert(1)</script>\'</textarea></option></select></label><!--'

FIELDS = """<f:form id="=x" class="=x">
<f:text name="text" label="=x" /><f:hidden name="hidden" /><f:password name="password" label="=x" />
<f:textarea name="textarea" label="=x" rows="=x"></f:textarea><f:date name="date" label="=x" />
<f:radio name="radio" value="=x" label="=x" /><f:checkbox name="checkbox" value="=x" label="=x" />
<f:radiolist name="radiolist" data="[(x, x)]" /><f:checkboxlist name="checkboxlist" data="[(x, x)]" class="=x" />
<f:select name="select" data="[(x, x)]" label="=x"><f:option text="=x" value="=x" /><f:option>[[= x ]]</f:option>
</f:select><f:submit value="=x" title="=x" /></f:form>
<spy:ul data="[x]" class="=x" /><spy:ol data="[x]" /><spy:dl data="[(x, x)]" /><spy:table data="[(x,)]" id="=x" />"""

BUTTON = """[[!
seen = '-'
def go(self, api): self.seen = 'ran'
]]<f:form><f:submit handler="self.go" value="Go" /></f:form><p>[[= self.seen ]]</p>"""

DOOR = '<spy:login_required validator="accounts.check" /><p>in</p>'
ACCOUNTS = "def check(login, password):\n    return 7 if (login, password) == ('ada', 'pw') else None\n"


def make_client(tmp_path: Path, pages: dict[str, str], **options: object) -> Client:
    root = tmp_path / 'www'
    root.mkdir()
    for name, text in pages.items():
        (root / name).write_text(text)
    options.setdefault('session_store', 'memory:')
    return Client(spyce.make_app(root, site_data=str(tmp_path / 'data'), **options))


def button_of(client: Client, path: str = '/page.spy') -> dict[str, str]:
    """The fields of the button that a page shows to a visitor, with its token."""
    return dict(re.findall(r'name="(_submit\w+)" value="([^"]*)"', client.get(path).text))


def has_run(text: str) -> bool:
    return '<p>ran</p>' in text


@pytest.mark.parametrize('method', ['GET', 'POST'])
def test_what_a_visitor_sends_becomes_text_in_every_tag_of_the_engine(tmp_path: Path, method: str) -> None:
    client = make_client(tmp_path, {'page.spy': "[[ x = request['text'] ]]" + FIELDS})
    sent = dict.fromkeys(re.findall(r'name="(\w+)"', FIELDS), HOSTILE)
    answer = client.get('/page.spy', sent) if method == 'GET' else client.post('/page.spy', sent)
    assert answer.status == 200
    assert answer.text.count('&lt;script&gt;alert(1)') > 25
    for raw in '<script', 'q">', '<!--':
        assert raw not in answer.text
    assert len(re.findall('</textarea>|</select>', answer.text)) == 2


@pytest.mark.parametrize('sent', ['=6*7', '[[= 6*7 ]]', '<%= 6*7 %>', '<f:text name="q" value="=6*7" />'])
def test_what_a_visitor_sends_is_never_code(tmp_path: Path, sent: str) -> None:
    client = make_client(tmp_path, {'page.spy': "<f:text name='x' label='=request[\"x\"]' /><f:textarea name='x' />"
                                                "<f:select name='s' data='[(request[\"x\"], request[\"x\"])]' />"})
    answer = client.get('/page.spy', {'x': sent})
    assert answer.status == 200
    assert '42' not in answer.text
    assert answer.text.count('6*7') == 5


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
def test_only_the_method_of_its_form_presses_a_button(tmp_path: Path, method: str) -> None:
    client = make_client(tmp_path, {'page.spy': BUTTON.replace('self.seen = ', 'raise SystemError; self.seen = ')})
    button = button_of(client)
    assert client.request(method, '/page.spy', query=button).status == 200
    if method not in ('GET', 'HEAD'):
        assert client.request(method, '/page.spy', data=button).status == 200
    assert client.post('/page.spy', query=button).status == 200
    assert client.post('/page.spy', button).status == 500


def test_a_token_for_other_things_presses_no_button(tmp_path: Path) -> None:
    client = make_client(tmp_path, {'page.spy': BUTTON, 'token.spy': '[[.import name=session]][[= session.token() ]]'})
    button = button_of(client)
    other = client.get('/token.spy').text.strip()
    forged = {name: other if name.endswith('_token') else value for name, value in button.items()}
    assert client.post('/page.spy', forged).status == 403
    assert has_run(client.post('/page.spy', button).text)


def test_a_form_cookie_that_somebody_has_planted_opens_nothing_where_there_is_a_session(tmp_path: Path) -> None:
    client = make_client(tmp_path, {'page.spy': BUTTON, 'begin.spy': "[[.import name=session]][[ session['a'] = 1 ]]"})
    stranger = Client(client.app)
    button = button_of(stranger)
    client.get('/begin.spy')
    client.get('/page.spy')
    client.cookies['sessionid-form'] = stranger.cookies['sessionid-form']
    answer = client.post('/page.spy', button)
    assert answer.status == 403
    assert not has_run(answer.text)


@pytest.mark.parametrize('name', ['_submit', '_submit' + '0' * 16, '_submitself.go', '_submit../../x', '_submit\0'])
def test_a_client_cannot_name_a_handler(tmp_path: Path, name: str) -> None:
    client = make_client(tmp_path, {'page.spy': BUTTON})
    answer = client.post('/page.spy', {name: 'self.go', f'{name}_token': 'x', 'handler': 'self.go'})
    assert answer.status == 200
    assert not has_run(answer.text)


@pytest.mark.parametrize('path', ['/page.spy', '//evil.example/page.spy', '/\\evil.example/page.spy',
                                  '/page.spy?action=//evil.example', '/page.spy?next=http://evil.example'])
def test_no_form_and_no_login_leads_to_another_site(tmp_path: Path, path: str) -> None:
    client = make_client(tmp_path, {'page.spy': '<f:form></f:form>' + DOOR, 'accounts.py': ACCOUNTS})
    for answer in client.get(path), client.post(path, {'_spy_login_user': 'ada', '_spy_login_password': 'pw'}):
        assert 'Location' not in answer.headers
        assert 'Refresh' not in answer.headers
        assert 'evil.example' not in answer.text
        assert set(re.findall(r'action="([^"]*)"', answer.text)) <= {'/page.spy'}


@pytest.mark.parametrize('name', ['a\r\nX-B: 1', '\0', '<script>', 'x' * 5000, '../../etc/passwd', '\ufffd'])
def test_a_name_at_the_door_is_only_a_name(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    client = make_client(tmp_path, {'page.spy': DOOR, 'accounts.py': ACCOUNTS})
    with caplog.at_level('DEBUG', logger='spyce'):
        answer = client.post('/page.spy', {'_spy_login_user': name, '_spy_login_password': 'hunter2'})
    assert answer.status == 200
    assert 'X-B' not in answer.headers
    assert '<script>' not in answer.text
    assert '<p>in</p>' not in answer.text
    assert 'hunter2' not in answer.text + caplog.text
    assert not [record for record in caplog.records if '\n' in record.getMessage() or '\0' in record.getMessage()]


def test_a_validator_that_fails_lets_nobody_in_and_shows_no_password(tmp_path: Path) -> None:
    client = make_client(tmp_path, {'page.spy': DOOR, 'accounts.py': 'def check(login, password):\n    1 / 0\n'},
                         debug=True)
    answer = client.post('/page.spy', {'_spy_login_user': 'ada', '_spy_login_password': 'hunter22'})
    assert answer.status == 500
    assert 'hunter22' not in answer.text
    assert '_spy_login' not in client.cookies
    assert '<p>in</p>' not in client.get('/page.spy').text
