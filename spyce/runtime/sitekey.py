"""The site's secret key: made at first need, kept in the private folder of the site, or given by its config."""
from __future__ import annotations

import os
import secrets

from spyce.runtime.exceptions import SpyceError
from spyce.runtime.locks import fileLock
from spyce.sessions.private import open_private_file

SIZE = 32


def site_key(folder: str, configured: str | None) -> bytes:
    """The key. folder: private folder of the site; configured: the option site_key, for sites on several machines.

    Raises SpyceError if the file is damaged, StoreError if it is not this user's alone.
    """
    if configured is not None:
        return configured.encode()
    path = os.path.join(folder, 'key')
    if not os.path.exists(path):
        with fileLock(path):  # one process makes it, the others read it
            if not os.path.exists(path):
                _make_key(path)
    with os.fdopen(open_private_file(path), 'rb') as file:
        key = file.read()
    if len(key) != SIZE:
        raise SpyceError(f"{path}: the site's key is damaged; remove the file, and the site makes a new one. Forms "
                         'that visitors have open then have to be loaded again')
    return key


def _make_key(path: str) -> None:
    """Write a new key, whole or not at all."""
    temporary = f'{path}.new'
    with os.fdopen(open_private_file(temporary), 'wb') as file:
        file.truncate()
        file.write(secrets.token_bytes(SIZE))
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
