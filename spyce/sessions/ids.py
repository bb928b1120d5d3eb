"""Session ids: made here and nowhere else, and checked before anything is done with one that a client sent."""
from __future__ import annotations

import hashlib
import re
import secrets

ID_BYTES = 32
LOGIN_PREFIX = 'login-'
"""What the ids of logins begin with (spyce.login.storage), which a store keeps beside sessions."""

_LOGIN = re.compile(LOGIN_PREFIX + '[0-9a-f]{64}', re.ASCII)
_WELL_FORMED = re.compile(r'[A-Za-z0-9_-]{43}', re.ASCII)


def new_id(beginning: str = '') -> str:
    """A new session id: 256 bits from the operating system, URL-safe, 43 characters.

    beginning: what takes the place of its first characters, 6 bits each
    """
    return beginning + secrets.token_urlsafe(ID_BYTES)[len(beginning):]


def is_well_formed(text: str) -> bool:
    """Whether `text` could be an id of ours at all: the check that comes before any look-up."""
    return _WELL_FORMED.fullmatch(text) is not None


def may_be_stored(text: str) -> bool:
    """Whether `text` could be the id of something in a store: a session, or a login, which no client may name."""
    return is_well_formed(text) or _LOGIN.fullmatch(text) is not None


def fingerprint(sessionid: str, salt: bytes) -> str:
    """What a log line may show of an id: a short salted hash, equal for equal ids under the same salt."""
    data = sessionid.encode('utf-8', 'surrogatepass')
    return hashlib.blake2b(data, key=salt[:64], digest_size=6).hexdigest()
