"""Cleaning that nobody asks for: seldom, by one process, beside the requests."""
from __future__ import annotations

import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from spyce.sessions import CLEAN_INTERVAL, DbmStore, MemoryStore, cleaning
from spyce.sessions.native import DirectStore

from .conftest import START, Clock, Site


def cleaners() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == 'spyce-session-cleaner']


def wait_for_cleaner() -> None:
    for thread in cleaners():
        thread.join(10)
        assert not thread.is_alive()


def clean_when_due(site: Site) -> None:
    site.clock.advance(CLEAN_INTERVAL)
    site.visit(new=1)
    wait_for_cleaner()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, 'PAUSE', 0.001)


def test_what_has_expired_goes_when_the_interval_is_over(site: Site) -> None:
    site.visit(n=1)
    for _ in range(450):
        session = site.request(expire=10)
        session['n'] = 1
        session.finish()
    site.clock.advance(CLEAN_INTERVAL - 1)
    site.visit(n=2)
    assert not cleaners() and len(site.store.list()) == 452
    site.clock.advance(1)
    site.visit(n=3)
    wait_for_cleaner()
    assert len(site.store.list()) == 3


def test_a_live_session_stays(site: Site) -> None:
    sessionid = site.visit(n=1)
    clean_when_due(site)
    assert site.stored(sessionid) == {'n': 1}


def test_requests_that_store_nothing_clean_nothing(site: Site) -> None:
    site.visit(n=1)
    site.clock.advance(CLEAN_INTERVAL)
    session = site.request()
    assert session.get('n') is None
    session.finish()
    assert not cleaners()


def test_the_store_is_asked_once_in_an_interval(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    last_cleaned = site.manager.native.last_cleaned

    def ask() -> float | None:
        asked.append(site.clock.now)
        return last_cleaned()

    monkeypatch.setattr(site.store, 'last_cleaned', ask)
    for _ in range(5):
        site.visit(n=1)
    assert len(asked) == 1
    site.clock.advance(CLEAN_INTERVAL)
    for _ in range(5):
        site.visit(n=1)
    assert len(asked) == 2
    wait_for_cleaner()


def test_one_of_many_servers_cleans(tmp_path: Path, clock: Clock) -> None:
    stores = [DbmStore(tmp_path, clock) for _ in range(4)]
    sites = [Site(store, clock) for store in stores]
    for site in sites:
        site.visit(n=1)
    clock.advance(CLEAN_INTERVAL)
    asked = [site.manager.native.last_cleaned() for site in sites]
    claims = [site.manager.native.claim_cleaning(last, clock.now) for site, last in zip(sites, asked, strict=True)]
    assert claims == [True, False, False, False]
    for store in stores:
        store.close()


def test_the_interval_outlasts_the_process(tmp_path: Path) -> None:
    """CGI: each request is a process of its own."""
    script = '''if True:
        import sys, threading
        from spyce.sessions import DbmStore, SessionManager, SessionOptions
        store = DbmStore(sys.argv[1], lambda: float(sys.argv[2]))
        manager = SessionManager(SessionOptions(session_store=store, session_expire=10), clock=store._clock,
                                 create_lock=lambda name: threading.RLock())
        session = manager.request_session([], secure=False)
        session['n'] = 1
        session.finish()
        for thread in threading.enumerate():
            if thread.name == 'spyce-session-cleaner':
                thread.join()
        print(len(store.list()))
        '''
    moments = [START, START + 20, START + CLEAN_INTERVAL, START + CLEAN_INTERVAL + 20]
    counts = [int(subprocess.check_output([sys.executable, '-c', script, str(tmp_path), str(moment)]))
              for moment in moments]
    assert counts == [1, 2, 1, 2]


def test_a_clock_that_was_set_back_does_not_end_cleaning(site: Site) -> None:
    site.clock.advance(10 * CLEAN_INTERVAL)
    site.visit(n=1)
    site.clock.advance(-9 * CLEAN_INTERVAL)
    site.visit(n=2)
    wait_for_cleaner()
    assert site.manager.native.last_cleaned() == site.clock.now


def test_errors_are_logged_and_no_request_fails(site: Site, monkeypatch: pytest.MonkeyPatch,
                                               caplog: pytest.LogCaptureFixture) -> None:
    def fail(self: DirectStore, *args: Any) -> int:
        raise OSError('the disk is tired')

    site.visit(n=1)
    monkeypatch.setattr(type(site.store), 'delete_expired', fail)
    clean_when_due(site)
    assert 'cleaning the session store has failed; the next attempt is in 7200 seconds' in caplog.text
    monkeypatch.setattr(type(site.store), 'last_cleaned', fail)
    clean_when_due(site)
    assert 'could not be asked whether cleaning is due' in caplog.text
    assert caplog.text.count('OSError: the disk is tired') == 2


def test_closing_ends_a_cleaning(site: Site, monkeypatch: pytest.MonkeyPatch,
                                 caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(cleaning, 'PAUSE', 30)
    monkeypatch.setattr(cleaning, 'STEP', 1)
    for _ in range(3):
        site.visit(n=1)
    site.clock.advance(86401)
    with caplog.at_level(logging.INFO, 'spyce.session'):
        site.visit(n=2)
        site.manager.close()
    assert not cleaners()
    assert 'expired sessions removed' in caplog.text


def test_memory_shrinks(clock: Clock) -> None:
    store = MemoryStore(clock)
    site = Site(store, clock)
    for _ in range(3):
        for number in range(50):
            site.visit(user=number)
        clock.advance(86401)
        clean_when_due(site)
    sizes = [len(table) for table in (store._entries, store._ids, store._pointers, store._deadlines)]
    assert sizes == [1, 1, 1, 1]
