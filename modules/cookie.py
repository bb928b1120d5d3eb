"""The module `cookie`: cookies of the request and of the response (manual: cookie module)."""
from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

from werkzeug.http import dump_cookie

from spyce.legacy.spyceModule import spyceModule

MAX_COOKIE_BYTES = 4096
"""Browsers keep no larger cookies, and say nothing about it."""

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_DOMAIN = re.compile(r'\.?[\w-]+(\.[\w-]+)*')
_UNSAFE = re.compile(r'[\x00-\x1f\x7f;]')


class cookie(spyceModule):
    """Like a dictionary of the cookies that the browser sent; set() and delete() go into the response.

    Values are url-quoted on the way out and unquoted on the way in (recorded case cookie-value-quoting).
    """

    def start(self) -> None:
        self._received: dict[str, str] | None = None

    @property
    def _cookies(self) -> dict[str, str]:
        if self._received is None:
            self._received = {}
            for name, value in self._api.getRequest().cookies():
                # Browsers send the most specific of several cookies of one name first.
                self._received.setdefault(name, unquote(value))
        return self._received

    def get(self, key: str | None = None) -> Any:
        """The value of the cookie `key`, None if the browser sent none; without a key a dictionary of all."""
        return dict(self._cookies) if key is None else self._cookies.get(key)

    def __getitem__(self, key: str) -> str | None:
        return self._cookies.get(key)

    def __contains__(self, key: object) -> bool:
        return key in self._cookies

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._cookies)

    def has_key(self, key: str) -> bool:
        """Whether the browser sent such a cookie."""
        return key in self._cookies

    def keys(self) -> list[str]:
        """Names of the cookies that the browser sent."""
        return list(self._cookies)

    def set(self, key: str, value: object, expire: float | None = None, domain: str | None = None,
            path: str | None = None, secure: object = 0, httponly: object = 0, samesite: str | None = None) -> None:
        """Send a cookie to the browser.

        value: text, or anything with a str(); None deletes the cookie. expire: seconds from now, without it the
        cookie ends with the browser. domain, path: where the browser sends it to; without them to this host and the
        folder of the page. secure: over https only. httponly: hide it from scripts. samesite: 'Strict', 'Lax' or
        'None'. Raises ValueError for a bad name, path or domain, and for a cookie over 4096 bytes.
        """
        if value is None:
            self.delete(key, domain, path, secure)
        else:
            self._send(key, quote(str(value), safe=''), None if expire is None else int(expire), domain, path,
                       secure, httponly, samesite)

    def delete(self, key: str, domain: str | None = None, path: str | None = None, secure: object = 0) -> None:
        """Make the browser drop a cookie, which must have been set with the same domain and path."""
        self._send(key, '', 0, domain, path, secure)

    def __delitem__(self, key: str) -> None:
        self.delete(key)

    def _send(self, key: str, value: str, max_age: int | None, domain: str | None, path: str | None, secure: object,
              httponly: object = 0, samesite: str | None = None) -> None:
        if not _NAME.fullmatch(key):
            raise ValueError(f"cookie name {key!r}: only letters, digits and !#$%&'*+-.^_`|~ are allowed")
        if domain and not _DOMAIN.fullmatch(domain):
            raise ValueError(f'domain {domain!r} of cookie {key!r} is not the name of a host')
        if path and _UNSAFE.search(path):
            raise ValueError(f'path {path!r} of cookie {key!r} has a semicolon or a control character')
        header = dump_cookie(key, value, max_age=max_age, expires=0 if max_age == 0 else None, domain=domain or None,
                             path=path or None, secure=bool(secure), httponly=bool(httponly), samesite=samesite,
                             max_size=0)
        if len(header) > MAX_COOKIE_BYTES:
            raise ValueError(f'cookie {key!r} takes {len(header)} bytes; browsers drop cookies over '
                             f'{MAX_COOKIE_BYTES}: keep large data in a session')
        self._api.getResponse().addHeader('Set-Cookie', header)

    def __repr__(self) -> str:
        return repr(self._cookies)
