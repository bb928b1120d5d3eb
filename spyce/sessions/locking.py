"""The lock of one session: exact between threads and processes, fair among the threads of one process.

In a process, requests for one session queue up; the one at the front then takes the session's byte in the lock file
that all processes share, if the store has one.  A request holds one session lock at a time, so two sessions whose
keys fall on the same byte can wait for each other's requests but never deadlock.
"""
from __future__ import annotations

import hashlib
import os
import random
import threading
import time
import weakref

from spyce.sessions.errors import SessionLocked
from spyce.sessions.living import Living
from spyce.sessions.rangelock import RangeLockFile
from spyce.sessions.stamp import Stamp

Key = int | str

FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.025

OTHER_PROCESS = 'another process'


class HeldLock:
    """A lock that is held; release() it once. Releasing again does nothing, nor does releasing it after a fork.

    stamp: of the lock file's folder, when the lock had just been taken
    """

    __slots__ = ('stamp', '_locks', '_key', '_generation', '_opening')

    def __init__(self, locks: SessionLocks, key: Key, generation: int, opening: int, stamp: Stamp | None) -> None:
        self.stamp = stamp
        self._locks: SessionLocks | None = locks
        self._key = key
        self._generation = generation
        self._opening = opening

    def release(self) -> None:
        """Let the next one in."""
        locks, self._locks = self._locks, None
        if locks is None or locks._generation != self._generation:  # it was taken before a fork
            return
        try:
            if locks._shared is not None:
                locks._shared.unlock(_offset(self._key))
        finally:
            locks._next(self._key)

    def is_exclusive(self, stamp: Stamp | None = None) -> bool:
        """Whether nobody else can have got the lock meanwhile, as when the lock file was removed.

        stamp: of the lock file's folder, now, if the caller has it
        """
        locks = self._locks
        return locks is not None and locks._generation == self._generation and (
            locks._shared is None or locks._shared.is_current(self._opening, stamp))


class _Queue:
    """Who waits for one key in this process, and who holds it: '' if another process may."""

    __slots__ = ('waiting', 'front_waits', 'holder')

    def __init__(self) -> None:
        self.waiting: list[threading.Lock] = []
        self.front_waits = False
        self.holder = ''

    def join(self, max_waiters: int) -> threading.Lock:
        """Go to the end: what to acquire to have one's turn. Raises SessionLocked if `max_waiters` wait already."""
        if len(self.waiting) + self.front_waits >= max_waiters:
            raise _too_many(max_waiters, self.holder)
        turn = threading.Lock()
        turn.acquire()
        self.waiting.append(turn)
        return turn


class SessionLocks:
    """The locks of the sessions of one store, by internal key. The table holds only keys in use."""

    def __init__(self, shared: RangeLockFile | None = None) -> None:
        """shared: the lock file that other processes use too, or None if there are none."""
        self._shared = shared
        self._mutex = threading.Lock()
        self._queues: dict[Key, _Queue] = {}
        self._generation = 0
        _all_locks.add(self)

    @staticmethod
    def in_file(path: str) -> SessionLocks:
        """The locks in this file: one object a file and process, since openings of it do not know each other."""
        folder, name = os.path.split(os.path.abspath(path))
        path = os.path.join(os.path.realpath(folder), name)
        with _by_path_mutex:
            locks = _by_path.get(path)
            if locks is None or locks._shared is None:
                locks = _by_path[path] = SessionLocks(RangeLockFile(path))
            else:
                locks._shared.ensure_current()
            return locks

    def acquire(self, key: Key, timeout: float, max_waiters: int, label: str = '', folder: str = '') -> HeldLock:
        """Lock the session; waits up to `timeout` seconds. label: what those who wait in vain are told of the holder.

        folder: see RangeLockFile.try_lock(). Raises SessionLocked after that time, and at once if `max_waiters` wait
        for this session in this process already.
        """
        deadline = time.monotonic() + timeout
        mine = _Queue()
        queue = self._queues.setdefault(key, mine)  # indivisible: only one of those who find nobody there is first
        if queue is not mine:
            with self._mutex:  # or the queue could end before this request is in it
                queue = self._queues.setdefault(key, mine)
                turn = None if queue is mine else queue.join(max_waiters)
            if turn is not None:
                self._wait(key, queue, turn, timeout)
        opening, stamp = 0, None
        shared = self._shared
        if shared is not None:
            try:
                opening, stamp = shared.try_lock(_offset(key), folder) or self._exclude_others(
                    shared, key, queue, timeout, deadline, max_waiters, folder)
            except BaseException:
                self._next(key)
                raise
        queue.holder = label
        return HeldLock(self, key, self._generation, opening, stamp)

    def in_use(self) -> int:
        """How many sessions are locked in this process."""
        return len(self._queues)

    def _wait(self, key: Key, queue: _Queue, turn: threading.Lock, timeout: float) -> None:
        """Wait for the turn. Raises SessionLocked."""
        try:
            if turn.acquire(timeout=timeout):
                return
        except BaseException:
            self._leave(key, turn)
            raise
        if not self._leave(key, turn, keep_turn=True):
            raise _too_long(timeout, queue.holder)

    def _leave(self, key: Key, turn: threading.Lock, keep_turn: bool = False) -> bool:
        """Stop waiting. If the turn came just now, keep it (True) or pass it on."""
        with self._mutex:
            queue = self._queues[key]
            if turn in queue.waiting:
                queue.waiting.remove(turn)
                return False
        if not keep_turn:
            self._next(key)
        return keep_turn

    def _next(self, key: Key) -> None:
        """The turn of who waits first here; if nobody does, the queue ends."""
        with self._mutex:
            queue = self._queues[key]
            queue.holder = ''
            if queue.waiting:
                queue.waiting.pop(0).release()
            else:
                del self._queues[key]

    def _exclude_others(self, shared: RangeLockFile, key: Key, queue: _Queue, timeout: float, deadline: float,
                        max_waiters: int, folder: str) -> tuple[int, Stamp | None]:
        """Look again and again whether the other process has let go. Raises SessionLocked."""
        if max_waiters < 1:
            raise _too_many(max_waiters, OTHER_PROCESS)
        queue.front_waits = True
        try:
            pause = FIRST_PAUSE
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise _too_long(timeout, OTHER_PROCESS)
                time.sleep(min(left, pause * random.uniform(0.5, 1)))
                locked = shared.try_lock(_offset(key), folder)
                if locked is not None:
                    return locked
                pause = min(pause * 2, LONGEST_PAUSE)
        finally:
            queue.front_waits = False

    def _forget_after_fork(self) -> None:
        self._generation += 1
        self._mutex = threading.Lock()
        self._queues = {}
        if self._shared is not None:
            self._shared.forget()


def _offset(key: Key) -> int:
    if isinstance(key, int):
        return key
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), 'big') >> 2


def _too_many(max_waiters: int, holder: str) -> SessionLocked:
    return SessionLocked(f'the session is in use, and {max_waiters} further requests wait for it already '
                         f'(session_lock_waiters){_held_by(holder)}')


def _too_long(timeout: float, holder: str) -> SessionLocked:
    return SessionLocked(f'the session was in use by another request for {timeout:g} seconds (session_lock_timeout)'
                         f'{_held_by(holder)}')


def _held_by(holder: str) -> str:
    return f'; it is held by {holder}' if holder else ''


_all_locks: Living[SessionLocks] = Living()
_by_path: weakref.WeakValueDictionary[str, SessionLocks] = weakref.WeakValueDictionary()
_by_path_mutex = threading.Lock()


def _after_fork() -> None:
    global _by_path_mutex
    _by_path_mutex = threading.Lock()
    for locks in _all_locks:
        locks._forget_after_fork()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_after_fork)
