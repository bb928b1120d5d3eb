"""The logins of one server: made, looked up, renewed, ended. Knows storages and tokens, not requests."""
from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from spyce.login.record import Login, User, hash_text, new_name, new_secret, split_token
from spyce.login.storage import LoginStorage
from spyce.login.throttle import Throttle
from spyce.sessions.errors import StoreError
from spyce.sessions.options import SessionOptions

log = logging.getLogger('spyce.login')

ROTATION = 86400.0
"""Seconds after which a remembered login gets a new secret, at its next use."""

GRACE = 60.0
"""Seconds in which requests that were on their way may still come with the secret before."""

SLIDE_PART = 10
"""The end of a login is moved when it would move by this part of the idle time, not at every use."""

ATTEMPTS = 5
"""How often a change is tried again when other requests change the same login at once."""


@dataclass(frozen=True)
class Found:
    """A login that a token leads to.

    user: whose it is; token: the one to send from now on, if that is another one; seconds: for how long.
    """

    user: User
    token: str | None = None
    seconds: float | None = None


class LoginManager:
    """Logins in a storage. A login that is remembered has a secret that changes once a day.

    Whoever comes with the secret before has an old copy of the cookie: a request that was on its way, a browser that
    missed the answer with the new one, or a thief (or the owner, when the thief was first). The first two are known by
    the time and by the new secret not having been seen yet; else the login ends, for the thief and the owner.
    """

    def __init__(self, storage: LoginStorage, options: SessionOptions, remember: float,
                 clock: Callable[[], float]) -> None:
        """options: idle time and lifetime of logins that are not remembered are those of sessions; remember: seconds
        after which one that is remembered ends; clock: seconds since 1970.

        throttle: counts attempts to log in.
        """
        self.storage = storage
        self._options = options
        self._remember = remember
        self._clock = clock
        self.throttle = Throttle(clock)

    def start(self, user: User, remember: bool) -> Found:
        """A new login, beside others of the same user; its token is in the answer."""
        now = self._clock()
        name, secret = new_name(), new_secret()
        idle = None if remember else float(self._options.session_expire)
        expires = now + (self._remember if idle is None else min(idle, self._options.session_lifetime))
        login = Login(user, hash_text(secret), now, expires, idle, rotated=now, confirmed=now)
        if not self.storage.save(hash_text(name), login.to_text(), user=user, expires=expires, replaces=None):
            raise StoreError(f'{self.storage!r}: this login storage keeps no new login')
        return Found(user, f'{name}.{secret}', self._remember if remember else None)

    def find(self, token: str, renew: bool) -> Found | None:
        """The login of a token that a client sent; None if it leads nowhere.

        renew: whether a new token can be sent with the answer.
        """
        name, secret = split_token(token) or ('', '')
        for _ in range(ATTEMPTS if name else 0):
            text = self.storage.load(hash_text(name))
            login = Login.from_text(text) if text is not None else None
            if text is None or login is None or login.expires <= self._clock():
                return None
            if self._is_copy(login, secret):
                self.storage.delete(hash_text(name))
                log.warning('a login of user %r has ended: its cookie was used by two', login.user)
                return None
            changed, found = self._use(login, name, secret, renew)
            if changed == login or self._replace(name, text, changed):
                return found
        return None  # others have changed it each time, or ended it

    def end(self, token: str) -> None:
        """End the login of a token that find() has found."""
        name, _ = split_token(token) or ('', '')
        if name:
            self.storage.delete(hash_text(name))

    def end_all(self, user: User, keep: str = '') -> int:
        """End all logins of a user, but for that of the token `keep`; how many there were."""
        spared, _ = split_token(keep) or ('', '')
        return sum(self.storage.delete(name) for name in self.storage.find(user)
                   if not spared or name != hash_text(spared))

    def _is_copy(self, login: Login, secret: str) -> bool:
        """Whether a token with this secret is an old copy, and its browser had the chance to get the new one."""
        if login.has_secret(secret):
            return False
        return not login.had_secret(secret) or (login.confirmed is not None
                                                and self._clock() - login.confirmed > GRACE)

    def _use(self, login: Login, name: str, secret: str, renew: bool) -> tuple[Login, Found]:
        """What the login becomes when it is used, and what the request gets."""
        now = self._clock()
        if login.idle is not None:
            return self._slid(login, login.idle, now), Found(login.user)
        is_current = login.has_secret(secret)
        # A browser that comes late with the secret before has missed the answer with the present one.
        is_due = now - login.rotated >= ROTATION if is_current else \
            login.confirmed is None and now - login.rotated > GRACE
        if is_due and renew:
            fresh = new_secret()
            changed = replace(login, secret=hash_text(fresh), replaced=hash_text(secret), rotated=now, confirmed=None)
            return changed, Found(login.user, f'{name}.{fresh}', login.expires - now)
        if is_current and login.confirmed is None:
            return replace(login, confirmed=now), Found(login.user)
        return login, Found(login.user)

    def _slid(self, login: Login, idle: float, now: float) -> Login:
        expires = min(now + idle, login.created + self._options.session_lifetime)
        return replace(login, expires=expires) if (expires - login.expires) * SLIDE_PART >= idle else login

    def _replace(self, name: str, text: str, login: Login) -> bool:
        return self.storage.save(hash_text(name), login.to_text(), user=login.user, expires=login.expires,
                                 replaces=text)
