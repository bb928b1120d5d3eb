"""Who is logged in, for one HTTP request: looked up once, whichever page or module asks."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import ref

from spyce.login.cookie import COOKIE, expired_login_cookie, login_cookie
from spyce.login.manager import Found, LoginManager
from spyce.login.record import User, is_user, split_token
from spyce.runtime.exceptions import SpyceError
from spyce.sessions.items import NOBODY, Login
from spyce.sessions.options import SessionOptions
from spyce.web.caching import mark_personal

STATE = 'login'

MOST_COOKIES = 4
"""Tokens tried of one request: a browser may hold cookies of several paths, a hostile client any number."""


class RequestLogin:
    """The login of one request.

    message, name: what a login form of this page shows: why the last attempt failed, and the name then given.
    was_attempted: whether this request's name and password have been looked at.
    """

    def __init__(self, manager: LoginManager, options: SessionOptions, request: Any, response: Any) -> None:
        """request, response: the raw ones."""
        self.message = ''
        self.name = ''
        self.was_attempted = False
        self._manager = manager
        self._options = options
        self._response = response
        self._is_secure: bool = request.is_secure()
        self._sent = _tokens(request.cookies())
        self._has_cookie = any(name == COOKIE for name, _ in request.cookies())
        self._found: Found | None = None
        self._was_looked_up = False
        self._cookie = ''
        self.token = ''
        """The one that the browser has, or gets with this answer; '' if nobody is logged in."""
        if not response.headers_sent:
            response.before_send(self._send_headers)

    def user(self) -> User | None:
        """The id of who is logged in, None for nobody."""
        if not self._was_looked_up:
            self._was_looked_up = True
            for token in self._sent:
                found = self._manager.find(token, renew=not self._response.headers_sent)
                if found is not None:
                    self._take(found, token)
                    break
        return self._found.user if self._found is not None else None

    def start(self, user: User, remember: bool, session: Any) -> None:
        """Log a user in. session: the session module, whose session gets a new id; or ends, if it is another's."""
        if not is_user(user):
            raise TypeError(f'login({user!r}): the id of a user is a str or an int')
        if self._response.headers_sent:
            raise SpyceError('login(): the page has sent its headers already, so the login cookie cannot be sent; log '
                             'in before the first flush() or unbuffer()')
        before = self.user()
        if before is not None:
            self._manager.end(self.token)
        is_same = before is None or (before == user and type(before) is type(user))
        if not is_same:
            session.invalidate()
        self._take(self._manager.start(user, remember), '')
        if is_same:
            session.regenerate()

    def end(self, session: Any) -> None:
        """Log out, whoever is logged in: on the server, in the browser; the session ends too."""
        if self.user() is not None:
            self._manager.end(self.token)
        session.invalidate()
        self._found, self.token = None, ''
        self._cookie = expired_login_cookie(self._options, secure=self._is_secure) if self._has_cookie else ''

    def _take(self, found: Found, token: str) -> None:
        self._found, self.token = found, found.token or token
        if found.token is not None:
            self._cookie = login_cookie(self._options, found.token, secure=self._is_secure, seconds=found.seconds)

    def _send_headers(self) -> None:
        if self._cookie:
            self._response.addHeader('Set-Cookie', self._cookie)
        mark_personal(self._response, carries_secret=bool(self._cookie))


def request_login(api: Any) -> RequestLogin:
    """The login of the request that a page belongs to."""
    return _login_of(api.getServer(), api.getRequest(), api.getResponse())


def owner_of(server: Any, request_ref: ref[Any], response_ref: ref[Any]) -> Login:
    """Who is logged in, for the session of a request: it keeps neither the request nor its response alive, which keep
    the session."""
    request, response = request_ref(), response_ref()
    if request is None or response is None:
        return NOBODY
    if STATE not in request.state and not any(name == COOKIE for name, _ in request.cookies()):
        return NOBODY
    login = _login_of(server, request, response)
    user = login.user()
    if user is None:
        return NOBODY
    return f'{"str" if isinstance(user, str) else "int"} {user}', login.token.partition('.')[0]


def _login_of(server: Any, request: Any, response: Any) -> RequestLogin:
    login = request.state.get(STATE)
    if login is None:
        login = request.state[STATE] = RequestLogin(server.logins, server.config.sessions, request, response)
    return login  # type: ignore[no-any-return]


def request_session(api: Any) -> Any:
    """The session of the request as something that may be changed, even if the page imports it to read only."""
    from spyce.modules.session import session
    module = session(api)
    module.init(lock='merge' if api.getServer().config.session_lock == 'readonly' else None)
    return module


def _tokens(cookies: Sequence[tuple[str, str]]) -> list[str]:
    sent = dict.fromkeys(value for name, value in cookies if name == COOKIE and split_token(value) is not None)
    return list(sent)[:MOST_COOKIES]
