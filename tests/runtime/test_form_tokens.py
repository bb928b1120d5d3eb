"""CSRF tokens as forms use them, with a session and without one."""
from __future__ import annotations

import os

import pytest

import spyce
import spyce.config
from spyce.testing import Client

PAGES = {
    'form.spy': '[[.import name=session]][[= session.token() ]]',
    'put.spy': "[[.import name=session]][[= session.token() ]][[ session.put('a', 1) ]]",
    'send.spy': "[[.import name=session]][[= session.check(request.post1('token')) ]]",
    'login.spy': "[[.import name=session]][[ session.regenerate(); session.put('user', 'ann') ]]",
    'login_late.spy': "[[.import name=session]][[ session.put('user', 'ann'); session.regenerate() ]]",
    'begin.spy': "[[.import name=session]][[ session.put('a', 1) ]]",
    'logout.spy': '[[.import name=session]][[ session.invalidate() ]]',
}


@pytest.fixture
def make_client(tmp_path):
    root = tmp_path / 'www'
    root.mkdir()
    for name, text in PAGES.items():
        (root / name).write_text(text)
    return lambda **options: Client(spyce.make_app(root, **{
        'site_data': str(tmp_path / 'data'), 'session_store': 'memory:', **options}))


def is_accepted(client, token):
    return client.post('/send.spy', {'token': token}).text == 'True\n'


def test_a_visitor_without_a_session_gets_a_token_and_nothing_is_stored(make_client):
    client = make_client()
    answer = client.get('/form.spy')
    assert [cookie.name for cookie in answer.set_cookies] == ['sessionid-form']
    assert {'httponly', 'samesite'} <= set(answer.set_cookies[0].attributes)
    assert is_accepted(client, answer.text.strip())
    assert client.app.server.sessions.stats()['live'] == 0


@pytest.mark.parametrize('page', ['/form.spy', '/put.spy'])
def test_only_the_visitor_himself_can_use_his_token(make_client, page):
    client = make_client()
    token = client.get(page).text.strip()
    stranger = Client(client.app)
    assert not is_accepted(stranger, token)
    stranger.get(page)
    assert not is_accepted(stranger, token)
    assert is_accepted(client, token)
    for wrong in ('', 'x', token[:-1], token[:-1] + ('A' if token[-1] != 'A' else 'B'), token + 'A', 'é' * 86):
        assert not is_accepted(client, wrong)


def test_a_token_given_out_before_the_session_began_in_the_same_page_is_good(make_client):
    client = make_client()
    assert is_accepted(client, client.get('/put.spy').text.strip())


def test_a_token_given_out_before_the_session_began_in_another_page_is_good(make_client):
    client = make_client()
    token = client.get('/form.spy').text.strip()
    client.get('/begin.spy')
    assert client.app.server.sessions.stats()['live'] == 1
    assert is_accepted(client, token)
    client.get('/logout.spy')
    assert not is_accepted(client, token)


def test_a_session_does_not_begin_with_the_secret_of_another_visitor(make_client):
    client = make_client()
    token = client.get('/form.spy').text.strip()
    stranger = Client(client.app)
    stranger.get('/begin.spy')
    assert not is_accepted(stranger, token)


def test_a_login_that_begins_the_session_ends_the_tokens_from_before(make_client):
    for page in '/login.spy', '/login_late.spy':
        client = make_client()
        token = client.get('/form.spy').text.strip()
        client.get(page)
        assert not is_accepted(client, token)


@pytest.mark.parametrize('page', ['/form.spy', '/put.spy'])
def test_tokens_change_at_login(make_client, page):
    client = make_client()
    before = client.get(page).text.strip()
    client.get('/login.spy')
    assert not is_accepted(client, before)
    after = client.get('/form.spy').text.strip()
    assert is_accepted(client, after)
    client.get('/logout.spy')
    assert not is_accepted(client, after)


def test_every_token_is_another_text(make_client):
    client = make_client()
    tokens = {client.get('/form.spy').text.strip() for _ in range(5)}
    assert len(tokens) == 5
    assert all(is_accepted(client, token) for token in tokens)


def test_the_key_of_the_site_outlives_the_server_and_is_private(make_client, tmp_path):
    client = make_client()
    token = client.get('/form.spy').text.strip()
    assert os.stat(tmp_path / 'data' / 'key').st_mode & 0o777 == 0o600
    again = make_client()
    again.cookies['sessionid-form'] = client.cookies['sessionid-form']
    assert is_accepted(again, token)
    other = make_client(site_key='another key of this site, for a test')
    other.cookies['sessionid-form'] = client.cookies['sessionid-form']
    assert not is_accepted(other, token)


def test_a_weak_key_stops_the_start(make_client):
    with pytest.raises(spyce.config.ConfigError, match='site_key'):
        make_client(site_key='secret')


def test_a_private_folder_that_is_not_private_is_a_503_with_a_reason_in_the_log(make_client, tmp_path, caplog):
    (tmp_path / 'data').mkdir(mode=0o755)
    client = make_client(session_store=None)
    assert client.get('/login.spy').status == 503
    assert str(tmp_path / 'data') in caplog.text


def test_a_token_for_a_purpose_is_good_for_that_alone(site, tmp_path):
    client = site({'form.spy': '[[.import name=session]][[= session.token() ]] [[= session.token("delete") ]]',
                   'send.spy': '[[.import name=session]][[= [session.check(request.post1("token"), purpose) '
                               'for purpose in ("", "delete", "other")] ]]',
                   'begin.spy': PAGES['begin.spy']}, site_data=str(tmp_path / 'data'))
    for _ in ('a visitor', 'with a session'):
        plain, delete = client.get('/form.spy').text.split()
        assert client.post('/send.spy', {'token': plain}).text == '[True, False, False]\n'
        assert client.post('/send.spy', {'token': delete}).text == '[False, True, False]\n'
        client.get('/begin.spy')
