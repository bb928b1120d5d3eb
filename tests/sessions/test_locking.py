"""Exactness: threads, processes, death of a holder, forks."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from spyce.sessions import DbmStore, MemoryStore, SessionLocked, SessionManager, SessionOptions, rangelock
from spyce.sessions.locking import SessionLocks

from .conftest import Clock, Site

WORKER = """
import sys, threading
from spyce.sessions import DbmStore, SessionManager, SessionOptions
folder, sessionid, times, lock = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
manager = SessionManager(SessionOptions(session_store=DbmStore(folder)), create_lock=lambda name: threading.Lock())
print('ready', flush=True)
sys.stdin.readline()
for _ in range(times):
    session = manager.request_session([('sessionid', sessionid)], secure=False)
    session.view(lock=lock)
    if lock == 'merge':
        session.incr('n')
    else:
        session['n'] = session.get('n', 0) + 1
    session.finish()
"""

HOLDER = """
import sys
from spyce.sessions.locking import SessionLocks
held = SessionLocks.in_file(sys.argv[1]).acquire(7, 1, 1)
print('held', flush=True)
sys.stdin.readline()
"""


def start(script: str, *args: object) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, '-c', script, *map(str, args)], text=True, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def in_threads(count: int, work: Callable[[], None]) -> None:
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=guarded) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize('lock', ['request', 'merge'])
def test_eight_threads_lose_no_update(make_site: Callable[..., Site], lock: str) -> None:
    site = make_site(threads=16)
    sessionid = site.visit(n=0)

    def work() -> None:
        for _ in range(50):
            session = site.request(sessionid, lock=lock)
            if lock == 'merge':
                session.incr('n')
            else:
                session['n'] = session['n'] + 1
            session.finish()

    in_threads(8, work)
    assert site.stored(sessionid) == {'n': 400}


def test_threads_that_put_different_keys_keep_them_all(make_site: Callable[..., Site]) -> None:
    site = make_site(threads=16)
    sessionid = site.visit(start=1)
    numbers = iter(range(80))
    mutex = threading.Lock()

    def work() -> None:
        for _ in range(10):
            with mutex:
                name = f'key{next(numbers)}'
            session = site.request(sessionid, lock='merge')
            session[name] = 1
            session.finish()

    in_threads(8, work)
    assert len(site.stored(sessionid)) == 81


@pytest.mark.parametrize('lock', ['request', 'merge'])
def test_four_processes_lose_no_update(tmp_path: Path, lock: str) -> None:
    store = DbmStore(tmp_path)
    site = Site(store, time.time)  # type: ignore[arg-type]
    sessionid = site.visit(n=0)
    workers = [start(WORKER, tmp_path, sessionid, 50, lock) for _ in range(4)]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write('\n')
        worker.stdin.flush()
    for worker in workers:
        worker.communicate()
        assert worker.returncode == 0
    assert site.stored(sessionid) == {'n': 200}
    assert sorted(os.listdir(store.folder)) == ['lock', 'sessions.db', 'sessions.db-shm', 'sessions.db-wal']
    assert os.path.getsize(os.path.join(store.folder, 'lock')) == 0
    store.close()


def test_waiters_are_served_in_order() -> None:
    locks = SessionLocks()
    held = locks.acquire('s', 1, 10)
    order: list[int] = []

    def wait(number: int) -> None:
        lock = locks.acquire('s', 10, 10)
        order.append(number)
        lock.release()

    threads = []
    for number in range(5):
        thread = threading.Thread(target=wait, args=(number,))
        thread.start()
        threads.append(thread)
        while len(locks._queues['s'].waiting) <= number:
            time.sleep(0.001)
    held.release()
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]
    assert locks.in_use() == 0


def test_too_many_waiters_are_refused_at_once() -> None:
    locks = SessionLocks()
    held = locks.acquire('s', 1, 1)
    waiter = threading.Thread(target=lambda: locks.acquire('s', 10, 1).release())
    waiter.start()
    while not locks._queues['s'].waiting:
        time.sleep(0.001)
    with pytest.raises(SessionLocked, match='session_lock_waiters'):
        locks.acquire('s', 10, 1)
    held.release()
    waiter.join()


def test_a_waiter_that_gives_up_leaves_the_queue() -> None:
    locks = SessionLocks()
    held = locks.acquire('s', 1, 1)
    with pytest.raises(SessionLocked, match='for 0.01 seconds'):
        locks.acquire('s', 0.01, 1)
    held.release()
    locks.acquire('s', 1, 1).release()
    assert locks.in_use() == 0


def test_releasing_twice_does_not_release_the_next_holder(tmp_path: Path) -> None:
    locks = SessionLocks.in_file(str(tmp_path / 'lock'))
    first = locks.acquire(1, 1, 1)
    first.release()
    second = locks.acquire(1, 1, 1)
    first.release()
    with pytest.raises(SessionLocked):
        locks.acquire(1, 0.01, 1)
    second.release()


def test_two_users_of_one_lock_file_share_its_locks(tmp_path: Path) -> None:
    path = str(tmp_path / 'lock')
    first = SessionLocks.in_file(path)
    assert SessionLocks.in_file(path) is first


@pytest.mark.parametrize('kind', ['of the platform', 'POSIX'])
def test_a_lock_excludes_another_process_and_dies_with_it(tmp_path: Path, kind: str,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == 'POSIX':
        monkeypatch.setattr(rangelock, '_OFD_SETLK', None)
    path = tmp_path / 'lock'
    holder = start(HOLDER, path)
    locks = SessionLocks.in_file(str(path))
    locks.acquire(8, 0.01, 1).release()
    with pytest.raises(SessionLocked):
        locks.acquire(7, 0.05, 1)
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    locks.acquire(7, 5, 1).release()


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='there is no fork here')
@pytest.mark.filterwarnings('ignore::DeprecationWarning')  # fork with threads, from Python 3.12
def test_a_forked_child_neither_holds_nor_releases_its_parents_locks(tmp_path: Path) -> None:
    locks = SessionLocks.in_file(str(tmp_path / 'lock'))
    held = locks.acquire(7, 1, 1)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            held.release()
            try:
                locks.acquire(7, 0.05, 1)
                os.write(write, b'free')
            except SessionLocked:
                os.write(write, b'held')
            time.sleep(30)  # alive, and still without any part in the lock
        finally:
            os._exit(0)
    try:
        assert os.read(read, 10) == b'held'
        held.release()
        probe = start(HOLDER, tmp_path / 'lock')
        probe.communicate('\n')
        assert probe.returncode == 0
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(read)
        os.close(write)


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='there is no fork here')
@pytest.mark.filterwarnings('ignore::DeprecationWarning')
def test_a_store_opened_before_a_fork_works_in_both(tmp_path: Path) -> None:
    store = DbmStore(tmp_path)
    manager = SessionManager(SessionOptions(session_store=store), create_lock=lambda name: threading.Lock())

    def count(sessionid: str, times: int) -> str:
        for _ in range(times):
            session = manager.request_session([('sessionid', sessionid)], secure=False)
            session['n'] = session.get('n', 0) + 1
            session.finish()
        return session.sessionid

    sessionid = count('', 1)
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                count(sessionid, 30)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    count(sessionid, 30)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert manager.request_session([('sessionid', sessionid)], secure=False)['n'] == 121
    store.close()


def test_memory_stores_are_separate(clock: Clock) -> None:
    first, second = Site(MemoryStore(clock), clock), Site(MemoryStore(clock), clock)
    assert second.stored(first.visit(n=1)) == {}


def test_who_gives_up_is_told_the_page_that_has_the_session(make_site: Callable[..., Site],
                                                            caplog: pytest.LogCaptureFixture) -> None:
    site = make_site(session_lock_timeout=0.02)
    sessionid = site.visit(n=1)
    held = site.manager.request_session([('sessionid', sessionid)], secure=False, label='the page shop/cart.spy')
    assert held['n'] == 1
    with pytest.raises(SessionLocked):
        site.visit(sessionid, n=2)
    assert (f'session {site.manager.fingerprint(sessionid)}: the session was in use by another request for 0.02 '
            'seconds (session_lock_timeout); it is held by the page shop/cart.spy') in caplog.text
    assert sessionid not in caplog.text
    held.finish()


def test_who_gives_up_is_told_of_another_process(tmp_path: Path) -> None:
    holder = start(HOLDER, tmp_path / 'lock')
    locks = SessionLocks.in_file(str(tmp_path / 'lock'))
    with pytest.raises(SessionLocked, match='it is held by another process'):
        locks.acquire(7, 0.02, 1)
    with pytest.raises(SessionLocked, match='0 further requests .* it is held by another process'):
        locks.acquire(7, 0.02, 0)
    holder.communicate('\n')
