"""A login as a server keeps it, and the token that a browser has for it.

A token is `NAME.SECRET`, both random. The server keeps a hash of each and neither itself: who reads the storage
cannot log in with what is there, and what a client sends never becomes a file name.
"""
from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import asdict, dataclass, fields

User = str | int

NAME_BYTES = 16
SECRET_BYTES = 32
_TOKEN = re.compile(r'[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}', re.ASCII)
_HASH = re.compile(r'[0-9a-f]{64}', re.ASCII)


@dataclass(frozen=True)
class Login:
    """One login of one user in one browser. Times are seconds since 1970.

    user: what the validator gave; secret: hash of the token's secret; created: time of the login; expires: its end.
    idle: seconds without use after which it ends, None for one that is remembered ("remember me").
    Of one that is remembered: rotated: when it got its secret; replaced: hash of the secret before; confirmed: when
    the browser was first seen with the present secret, None if it has not been yet.
    """

    user: User
    secret: str
    created: float
    expires: float
    idle: float | None = None
    rotated: float = 0.0
    replaced: str = ''
    confirmed: float | None = None

    def to_text(self) -> str:
        """The login as JSON in one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Login | None:
        """The login that to_text() wrote; None for anything else."""
        try:
            data = json.loads(text)
            login = cls(**{item.name: data[item.name] for item in fields(cls)})
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        return login if login._is_sound() else None

    def _is_sound(self) -> bool:
        times = (self.created, self.expires, self.rotated)
        maybe = (self.idle, self.confirmed)
        return (is_user(self.user) and _is_hash(self.secret) and (self.replaced == '' or _is_hash(self.replaced))
                and all(_is_number(time) for time in times)
                and all(time is None or _is_number(time) for time in maybe))

    def has_secret(self, secret: str) -> bool:
        """Whether this is the secret of its token now."""
        return hmac.compare_digest(hash_text(secret), self.secret)

    def had_secret(self, secret: str) -> bool:
        """Whether this was the secret of its token before the last change."""
        return bool(self.replaced) and hmac.compare_digest(hash_text(secret), self.replaced)


def new_name() -> str:
    """The first half of a token, which stays as long as the login."""
    return secrets.token_urlsafe(NAME_BYTES)


def new_secret() -> str:
    """The second half of a token: 256 bits from the operating system."""
    return secrets.token_urlsafe(SECRET_BYTES)


def split_token(text: str) -> tuple[str, str] | None:
    """Name and secret of a token that a client sent; None if it cannot be one of ours."""
    if not _TOKEN.fullmatch(text):
        return None
    name, _, secret = text.partition('.')
    return name, secret


def hash_text(text: str) -> str:
    """SHA-256 in hex. Enough for what is random itself; a password needs hash_password()."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_user(value: object) -> bool:
    """Whether the value can be the id of a user: a str or an int."""
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value
