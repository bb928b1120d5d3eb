"""Sessions: stores, ids, locks, and the session of one request. Works without a server.

    store = DbmStore('/var/lib/site')
    manager = SessionManager(SessionOptions(session_store=store), create_lock=server.createLock)
    session = manager.request_session(cookies, secure=True)
    session['n'] = session.get('n', 0) + 1
    headers = session.finish()

What has a name here is imported when it is asked for: a page without a session needs no database, and a site needs
only what its own store does.
"""
from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spyce.sessions.dbm import DbmStore
    from spyce.sessions.errors import (
        SessionChanged,
        SessionError,
        SessionLocked,
        SessionNotFoundError,
        SessionReadOnly,
        SessionTooLarge,
        SessionValueError,
        StoreError,
    )
    from spyce.sessions.info import SessionInfo
    from spyce.sessions.manager import SessionManager
    from spyce.sessions.memory import MemoryStore
    from spyce.sessions.opening import open_store
    from spyce.sessions.options import SessionOptions
    from spyce.sessions.redisstore import RedisStore
    from spyce.sessions.request import RequestSession
    from spyce.sessions.sqlstore import SQLStore
    from spyce.sessions.store import CLEAN_INTERVAL, SessionStore
    from spyce.sessions.users import end_all, find

__all__ = [
    'CLEAN_INTERVAL', 'DbmStore', 'MemoryStore', 'RedisStore', 'RequestSession', 'SQLStore', 'SessionChanged',
    'SessionError', 'SessionInfo', 'SessionLocked', 'SessionManager', 'SessionNotFoundError', 'SessionOptions',
    'SessionReadOnly', 'SessionStore', 'SessionTooLarge', 'SessionValueError', 'StoreError', 'end_all', 'find',
    'open_store',
]

_HOMES = {name: module for module, names in {
    'dbm': ['DbmStore'],
    'errors': ['SessionChanged', 'SessionError', 'SessionLocked', 'SessionNotFoundError', 'SessionReadOnly',
               'SessionTooLarge', 'SessionValueError', 'StoreError'],
    'info': ['SessionInfo'],
    'manager': ['SessionManager'],
    'memory': ['MemoryStore'],
    'opening': ['open_store'],
    'options': ['SessionOptions'],
    'redisstore': ['RedisStore'],
    'request': ['RequestSession'],
    'sqlstore': ['SQLStore'],
    'store': ['CLEAN_INTERVAL', 'SessionStore'],
    'users': ['end_all', 'find'],
}.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    found = globals()[name] = getattr(importlib.import_module(f'{__name__}.{_HOMES[name]}'), name)
    return found
