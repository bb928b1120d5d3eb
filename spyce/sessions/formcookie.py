"""What the CSRF tokens of a visitor without a session hang on: a random cookie of his, and the site's key.

Nothing is stored for him. A stranger's page can send his cookie, but neither read it nor make a token for it.
"""
from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence

from spyce.sessions.cookie import expired_form_cookie, form_cookie, form_cookie_name
from spyce.sessions.ids import is_well_formed, new_id
from spyce.sessions.options import SessionOptions


class FormCookie:
    """That of one request. secret: the one whose tokens this request has given out, None if it gave none."""

    def __init__(self, options: SessionOptions, cookies: Sequence[tuple[str, str]],
                 site_key: Callable[[], bytes] | None, *, secure: bool, login: Callable[[], str]) -> None:
        """cookies: as sent; site_key: gives the key, None if the site has none; secure: whether the request came over
        https; login: gives what nobody else knows of the visitor's login, '' if he has none: who has planted a cookie
        in his browser cannot make tokens for him then.
        """
        self.secret: str | None = None
        self.is_possible = site_key is not None
        self._options = options
        self._site_key = site_key
        self._secure = secure
        self._login = login
        name = form_cookie_name(options, secure)
        self._sent = next((value for sent, value in cookies if sent == name and is_well_formed(value)), '')
        self._new = ''
        self._forget = False

    def sent_secret(self) -> str | None:
        """The secret of the cookie that was sent, to check a token with."""
        return self._secret_of(self._sent) if self._sent else None

    def give_secret(self) -> str:
        """The secret to make tokens of; if no cookie was sent, headers() has a new one."""
        if not self._sent and not self._new:
            self._new = new_id()
        self.secret = self._secret_of(self._new or self._sent)
        return self.secret

    def renew(self) -> None:
        """From now on another secret: the visitor logs in. The browser forgets the old one, or who has planted it
        could go on with tokens made of it."""
        self._forget = self._forget or bool(self._sent)
        self._sent = self._new = ''
        self.secret = None

    @property
    def is_sent(self) -> bool:
        """Whether the browser has the cookie already."""
        return bool(self._sent)

    def headers(self) -> list[tuple[str, str]]:
        """The Set-Cookie for a new cookie, or to forget the one sent."""
        if self._new:
            return [('Set-Cookie', form_cookie(self._options, self._new, secure=self._secure))]
        return [('Set-Cookie', expired_form_cookie(self._options, secure=self._secure))] if self._forget else []

    def _secret_of(self, cookie: str) -> str:
        assert self._site_key is not None
        return hmac.digest(self._site_key(), f'form {cookie} {self._login()}'.encode(), 'sha256').hex()
