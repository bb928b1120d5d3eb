"""Logins: who a visitor is, known by a cookie that nobody can guess (manual: core tags; reference 9).

    login_storage = FileStorage('/var/lib/site')             # in a config; default: the session store

    USERS = {'ada': (7, hash_password('...'))}               # in a module beside the pages
    def check(login, password):                              # <spy:login_required validator="accounts.check" />
        user_id, hashed = USERS.get(login, (None, None))
        return user_id if verify_password(password, hashed) else None
"""
from __future__ import annotations

from typing import Any

from spyce.login.files import FileStorage
from spyce.login.passwords import hash_password, verify_password
from spyce.login.record import User
from spyce.login.request import request_login, request_session
from spyce.login.storage import LoginStorage, SessionStorage

__all__ = ['FileStorage', 'LoginStorage', 'SessionStorage', 'end_all', 'hash_password', 'login', 'logout',
           'verify_password']


def login(api: Any, login_id: User, remember: bool = False) -> None:
    """Log a user in without asking for a password: after a sign-up, say. For handlers and Spyce modules.

    api: that of the handler or module; login_id: a str or an int; remember: beyond the end of the browser, for
    login_remember seconds. The session gets a new id, and ends if it was another user's.
    Raises TypeError for an id of another type, SpyceError if headers have been sent already.
    """
    page = _page(api)
    request_login(page).start(login_id, remember, request_session(page))


def logout(api: Any) -> None:
    """Log out who is logged in in this browser; nobody is fine. It is the handler of <spy:logout />.

    The login is forgotten here and in the browser, and the session ends.
    """
    page = _page(api)
    request_login(page).end(request_session(page))


def end_all(login_id: User, keep: Any = None) -> int:
    """Log a user out in all browsers, at once; how many logins there were. His sessions go on, without a login.

    keep: the `api` of the caller, whose own login stays: after a change of the password, say.
    """
    if keep is None:
        from spyce.runtime.context import getServer
        return getServer().logins.end_all(login_id)
    page = _page(keep)
    own = request_login(page)
    ended: int = page.getServer().logins.end_all(login_id, own.token if own.user() is not None else '')
    return ended


def _page(api: Any) -> Any:
    """The `_api` of modules; handlers have it behind theirs."""
    return getattr(api, '_wrapper', api)
