"""The cookie of a login: where the session cookie goes, it goes too."""
from __future__ import annotations

from spyce.sessions.cookie import cookie_attributes
from spyce.sessions.options import SessionOptions

COOKIE = '_spy_login'
"""Its name, as in 2.1 (reference 8.3). What it holds is a token; 2.1 had a pickle there, which nobody reads here."""

_PAST = 'Thu, 01 Jan 1970 00:00:00 GMT'


def login_cookie(options: SessionOptions, token: str, *, secure: bool, seconds: float | None) -> str:
    """The header's value that gives the browser its token; seconds: until it ends, None: with the browser."""
    lasting = f'; Max-Age={max(1, int(seconds))}' if seconds is not None else ''
    return f'{COOKIE}={token}{lasting}{cookie_attributes(options, options.session_path, secure)}'


def expired_login_cookie(options: SessionOptions, *, secure: bool) -> str:
    """The header's value that makes the browser forget it."""
    return f'{COOKIE}=; Expires={_PAST}; Max-Age=0{cookie_attributes(options, options.session_path, secure)}'
