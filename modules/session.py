"""The session module: a dictionary for each visitor (manual, session module; reference 8).

    [[.import name=session]]
    [[.import name=session args="path='/shop', expire=3600, lock='merge'"]]

All instances within one request are views of one session.
"""
from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from functools import lru_cache, partial
from typing import Any
from weakref import ref

from spyce.legacy.spyceModule import spyceModule
from spyce.login.request import owner_of
from spyce.runtime.handler import REDIRECTED
from spyce.runtime.paths import real_folder
from spyce.sessions import (
    CLEAN_INTERVAL,
    DbmStore,
    MemoryStore,
    RequestSession,
    SessionManager,
    SessionNotFoundError,
    SessionStore,
    open_store,
)
from spyce.web.caching import mark_personal

__all__ = ['CLEAN_INTERVAL', 'DbmStore', 'MemoryStore', 'SessionNotFoundError', 'SessionStore', 'clean_store',
           'open_store', 'session']

STATE = 'session'
VIEWED = 'session viewed'
"""In request.state: a page has imported the session as the config has it, which view() has not been told yet."""


@lru_cache(maxsize=10_000)
def _label(page: str, root: str) -> str:
    """What the log calls a request for this page."""
    return f'the page {page.removeprefix(os.path.join(real_folder(root), ""))}'


class session(spyceModule, MutableMapping[str, Any]):
    """The visitor's session, as a mapping whose items are there again at his next request."""

    _shared: RequestSession | None = None

    def init(self, path: str | None = None, expire: float | None = None, lock: str | None = None,
             readonly: bool = False) -> None:
        """Options at import: cookie path, idle seconds, lock mode ('request', 'merge', 'readonly').

        Raises ValueError for a value that cannot be meant, TypeError for an option that does not exist.
        """
        state = self._api.getRequest().state
        if STATE not in state and path is None and expire is None and lock is None and not readonly:
            state[VIEWED] = True  # most pages that import it do not use it
            return
        shared = self._share()
        if state.pop(VIEWED, False):
            shared.view()
        shared.view(path=path, expire=expire, lock=lock, readonly=readonly)

    def finish(self, theError: Any = None) -> None:
        """Nothing: the session is saved once, when the response leaves."""

    def _share(self) -> RequestSession:
        """The one session of this HTTP request, whichever page or module asks."""
        request = self._api.getRequest()
        self._shared = request.state.get(STATE)
        if self._shared is None:
            self._shared = request.state[STATE] = self._begin(request)
        return self._shared

    def _begin(self, request: Any) -> RequestSession:
        server, stack, response = self._api.getServer(), self._api.getStack(), self._api.getResponse()
        manager: SessionManager = server.sessions
        begun = manager.request_session(
            request.cookies(), secure=request.is_secure(), arrived=request.state.get('arrived'),
            label=_label(stack[0], server.config.root) if stack else '',
            login=partial(owner_of, server, ref(request), ref(response)))
        no_cookies = getattr(response, 'no_cookies', None)
        if no_cookies is not None:
            begun.finish(no_cookies)
        elif response.headers_sent:
            begun.finish()  # too late for a cookie: it can be read only
        else:
            response.before_send(partial(_send_headers, begun, response))
        return begun

    @property
    def _session(self) -> RequestSession:
        shared = self._shared
        if shared is None:
            shared = self._share()
            shared.view()
        return shared

    def __getitem__(self, key: str) -> Any:
        return self._session[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._session.put(key, value)

    def __delitem__(self, key: str) -> None:
        del self._session[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._session)

    def __len__(self) -> int:
        return len(self._session)

    def __contains__(self, key: object) -> bool:
        return key in self._session

    def __bool__(self) -> bool:
        """Always true, as in 2.1 (reference 8.1); len(session) tells whether it is empty."""
        return True

    def put(self, key: str, value: Any) -> None:
        """session[key] = value."""
        self._session.put(key, value)

    def delete(self, key: str) -> None:
        """Remove an item; one that is not there is fine."""
        self._session.delete(key)

    def has_key(self, key: str) -> bool:
        """key in session, as Python 2 had it."""
        return key in self._session

    def iterkeys(self) -> Iterator[str]:
        """iter(session.keys()), as Python 2 had it."""
        return iter(self)

    def itervalues(self) -> Iterator[Any]:
        """iter(session.values()), as Python 2 had it."""
        return iter(self.values())

    def iteritems(self) -> Iterator[tuple[str, Any]]:
        """iter(session.items()), as Python 2 had it."""
        return iter(self.items())

    @property
    def sessionid(self) -> str:
        """The id; '' as long as the visitor has no session and nothing was put."""
        return self._session.sessionid

    @property
    def path(self) -> str:
        """Path of the cookie."""
        return self._session.path

    @property
    def expire(self) -> float:
        """Seconds without use after which the session ends."""
        return self._session.expire

    @property
    def store(self) -> Any:
        """The store that the sessions of this server are kept in."""
        return self._api.getServer().sessions.store

    @property
    def is_new(self) -> bool:
        """Whether this request began without a session."""
        return self._session.is_new

    @property
    def created(self) -> float | None:
        """When the session was made (seconds since 1970); None if there is none yet."""
        return self._session.created

    def regenerate(self) -> None:
        """Give the session a new id; call it at login."""
        self._session.regenerate()

    def invalidate(self) -> None:
        """End the session: logout."""
        self._session.invalidate()

    def release(self) -> None:
        """Save and unlock now; the session can only be read from here on."""
        self._session.release()

    def rollback(self) -> None:
        """Forget what this request put and deleted."""
        self._session.rollback()

    def incr(self, key: str, by: int | float = 1) -> int | float:
        """Add to a number (0 if it is not there) and return it; with lock='merge' stored at once."""
        return self._session.incr(key, by)

    def token(self, purpose: str = '') -> str:
        """A CSRF token for a form: <input type=hidden name=token value="[[=session.token()]]">.

        For a visitor without a session nothing is stored: the token hangs on a cookie of its own. purpose: what it is
        good for, and nothing else.
        """
        return self._session.token(purpose)

    def check(self, token: Any, purpose: str = '') -> bool:
        """Whether the token that a form sent is of this session: if not session.check(request['token']): refuse."""
        return self._session.check(token, purpose)

    def flash(self, text: str, kind: str = 'info') -> None:
        """Leave a message for the visitor's next page that asks for flashes()."""
        self._session.flash(text, kind)

    def flashes(self) -> list[tuple[str, str]]:
        """The messages left, as (kind, text), each once.

        None after redirect.external(): what this page prints is not seen, so they are for the page that follows.
        """
        return [] if self._api.getRequest().state.get(REDIRECTED) else self._session.flashes()


def clean_store(store: SessionStore | None = None) -> int:
    """Remove the sessions that have expired; how many there were (manual: scheduler.schedule_daily).

    store: None for that of the current server.
    """
    if store is not None:
        return SessionManager.for_store(store).clean()
    from spyce.runtime.context import getServer
    return getServer().sessions.clean()


def _send_headers(state: RequestSession, response: Any) -> None:
    headers = state.finish()
    if not headers:
        return
    has_cookie = False
    for name, value in headers:
        if name == 'Set-Cookie':
            response.addHeader(name, value)
            has_cookie = True
    mark_personal(response, carries_secret=has_cookie or state.gave_token)
