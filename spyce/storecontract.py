"""The 2.1 contract of session stores, as tests: five methods, and those that a store may have beside them.

See spyce.storesuite, which has the tests of what the engine makes of a store.
"""
from __future__ import annotations

from typing import Any

import pytest

from spyce.sessions import SessionNotFoundError
from spyce.sessions.native import NativeStore
from spyce.storemodel import IDLE, UNKNOWN, Site, has_ended, in_threads, own_items


class ContractTests:
    """What load, save, clear, is_expired and list must do when a program calls them."""

    has_clock = True

    def test_load_gives_what_was_saved(self, site: Site) -> None:
        store = site.store
        session = store.load(UNKNOWN, IDLE)
        assert own_items(session) == {}
        assert session['_expires'] == IDLE
        session['n'] = 1
        session['m'] = 2
        store.save(UNKNOWN, session)
        session = store.load(UNKNOWN, 1)
        assert own_items(session) == {'n': 1, 'm': 2}
        assert session['_expires'] == IDLE
        del session['m']
        store.save(UNKNOWN, session)
        assert own_items(store.load(UNKNOWN, 1)) == {'n': 1}
        assert list(store.list()) == [UNKNOWN]

    def test_load_alone_keeps_nothing(self, site: Site) -> None:
        site.store.load(UNKNOWN, IDLE)
        assert list(site.store.list()) == []

    def test_clear_removes_a_session(self, site: Site) -> None:
        site.store.save(UNKNOWN, {**site.store.load(UNKNOWN, IDLE), 'n': 1})
        site.store.clear(UNKNOWN)
        assert list(site.store.list()) == []
        assert own_items(site.store.load(UNKNOWN, IDLE)) == {}

    @pytest.mark.parametrize('method', ['clear', 'is_expired'])
    def test_an_unknown_id_is_an_error(self, site: Site, method: str) -> None:
        with pytest.raises(SessionNotFoundError):
            getattr(site.store, method)(UNKNOWN)

    def test_is_expired_goes_by_the_idle_time(self, site: Site) -> None:
        self._needs_clock()
        site.store.save(UNKNOWN, site.store.load(UNKNOWN, IDLE))
        site.clock.advance(IDLE - 1)
        assert not site.store.is_expired(UNKNOWN)
        site.store.save(UNKNOWN, site.store.load(UNKNOWN, IDLE))
        site.clock.advance(IDLE - 1)
        assert not site.store.is_expired(UNKNOWN)
        site.clock.advance(2)
        assert has_ended(site.store, UNKNOWN)

    # Methods that a store may have

    def test_optional_create_and_touch(self, site: Site) -> None:
        store = self._contract_store(site, 'create', 'touch')
        store.create(UNKNOWN, {'n': 1, '_expires': IDLE}, IDLE)
        assert list(store.list()) == [UNKNOWN]
        site.clock.advance(IDLE * 0.9)
        store.touch(UNKNOWN, IDLE)
        site.clock.advance(IDLE * 0.9)
        assert own_items(store.load(UNKNOWN, IDLE)) == {'n': 1}
        assert not has_ended(store, UNKNOWN)

    def test_optional_delete_expired(self, site: Site) -> None:
        store = self._contract_store(site, 'delete_expired')
        self._needs_clock()
        for number in range(3):
            site.visit(n=number)
        site.clock.advance(IDLE * 2)
        new = site.visit(n=3)
        assert [store.delete_expired(2), store.delete_expired(2), store.delete_expired(2)] == [2, 1, 0]
        assert list(store.list()) == [new]

    def test_optional_find(self, site: Site) -> None:
        store = self._contract_store(site, 'find')
        sessionid = site.visit(user='ada')
        site.visit(user='eve')
        site.visit(n=1)
        assert list(store.find('user', 'ada')) == [sessionid]
        assert list(store.find('user', 'bob')) == []

    def test_optional_incr(self, site: Site) -> None:
        store = self._contract_store(site, 'incr')
        sessionid = site.visit(n=1)
        assert [store.incr(sessionid, 'n', 2), store.incr(sessionid, 'new', 5)] == [3, 5]
        assert site.items(sessionid) == {'n': 3, 'new': 5}

    def test_optional_lock(self, site: Site) -> None:
        store = self._contract_store(site, 'lock')
        held = store.lock(UNKNOWN, 1)
        store.lock('B' * 43, 0.05).release()
        in_threads(1, lambda number: _expect_none(store.lock(UNKNOWN, 0.05)))
        held.release()
        store.lock(UNKNOWN, 0.05).release()

    def _needs_clock(self) -> None:
        if not self.has_clock:
            pytest.skip('has_clock is False')

    def _contract_store(self, site: Site, *methods: str) -> Any:
        """The store, if it has these optional methods of the contract."""
        if isinstance(site.store, NativeStore):
            pytest.skip('a store that the engine uses directly')
        missing = [name for name in methods if not hasattr(site.store, name)]
        if missing:
            pytest.skip(f'the store has no method {", ".join(missing)}')
        return site.store


def _expect_none(value: object) -> None:
    assert value is None, 'lock() of a session that is locked gave no None within its timeout'
