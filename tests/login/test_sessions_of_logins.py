"""A session used while somebody was logged in is his: nobody else gets it, nor the tokens of his forms."""
from __future__ import annotations

import re

import pytest

from spyce.testing import Client

PAGES = {
    'auth.py': "def check(login, password): return login if password == 'pw' else None",
    'in.spy': '<spy:login_required validator="auth.check"/>in',
    'basket.spy': '[[.import name=session]][[\\\nif request["put"]: session["basket"] = request["put"]\n]]'
                  '[[= session.get("basket") ]]',
    'end.spy': '[[ import spyce.login ]][[ spyce.login.end_all(request["who"]) ]]',
    'form.spy': '[[.import name=session]][[= session.token() ]]',
    'check.spy': '[[.import name=session]][[= session.check(request["token"]) ]]',
    'cached.spy': '[[.import name=session]][[ response.addHeader("Cache-Control", "public, max-age=60, private"); '
                  'response.addHeader("Surrogate-Control", "max-age=60") ]][[= session.token() ]]',
}


@pytest.fixture
def client(site, tmp_path):
    return site(PAGES, site_data=str(tmp_path / 'data'))


def log_in(client, user):
    assert client.post('/in.spy', {'_spy_login_user': user, '_spy_login_password': 'pw'}).text.strip() == 'in'


def basket(client, put=''):
    return client.get('/basket.spy', query={'put': put} if put else {}).text.strip()


def end_login_of(client, user):
    Client(client.app).get('/end.spy', query={'who': user})


def test_a_session_ends_with_its_login(client):
    log_in(client, 'ann')
    assert basket(client, 'soap') == 'soap'
    end_login_of(client, 'ann')
    assert basket(client) == ''


def test_the_next_user_of_the_browser_does_not_get_it(client):
    log_in(client, 'ann')
    basket(client, 'soap')
    end_login_of(client, 'ann')
    log_in(client, 'bob')
    assert basket(client) == ''
    assert basket(client, 'rope') == 'rope'
    log_in(client, 'ann')
    assert basket(client) == ''


def test_its_user_finds_it_again_at_his_next_login(client):
    log_in(client, 'ann')
    basket(client, 'soap')
    end_login_of(client, 'ann')
    log_in(client, 'ann')
    assert basket(client) == 'soap'


def test_without_the_cookie_of_the_login_a_stolen_id_is_worth_nothing(client):
    log_in(client, 'ann')
    basket(client, 'soap')
    thief = Client(client.app)
    thief.cookies['sessionid'] = client.cookies['sessionid']
    assert basket(thief) == ''
    assert basket(client) == 'soap'


def test_what_was_put_before_the_login_is_there_after_it_and_is_the_users_from_then_on(client):
    basket(client, 'soap')
    log_in(client, 'ann')
    assert basket(client) == 'soap'
    end_login_of(client, 'ann')
    assert basket(client) == ''


def test_the_number_7_is_not_the_text_7(site, tmp_path):
    pages = {**PAGES, 'auth.py': "def check(login, password): return int(login[1:]) if login[0] == 'n' else login[1:]"}
    client = site(pages, site_data=str(tmp_path / 'data'))
    log_in(client, 'n7')
    basket(client, 'soap')
    client.cookies.pop('_spy_login')
    log_in(client, 't7')
    assert basket(client) == ''


def test_without_logins_nothing_is_looked_up(client):
    assert basket(client, 'soap') == 'soap'
    assert basket(client) == 'soap'
    assert '_spy_owner' not in client.get('/basket.spy').text


@pytest.mark.parametrize('puts', [False, True])
def test_a_planted_form_cookie_gives_no_token_that_counts_for_who_is_logged_in(client, puts):
    attacker = Client(client.app)
    token = attacker.get('/form.spy').text.strip()
    planted = attacker.cookies['sessionid-form']
    log_in(client, 'ann')
    client.cookies['sessionid-form'] = planted
    if puts:
        basket(client, 'soap')
    assert client.get('/check.spy', query={'token': token}).text.strip() == 'False'
    own = client.get('/form.spy').text.strip()
    assert client.get('/check.spy', query={'token': own}).text.strip() == 'True'


def test_over_https_the_form_cookie_is_one_that_only_this_host_can_set(client):
    client.https = True
    client.get('/form.spy')
    assert '__Host-sessionid-form' in client.cookies
    token = client.get('/form.spy').text.strip()
    client.cookies['sessionid-form'] = client.cookies.pop('__Host-sessionid-form')
    assert client.get('/check.spy', query={'token': token}).text.strip() == 'False'


@pytest.mark.parametrize('begun', [False, True])
def test_a_page_with_a_token_is_kept_by_no_shared_cache(client, begun):
    if begun:
        basket(client, 'soap')
        client.get('/form.spy')
    answer = client.get('/cached.spy')
    assert re.split(', *', answer.headers['Cache-Control']) == ['private', 'max-age=60']
    assert answer.headers['Surrogate-Control'] == 'no-store'


def test_a_page_that_only_shows_a_form_does_not_wait_for_the_session(site):
    client = site(PAGES, session_lock_timeout=0.05)
    basket(client, 'soap')
    client.get('/form.spy')
    holder = client.app.server.sessions.request_session([('sessionid', client.cookies['sessionid'])], secure=False)
    try:
        assert holder['basket'] == 'soap'
        assert client.get('/form.spy').status == 200
        assert client.get('/basket.spy').status == 503
    finally:
        holder.abandon()
