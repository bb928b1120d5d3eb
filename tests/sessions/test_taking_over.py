"""Who was in flight with an old id when its session got a new one cannot take the session over."""
from __future__ import annotations

import pytest

from spyce.sessions import DbmStore, MemoryStore, SessionManager


@pytest.fixture(params=['memory', 'dbm'])
def manager(request, tmp_path):
    manager = SessionManager.for_store(MemoryStore() if request.param == 'memory' else DbmStore(tmp_path))
    yield manager
    manager.close()


def visit(manager, sessionid='', mode='request'):
    session = manager.request_session([('sessionid', sessionid)] if sessionid else [], secure=False)
    session.view(lock=mode)
    return session


def cookie_of(headers):
    return next((value.partition('=')[2].partition(';')[0] for name, value in headers if name == 'Set-Cookie'), None)


@pytest.fixture
def planted(manager):
    session = visit(manager)
    session.put('cart', 'tea')
    return cookie_of(session.finish())


@pytest.mark.parametrize('mode', ['request', 'merge'])
def test_of_two_logins_with_one_id_only_the_first_gets_the_session(manager, planted, mode):
    arrived = manager.clock()
    victim, attacker = visit(manager, planted, mode), None
    if mode == 'merge':  # both have read the session before either is stored
        attacker = visit(manager, planted, mode)
        assert attacker.get('cart') == 'tea'
    victim.regenerate()
    victim.put('secret', 'of the victim')
    new_id = cookie_of(victim.finish())
    if attacker is None:
        attacker = manager.request_session([('sessionid', planted)], secure=False, arrived=arrived)
    attacker.regenerate()
    attacker.put('user', 'attacker')
    taken = cookie_of(attacker.finish())
    assert visit(manager, new_id)['secret'] == 'of the victim'
    assert 'user' not in visit(manager, new_id, 'readonly')
    if taken is not None:
        assert 'secret' not in visit(manager, taken)


def test_tokens_change_at_login_in_mode_merge_too(manager, planted):
    login = visit(manager, planted, 'merge')
    login.get('cart')
    other = visit(manager, planted, 'merge')
    token = other.token()
    other.finish()
    login.regenerate()
    new_id = cookie_of(login.finish())
    assert not visit(manager, new_id, 'merge').check(token)
