"""A store that a site wrote for 2.1: five methods, no locks, load() invents sessions (reference 8.4)."""
from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from spyce.sessions import SessionNotFoundError, SessionStore
from spyce.sessions.cleaning import STEP

from .conftest import Clock, Site, cookies


class JsonStore(SessionStore):
    """One file of JSON a session, as a site may have written it in 2006."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self.clock = clock
        self.asked: list[str] = []

    def _file(self, sessionid: str) -> Path:
        self.asked.append(sessionid)
        return self.folder / f'{sessionid}.json'

    def load(self, sessionid: str, expires: float) -> MutableMapping[str, Any]:
        file = self._file(sessionid)
        return dict(json.loads(file.read_text())) if file.exists() else {'_expires': expires}

    def save(self, sessionid: str, session: MutableMapping[str, Any]) -> None:
        session['_lastaccess'] = self.clock()
        self._file(sessionid).write_text(json.dumps(dict(session)))

    def clear(self, sessionid: str) -> None:
        try:
            os.unlink(self._file(sessionid))
        except FileNotFoundError:
            raise SessionNotFoundError(sessionid) from None

    def is_expired(self, sessionid: str) -> bool:
        if not self._file(sessionid).exists():
            raise SessionNotFoundError(sessionid)
        session = self.load(sessionid, 0)
        return bool(session['_lastaccess'] < self.clock() - session['_expires'])

    def list(self) -> list[str]:
        return [file.stem for file in self.folder.glob('*.json')]


class LiveStore(JsonStore):
    """Hands out the very dictionary that it keeps, as 2.1's MemoryStore did, and never says that one has expired."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(Path('/nowhere'), clock)
        self.kept: dict[str, MutableMapping[str, Any]] = {}

    def load(self, sessionid: str, expires: float) -> MutableMapping[str, Any]:
        return self.kept.get(sessionid, {'_expires': expires})

    def save(self, sessionid: str, session: MutableMapping[str, Any]) -> None:
        self.kept[sessionid] = session

    def clear(self, sessionid: str) -> None:
        if self.kept.pop(sessionid, None) is None:
            raise SessionNotFoundError(sessionid)

    def is_expired(self, sessionid: str) -> bool:
        if sessionid not in self.kept:
            raise SessionNotFoundError(sessionid)
        return False

    def list(self) -> list[str]:
        return list(self.kept)


@pytest.fixture(params=['json', 'live'])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> JsonStore:
    return JsonStore(tmp_path, clock) if request.param == 'json' else LiveStore(clock)


def test_a_session_lasts(site: Site) -> None:
    sessionid = site.visit(n=1, log=['a'])
    session = site.request(sessionid)
    assert dict(session) == {'n': 1, 'log': ['a']}
    session['log'].append('b')
    del session['n']
    assert cookies(session.finish()) == []
    assert site.stored(sessionid) == {'log': ['a', 'b']}
    assert site.store.list() == [sessionid]


def test_an_unknown_id_is_not_adopted_and_a_hostile_one_never_reaches_the_store(site: Site) -> None:
    session = site.request('A' * 43, '../../etc/passwd')
    session['n'] = 1
    session.finish()
    assert site.store.list() == [session.sessionid]
    assert '../../etc/passwd' not in site.store.asked  # type: ignore[attr-defined]


def test_nothing_is_saved_by_a_page_that_fails_or_rolls_back(site: Site) -> None:
    sessionid = site.visit(log=['a'])
    session = site.request(sessionid)
    session['log'].append('b')
    session.abandon()
    other = site.request(sessionid)
    other['log'].append('b')
    other.rollback()
    other.finish()
    assert site.stored(sessionid) == {'log': ['a']}


def test_idle_and_absolute_expiry(site: Site) -> None:
    sessionid = site.visit(n=1)
    for _ in range(59):
        site.clock.advance(43200)
        assert site.stored(sessionid) == {'n': 1}
        site.visit(sessionid, n=1)
    site.clock.advance(43200)
    assert site.stored(sessionid) == {}
    idle = site.visit(n=1)
    site.clock.advance(86401)
    assert site.stored(idle) == {}


def test_reading_keeps_a_session_alive(site: Site) -> None:
    sessionid = site.visit(n=1)
    for _ in range(4):
        site.clock.advance(43200)
        session = site.request(sessionid)
        assert session['n'] == 1
        session.finish()


def test_regenerate_and_invalidate(site: Site) -> None:
    old = site.visit(n=1)
    arrived = site.clock.now
    site.clock.advance(1)
    session = site.request(old)
    session.regenerate()
    session['user'] = 'eve'
    session.finish()
    assert site.store.list() == [session.sessionid]
    in_flight = site.request(old, arrived=arrived)
    in_flight['m'] = 2
    assert cookies(in_flight.finish()) == []
    assert site.stored(session.sessionid) == {'n': 1, 'user': 'eve', 'm': 2}
    site.clock.advance(1)
    assert site.stored(old) == {}
    last = site.request(session.sessionid)
    last.invalidate()
    last.finish()
    assert site.store.list() == []


def test_a_save_does_not_revive_a_cleared_session(site: Site) -> None:
    sessionid = site.visit(n=1)
    session = site.request(sessionid)
    session['n'] = 2
    site.store.clear(sessionid)
    session.finish()
    assert site.store.list() == []


def test_threads_lose_no_update(clock: Clock, tmp_path: Path) -> None:
    site = Site(JsonStore(tmp_path, clock), clock, threads=16)
    sessionid = site.visit(n=0)

    def work() -> None:
        for _ in range(25):
            session = site.request(sessionid)
            session['n'] += 1
            session.finish()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert site.stored(sessionid) == {'n': 200}


def test_locks_between_processes_are_in_the_folder_of_the_site(clock: Clock, tmp_path: Path) -> None:
    site = Site(JsonStore(tmp_path, clock), clock, session_folder=lambda: str(tmp_path / 'private'))
    site.visit(site.visit(n=1), n=2)
    assert os.listdir(tmp_path / 'private' / 'spyce-sessions') == ['lock']


def test_cleaning(clock: Clock, tmp_path: Path) -> None:
    site = Site(JsonStore(tmp_path, clock), clock)
    site.visit(n=1)
    clock.advance(50000)
    kept = site.visit(n=2)
    site.manager.cleaner.stop()  # such a store has a clock of its own: it would find what ends by the next line
    clock.advance(50000)
    assert site.manager.clean() == 1
    assert site.store.list() == [kept]


def test_optional_methods_are_used(clock: Clock, tmp_path: Path) -> None:
    calls: list[tuple[Any, ...]] = []

    class Modern(JsonStore):
        def create(self, sessionid: str, session: MutableMapping[str, Any], expires: float) -> None:
            calls.append(('create', expires))
            self.save(sessionid, session)

        def touch(self, sessionid: str, expires: float) -> None:
            calls.append(('touch', expires))

        def delete_expired(self, limit: int) -> int:
            calls.append(('delete_expired', limit))
            return 0

        def lock(self, sessionid: str, timeout: float) -> Any:
            calls.append(('lock', timeout))

            class Held:
                def release(self) -> None:
                    calls.append(('release',))
            return Held()

    site = Site(Modern(tmp_path, clock), clock)
    sessionid = site.visit(n=1)
    clock.advance(43200)
    session = site.request(sessionid)
    assert session['n'] == 1
    session.finish()
    site.manager.clean(5)
    calls = [call for call in calls if call != ('delete_expired', STEP)]  # the automatic cleaning: half a day is over
    assert calls == [('create', 86400), ('lock', 30), ('touch', 86400), ('release',), ('delete_expired', 5)]


def test_a_merge_finds_the_session_under_the_id_that_another_request_gave_it(site: Site) -> None:
    old = site.visit(n=1)
    late = site.request(old, lock='merge')
    late['m'] = 2
    session = site.request(old)
    session.regenerate()
    session.finish()
    late.finish()
    assert site.stored(session.sessionid) == {'n': 1, 'm': 2}


def test_who_waits_for_a_session_gets_the_lock_of_its_new_id(site: Site) -> None:
    old = site.visit(n=1)
    first = site.request(old)
    first['n'] = 2
    first.regenerate()
    values: list[int] = []

    def wait() -> None:
        second = site.request(old, arrived=site.clock.now)
        values.append(second.incr('n'))  # type: ignore[arg-type]
        assert list(site.manager.native._own_locks()._queues) == [first.sessionid]  # type: ignore[attr-defined]
        second.finish()

    waiter = threading.Thread(target=wait)
    waiter.start()
    while not site.manager.native._own_locks()._queues[old].waiting:  # type: ignore[attr-defined]
        time.sleep(0.001)
    first.finish()
    waiter.join()
    assert values == [3]
    assert site.stored(first.sessionid) == {'n': 3}


def test_a_store_that_adds_by_itself(tmp_path: Path, clock: Clock) -> None:
    class Adding(JsonStore):
        def incr(self, sessionid: str, key: str, by: float) -> float:
            session = self.load(sessionid, 0)
            session[key] = session.get(key, 0) + by
            self.save(sessionid, session)
            self.asked.append('incr')
            return float(session[key])

    site = Site(Adding(tmp_path, clock), clock)
    sessionid = site.visit(n=1)
    session = site.request(sessionid, lock='merge')
    assert session.incr('n') == 2 == session['n']
    session.finish()
    assert 'incr' in site.store.asked and site.stored(sessionid) == {'n': 2}  # type: ignore[attr-defined]
