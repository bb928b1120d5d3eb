"""session_store in a configuration: a store, or a url that names one."""
from __future__ import annotations

from typing import Any

from spyce.config.messages import ConfigError

CONTRACT = ('load', 'save', 'clear', 'is_expired', 'list')
VARIABLE = 'SPYCE_SESSION_STORE'
"""The environment variable that names a store where the configuration names none."""


def checked_store(value: Any, base: str, where: str) -> Any:
    """The store that `value` means; None stays None, which is the embedded store in the site's private folder.

    value: a store (anything with the methods of spyce.sessions.SessionStore), or a url for open_store(); a relative
    folder or file is relative to `base`. Raises ConfigError.
    """
    if value is None:
        return None
    if isinstance(value, str):
        value = _store_at(value, where)
    missing = [name for name in CONTRACT if not callable(getattr(value, name, None))]
    if isinstance(value, type) or missing:
        what = 'it is a class: write its name with parentheses' if isinstance(value, type) else \
            f'it has no method {", ".join(missing)}'
        raise ConfigError(f"{where}: session_store = {value!r:.200} cannot be used ({what}): expected a session store, "
                          "or the url of one such as 'memory:' or 'dbm:FOLDER'")
    settle_in = getattr(value, 'settle_in', None)
    if settle_in is not None:  # a relative folder was meant as relative to the config
        settle_in(base)
    return value


def _store_at(url: str, where: str) -> Any:
    from spyce.sessions.opening import open_store
    try:
        return open_store(url)
    except (ValueError, ImportError) as error:
        # Of the url only what cannot be a password.
        raise ConfigError(f'{where}: session_store cannot be opened: {error}; or give a store object') from None
