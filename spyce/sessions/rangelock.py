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

    def _set(fd: int, offset: int, lock: bool) -> None:
        global _OFD_SETLK
        if _OFD_SETLK is not None:
            kind = fcntl.F_WRLCK if lock else fcntl.F_UNLCK
            try:
                fcntl.fcntl(fd, _OFD_SETLK, struct.pack('hhqqi4x', kind, os.SEEK_SET, offset, 1, 0))
                return
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                _OFD_SETLK = None  # a kernel without them
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB if lock else fcntl.LOCK_UN, 1, offset)


class RangeLockFile:
    """One file of byte locks. Excludes other processes only: threads of this one must agree among themselves."""

    def __init__(self, path: str) -> None:
        """path: of the file, made if it is not there. Raises StoreError if it is not ours alone."""
        self.path = path
        self._fd = open_private_file(path)

    def try_lock(self, offset: int) -> bool:
        """Lock the byte at `offset` (0 to 2**63 - 2) unless another process has it."""
        try:
            _set(self._fd, offset, True)
        except OSError as error:
            if error.errno in _BUSY:
                return False
            raise
        return True

    def unlock(self, offset: int) -> None:
        """Unlock the byte at `offset`."""
        _set(self._fd, offset, False)

    def reopen(self) -> None:
        """Let go of the opening that a fork has given to this process too, without unlocking its parent's bytes."""
        os.close(self._fd)
        self._fd = open_private_file(self.path)

    def is_current(self) -> bool:
        """Whether the file that is open is still the one at its path."""
        try:
            there = os.lstat(self.path)
        except OSError:
            return False
        ours = os.fstat(self._fd)
        return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)

    def __del__(self) -> None:
        if getattr(self, '_fd', None) is not None:
            os.close(self._fd)
