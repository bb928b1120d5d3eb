"""A cache of what is made from files: made once, and again when any of these files changed."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

V = TypeVar('V')

STRING_LIMIT = 1000


class Signature(NamedTuple):
    """What tells one state of a file from another: taken from the open file, before it is read."""

    mtime_ns: int
    size: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> 'Signature':
        return cls(status.st_mtime_ns, status.st_size, status.st_ino)


Files = Sequence[tuple[str, Signature]]


def read_file(path: str | os.PathLike[str]) -> tuple[bytes, Signature]:
    """The content of a file and its signature.

    :raises OSError: if it cannot be read.
    """
    with open(path, 'rb') as file:
        signature = Signature.of(os.fstat(file.fileno()))
        return file.read(), signature


@dataclass(frozen=True)
class _Entry(Generic[V]):
    value: V
    files: tuple[tuple[str, Signature], ...]
    bounded: bool

    def is_stale(self, status: os.stat_result | None) -> bool:
        """Whether a file has changed. status: what was just found out about the first one."""
        for path, (mtime_ns, size, inode) in self.files:
            if status is None:
                try:
                    status = os.stat(path)
                except OSError:
                    return True
            if status.st_mtime_ns != mtime_ns or status.st_size != size or status.st_ino != inode:
                return True
            status = None
        return False


class PageCache(Generic[V]):
    """Values by key, each made once however many threads ask for it.

    :param check_mtime: whether files are looked at again at each get (the option check_mtime): a bool, or a callable
        that says so.
    :param string_limit: how many values are kept that were made from no file, or are one of many from the same file;
        those not used for longest go first.
    """

    def __init__(self, check_mtime: Callable[[], bool] | bool = True, *, string_limit: int = STRING_LIMIT) -> None:
        self._check: Callable[[], bool] = check_mtime if callable(check_mtime) else lambda: check_mtime
        self._string_limit = string_limit
        self._entries: dict[Hashable, _Entry[V]] = {}
        self._strings: OrderedDict[Hashable, None] = OrderedDict()
        self._making: dict[Hashable, tuple[threading.RLock, int]] = {}  # lock, and how many threads hold or await it
        self._lock = threading.Lock()

    def fresh(self, key: Hashable, status: os.stat_result | None = None) -> V | None:
        """The value of a key if it is there, and made from its files as they are now.

        :param status: what has just been found out about the first of these files.
        """
        # No lock: one look-up in a dict; an entry never changes.
        entry = self._entries.get(key)
        if entry is None or (entry.files and self._check() and entry.is_stale(status)):
            return None
        if entry.bounded:
            self._use(key)
        return entry.value

    def get(self, key: Hashable, load: Callable[[], tuple[V, Files]], bounded: bool = False) -> V:
        """The value of a key.

        :param load: makes the value; also returns the files it was made from, with the signature that each had when
            it was opened.  What it raises is raised here, and nothing is kept.
        :param bounded: whether string_limit counts this value too: there may be any number like it.
        """
        value = self.fresh(key)
        return self._make(key, load, bounded) if value is None else value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._strings.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def _use(self, key: Hashable) -> None:
        try:
            self._strings.move_to_end(key)
        except KeyError:
            return  # another thread has dropped it; this one has its value

    def _make(self, key: Hashable, load: Callable[[], tuple[V, Files]], bounded: bool) -> V:
        with self._lock:
            lock, users = self._making.get(key, (None, 0))
            lock = lock or threading.RLock()
            self._making[key] = (lock, users + 1)
        try:
            with lock:
                value = self.fresh(key)  # another thread may have made it meanwhile
                if value is None:
                    value, files = load()
                    self._keep(key, _Entry(value, tuple(files), bounded or not files))
                return value
        finally:
            with self._lock:
                lock, users = self._making[key]
                if users == 1:
                    del self._making[key]
                else:
                    self._making[key] = (lock, users - 1)

    def _keep(self, key: Hashable, entry: _Entry[V]) -> None:
        with self._lock:
            self._entries[key] = entry
            if not entry.bounded:
                self._strings.pop(key, None)
                return
            self._strings[key] = None
            while len(self._strings) > self._string_limit:
                oldest, _none = self._strings.popitem(last=False)
                self._entries.pop(oldest, None)
