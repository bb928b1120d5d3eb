from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from spyce.runtime.locks import (
    LOCK_EX,
    LOCK_NB,
    Lock,
    MultiLock,
    dummyLock,
    file_lock,
    file_unlock,
    fileLock,
    threadLock,
)

T = TypeVar('T')

needs_fork = pytest.mark.skipif(not hasattr(os, 'fork'), reason='no fork here')


def in_thread(call: Callable[[], T]) -> T:
    """The result of a call made by another thread."""
    results: list[T] = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    thread.join(10)
    return results[0]


def in_process(code: str, *arguments: object) -> str:
    """What a new Python process prints."""
    return subprocess.run([sys.executable, '-c', code, *map(str, arguments)], check=True, capture_output=True,
                          text=True, timeout=20).stdout.strip()


def in_fork(call: Callable[[], object]) -> int:
    """In a forked child: 1 if the call gives a true value, 0 if not."""
    child = os.fork()
    if not child:
        code = 2
        try:
            code = int(bool(call()))
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


TRY = 'import sys; from spyce.runtime.locks import fileLock; print(fileLock(sys.argv[1]).acquire(0))'


@pytest.fixture
def name(tmp_path: Path) -> str:
    return str(tmp_path / 'guard')


@pytest.fixture(params=['thread', 'file'])
def lock(request: pytest.FixtureRequest, name: str) -> Lock:
    return threadLock() if request.param == 'thread' else fileLock(name)


def test_a_dummy_lock_is_always_free() -> None:
    lock = dummyLock()
    assert lock.acquire() is True and lock.acquire(0) is True
    assert not lock.locked()
    lock.release()


def test_a_lock_keeps_other_threads_out(lock: Lock) -> None:
    assert lock.acquire() is True
    assert in_thread(lambda: lock.acquire(0)) is False
    lock.release()
    assert in_thread(lambda: lock.acquire(0)) is True


def test_its_holder_may_take_it_again(lock: Lock) -> None:
    assert lock.acquire() and lock.acquire()
    lock.release()
    assert in_thread(lambda: lock.acquire(0)) is False
    lock.release()
    assert not lock.locked()


def test_a_waiting_thread_gets_the_lock_when_it_is_released(lock: Lock) -> None:
    lock.acquire()

    def wait_for_it() -> None:
        lock.acquire()
        lock.release()

    waiter = threading.Thread(target=wait_for_it)
    waiter.start()
    assert waiter.is_alive()
    lock.release()
    waiter.join(10)
    assert not waiter.is_alive()


def test_locked_says_whether_anyone_holds_it(lock: Lock) -> None:
    assert not lock.locked()
    lock.acquire()
    assert lock.locked() and in_thread(lock.locked)
    lock.release()
    assert not lock.locked() and not in_thread(lock.locked)


@pytest.mark.parametrize('kind', [dummyLock, threadLock])
def test_a_lock_is_held_for_a_block(kind: type[dummyLock | threadLock]) -> None:
    lock = kind()
    with pytest.raises(KeyError), lock:
        assert lock.locked() or kind is dummyLock
        raise KeyError
    assert not lock.locked()


def test_a_file_lock_is_held_for_a_block(name: str) -> None:
    with fileLock(name):
        assert fileLock(name).locked()
    assert not fileLock(name).locked()


def test_no_increment_is_lost_between_threads(lock: Lock) -> None:
    counter = {'n': 0}

    def count() -> None:
        for _ in range(50):
            lock.acquire()
            n = counter['n']
            threading.Event().wait(0)
            counter['n'] = n + 1
            lock.release()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter['n'] == 200


def test_a_thread_lock_is_released_by_its_holder_only() -> None:
    lock = threadLock()
    with pytest.raises(RuntimeError, match='does not hold'):
        lock.release()


def test_releasing_a_free_file_lock_does_nothing(name: str) -> None:
    lock = fileLock(name)
    lock.release()
    assert lock.acquire()


def test_a_file_lock_keeps_other_processes_out(name: str) -> None:
    lock = fileLock(name)
    lock.acquire()
    assert in_process(TRY, name) == 'False'
    lock.release()
    assert in_process(TRY, name) == 'True'


def test_a_file_lock_sees_that_another_process_holds_it(name: str) -> None:
    code = ('import sys; from spyce.runtime.locks import fileLock; lock = fileLock(sys.argv[1]); lock.acquire(); '
            'print("held", flush=True); sys.stdin.read()')
    holder = subprocess.Popen([sys.executable, '-c', code, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdin is not None and holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == b'held\n'
        lock = fileLock(name)
        assert lock.locked()
        assert lock.acquire(0) is False
        holder.kill()
    assert lock.acquire() is True  # it died with its holder


def test_the_lock_file_stays_and_is_private(name: str, tmp_path: Path) -> None:
    lock = fileLock(name)
    lock.acquire()
    lock.release()
    file = tmp_path / 'guard.lock'
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_symbolic_link_is_refused_and_its_target_untouched(name: str, tmp_path: Path) -> None:
    target = tmp_path / 'precious'
    target.write_text('data')
    (tmp_path / 'guard.lock').symlink_to(target)
    lock = fileLock(name)
    with pytest.raises(OSError):
        lock.acquire(0)
    assert target.read_text() == 'data'
    (tmp_path / 'guard.lock').unlink()
    assert in_thread(lambda: lock.acquire(0)) is True  # nothing is left of the failed attempt


@needs_fork
def test_a_forked_child_does_not_hold_the_file_lock_of_its_parent(name: str) -> None:
    lock = fileLock(name)
    lock.acquire()

    def release_and_take() -> bool:
        lock.release()
        return fileLock(name).acquire(0)

    assert in_fork(lambda: lock.acquire(0)) == 0
    assert in_fork(release_and_take) == 0
    assert in_process(TRY, name) == 'False'
    lock.release()
    assert in_fork(lambda: lock.acquire(0)) == 1


@needs_fork
def test_a_forked_child_is_not_shut_out_by_threads_that_it_has_not() -> None:
    thread_lock = threadLock()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        thread_lock.acquire()
        held.set()
        done.wait(10)
        thread_lock.release()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    with pytest.warns(DeprecationWarning) if sys.version_info >= (3, 12) else _nothing():
        assert in_fork(lambda: thread_lock.acquire(0)) == 1
    done.set()
    holder.join()


def test_file_lock_functions(tmp_path: Path) -> None:
    path = tmp_path / 'data'
    with open(path, 'w') as one, open(path) as other:
        file_lock(one, LOCK_EX)
        with pytest.raises(OSError):
            file_lock(other, LOCK_EX | LOCK_NB)
        file_unlock(one)
        file_lock(other, LOCK_EX | LOCK_NB)


class _nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *details: object) -> None: ...


class RecordingLock:
    def __init__(self, number: int) -> None:
        self.calls: list[Any] = [number]

    def acquire(self, *args: Any, **kwargs: Any) -> Any:
        self.calls.append(('acquire', args, kwargs))
        return 'acquired'

    def release(self, *args: Any, **kwargs: Any) -> Any:
        self.calls.append(('release', args, kwargs))
        return 'released'


def test_multilock_makes_its_locks_at_once() -> None:
    assert [lock.calls for lock in MultiLock(3, RecordingLock).locks] == [[0], [1], [2]]
    with pytest.raises(ValueError):
        MultiLock(0, RecordingLock)


def test_multilock_forwards_arguments_and_results() -> None:
    multi = MultiLock(1, RecordingLock)
    assert multi.acquire('a', 0, x=1) == 'acquired'
    assert multi.release('a') == 'released'
    assert multi.locks[0].calls[1:] == [('acquire', (0,), {'x': 1}), ('release', (), {})]


def test_an_object_has_one_lock_of_a_multilock() -> None:
    multi = MultiLock(10, lambda i: threadLock())
    multi.acquire('a')
    assert multi.locked('a')
    assert sum(lock.locked() for lock in multi.locks) == 1
    multi.release('a')
    assert not multi.locked('a')


def test_a_multilock_is_held_for_a_block() -> None:
    multi = MultiLock(10, lambda i: threadLock())
    with pytest.raises(KeyError), multi.holding('a'):
        assert multi.locked('a')
        raise KeyError
    assert not multi.locked('a')


@pytest.mark.parametrize(('one', 'other'), [(1, 1.0), (1, True), (('a', 1), ('a', 1.0))])
def test_equal_objects_share_a_lock(one: object, other: object) -> None:
    multi = MultiLock(1000, lambda i: threadLock())
    multi.acquire(one)
    assert multi.locked(other)


def test_processes_agree_on_the_lock_of_an_object() -> None:
    code = ('from spyce.runtime.locks import MultiLock, threadLock\n'
            'for key in ("text", b"bytes", 12, -1, 2.5, ("a", (1, b"x"))):\n'
            '    multi = MultiLock(1000, lambda i: threadLock()); multi.acquire(key)\n'
            '    print([lock.locked() for lock in multi.locks].index(True))')
    assert len({in_process(f'# {seed}\n{code}') for seed in range(2)}) == 1
