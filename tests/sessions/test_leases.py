"""Stores of several machines: one request at a time, and a lease that ends when its holder dies or stands still."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from spyce.sessions import RequestSession, SessionLocked, StoreError
from spyce.storemodel import in_processes
from tests.proxy import Proxy
from tests.remote_stores import KINDS, ON_A_SERVER, Place, place_of

from .conftest import Clock, Site, Waiters

LEASE = 0.1

HOLDER = """
import json, sys
from spyce.sessions import SessionManager, open_store
arguments, sessionid = json.loads(sys.argv[1]), sys.argv[2]
manager = SessionManager.for_store(open_store(**arguments))
session = manager.request_session([('sessionid', sessionid)], secure=False)
session['n'] = 'of the holder'
print('held', flush=True)
sys.stdin.readline()
try:
    session.finish()
    print('saved', flush=True)
except Exception as error:
    print(type(error).__name__, error, flush=True)
"""


@pytest.fixture(scope='module', params=KINDS)
def kind_place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place_of(request.param, tmp_path_factory.mktemp('store')) as place:
        yield place


@pytest.fixture
def place(kind_place: Place) -> Iterator[Place]:
    with kind_place.fresh() as place:
        yield place


@pytest.fixture
def machine(place: Place, clock: Clock) -> Iterator[Any]:
    """Makes web machines, so to say, that share the sessions."""
    stores: list[Any] = []

    def make(clock: Any = clock, lease: float = 30.0, **options: Any) -> Site:
        stores.append(place.store(clock=clock, lease=lease))
        stores[-1].check()  # it is connected: who asks for a lock waits for that alone
        return Site(stores[-1], clock, **options)

    yield make
    for store in stores:
        store.close()


def holding_process(place: Place, sessionid: str) -> subprocess.Popen[str]:
    """Another process that has the session."""
    arguments = json.dumps({'url': place.url, 'lease': LEASE, **place.arguments})
    process = subprocess.Popen([sys.executable, '-c', HOLDER, arguments, sessionid], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert line_of(process) == 'held'
    return process


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def in_thread(late: RequestSession, waiters: Waiters, **items: Any) -> threading.Thread:
    """A request that goes on in a thread, and waits there."""
    def go_on() -> None:
        late.update(items)
        late.finish()

    thread = threading.Thread(target=go_on)
    thread.start()
    waiters.expect()
    return thread


# One at a time


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='there is no fork here')
@pytest.mark.parametrize('lock', ['request', 'merge'])
def test_processes_lose_no_update(place: Place, machine: Any, lock: str) -> None:
    site = machine(time.time)
    sessionid = site.visit(n=0)

    def count() -> None:
        worker = Site(place.store(), time.time)  # type: ignore[arg-type]
        for _ in range(40):
            session = worker.request(sessionid, lock=lock)
            if lock == 'merge':
                session.incr('n')
            else:
                session['n'] += 1
            session.finish()

    in_processes(3, count)
    assert site.stored(sessionid) == {'n': 120}


def test_merging_respects_who_has_the_session_for_himself(machine: Any, waiters: Waiters) -> None:
    here, there = machine(), machine()
    sessionid = here.visit(n=1)
    merging = there.request(sessionid, lock='merge')
    assert merging['n'] == 1
    holder = here.request(sessionid)
    holder['n'] = 2
    thread = in_thread(merging, waiters, merged=True)
    holder.finish()
    thread.join(10)
    assert here.stored(sessionid) == {'n': 2, 'merged': True}


def test_who_waits_in_vain_is_told(machine: Any) -> None:
    here, there = machine(), machine(session_lock_timeout=0.05)
    sessionid = here.visit(n=1)
    holder = here.request(sessionid)
    assert holder['n'] == 1
    with pytest.raises(SessionLocked, match='for 0.05 seconds .*another process'):
        there.visit(sessionid, n=2)
    with pytest.raises(SessionLocked, match='session_lock_waiters'):
        there.store.fetch_locked(sessionid, lambda pointer: True, 1, 0)
    holder.finish()
    assert there.visit(sessionid, n=3) == sessionid


def test_a_request_in_flight_finds_the_session_that_got_a_new_id_while_it_waited(machine: Any, clock: Clock,
                                                                                 waiters: Waiters) -> None:
    here, there = machine(), machine()
    old, arrived = here.visit(n=1), clock()
    clock.advance(1)
    renewing = here.request(old)
    assert renewing['n'] == 1
    renewing.regenerate()
    thread = in_thread(there.request(old, arrived=arrived), waiters, m=2)
    renewing.finish()
    thread.join(10)
    assert here.stored(renewing.sessionid) == {'n': 1, 'm': 2}
    clock.advance(1)
    assert here.stored(old) == {}


@pytest.mark.parametrize('skew', [-1.0, -0.02, 0.0, 1.0])
def test_who_waited_for_a_session_has_it_under_its_new_id_whatever_the_clocks_say(machine: Any, waiters: Waiters,
                                                                                  skew: float) -> None:
    here, there = machine(time.time), machine(lambda: time.time() + skew)
    sessionid = here.visit(n=1)
    renewing = here.request(sessionid)
    renewing['user'] = 'ada'
    renewing.regenerate()
    thread = in_thread(there.request(sessionid), waiters, basket=1)
    renewing.finish()
    thread.join(10)
    assert here.stored(renewing.sessionid) == {'n': 1, 'user': 'ada', 'basket': 1}


# Leases


def test_a_holder_that_is_killed_leaves_the_session_free_after_its_lease(place: Place, machine: Any) -> None:
    site = machine(time.time)
    sessionid = site.visit(n=1)
    holder = holding_process(place, sessionid)
    end(holder)
    begun = time.monotonic()
    site.visit(sessionid, m=2)
    assert time.monotonic() - begun < 5
    assert site.stored(sessionid) == {'n': 1, 'm': 2}


@pytest.mark.skipif(not hasattr(signal, 'SIGSTOP'), reason='no process can be stopped here')
@pytest.mark.parametrize('end_it', [False, True])
def test_a_holder_that_was_stopped_cannot_overwrite_what_came_after_its_lease(place: Place, machine: Any,
                                                                             end_it: bool) -> None:
    site = machine(time.time)
    sessionid = site.visit(n=1)
    holder = holding_process(place, sessionid)
    holder.send_signal(signal.SIGSTOP)
    session = site.request(sessionid)
    session['n'] = 'of the next one'
    if end_it:
        session.invalidate()
    session.finish()
    holder.send_signal(signal.SIGCONT)
    assert holder.stdin is not None
    holder.stdin.write('\n')
    holder.stdin.flush()
    told = line_of(holder)
    end(holder)
    if end_it:  # what is put into a session that has ended meanwhile is not kept, as with any store
        assert (told, site.stored(sessionid)) == ('saved', {})
    else:
        assert told.startswith('StoreError another request has taken the session, since its lease was lost while the '
                               f'page ran (lease={LEASE} seconds)')
        assert site.stored(sessionid) == {'n': 'of the next one'}


def test_a_slow_holder_goes_on_to_be_the_holder_if_nobody_wanted_the_session(machine: Any) -> None:
    site = machine(lease=LEASE)
    sessionid = site.visit(n=1)
    session = site.request(sessionid)
    session['n'] = 2
    time.sleep(1.5 * LEASE)
    session.finish()
    assert site.stored(sessionid) == {'n': 2}


@pytest.mark.parametrize('is_renewed', [False, True])
@pytest.mark.parametrize('lock', ['request', 'merge'])
def test_a_slow_holder_is_refused_also_if_the_next_one_has_finished(machine: Any, lock: str, is_renewed: bool) -> None:
    here, there = machine(lease=LEASE), machine()
    sessionid = here.visit(n=1)
    slow = here.request(sessionid)
    slow['n'] = 2
    if is_renewed:
        slow.regenerate()
    time.sleep(1.5 * LEASE)
    session = there.request(sessionid, lock=lock)
    session['m'] = 3
    session.finish()
    with pytest.raises(StoreError, match='lease was lost'):
        slow.finish()
    assert here.stored(sessionid) == {'n': 1, 'm': 3}
    assert here.visit(sessionid, n=4) == sessionid


def test_giving_back_a_lease_that_was_lost_does_not_free_the_next_holder(machine: Any) -> None:
    here, there, third = machine(lease=LEASE), machine(), machine(session_lock_timeout=0.05)
    sessionid = here.visit(n=1)
    slow = here.request(sessionid)
    assert slow['n'] == 1
    time.sleep(1.5 * LEASE)
    holder = there.request(sessionid)
    assert holder['n'] == 1
    slow.finish()
    with pytest.raises(SessionLocked):
        third.visit(sessionid, n=3)
    holder.finish()


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='there is no fork here')
@pytest.mark.filterwarnings('ignore::DeprecationWarning')  # fork with threads, from Python 3.12
def test_a_forked_child_has_its_own_connections_and_gives_back_no_lease(machine: Any) -> None:
    site = machine()
    mine, other = site.visit(n=0), site.visit(n=0)

    def add(number: int) -> None:
        for _ in range(number):
            session = site.request(other)
            session['n'] += 1
            session.finish()

    held = site.request(mine)
    assert held['n'] == 0
    child = os.fork()
    if child == 0:
        status = 1
        try:
            held.abandon()
            add(20)
            status = 0
        finally:
            os._exit(status)
    add(20)
    assert os.waitpid(child, 0)[1] == 0
    assert site.stored(other) == {'n': 40}
    with pytest.raises(SessionLocked):
        machine(session_lock_timeout=0.05).visit(mine, n=1)
    held.finish()


@pytest.mark.parametrize('kind_place', ON_A_SERVER, indirect=True, scope='module')
@pytest.mark.parametrize('is_changed', [False, True])
def test_a_lock_that_could_not_be_given_back_is_when_the_server_answers_again(
        place: Place, machine: Any, clock: Clock, is_changed: bool, caplog: pytest.LogCaptureFixture) -> None:
    proxy = Proxy(place.url)
    here = Site(place.store(url=proxy.url, timeout=2, clock=clock), clock)
    sessionid, other = here.visit(n=1), here.visit(n=1)
    session = here.request(sessionid)
    assert session['n'] == 1
    proxy.cut()
    if is_changed:
        session['n'] = 2
        with pytest.raises(StoreError):
            session.finish()
    else:
        session.finish()
        assert 'the lock of a session cannot be given back yet' in caplog.text
        assert sessionid not in caplog.text
    proxy.open()
    here.visit(other, m=1)
    assert machine(session_lock_timeout=5).visit(sessionid, m=1) == sessionid
    here.store.close()
    proxy.cut()
