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
from collections import deque

from spyce.sessions.errors import SessionLocked
from spyce.sessions.rangelock import RangeLockFile

Key = int | str

FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.025

OTHER_PROCESS = 'another process'


class HeldLock:
    """A lock that is held; release() it once. Releasing again does nothing, nor does releasing it after a fork."""

    __slots__ = ('_locks', '_key', '_generation', '_opening')

    def __init__(self, locks: SessionLocks, key: Key, generation: int, opening: int) -> None:
        self._locks: SessionLocks | None = locks
        self._key = key
        self._generation = generation
        self._opening = opening

    def release(self) -> None:
        """Let the next one in."""
        locks, self._locks = self._locks, None
        if locks is not None:
            locks.release(self._key, self._generation)

    def is_exclusive(self) -> bool:
        """Whether nobody else can have got the lock meanwhile, as when the lock file was removed."""
        return self._locks is not None and self._locks.excludes(self._generation, self._opening)


class _Queue:
    """Who waits for one key in this process, and who holds it: '' if another process may."""

    __slots__ = ('waiting', 'front_waits', 'holder')

    def __init__(self) -> None:
        self.waiting: deque[threading.Lock] = deque()
        self.front_waits = False
        self.holder = ''


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

    def acquire(self, key: Key, timeout: float, max_waiters: int, label: str = '') -> HeldLock:
        """Lock the session; waits up to `timeout` seconds. label: what those who wait in vain are told of the holder.

        Raises SessionLocked after that, and at once if `max_waiters` wait for this session in this process already.
        """
        deadline = time.monotonic() + timeout
        self._reach_front(key, timeout, max_waiters)
        if self._shared is not None:
            try:
                self._exclude_others(self._shared, key, timeout, deadline, max_waiters)
            except BaseException:
                self._next(key)
                raise
        self._queues[key].holder = label
        return HeldLock(self, key, self._generation, 0 if self._shared is None else self._shared.opening)

    def excludes(self, generation: int, opening: int) -> bool:
        """What HeldLock.is_exclusive() does."""
        return generation == self._generation and (self._shared is None or self._shared.is_current(opening))

    def release(self, key: Key, generation: int) -> None:
        """What HeldLock.release() does; `generation` tells a lock that was taken before a fork."""
        if generation != self._generation:
            return
        try:
            if self._shared is not None:
                self._shared.unlock(_offset(key))
        finally:
            self._next(key)

    def in_use(self) -> int:
        """How many sessions are locked in this process."""
        return len(self._queues)

    def _reach_front(self, key: Key, timeout: float, max_waiters: int) -> None:
        with self._mutex:
            queue = self._queues.get(key)
            if queue is None:
                self._queues[key] = _Queue()
                return
            if len(queue.waiting) + queue.front_waits >= max_waiters:
                raise _too_many(max_waiters, queue.holder)
            turn = threading.Lock()
            turn.acquire()
            queue.waiting.append(turn)
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
        with self._mutex:
            queue = self._queues[key]
            queue.holder = ''
            if queue.waiting:
                queue.waiting.popleft().release()
            else:
                del self._queues[key]

    def _exclude_others(self, shared: RangeLockFile, key: Key, timeout: float, deadline: float,
                        max_waiters: int) -> None:
        offset = _offset(key)
        if shared.try_lock(offset):
            return
        queue = self._queues[key]
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
                if shared.try_lock(offset):
                    return
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


_all_locks: weakref.WeakSet[SessionLocks] = weakref.WeakSet()
_by_path: weakref.WeakValueDictionary[str, SessionLocks] = weakref.WeakValueDictionary()
_by_path_mutex = threading.Lock()


def _after_fork() -> None:
    global _by_path_mutex
    _by_path_mutex = threading.Lock()
    for locks in list(_all_locks):
        locks._forget_after_fork()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_after_fork)
