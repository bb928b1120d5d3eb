"""What caches on the way may keep of an answer that is for one visitor."""
from __future__ import annotations

from typing import Any

_FOR_SHARED_CACHES = ('public', 's-maxage')
_OF_SHARED_CACHES = ('CDN-Cache-Control', 'Surrogate-Control')


def mark_personal(response: Any, carries_secret: bool) -> None:
    """Say that the answer is for one visitor: no-store, unless the page says otherwise, and Vary: Cookie.

    carries_secret: whether it has a cookie or a token of his; then it is private whatever the page says, or a shared
    cache could give them to others.
    """
    present = [(name.lower(), value.lower()) for name, value in response.headers]
    said = [part.strip() for name, value in present if name == 'cache-control' for part in value.split(',')]
    if not said:
        response.addHeader('Cache-Control', 'no-store')
    elif carries_secret:
        kept = [part for part in said if part.partition('=')[0] not in ('private', *_FOR_SHARED_CACHES)]
        response.addHeader('Cache-Control', ', '.join(['private', *kept]), replace=1)
    if carries_secret:
        for name in _OF_SHARED_CACHES:
            if any(name.lower() == there for there, _ in present):
                response.addHeader(name, 'no-store', replace=1)
    if 'cookie' not in ' '.join([value for name, value in present if name == 'vary']):
        response.addHeader('Vary', 'Cookie')
