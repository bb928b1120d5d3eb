"""Locks on single bytes of one file: seen by every process, gone with their holder, any number in one file.

Linux has them for each opening of the file (open file description locks); macOS and others for each process
(POSIX locks, so a process must open the file once); Windows through msvcrt.
"""
from __future__ import annotations

import errno
import os
import struct
import sys
import threading

from spyce.sessions.private import open_private_file
from spyce.sessions.stamp import Stamp, stamp_of

_BUSY = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)

if sys.platform == 'win32':
    import msvcrt

    _seek = threading.Lock()

    def _set(fd: int, offset: int, lock: bool) -> None:
        with _seek:
            os.lseek(fd, offset, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK if lock else msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    _OFD_SETLK: int | None = getattr(fcntl, 'F_OFD_SETLK', 37) if sys.platform == 'linux' else None
    _flock = struct.Struct('hhqqi4x').pack

    def _set(fd: int, offset: int, lock: bool) -> None:
        global _OFD_SETLK
        if _OFD_SETLK is not None:
            kind = fcntl.F_WRLCK if lock else fcntl.F_UNLCK
            try:
                fcntl.fcntl(fd, _OFD_SETLK, _flock(kind, os.SEEK_SET, offset, 1, 0))
                return
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                _OFD_SETLK = None  # a kernel without them
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB if lock else fcntl.LOCK_UN, 1, offset)


class RangeLockFile:
    """One file of byte locks. Excludes other processes only: threads of this one must agree among themselves.

    If the file is removed under its users, they meet again in the one that the next of them makes; locks that were held
    then are worth nothing any more, which is_current() says.
    """

    def __init__(self, path: str) -> None:
        """path: of the file, made if it is not there. Raises StoreError if it is not ours alone."""
        self.path = path
        self.opening = 0
        self._mutex = threading.Lock()
        self._folder = os.path.dirname(path)
        self._fd = -1
        self._identity: tuple[int, int] | None = None
        self._checked: Stamp | None = None  # of the folder, when the file was found to be the one at its path
        self._replaced: list[int] = []  # not closed: other threads may be using them
        self._open()

    def try_lock(self, offset: int, folder: str = '') -> tuple[int, Stamp | None] | None:
        """Lock the byte at `offset` (0 to 2**63 - 2) unless another process has it: then None.

        folder: that of the file, by the path that the caller knows it by, if that may be another one.
        What is_current() is to be asked later, and the folder's stamp just after locking. Raises StoreError, OSError.
        """
        while True:
            opening = self.opening
            locked = self._fd >= 0
            try:
                if locked:
                    _set(self._fd, offset, True)
            except OSError as error:
                if error.errno not in _BUSY:
                    raise
                locked = False
            stamp = stamp_of(folder or self._folder)
            if self.is_current(opening, stamp):
                return (opening, stamp) if locked else None
            self.ensure_current()

    def unlock(self, offset: int) -> None:
        """Unlock the byte at `offset`."""
        if self._fd >= 0:
            _set(self._fd, offset, False)

    def is_current(self, opening: int, stamp: Stamp | None) -> bool:
        """Whether the file that `opening` counts is open still, and still the one at its path.

        stamp: that of the folder, now
        """
        if opening != self.opening:
            return False
        if stamp is None or stamp != self._checked:
            try:
                there = os.lstat(self.path)
            except OSError:
                return False
            if self._identity != (there.st_dev, there.st_ino):
                return False
            self._checked = stamp
        return opening == self.opening

    def ensure_current(self) -> None:
        """Open the file at the path, unless it is open already."""
        with self._mutex:
            if not self.is_current(self.opening, stamp_of(self._folder)):
                self._open()

    def forget(self) -> None:
        """Let go of the opening that a fork has given to this process too, without unlocking its parent's bytes."""
        self._mutex = threading.Lock()
        fd, self._fd, self._identity, self._checked = self._fd, -1, None, None
        os.close(fd)

    def _open(self) -> None:
        fd = open_private_file(self.path)
        status = os.fstat(fd)
        if self._fd >= 0:
            self._replaced.append(self._fd)
        self._fd, self._identity, self._checked = fd, (status.st_dev, status.st_ino), None
        self.opening += 1

    def __del__(self) -> None:
        for fd in (*getattr(self, '_replaced', ()), getattr(self, '_fd', -1)):
            if fd >= 0:
                os.close(fd)
