"""Locks that pages, modules and session stores use, under their names in 2.1 (`import spyceLock`).

After a fork the child holds no file lock, and no lock that another thread of its parent held.
"""
from __future__ import annotations

import os
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Protocol

from spyce.sessions.living import Living

if TYPE_CHECKING:
    import filelock

POLL_SECONDS = 0.01
"""How often a waiting process looks whether a file lock has become free."""


class Lock(Protocol):
    """What every lock can do. `acquire` takes one argument: whether to wait."""

    def acquire(self, block: Any = True, /) -> bool: ...
    def release(self) -> None: ...
    def locked(self) -> bool: ...


class _Holdable:
    """Makes `with lock:` hold the lock for a block, as 2.1's threadLock could, being Python's own RLock."""

    def __enter__(self: Lock) -> Lock:
        self.acquire()
        return self

    def __exit__(self: Lock, *details: object) -> None:
        self.release()


class dummyLock(_Holdable):
    """The lock of a server with one thread: always free."""

    def acquire(self, block: Any = True) -> bool:
        """Take the lock, which always succeeds."""
        return True

    def release(self) -> None:
        """Do nothing."""

    def locked(self) -> bool:
        """Whether anyone holds the lock: never."""
        return False


class threadLock(_Holdable):
    """A lock between the threads of this process; who holds it may take it again (2.1: threading.RLock)."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._holder: int | None = None
        self._depth = 0
        _living.add(self)

    def acquire(self, blocking: Any = True) -> bool:
        """Take the lock; True if that succeeded. With `blocking` false, do not wait for it."""
        if not self._lock.acquire(bool(blocking)):
            return False
        self._holder = threading.get_ident()
        self._depth += 1
        return True

    def release(self) -> None:
        """Give the lock back, once for each acquire(). Raises RuntimeError if this thread does not hold it."""
        if not self.held():
            raise RuntimeError('release() of a threadLock that this thread does not hold')
        self._depth -= 1
        if not self._depth:
            self._holder = None
        self._lock.release()

    def locked(self) -> bool:
        """Whether any thread holds the lock."""
        return self._holder is not None

    def held(self) -> bool:
        """Whether this thread holds the lock."""
        return self._holder == threading.get_ident()

    def _after_fork(self) -> None:
        # The thread that forked is still inside its critical section; the other threads do not exist here.
        if not self.held():
            self._lock, self._holder, self._depth = threading.RLock(), None, 0


class fileLock(_Holdable):
    """A lock between processes, and between the threads of each; the file `name`.lock stands for it.

    The thread that holds it may take it again. The file has mode 0600, may not be a symbolic link, and is never
    removed, as a process that waits for the lock may have it open. The lock dies with the process that holds it.
    """

    def __init__(self, name: str | os.PathLike[str]) -> None:
        self._path = os.fspath(name) + '.lock'
        self._thread = threadLock()
        self._file = self._open()
        _living.add(self)

    def _open(self) -> filelock.BaseFileLock:
        import filelock  # when it is needed, since it takes a while to import
        # Shared by the threads: the thread lock lets in one at a time.
        return filelock.FileLock(self._path, mode=0o600, thread_local=False)

    def acquire(self, block: Any = 1) -> bool:
        """Take the lock; True if that succeeded. With `block` false, do not wait for it.

        Raises OSError if the lock file cannot be opened, or is a symbolic link.
        """
        import filelock
        if not self._thread.acquire(block):
            return False
        try:
            self._file.acquire(blocking=bool(block), poll_interval=POLL_SECONDS)
        except filelock.Timeout:
            self._thread.release()
            return False
        except BaseException:
            self._thread.release()
            raise
        return True

    def release(self) -> None:
        """Give the lock back, once for each acquire(); without effect if this thread does not hold it."""
        if self._thread.held():
            try:
                self._file.release()
            finally:
                self._thread.release()

    def locked(self) -> bool:
        """Whether any thread of any process holds the lock."""
        if self._thread.locked():
            return True
        if not self.acquire(0):
            return True
        self.release()
        return False

    def _after_fork(self) -> None:
        # Closed, not unlocked: parent and child share the lock of an inherited file, so unlocking it would free the
        # parent's. Newer versions of filelock have closed it already, and want a new object in any case.
        inherited = self._file._context
        if inherited.lock_file_fd is not None:
            os.close(inherited.lock_file_fd)
            inherited.lock_file_fd = None
        self._thread, self._file = threadLock(), self._open()


class MultiLock:
    """A fixed number of locks that stand for any number of objects: each object has one of them (reference 6.3).

    Two objects may share a lock. Which one an object has is the same in every process for text, bytes, numbers and
    tuples of these, as file locks need; for other objects it goes by hash().
    """

    def __init__(self, locks: int, lock_generator: Callable[[int], Any]) -> None:
        """locks: how many; lock_generator(i): makes lock number i, counted from 0; called at once."""
        if locks < 1:
            raise ValueError(f'MultiLock needs at least one lock, not {locks}')
        self.locks = [lock_generator(i) for i in range(locks)]

    def acquire(self, obj: object, *args: Any, **kwargs: Any) -> Any:
        """Take the lock of `obj`; the other arguments and the result are those of the lock's own acquire()."""
        return self._lock(obj).acquire(*args, **kwargs)

    def release(self, obj: object, *args: Any, **kwargs: Any) -> Any:
        """Give the lock of `obj` back."""
        return self._lock(obj).release(*args, **kwargs)

    def locked(self, obj: object, *args: Any, **kwargs: Any) -> Any:
        """Whether the lock of `obj` is taken, on its own account or for an object that shares it."""
        return self._lock(obj).locked(*args, **kwargs)

    @contextmanager
    def holding(self, obj: object) -> Iterator[None]:
        """While the block runs, the lock of `obj` is held."""
        lock = self._lock(obj)
        lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _lock(self, obj: object) -> Any:
        return self.locks[_stable_hash(obj) % len(self.locks)]


def _stable_hash(obj: object) -> int:
    """A hash that equal objects share, in all processes: hash() of text and bytes is salted in each."""
    if isinstance(obj, str):
        return zlib.crc32(obj.encode('utf-8', 'surrogatepass'))
    if isinstance(obj, bytes):
        return zlib.crc32(obj)
    if isinstance(obj, tuple):
        return hash(tuple(_stable_hash(item) for item in obj))
    return hash(obj)


if sys.platform == 'win32':
    import msvcrt

    LOCK_EX, LOCK_SH, LOCK_NB = 1, 2, 4  # a shared lock is exclusive here: Windows has no other for byte ranges

    def file_lock(file: IO[Any], flags: int) -> None:
        """Lock an open file; raises OSError if LOCK_NB is among the flags and it is taken."""
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK if flags & LOCK_NB else msvcrt.LK_LOCK, 1)

    def file_unlock(file: IO[Any]) -> None:
        """Unlock a file that file_lock() has locked."""
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    LOCK_EX, LOCK_SH, LOCK_NB = fcntl.LOCK_EX, fcntl.LOCK_SH, fcntl.LOCK_NB

    def file_lock(file: IO[Any], flags: int) -> None:
        """Lock an open file; raises OSError if LOCK_NB is among the flags and it is taken."""
        fcntl.flock(file.fileno(), flags)

    def file_unlock(file: IO[Any]) -> None:
        """Unlock a file that file_lock() has locked."""
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)


_living: Living[threadLock | fileLock] = Living()


def _after_fork() -> None:
    for lock in _living:
        lock._after_fork()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_after_fork)
