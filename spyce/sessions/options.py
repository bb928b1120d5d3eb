"""The options of sessions: names, defaults, and what is a mistake. Imports nothing heavy: config loading reads it."""
from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LOCK_MODES = ('request', 'merge', 'readonly')
SAMESITE = ('Lax', 'Strict', 'None')
DAY = 86400
LONGEST_COOKIE = 4096
ID_LENGTH = 43

Folder = str | os.PathLike[str] | Callable[[], str]

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_PATH = re.compile(r'/[\x21-\x3a\x3c-\x7e]*')
_DOMAIN = re.compile(r'\.?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*')


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """Options of sessions, by their names in a config. Raises ValueError for what cannot be meant.

    session_store: a SessionStore, or None for a DbmStore in session_folder
    session_path: path attribute of the cookie
    session_expire: seconds without use after which a session ends
    session_lifetime: seconds after which a session ends in any case
    session_lock: 'request', 'merge' or 'readonly' for pages that do not say
    session_lock_timeout: seconds to wait for a session that is in use
    session_lock_waiters: requests that may wait for one session; None: half of `threads`
    session_max_bytes: largest session
    session_cookie_name, session_cookie_domain, session_cookie_samesite: of the cookie
    session_cookie_secure: None: when the request is https; True and False force it
    session_cookie_persistent: whether the cookie outlives the browser
    session_index: name of the item that says whose session it is (a str or int), for find() and end_all()
    session_folder: folder of the default store and of locks, or a function that gives it, called at first use
    threads: how many threads serve requests
    """

    session_store: Any = None
    session_path: str = '/'
    session_expire: float = DAY
    session_lifetime: float = 30 * DAY
    session_lock: str = 'request'
    session_lock_timeout: float = 30
    session_lock_waiters: int | None = None
    session_max_bytes: int = 1024 * 1024
    session_cookie_name: str = 'sessionid'
    session_cookie_domain: str | None = None
    session_cookie_secure: bool | None = None
    session_cookie_samesite: str = 'Lax'
    session_cookie_persistent: bool = False
    session_index: str | None = None
    session_folder: Folder | None = None
    threads: int = 8

    def __post_init__(self) -> None:
        check_path('session_path', self.session_path)
        for name in ('session_expire', 'session_lifetime', 'session_lock_timeout'):
            check_seconds(name, getattr(self, name))
        check_lock('session_lock', self.session_lock)
        _check_count('session_max_bytes', self.session_max_bytes, least=1)
        _check_count('threads', self.threads, least=1)
        if self.session_lock_waiters is not None:
            _check_count('session_lock_waiters', self.session_lock_waiters, least=0)
        if self.session_folder is not None and not callable(self.session_folder) \
                and not isinstance(self.session_folder, (str, os.PathLike)):
            raise ValueError(f'session_folder: {self.session_folder!r} is not the path of a folder')
        self._check_index()
        self._check_store()
        self._check_cookie()

    def _check_index(self) -> None:
        index = self.session_index
        if index is not None and (not isinstance(index, str) or not index or index.startswith('_spyce_')
                                  or index in ('_expires', '_lastaccess')):
            raise ValueError(f'session_index: {self.session_index!r} is not the name of an item of sessions, such as '
                             "'user_id'")

    def _check_store(self) -> None:
        missing = [name for name in ('load', 'save', 'clear', 'is_expired', 'list')
                   if not callable(getattr(self.session_store, name, None))]
        if self.session_store is not None and missing:
            raise ValueError(f'session_store: {self.session_store!r} is no session store: it has no method '
                             f'{", ".join(missing)}; use session.DbmStore(folder), session.MemoryStore() or a '
                             'subclass of session.SessionStore')

    def _check_cookie(self) -> None:
        name = self.session_cookie_name
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise ValueError(f'session_cookie_name: {name!r} cannot be the name of a cookie; use letters, digits, - '
                             'and _')
        if len(name) > LONGEST_COOKIE - ID_LENGTH:
            raise ValueError(f'session_cookie_name: a name of {len(name)} characters; browsers drop cookies of more '
                             f'than {LONGEST_COOKIE}, the id included')
        domain = self.session_cookie_domain
        if domain is not None and (not isinstance(domain, str) or not _DOMAIN.fullmatch(domain)):
            raise ValueError(f'session_cookie_domain: {domain!r} is no domain name; give one, or None for this host')
        if self.session_cookie_samesite not in SAMESITE:
            raise ValueError(f'session_cookie_samesite: {self.session_cookie_samesite!r} is not one of '
                             f'{", ".join(map(repr, SAMESITE))}')
        for option in ('session_cookie_secure', 'session_cookie_persistent'):
            value = getattr(self, option)
            if not isinstance(value, bool) and (value is not None or option == 'session_cookie_persistent'):
                raise ValueError(f'{option}: {value!r} is not True or False')
        if self.session_cookie_samesite == 'None' and self.session_cookie_secure is not True:
            raise ValueError("session_cookie_samesite: 'None' needs session_cookie_secure = True; browsers drop the "
                             'cookie otherwise')
        if name.lower().startswith(('__host-', '__secure-')) and self.session_cookie_secure is False:
            raise ValueError(f'session_cookie_name: {name!r} needs Secure, and session_cookie_secure is False')
        if name.lower().startswith('__host-') and domain is not None:
            raise ValueError(f'session_cookie_name: {name!r} excludes session_cookie_domain; set it to None')
        self.check_cookie_path('session_path', self.session_path)

    def check_cookie_path(self, option: str, path: str) -> None:
        """Raise ValueError, naming `option`, if the cookie may not have this path."""
        check_path(option, path)
        if self.session_cookie_name.lower().startswith('__host-') and path != '/':
            raise ValueError(f"{option}: {path!r}, but the cookie name {self.session_cookie_name!r} needs path '/'")

    @property
    def lock_waiters(self) -> int:
        """Requests that may wait for one session in this process."""
        return max(1, self.threads // 2) if self.session_lock_waiters is None else self.session_lock_waiters


def check_path(option: str, value: object) -> None:
    """Raise ValueError, naming `option`, if the value cannot be the path of a cookie."""
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        raise ValueError(f'{option}: {value!r} cannot be the path of a cookie: it begins with / and has no ; space, '
                         'control or non-ASCII character')


def check_seconds(option: str, value: object) -> None:
    """Raise ValueError, naming `option`, if the value is no positive number of seconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 10 ** 10:
        raise ValueError(f'{option}: {value!r} is not a positive number of seconds, below 10 ** 10')


def check_lock(option: str, value: object) -> None:
    """Raise ValueError, naming `option`, if the value is no lock mode."""
    if value not in LOCK_MODES:
        raise ValueError(f'{option}: {value!r} is not one of {", ".join(map(repr, LOCK_MODES))}')


def _check_count(option: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f'{option}: {value!r} is not a whole number of at least {least}')
