"""Stores of several machines: what was done is not done twice when the answer is lost, whichever of them it is."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import pytest

from spyce.sessions import RequestSession, SessionError
from tests.proxy import Proxy
from tests.remote_stores import ON_A_SERVER, Place, place_of

from .conftest import Clock, Site

Items = dict[str, Any]


class Ways(NamedTuple):
    """Two machines with the same sessions; answers on their way to the first one may get lost."""

    here: Site
    there: Site
    proxy: Proxy


@pytest.fixture(scope='module', params=ON_A_SERVER)
def kind_place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place_of(request.param, tmp_path_factory.mktemp('store')) as place:
        yield place


@pytest.fixture
def ways(kind_place: Place, clock: Clock) -> Iterator[Ways]:
    with kind_place.fresh() as place:
        proxy = Proxy(place.url)
        stores = [place.store(url=url, clock=clock, timeout=1) for url in (proxy.url, place.url)]
        here, there = (Site(store, clock, session_index='user', session_lock_timeout=0.02) for store in stores)
        assert here.stored('A' * 43) == {}  # it is connected
        yield Ways(here, there, proxy)
        for store in stores:
            store.close()
        proxy.cut()


def add_one(session: RequestSession) -> None:
    session['n'] += 1


def log_in(session: RequestSession) -> None:
    session['user'] = 'ada'
    session.regenerate()


CHANGES: dict[str, tuple[str, Callable[[RequestSession], object], Items]] = {
    'put': ('request', add_one, {'n': 2}),
    'nothing': ('request', lambda session: session['n'], {'n': 1}),
    'merge': ('merge', add_one, {'n': 2}),
    'incr': ('merge', lambda session: session.incr('n'), {'n': 2}),
    'regenerate': ('request', lambda session: session.regenerate(), {'n': 1}),
    'log in': ('request', log_in, {'n': 1, 'user': 'ada'}),
    'log in, merging': ('merge', log_in, {'n': 1, 'user': 'ada'}),
    'invalidate': ('request', lambda session: session.invalidate(), {}),
}
"""Lock mode, what the page does to a session with n = 1, and what is in it then."""


@pytest.mark.parametrize('what', CHANGES)
def test_a_change_is_made_once(ways: Ways, clock: Clock, what: str) -> None:
    here, there, proxy = ways
    lock, change, expected = CHANGES[what]
    for _ in proxy.losing_each_answer():
        sessionid = there.visit(n=1)
        session = here.request(sessionid, lock=lock)
        change(session)
        session.finish()
        clock.advance(1)
        found = list(there.manager.sessions())
        assert [there.stored(info.id) for info in found] == [expected] * bool(expected)
        assert there.manager.find('ada') == (found if 'user' in expected else [])
        assert 'regenerate' not in what or there.stored(sessionid) == {}
        for info in found:
            assert there.visit(info.id, m=3) == info.id  # nobody has its lock any more
            there.manager.destroy(info.id)


def test_a_session_is_made_once(ways: Ways) -> None:
    here, there, proxy = ways
    for number, _ in enumerate(proxy.losing_each_answer(), 1):
        sessionid = here.visit(n=1, user='ada')
        assert there.stored(sessionid) == {'n': 1, 'user': 'ada'}
        assert len(there.store.list()) == len(there.manager.find('ada')) == number


@pytest.mark.parametrize('what', ['put', 'merge', 'regenerate', 'log in', 'log in, merging'])
def test_nor_when_another_request_comes_before_it_is_sent_again(ways: Ways, what: str) -> None:
    """Which then has the session; who lost the answer may be told that his change was refused."""
    here, there, proxy = ways
    lock, change, expected = CHANGES[what]
    others: Items = {}

    def come() -> None:
        with suppress(SessionError):  # the session is locked
            there.visit(sessionid, m=1)
            others['m'] = 1

    for _ in proxy.losing_each_answer(meanwhile=come):
        others.clear()
        sessionid = there.visit(n=1)
        session = here.request(sessionid, lock=lock)
        try:
            change(session)
            session.finish()
            possible = [{**expected, **others}]
        except SessionError:
            possible = [{**expected, **others}, {'n': 1, **others}]
            assert here.request('A' * 43).get('n') is None  # asking again, it gives back a lock that it could not
        [info] = there.manager.sessions()
        assert there.stored(info.id) in possible
        assert there.visit(info.id, k=1) == info.id
        there.manager.destroy(info.id)
