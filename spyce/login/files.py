"""Logins in a folder, each in a file of its own (2.1's FileStorage, reference 10: login_storage)."""
from __future__ import annotations

import json
import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from spyce.login.record import User
from spyce.login.storage import LoginStorage
from spyce.runtime.locks import fileLock
from spyce.sessions.errors import StoreError
from spyce.sessions.private import check_private_file, make_private_folder, open_private_file

log = logging.getLogger('spyce.login')

SUBFOLDER = 'spyce-logins'
BUCKET_DIGITS = 2
"""Digits of a name that say in which of 256 folders its file is: each new login cleans the folder that it comes to."""

LARGEST = 100_000
"""Bytes of a file; ours have some hundreds."""

_NAME = re.compile(r'[0-9a-f]{64}', re.ASCII)
_READ = os.O_RDONLY | getattr(os, 'O_NOFOLLOW', 0) | getattr(os, 'O_CLOEXEC', 0) | getattr(os, 'O_BINARY', 0)


class FileStorage(LoginStorage):
    """Keeps logins for all threads and processes of one machine, in DIR/spyce-logins (0700; its files 0600).

    What 2.1 kept beside it (spytoken-...) is not read. find() reads all files; SessionStorage has an index.
    """

    def __init__(self, dir: str | os.PathLike[str], clock: Callable[[], float] = time.time) -> None:
        """dir: a folder that exists; a relative one is relative to the config file.
        clock: seconds since 1970."""
        self.dir = os.fspath(dir)
        self.folder = ''
        self._clock = clock
        self.settle_in(os.getcwd())

    def settle_in(self, base: str) -> None:
        """Take a relative `dir` as relative to `base`: a config file's folder, where __init__ took the current one."""
        self.folder = os.path.join(os.path.abspath(os.path.join(base, self.dir)), SUBFOLDER)

    def __repr__(self) -> str:
        return f'FileStorage({self.dir!r})'

    def check(self) -> None:
        make_private_folder(self.folder)

    def load(self, name: str) -> str | None:
        content = self._read(self._path(name))
        return content[1] if content is not None else None

    def save(self, name: str, record: str, *, user: User, expires: float, replaces: str | None) -> bool:
        path = self._path(name)
        with self._alone():
            if self.load(name) != replaces:
                return False
            bucket = os.path.dirname(path)
            make_private_folder(bucket)
            if replaces is None:
                self._clean(bucket)
            self._write(path, json.dumps(user) + '\n' + record, expires)
        return True

    def delete(self, name: str) -> bool:
        with self._alone():
            return _remove(self._path(name))

    def find(self, user: User) -> list[str]:
        found = []
        for entry in self._files():
            content = self._read(entry.path)
            if content is not None and content[0] == user and type(content[0]) is type(user):
                found.append(entry.name)
        return found

    def _path(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(f'{name!r} is not the name of a login: 64 hex digits')
        return os.path.join(self.folder, name[:BUCKET_DIGITS], name)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While the block runs, no other thread or process changes a login."""
        make_private_folder(self.folder)
        with fileLock(os.path.join(self.folder, 'all')):
            yield

    def _read(self, path: str) -> tuple[object, str] | None:
        """User and record in a file; None if it is not there, or cannot be used, which the log says."""
        try:
            check_private_file(path)
            with os.fdopen(os.open(path, _READ), encoding='ascii') as file:
                user, _, record = file.read(LARGEST).partition('\n')
            return json.loads(user), record
        except FileNotFoundError:
            return None
        except (OSError, StoreError, ValueError, RecursionError) as error:
            log.error('%s: this login cannot be read and counts as ended: %s', path, error)
            return None

    @staticmethod
    def _write(path: str, text: str, expires: float) -> None:
        """Put the text in the place of what is there, whole or not at all; the file's time says when it expires."""
        temporary = f'{path}.{secrets.token_hex(8)}'
        try:
            with os.fdopen(open_private_file(temporary), 'w', encoding='ascii') as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.utime(temporary, (expires, expires))
            os.replace(temporary, path)
        except OSError as error:
            _remove(temporary)
            raise StoreError(f'{path}: a login cannot be written: {error.strerror}') from error

    def _clean(self, bucket: str) -> None:
        """Remove what has expired in one folder, files that a crash left half written too."""
        now = self._clock()
        with os.scandir(bucket) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.stat(follow_symlinks=False).st_mtime <= now or not _NAME.fullmatch(entry.name):
                        _remove(entry.path)

    def _files(self) -> Iterator[os.DirEntry[str]]:
        with suppress(FileNotFoundError), os.scandir(self.folder) as buckets:
            for bucket in buckets:
                if bucket.is_dir(follow_symlinks=False):
                    with os.scandir(bucket.path) as files:
                        yield from (file for file in files if _NAME.fullmatch(file.name))


def _remove(path: str) -> bool:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True
