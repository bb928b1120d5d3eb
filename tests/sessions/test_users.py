"""The index of users: finding and ending all sessions of one."""
from __future__ import annotations

import json
import threading
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import pytest

import spyce.sessions
from spyce.runtime.context import serving
from spyce.sessions import DbmStore, MemoryStore, SessionError, SessionManager, SessionOptions, SessionValueError

from .conftest import Clock, Site, cookies
from .test_contract_store import JsonStore


class FindingStore(JsonStore):
    """A store of 2.1's kind with a find() of its own, which may read while another thread saves."""

    def save(self, sessionid: str, session: MutableMapping[str, Any]) -> None:
        session['_lastaccess'] = self.clock()
        new = self.folder / f'{threading.get_ident()}.new'
        new.write_text(json.dumps(dict(session)))
        new.replace(self._file(sessionid))

    def find(self, key: str, value: object) -> list[str]:
        return [sessionid for sessionid in self.list() if self.load(sessionid, 0).get(key) == value]


@pytest.fixture(params=['memory', 'dbm', 'contract', 'finding'])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Any:
    makers: dict[str, Callable[[], Any]] = {
        'memory': lambda: MemoryStore(clock), 'dbm': lambda: DbmStore(tmp_path, clock),
        'contract': lambda: JsonStore(tmp_path, clock), 'finding': lambda: FindingStore(tmp_path, clock)}
    store = makers[request.param]()
    yield store
    if hasattr(store, 'close'):
        store.close()


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site(session_index='user')


def found(site: Site, user: str | int) -> set[str]:
    return {info.id for info in site.manager.find(user)}


def test_sessions_are_found_by_user(site: Site) -> None:
    eve = {site.visit(user='eve', n=1), site.visit(user='eve', n=2)}
    site.visit(user='bob')
    site.visit(n=3)
    assert found(site, 'eve') == eve
    assert found(site, 'nobody') == set()
    info = site.manager.find('bob')[0]
    assert (info.user, info.names) == ('bob', ('user',))


@pytest.mark.parametrize('user', ['', "o'hara", 'é\0\ud800', 0, -1, 10 ** 30])
def test_any_text_or_whole_number_may_be_a_user(tmp_path: Path, clock: Clock, user: str | int) -> None:
    for store in MemoryStore(clock), DbmStore(tmp_path, clock):
        site = Site(store, clock, session_index='user')
        sessionid = site.visit(user=user)
        assert found(site, user) == {sessionid}
        assert site.manager.find(user)[0].user == user
        store.close()


def test_a_number_is_not_its_text(site: Site) -> None:
    number, text = site.visit(user=1), site.visit(user='1')
    assert (found(site, 1), found(site, '1')) == ({number}, {text})


def test_the_index_follows_the_item(site: Site) -> None:
    sessionid = site.visit(n=1)
    site.visit(sessionid, user='eve')
    assert found(site, 'eve') == {sessionid}
    site.visit(sessionid, user='bob', n=2)
    assert (found(site, 'eve'), found(site, 'bob')) == (set(), {sessionid})
    session = site.request(sessionid, lock='merge')
    del session['user']
    session.finish()
    assert found(site, 'bob') == set()
    site.visit(sessionid, user='eve')
    site.visit(sessionid, user=None)
    assert found(site, 'eve') == set()


def test_incr_keeps_the_index_right(site: Site) -> None:
    sessionid = site.visit(user=1)
    session = site.request(sessionid, lock='merge')
    session.incr('user')
    session.incr('n')
    session.finish()
    assert (found(site, 1), found(site, 2)) == (set(), {sessionid})


def test_a_new_id_is_found_and_the_old_one_not(site: Site) -> None:
    old = site.visit(user='eve')
    session = site.request(old)
    session.regenerate()
    session.finish()
    assert found(site, 'eve') == {session.sessionid} != {old}


def test_ended_sessions_are_not_found(site: Site) -> None:
    ended, expired = site.visit(user='eve'), site.visit(user='eve')
    session = site.request(ended)
    session.invalidate()
    session.finish()
    site.clock.advance(86401)
    assert found(site, 'eve') == set() and expired in site.store.list()
    site.manager.clean()
    assert site.manager.end_all('eve') == 0


def test_end_all_leaves_other_users_alone(site: Site) -> None:
    first, second, other = site.visit(user='eve'), site.visit(user='eve'), site.visit(user='bob')
    assert site.manager.end_all('eve') == 2
    assert [site.stored(sessionid) for sessionid in (first, second, other)] == [{}, {}, {'user': 'bob'}]


def test_log_me_out_everywhere_else(site: Site) -> None:
    mine, elsewhere = site.visit(user='eve'), site.visit(user='eve')
    assert site.manager.end_all('eve', except_id=mine) == 1
    assert (site.stored(mine), site.stored(elsewhere)) == ({'user': 'eve'}, {})


def test_a_page_that_takes_a_new_id_ends_the_others_before_it_is_saved(site: Site) -> None:
    mine, elsewhere = site.visit(user='eve'), site.visit(user='eve')
    session = site.request(mine)
    session.regenerate()
    assert site.manager.end_all('eve', except_id=session.sessionid) == 1
    session.finish()
    assert (site.stored(session.sessionid), site.stored(elsewhere)) == ({'user': 'eve'}, {})


@pytest.mark.parametrize('lock', ['request', 'merge'])
@pytest.mark.parametrize('renews', [False, True])
def test_a_request_that_runs_does_not_revive_what_was_ended(site: Site, lock: str, renews: bool) -> None:
    sessionid = site.visit(user='eve')
    session = site.request(sessionid, lock=lock)
    session['n'] = 1
    if renews:
        session.regenerate()
    assert site.manager.end_all('eve') == 1  # it does not wait for the request: that may be the caller itself
    session['n'] = 2
    assert cookies(session.finish()) == []
    assert site.store.list() == []


def test_end_all_while_requests_come_and_renew(site: Site) -> None:
    sessionid = site.visit(user='eve', n=0)
    stop = threading.Event()

    def work() -> None:
        mine = sessionid
        while not stop.is_set():
            session = site.request(mine)
            if session.is_new:
                session.finish()
                return
            session.incr('n')
            if not isinstance(site.store, JsonStore):  # of which no list can be had while ids change
                session.regenerate()
            session.finish()
            mine = session.sessionid

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert site.manager.end_all('eve') >= 1
        thread.join(5)
        assert not thread.is_alive()
    finally:
        stop.set()
        thread.join()
    assert site.store.list() == []


@pytest.mark.parametrize('value', [1.5, ['eve'], object()])
def test_a_user_that_cannot_be_indexed(site: Site, value: object) -> None:
    session = site.request()
    with pytest.raises(SessionValueError, match=r"session\['user'\].*\(session_index\).*str, an int or None, not"):
        session['user'] = value
    session.abandon()
    with pytest.raises(TypeError, match='str or int'):
        site.manager.find(value)  # type: ignore[arg-type]


def test_without_session_index(clock: Clock) -> None:
    with pytest.raises(SessionError, match="session_index = 'user_id'"):
        Site(MemoryStore(clock), clock).manager.find('eve')


def test_an_option_that_names_no_item() -> None:
    with pytest.raises(ValueError, match='session_index: 7 is not the name of an item'):
        SessionOptions(session_index=7)  # type: ignore[arg-type]


def test_sessions_stored_before_the_option_was_set_are_indexed_when_they_change(store: Any, clock: Clock) -> None:
    sessionid = Site(store, clock).visit(user='eve')
    site = Site(store, clock, session_index='user')
    site.visit(sessionid, n=1)
    assert found(site, 'eve') == {sessionid}


def test_pages_ask_the_current_server(site: Site) -> None:
    class Server:
        sessions: SessionManager = site.manager

    mine, elsewhere = site.visit(user='eve'), site.visit(user='eve')
    with serving(Server(), None):  # type: ignore[arg-type]
        assert {info.id for info in spyce.sessions.find('eve')} == {mine, elsewhere}
        assert spyce.sessions.end_all('eve', except_id=mine) == 1
