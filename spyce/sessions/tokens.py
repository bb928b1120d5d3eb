"""CSRF tokens: a secret of the session, masked anew for each page, so that no two pages show the same text.

The mask makes compressed pages tell nothing of the secret (BREACH).
"""
from __future__ import annotations

import base64
import binascii
import hmac
import secrets

SIZE = 32


def new_secret() -> str:
    """A secret for a session, as text that any store can keep."""
    return secrets.token_hex(SIZE)


def make_token(secret: str) -> str:
    """A token for one page: 86 characters that are safe in HTML and URLs."""
    mask = secrets.token_bytes(SIZE)
    return base64.urlsafe_b64encode(mask + _xor(mask, bytes.fromhex(secret))).decode('ascii').rstrip('=')


def check_token(token: object, secret: str) -> bool:
    """Whether the token was made from this secret; takes the same time for all tokens of the right length."""
    if not isinstance(token, str) or len(token) != 86 or not token.isascii():
        return False
    try:
        data = base64.b64decode(token + '==', altchars=b'-_', validate=True)
    except binascii.Error:
        return False
    return hmac.compare_digest(_xor(data[:SIZE], data[SIZE:]), bytes.fromhex(secret))


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
