"""The session of a request as pages see it: one for includes, parents, redirects and modules; saved once."""
from __future__ import annotations

import threading

import pytest

READ = "[[.import name=session]][[= sorted(session.items()) ]]"


def test_includes_parents_and_modules_share_the_session_of_the_request(site):
    client = site({
        'page.spy': "[[.import names='session, include, use']][[ session.put('page', 1); include.spyce('part.spi') ]]"
                    "[[ use.put() ]]<spy:parent src='layout.spi' />[[= len(session) ]]",
        'part.spi': "[[.import name=session as=s]][[ s.put('part', s['page'] + 1) ]]",
        'layout.spi': "[[.import name=session]][[ session.put('layout', 4) ]][[= child._body ]]",
        'use.py': 'from spyceModule import spyceModulePlus\nclass use(spyceModulePlus):\n'
                  "    def put(self): self.modules.session.put('module', 3)\n",
        'read.spy': READ})
    answer = client.get('/page.spy')
    assert answer.text == '3\n\n'
    assert len(answer.set_cookies) == 1
    assert client.get('/read.spy').text == "[('layout', 4), ('module', 3), ('page', 1), ('part', 2)]\n"


def test_an_internal_redirect_keeps_what_was_put_and_sends_one_cookie(site):
    client = site({'page.spy': "[[.import names='session, redirect']][[ session.put('a', 1) ]]"
                               "[[ redirect.internal('next.spy') ]]",
                   'next.spy': "[[.import name=session]][[ session.put('b', session['a'] + 1) ]]", 'read.spy': READ})
    assert len(client.get('/page.spy').set_cookies) == 1
    assert client.get('/read.spy').text == "[('a', 1), ('b', 2)]\n"


def test_an_error_of_the_page_saves_what_was_put_before_it(site):
    client = site({'page.spy': "[[.import name=session]][[ session.put('a', 1) ]][[ 1/0 ]]",
                   'undo.spy': "[[.import name=session]][[ session.put('b', 1); session.rollback() ]][[ 1/0 ]]",
                   'read.spy': READ})
    assert client.get('/page.spy').status == 500
    assert client.get('/undo.spy').status == 500
    assert client.get('/read.spy').text == "[('a', 1)]\n"


def test_flush_saves_and_lets_the_next_request_in(site):
    client = site({'page.spy': "[[.import name=session]][[ session.put('a', 1) ]][[ response.flush() ]]"
                               "[[ g = response._api.getServerGlobals(); g['flushed'].set(); g['go'].wait(10) ]]"
                               "[[ try: { session.put('b', 2) } except Exception: { ]]too late[[ } ]]",
                   'read.spy': READ}, globals={'flushed': threading.Event(), 'go': threading.Event()})
    client.get('/read.spy')
    answers = []
    thread = threading.Thread(target=lambda: answers.append(client.get('/page.spy')))
    thread.start()
    assert client.app.config.globals['flushed'].wait(10)
    client.app.config.globals['go'].set()
    thread.join(10)
    assert answers[0].text == 'too late\n'
    assert client.get('/read.spy').text == "[('a', 1)]\n"


def test_options_at_import_take_effect(site):
    client = site({'page.spy': """[[.import name=session args="path='/app'"]][[ session.put('a', 1) ]]""",
                   'wrong.spy': '[[.import name=session args="lifetime=5"]]',
                   'readonly.spy': "[[.import name=session args='readonly=True']][[ session.put('a', 2) ]]"},
                  debug=True)
    assert client.get('/page.spy').set_cookies[0].attributes['path'] == '/app'
    assert 'lifetime' in client.get('/wrong.spy').text
    answer = client.get('/readonly.spy')
    assert answer.status == 500
    assert 'readonly' in answer.text


def test_a_value_that_cannot_be_kept_is_an_error_that_names_the_key(site, tmp_path):
    client = site({'page.spy': "[[.import name=session]][[ session.put('good', 1) ]]"
                               "[[ session.put('bad', print.__self__) ]]",
                   'read.spy': READ}, session_store=f'dbm:{tmp_path}', debug=True)
    answer = client.get('/page.spy')
    assert answer.status == 500
    assert "session[&#x27;bad&#x27;]" in answer.text
    assert client.get('/read.spy').text == "[('good', 1)]\n"


@pytest.mark.parametrize('store', ['memory:', 'dbm'])
def test_a_session_in_use_answers_503_and_says_when_to_come_back(site, tmp_path, store):
    client = site({'hold.spy': "[[.import name=session]][[ session.put('a', 1) ]]"
                               "[[ g = response._api.getServerGlobals(); g['held'].set(); g['go'].wait(10) ]]",
                   'set.spy': "[[.import name=session]][[ session.put('n', 0) ]]", 'read.spy': READ},
                  globals={'held': threading.Event(), 'go': threading.Event()}, session_lock_timeout=0.05,
                  session_store=f'dbm:{tmp_path}' if store == 'dbm' else store)
    client.get('/set.spy')
    thread = threading.Thread(target=client.get, args=('/hold.spy',))
    thread.start()
    assert client.app.config.globals['held'].wait(10)
    answer = client.get('/read.spy')
    client.app.config.globals['go'].set()
    thread.join(10)
    assert answer.status == 503
    assert int(answer.headers['Retry-After']) > 0
    assert client.get('/read.spy').text == "[('a', 1), ('n', 0)]\n"
