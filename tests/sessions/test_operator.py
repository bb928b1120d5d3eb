"""What an operator can see of a store, and end."""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spyce.sessions import DbmStore, MemoryStore, SessionInfo, SessionManager, SessionNotFoundError

from .conftest import START, Clock, Site
from .test_contract_store import JsonStore


@pytest.fixture(params=['memory', 'dbm', 'contract'])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Any:
    makers: dict[str, Callable[[], Any]] = {
        'memory': lambda: MemoryStore(clock), 'dbm': lambda: DbmStore(tmp_path, clock),
        'contract': lambda: JsonStore(tmp_path, clock)}
    store = makers[request.param]()
    yield store
    if hasattr(store, 'close'):
        store.close()


def test_a_session_in_short(make_site: Callable[..., Site]) -> None:
    site = make_site(session_index='user')
    sessionid = site.visit(user=7, text='x' * 1000)
    site.clock.advance(10)
    info = next(site.manager.sessions())
    assert info == SessionInfo(id=sessionid, created=START, expires=START + 86400, idle=86400, size=info.size,
                               names=('user', 'text'), user=7)
    assert 1000 < info.size < 1100


def test_all_sessions_or_some(site: Site) -> None:
    ids = {site.visit(n=number) for number in range(450)}
    assert {info.id for info in site.manager.sessions()} == ids
    assert len(list(site.manager.sessions(limit=10))) == 10


def test_showing_one(site: Site) -> None:
    sessionid = site.visit(n=1, log=['a'])
    info, items = site.manager.show(sessionid)
    assert (info.id, items) == (sessionid, {'n': 1, 'log': ['a']})
    for unknown in 'A' * 43, '../../etc/passwd', '':
        with pytest.raises(SessionNotFoundError):
            site.manager.show(unknown)


def test_an_item_that_cannot_be_read_is_shown_as_such(tmp_path: Path, clock: Clock) -> None:
    store = DbmStore(tmp_path, clock)
    site = Site(store, clock)
    sessionid = site.visit(n=1)
    found = store.fetch(sessionid)
    assert found is not None
    store.update(found[0].key, {**found[1].items, 'bad': b'garbage'}, now=clock.now)
    items = site.manager.show(sessionid)[1]
    assert items['n'] == 1
    assert 'cannot be read: UnpicklingError' in repr(items['bad'])
    store.close()


def test_destroying_one(site: Site) -> None:
    sessionid, other = site.visit(n=1), site.visit(n=2)
    assert site.manager.destroy(sessionid) is True
    assert site.manager.destroy(sessionid) is False
    assert site.manager.destroy('../../etc/passwd') is False
    assert (site.stored(sessionid), site.stored(other)) == ({}, {'n': 2})


def test_destroying_the_old_ones(site: Site) -> None:
    old = [site.visit(n=number) for number in range(3)]
    site.clock.advance(3600)
    site.visit(old[0], n=7)  # in use, and old all the same
    new = site.visit(n=3)
    site.clock.advance(1)
    assert site.manager.destroy_older_than(3600) == 3
    assert site.store.list() == [new]


def test_numbers(site: Site) -> None:
    assert {**site.manager.stats(), 'files': {}} == {'live': 0, 'expired': 0, 'bytes': 0, 'oldest': None,
                                                     'newest': None, 'files': {}}
    site.visit(text='x' * 1000)
    site.clock.advance(86000)
    site.visit(text='x' * 1000)
    if not isinstance(site.store, JsonStore):  # which does not count what has expired
        site.clock.advance(1000)
    stats = site.manager.stats()
    assert (stats['live'], stats['expired']) == ((2, 0) if isinstance(site.store, JsonStore) else (1, 1))
    assert (stats['oldest'], stats['newest']) == (START, START + 86000)
    assert 2000 < stats['bytes'] < 2300


def test_sizes_of_files(tmp_path: Path, clock: Clock) -> None:
    store = DbmStore(tmp_path, clock)
    Site(store, clock).visit(n=1)
    files = SessionManager.for_store(store).stats()['files']
    assert set(files) == set(os.listdir(store.folder))
    assert files['sessions.db'] > 0
    store.close()
