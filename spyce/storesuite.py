"""What any session store must do, as tests: derive from StoreSuite and pytest runs them on your store.

    from spyce.testing import store_suite

    class TestMyStore(store_suite.StoreSuite):
        def make_store(self, folder):
            return MyStore(folder, clock=self.clock)

A store is tested as the engine uses it, through requests, and by the five methods of the 2.1 contract
(spyce.sessions.SessionStore). What a store may lack it says by the attributes of the class. Needs pytest and
hypothesis.
"""
from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from spyce.sessions import RequestSession, SessionTooLarge
from spyce.storecontract import ContractTests
from spyce.storemodel import (
    IDLE,
    LIFETIME,
    NAMES,
    PLAIN_VALUES,
    PYTHON_VALUES,
    START,
    UNKNOWN,
    Clock,
    ContractMachine,
    Fragile,
    RequestMachine,
    Site,
    add_ones,
    close,
    in_processes,
    in_threads,
)


class StoreSuite(ContractTests):
    """The tests. Override make_store(), and what is not so with your store."""

    is_persistent = True
    """Whether a store made later at the same folder has what an earlier one was given."""
    serves_processes = True
    """Whether several processes may use the store at once."""
    has_clock = True
    """Whether make_store() gives the store self.clock, so that the tests can let it age."""
    keeps_python_values = True
    """Whether it keeps whatever can be pickled; else only what JSON knows."""
    examples = 20
    """How many random sequences of requests are tried."""
    increments = 25
    """How often each of 8 threads adds one; a third of it for each of 3 processes."""

    def make_store(self, folder: Path) -> Any:
        """Override: a store that keeps its data in `folder`, if anywhere, and takes the time from self.clock."""
        raise NotImplementedError(f'{type(self).__name__}.make_store(folder) is missing')

    def damage(self, folder: Path, sessionid: str) -> None:
        """Override, if it can be done: make what is stored of one session unreadable."""
        pytest.skip('the suite does not know how to damage what this store keeps')

    @cached_property
    def clock(self) -> Clock:
        """The clock of the test that runs; call it for the time in seconds since 1970."""
        return Clock()

    def make_site(self, folder: Path, store: Any = None, **options: Any) -> Site:
        """Sessions in a store of `folder`, as a server has them."""
        return Site(self.make_store(folder) if store is None else store, folder, self.clock, self.serves_processes,
                    **options)

    @pytest.fixture
    def site(self, tmp_path: Path) -> Iterator[Site]:
        """A new store and its sessions."""
        site = self.make_site(tmp_path)
        yield site
        close(site.store)

    # What was put is there

    @pytest.mark.parametrize('value', PLAIN_VALUES, ids=ascii)
    def test_a_value_is_there_at_the_next_request(self, site: Site, value: Any) -> None:
        found = site.items(site.visit(value=value))['value']
        assert found == value
        assert type(found) is type(value)

    @pytest.mark.parametrize('value', PYTHON_VALUES, ids=ascii)
    def test_so_is_a_value_that_only_python_knows(self, site: Site, value: Any) -> None:
        if not self.keeps_python_values:
            pytest.skip('keeps_python_values is False')
        assert site.items(site.visit(value=value)) == {'value': value}

    @pytest.mark.parametrize('name', NAMES, ids=ascii)
    def test_a_name_may_be_any_text(self, site: Site, name: str) -> None:
        sessionid = site.visit(**{name: 1, 'other': 2})
        assert site.items(sessionid) == {name: 1, 'other': 2}
        session = site.request(sessionid)
        del session[name]
        session.finish()
        assert site.items(sessionid) == {'other': 2}

    def test_large_values_and_many(self, site: Site) -> None:
        items = {'large': 'é' * 250_000, **{f'n{number}': number for number in range(1000)}}
        assert site.items(site.visit(**items)) == items

    def test_a_session_that_is_too_large_stays_as_it_was(self, site: Site) -> None:
        sessionid = site.visit(n=1)
        with pytest.raises(SessionTooLarge):
            site.visit(sessionid, n=2, large='x' * 2_000_000)
        assert site.items(sessionid) == {'n': 1}

    def test_a_value_that_the_store_refuses_leaves_the_session_as_it_was(self, site: Site) -> None:
        sessionid = site.visit(n=1)
        try:
            site.visit(sessionid, n=2, function=lambda: 7)
        except Exception:
            assert site.items(sessionid) == {'n': 1}
        else:
            assert site.items(sessionid)['function']() == 7

    def test_sessions_do_not_mix(self, site: Site) -> None:
        ids = [site.visit(n=number) for number in range(20)]
        assert [site.items(sessionid) for sessionid in ids] == [{'n': number} for number in range(20)]
        assert sorted(site.store.list()) == sorted(ids)

    def test_what_is_rolled_back_or_broken_off_was_never_there(self, site: Site) -> None:
        sessionid = site.visit(log=['a'])
        for end in RequestSession.rollback, RequestSession.abandon:
            session = site.request(sessionid)
            session['log'].append('b')
            session['m'] = 1
            end(session)
            session.finish()
        assert site.items(sessionid) == {'log': ['a']}

    def test_a_store_made_later_has_it_too(self, tmp_path: Path) -> None:
        if not self.is_persistent:
            pytest.skip('is_persistent is False')
        first = self.make_site(tmp_path)
        sessionid = first.visit(n=1)
        close(first.store)
        second = self.make_site(tmp_path)
        assert second.items(sessionid) == {'n': 1}
        assert second.store.list() == [sessionid]
        close(second.store)

    # Ids

    def test_an_unknown_id_is_never_adopted(self, site: Site) -> None:
        assert site.items(UNKNOWN) == {}
        assert site.store.list() == []
        sessionid = site.visit(UNKNOWN, n=1)
        assert sessionid != UNKNOWN
        assert site.store.list() == [sessionid]

    def test_a_new_id_leads_to_the_same_session_and_the_old_one_nowhere(self, site: Site) -> None:
        old, arrived = site.visit(n=1), site.clock()
        site.clock.advance(1)
        session = site.request(old)
        session.regenerate()
        session.finish()
        assert session.sessionid != old
        site.visit(session.sessionid, m=2)
        in_flight = site.request(old, arrived=arrived)
        assert dict(in_flight) == {'n': 1, 'm': 2}
        in_flight.finish()
        site.clock.advance(1)
        assert site.items(old) == {}
        assert site.store.list() == [session.sessionid]

    def test_an_ended_session_is_not_revived_by_a_request_that_still_had_it(self, site: Site) -> None:
        sessionid = site.visit(n=1)
        late = site.request(sessionid, 'merge')
        late['n'] = 2
        session = site.request(sessionid)
        session.invalidate()
        session.finish()
        late.finish()
        assert site.items(sessionid) == {}
        assert site.store.list() == []

    # What belongs to a session beside the items of pages

    def test_tokens_and_messages_last(self, site: Site) -> None:
        session = site.request()
        token = session.token()
        session.flash('Saved.', 'ok')
        session.finish()
        assert site.items(session.sessionid) == {}
        again = site.request(session.sessionid)
        assert again.check(token)
        assert again.flashes() == [('ok', 'Saved.')]
        again.finish()
        assert site.request(session.sessionid).flashes() == []

    def test_sessions_of_a_user_are_found_and_ended(self, tmp_path: Path) -> None:
        site = self.make_site(tmp_path, session_index='user')
        one, two, number, other = (site.visit(user=user) for user in ('1', '1', 1, 'eve'))
        site.visit(n=1)
        assert {info.id for info in site.manager.find('1')} == {one, two}
        assert [info.id for info in site.manager.find(1)] == [number]
        assert site.manager.end_all('1', except_id=two) == 1
        assert [site.items(sessionid) for sessionid in (one, two, other)] == [{}, {'user': '1'}, {'user': 'eve'}]
        session = site.request(two)
        del session['user']
        session.finish()
        assert site.manager.find('1') == []
        close(site.store)

    def test_an_operator_sees_and_ends_sessions(self, site: Site) -> None:
        sessionid = site.visit(n=1, name='ada')
        site.clock.advance(10)
        new = site.visit(n=2)
        infos = {info.id: info for info in site.manager.sessions()}
        assert set(infos) == {sessionid, new}
        assert (infos[sessionid].created, infos[new].created) == (START, START + 10)
        assert set(infos[sessionid].names) == {'n', 'name'}
        assert site.manager.show(sessionid)[1] == {'n': 1, 'name': 'ada'}
        assert (site.manager.stats()['live'], site.manager.stats()['expired']) == (2, 0)
        assert site.manager.destroy_older_than(5) == 1
        assert list(site.store.list()) == [new]
        assert site.manager.destroy(new)
        assert not site.manager.destroy(new)
        assert list(site.store.list()) == []

    # Expiry

    def test_a_session_ends_when_it_is_not_used(self, site: Site) -> None:
        sessionid = site.visit(n=1)
        site.clock.advance(IDLE * 0.9)
        site.visit(sessionid, m=2)
        site.clock.advance(IDLE * 0.9)
        assert site.items(sessionid) == {'n': 1, 'm': 2}
        site.clock.advance(IDLE * 0.2)
        assert site.items(sessionid) == {}
        assert site.visit(sessionid, n=3) != sessionid

    def test_reading_counts_as_use(self, site: Site) -> None:
        sessionid = site.visit(n=1)
        for lock in ['request', 'merge', 'readonly'] * 2:
            site.clock.advance(IDLE * 0.9)
            session = site.request(sessionid, lock)
            assert dict(session) == {'n': 1}
            session.finish()

    def test_a_session_ends_after_its_lifetime_however_much_it_is_used(self, site: Site) -> None:
        sessionid = site.visit(n=0)
        while site.clock() + IDLE / 2 < START + LIFETIME:
            site.clock.advance(IDLE / 2)
            assert site.visit(sessionid, n=1) == sessionid
        site.clock.advance(IDLE / 2)
        assert site.items(sessionid) == {}

    def test_a_clock_that_goes_back_ends_nothing(self, site: Site) -> None:
        sessionid = site.visit(n=1)
        site.clock.advance(-100 * IDLE)
        assert site.visit(sessionid, m=2) == sessionid
        assert site.manager.clean() == 0
        assert site.items(sessionid) == {'n': 1, 'm': 2}

    def test_cleaning_removes_what_has_ended_and_nothing_else(self, site: Site) -> None:
        self._needs_clock()
        ended = {site.visit(n=number) for number in range(5)}
        used = site.visit(n=5)
        site.clock.advance(IDLE * 0.6)
        site.visit(used, n=6)
        new = site.visit(n=7)
        assert site.manager.clean() == 0
        site.clock.advance(IDLE * 0.6)
        assert site.manager.clean(limit=2) == 2
        assert len(ended & set(site.store.list())) == 3
        assert site.manager.clean() == 3
        assert sorted(site.store.list()) == sorted([used, new])
        assert site.items(used) == {'n': 6}

    # Several at once

    @pytest.mark.parametrize('lock', ['request', 'merge'])
    def test_threads_lose_no_update(self, site: Site, lock: str) -> None:
        sessionid = site.visit(n=0)
        in_threads(8, lambda number: add_ones(site, sessionid, lock, self.increments))
        assert site.items(sessionid) == {'n': 8 * self.increments}

    def test_threads_use_sessions_of_their_own(self, site: Site) -> None:
        def work(number: int) -> None:
            for n in range(10):
                sessionid = site.visit(number=number, n=n)
                add_ones(site, sessionid, 'request', 1)
                assert site.items(sessionid) == {'number': number, 'n': n + 1}
                session = site.request(sessionid)
                session.invalidate()
                session.finish()

        in_threads(8, work)
        assert site.store.list() == []

    @pytest.mark.skipif(not hasattr(os, 'fork'), reason='there is no fork here')
    @pytest.mark.parametrize('lock', ['request', 'merge'])
    def test_processes_lose_no_update(self, tmp_path: Path, lock: str) -> None:
        if not self.serves_processes:
            pytest.skip('serves_processes is False')
        site = self.make_site(tmp_path)
        sessionid = site.visit(n=0)
        count = max(1, self.increments // 3)
        in_processes(3, lambda: add_ones(self.make_site(tmp_path), sessionid, lock, count))
        assert site.items(sessionid) == {'n': 3 * count}
        close(site.store)

    # What cannot be read

    def test_what_is_damaged_is_one_lost_session(self, tmp_path: Path) -> None:
        site = self.make_site(tmp_path)
        damaged, whole = site.visit(n=1), site.visit(n=2)
        self.damage(tmp_path, damaged)
        assert site.items(damaged) == {}
        assert site.items(whole) == {'n': 2}
        begun_again = site.visit(damaged, n=3)
        assert begun_again != damaged
        assert site.items(begun_again) == {'n': 3}
        assert {whole, begun_again} <= set(site.store.list())
        site.manager.clean()
        assert site.items(whole) == {'n': 2}
        close(site.store)

    def test_a_value_that_cannot_be_read_breaks_no_page(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        if not self.keeps_python_values:
            pytest.skip('keeps_python_values is False')
        sessionid, other = site.visit(bad=Fragile(), good=1), site.visit(n=2)
        monkeypatch.setattr(Fragile, 'is_broken', True)
        session = site.request(sessionid)
        assert session.get('bad') is None
        assert session.get('good') in (1, None)
        session['more'] = 1
        session.finish()
        assert site.request(sessionid).get('more') in (1, None)
        assert site.items(other) == {'n': 2}

    # Anything in any order

    def test_requests_in_any_order_give_what_a_dictionary_would(self, tmp_path: Path) -> None:
        self._run(lambda: RequestMachine(self.make_site(self._new_folder(tmp_path)), self.has_clock))

    def test_the_contract_in_any_order_gives_what_a_dictionary_would(self, tmp_path: Path) -> None:
        self._run(lambda: ContractMachine(self.make_site(self._new_folder(tmp_path)), self.has_clock))

    def _new_folder(self, folder: Path) -> Path:
        self.clock.now = START
        return Path(tempfile.mkdtemp(dir=folder))

    def _run(self, make: Callable[[], RuleBasedStateMachine]) -> None:
        run_state_machine_as_test(cast('type[RuleBasedStateMachine]', make), settings=settings(
            max_examples=self.examples, stateful_step_count=30, deadline=None, database=None,
            suppress_health_check=list(HealthCheck)))
