"""Passwords as a site may keep them: salted and hashed so that a stolen list is slow to try out."""
from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import unicodedata

COST, BLOCK, PARALLEL = 2 ** 14, 8, 5
"""Parameters of scrypt for new hashes: 16 MiB and some hundredths of a second each. A hash carries its own."""

SALT_BYTES = 16
HASH_BYTES = 32
MAX_MEMORY = 2 ** 28
"""Bytes that checking a hash may take: a hash that asks for more was not made here."""

NOBODY = b'nobody has this salt'


def hash_password(password: str) -> str:
    """What to keep of a password: about 90 ASCII characters, each time others. verify_password() knows it again."""
    salt = secrets.token_bytes(SALT_BYTES)
    return '$'.join(['scrypt', str(COST), str(BLOCK), str(PARALLEL), _encode(salt),
                     _encode(_scrypt(password, salt, COST, BLOCK, PARALLEL))])


def verify_password(password: str, hashed: str | None) -> bool:
    """Whether `hashed` was made from this password.

    hashed: what hash_password() gave; None for a user who does not exist, which takes as long and is False, so that
    the time of an answer does not tell which names exist.
    Raises ValueError if `hashed` is no such text.
    """
    if hashed is None:
        _scrypt(password, NOBODY, COST, BLOCK, PARALLEL)
        return False
    try:
        scheme, cost, block, parallel, salt, wanted = hashed.split('$')
        if scheme != 'scrypt':
            raise ValueError(scheme)
        found = _scrypt(password, _decode(salt), int(cost), int(block), int(parallel))
        return hmac.compare_digest(found, _decode(wanted))
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError('verify_password(): what is kept for this user was not made by hash_password(); a password '
                         'that is kept as it is, or hashed by another program, must be hashed anew') from error


def _scrypt(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    # One form for each text: a keyboard may send an accent as a character of its own.
    text = unicodedata.normalize('NFKC', password).encode('utf-8', 'surrogatepass')
    return hashlib.scrypt(text, salt=salt, n=cost, r=block, p=parallel, dklen=HASH_BYTES, maxmem=MAX_MEMORY)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode('ascii').rstrip('=')


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))
