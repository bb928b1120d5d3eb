"""A session store by its URL."""
from __future__ import annotations

import importlib
from typing import Any

from spyce.sessions.store import SessionStore

_STORES = {
    **dict.fromkeys(('redis', 'rediss', 'unix', 'redis+sentinel', 'redis+cluster'), ('redisstore', 'RedisStore')),
    **dict.fromkeys(('postgresql', 'mysql', 'mariadb', 'sqlite'), ('sqlstore', 'SQLStore')),
}
"""By the scheme, where a database's may name its driver, too: the module and the class."""

KNOWN = "'memory:', 'dbm:FOLDER', redis://, rediss://, unix://, redis+sentinel://, redis+cluster://, postgresql://, " \
        'mysql://, mariadb:// or sqlite:///FILE'


def open_store(url: str, **arguments: Any) -> SessionStore:
    """The session store at a URL; it is used from the first use on, or check().

    url: memory: (MemoryStore), dbm:FOLDER (DbmStore; in a config a relative folder is relative to the config's),
    redis://HOST:PORT/DB, rediss://, unix://, redis+sentinel://, redis+cluster:// (RedisStore),
    postgresql://USER:PASSWORD@HOST/DATABASE, mysql://, mariadb://, sqlite:///FILE (SQLStore).
    arguments: for that class, such as lease=60. Raises ValueError for a URL that is none of these, with nothing of it
    that may be a password, and ImportError, which says what to install.
    """
    if not isinstance(url, str):
        raise TypeError(f'open_store() needs the URL of a session store, and this is a {type(url).__name__}')
    scheme, colon, rest = url.partition(':')
    if url == 'memory:':
        return _made('memory', 'MemoryStore', **arguments)
    if scheme == 'dbm' and rest:
        return _made('dbm', 'DbmStore', rest, **arguments)
    found = _STORES.get(scheme) or _STORES.get(scheme.partition('+')[0])
    if found is not None and rest.startswith('//'):
        return _made(*found, url, **arguments)
    problem = f"'{scheme}:' names no session store" if colon and scheme.isalpha() else 'this is not the URL of a store'
    raise ValueError(f'{problem}: expected {KNOWN}')


def _made(module: str, name: str, *values: Any, **arguments: Any) -> SessionStore:
    store: SessionStore = getattr(importlib.import_module(f'spyce.sessions.{module}'), name)(*values, **arguments)
    return store
