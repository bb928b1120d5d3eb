"""Folders and files that are this user's alone: what keeps sessions from other users of the machine."""
from __future__ import annotations

import errno
import os
import stat

from spyce.sessions.errors import StoreError

_OPEN = os.O_RDWR | getattr(os, 'O_NOFOLLOW', 0) | getattr(os, 'O_CLOEXEC', 0) | getattr(os, 'O_BINARY', 0)


def make_private_folder(path: str) -> None:
    """Make the folder (0700) unless it is there. Raises StoreError if it is a link, or another's, or open to others."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise StoreError(f'{path}: the folder for sessions cannot be made: {error.strerror}. Give a folder that exists '
                         'and that this user may write to') from error
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        raise StoreError(f'{path}: this is a {_kind(status)}, not a folder; sessions are not kept there. Remove it')
    _check_owner(path, status, 0o700)


def open_private_file(path: str) -> int:
    """A descriptor of the file, made (0600) if it is not there.

    Raises StoreError if it is no plain file, has further names, or is another's, or open to others.
    """
    try:
        try:
            fd = os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            check_private_file(path)
            fd = os.open(path, _OPEN)
    except OSError as error:
        what = 'a link' if error.errno == errno.ELOOP else error.strerror
        raise StoreError(f'{path}: this file of the session store cannot be opened: {what}') from error
    return fd


def check_private_file(path: str) -> None:
    """Raise StoreError if what is there is not a plain file of this user's alone; nothing there is fine."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(f'{path}: this is a {_kind(status)}, not a plain file; the session store does not use it. '
                         'Find out who put it there, then remove it')
    if status.st_nlink > 1:
        raise StoreError(f'{path}: this file has a second name (a hard link) elsewhere; the session store does not use '
                         'it. Find out who made it, then remove it')
    _check_owner(path, status, 0o600)


def _check_owner(path: str, status: os.stat_result, mode: int) -> None:
    if os.name != 'posix':
        return
    if status.st_uid != os.geteuid():
        raise StoreError(f'{path}: belongs to user {status.st_uid}, and the server runs as {os.geteuid()}; the session '
                         'store uses only what is its own')
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise StoreError(f'{path}: other users may read or write it (mode {stat.S_IMODE(status.st_mode):04o}); make '
                         f'sure that nobody did, then: chmod {mode:04o} {path}')


def _kind(status: os.stat_result) -> str:
    if stat.S_ISLNK(status.st_mode):
        return 'link'
    return 'folder' if stat.S_ISDIR(status.st_mode) else 'special file' if not stat.S_ISREG(status.st_mode) else 'file'
