"""CSRF tokens: a secret, masked anew for each page, so that no two pages show the same text.

The secret is one kept in the session, or, for a visitor without one, that of formcookie.py.

The mask makes compressed pages tell nothing of the secret (BREACH).
"""
from __future__ import annotations

import base64
import hmac
import re
import secrets

SIZE = 32
_WELL_FORMED = re.compile(r'[A-Za-z0-9_-]{86}')


def new_secret() -> str:
    """A secret for a session, as text that any store can keep."""
    return secrets.token_hex(SIZE)


def secret_for(secret: str, purpose: str) -> str:
    """The secret whose tokens are good for one purpose only; with '' the secret itself."""
    if not purpose:
        return secret
    return hmac.new(bytes.fromhex(secret), purpose.encode(), 'sha256').hexdigest()


def make_token(secret: str) -> str:
    """A token for one page: 86 characters that are safe in HTML and URLs."""
    mask = secrets.token_bytes(SIZE)
    return _encode(mask + _xor(mask, bytes.fromhex(secret)))


def check_token(token: object, secret: str) -> bool:
    """Whether the token was made from this secret; takes the same time for all tokens of the right length."""
    if not isinstance(token, str) or not _WELL_FORMED.fullmatch(token):
        return False
    data = base64.urlsafe_b64decode(token + '==')
    if _encode(data) != token:
        return False  # the last character has bits to spare: only the text that was given out counts
    return hmac.compare_digest(_xor(data[:SIZE], data[SIZE:]), bytes.fromhex(secret))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode('ascii').rstrip('=')


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
