"""session_store in a configuration: a store, or a url that names one."""
from __future__ import annotations

import os
from typing import Any

from spyce.config.messages import ConfigError

CONTRACT = ('load', 'save', 'clear', 'is_expired', 'list')


def checked_store(value: Any, base: str, where: str) -> Any:
    """The store that `value` means; None stays None, which is the embedded store in the site's private folder.

    value: a store (anything with the methods of spyce.sessions.SessionStore), 'memory:', or 'dbm:FOLDER', where a
    relative folder is relative to `base`. Raises ConfigError.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return _store_at(value, base, where)
    missing = [name for name in CONTRACT if not callable(getattr(value, name, None))]
    if isinstance(value, type) or missing:
        what = 'it is a class: write its name with parentheses' if isinstance(value, type) else \
            f'it has no method {", ".join(missing)}'
        raise ConfigError(f"{where}: session_store = {value!r:.200} cannot be used ({what}): expected a session store, "
                          "'memory:' or 'dbm:FOLDER'")
    settle_in = getattr(value, 'settle_in', None)
    if settle_in is not None:  # a relative folder was meant as relative to the config
        settle_in(base)
    return value


def _store_at(url: str, base: str, where: str) -> Any:
    scheme, colon, rest = url.partition(':')
    if url == 'memory:':
        from spyce.sessions import MemoryStore
        return MemoryStore()
    if scheme == 'dbm' and rest:
        from spyce.sessions import DbmStore
        return DbmStore(os.path.join(base, rest))
    problem = f'there is no session store {scheme}: in this version' if colon and scheme.isalpha() else \
        'this is not the url of a session store'
    raise ConfigError(f"{where}: session_store = {url!r} cannot be used ({problem}): expected 'memory:', "
                      "'dbm:FOLDER', or a store object")
