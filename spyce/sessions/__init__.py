"""Sessions: stores, ids, locks, and the session of one request. Works without a server.

    store = DbmStore('/var/lib/site')
    manager = SessionManager(SessionOptions(session_store=store), create_lock=server.createLock)
    session = manager.request_session(cookies, secure=True)
    session['n'] = session.get('n', 0) + 1
    headers = session.finish()
"""
from typing import TYPE_CHECKING, Any

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
from spyce.sessions.options import SessionOptions
from spyce.sessions.request import RequestSession
from spyce.sessions.store import CLEAN_INTERVAL, SessionStore
from spyce.sessions.users import end_all, find

if TYPE_CHECKING:
    from spyce.sessions.redisstore import RedisStore as RedisStore

__all__ = [
    'CLEAN_INTERVAL', 'DbmStore', 'MemoryStore', 'RequestSession', 'SessionChanged', 'SessionError', 'SessionLocked',
    'SessionInfo', 'SessionManager', 'SessionNotFoundError', 'SessionOptions', 'SessionReadOnly', 'SessionStore',
    'SessionTooLarge', 'SessionValueError', 'StoreError', 'end_all', 'find',
]


def __getattr__(name: str) -> Any:
    """The stores that need a package of their own, imported when they are asked for. Raises ImportError without it."""
    if name == 'RedisStore':
        from spyce.sessions.redisstore import RedisStore
        return RedisStore
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
