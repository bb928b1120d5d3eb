"""Sessions made without a site."""
from __future__ import annotations

import threading
import time
from typing import Any

from spyce.sessions import SessionManager, SessionOptions, SessionStore


def make_session(store: SessionStore, age: float = 0, **items: Any) -> str:
    """A session that was made `age` seconds ago, indexed by `user`; its id. The store is closed afterwards."""
    options = SessionOptions(session_store=store, session_index='user')
    manager = SessionManager(options, create_lock=lambda name: threading.RLock(), clock=lambda: time.time() - age)
    session = manager.request_session([], secure=False)
    session.update(items)
    session.finish()
    manager.close()
    return session.sessionid
