"""Mistakes in the options of sessions are found when the config is read, and named."""
from __future__ import annotations

from typing import Any

import pytest

from spyce.sessions import SessionOptions


@pytest.mark.parametrize(('options', 'text'), [
    ({'session_store': 'shelve'}, 'session_store: .* is no session store'),
    ({'session_path': 'shop'}, "session_path: 'shop' cannot be the path of a cookie"),
    ({'session_path': '/a; Domain=evil'}, 'session_path: '),
    ({'session_expire': '1 day'}, "session_expire: '1 day' is not a positive number of seconds"),
    ({'session_expire': 0}, 'session_expire: 0'),
    ({'session_lifetime': True}, 'session_lifetime: True'),
    ({'session_lifetime': float('nan')}, 'session_lifetime: nan'),
    ({'session_lock': 'page'}, "session_lock: 'page' is not one of 'request', 'merge', 'readonly'"),
    ({'session_lock_timeout': -1}, 'session_lock_timeout: -1'),
    ({'session_lock_waiters': -1}, 'session_lock_waiters: -1 is not a whole number of at least 0'),
    ({'session_max_bytes': 1.5}, 'session_max_bytes: 1.5'),
    ({'session_cookie_name': 'my id'}, "session_cookie_name: 'my id' cannot be the name of a cookie"),
    ({'session_cookie_name': 'x' * 4054}, 'session_cookie_name: a name of 4054 characters; browsers drop'),
    ({'session_cookie_domain': 'x; y'}, "session_cookie_domain: 'x; y' is no domain name"),
    ({'session_cookie_secure': 'yes'}, "session_cookie_secure: 'yes' is not True or False"),
    ({'session_cookie_persistent': None}, 'session_cookie_persistent: None'),
    ({'session_cookie_samesite': 'lax'}, "session_cookie_samesite: 'lax' is not one of 'Lax', 'Strict', 'None'"),
    ({'session_cookie_samesite': 'None'}, "session_cookie_samesite: 'None' needs session_cookie_secure = True"),
    ({'session_cookie_name': '__Host-id', 'session_path': '/shop'}, "needs path '/'"),
    ({'session_cookie_name': '__Host-id', 'session_cookie_domain': 'x.org'}, 'excludes session_cookie_domain'),
    ({'session_cookie_name': '__Secure-id', 'session_cookie_secure': False}, 'needs Secure'),
])
def test_what_cannot_be_meant_is_an_error(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        SessionOptions(**options)


@pytest.mark.parametrize(('threads', 'waiters', 'expected'), [(8, None, 4), (1, None, 1), (8, 0, 0), (8, 20, 20)])
def test_half_the_threads_may_wait_for_one_session(threads: int, waiters: int | None, expected: int) -> None:
    assert SessionOptions(threads=threads, session_lock_waiters=waiters).lock_waiters == expected
