"""The items of a session as the bytes that a store keeps, and back."""
from __future__ import annotations

import logging
import pickle
from collections.abc import Callable

from spyce.sessions.errors import SessionValueError
from spyce.sessions.values import Items, Live, Packed

log = logging.getLogger('spyce.session')


def blob(items: Items) -> bytes:
    """The bytes for items that are packed already. Raises SessionValueError."""
    if Live in map(type, items.values()):
        name = next(name for name, packed in items.items() if isinstance(packed, Live))
        raise SessionValueError(f'session[{name!r}] cannot be pickled, so this store cannot keep it')
    return pickle.dumps(items if isinstance(items, dict) else dict(items), pickle.HIGHEST_PROTOCOL)


def items_of(value: bytes, label: Callable[[], str]) -> dict[str, Packed] | None:
    """The items in bytes that blob() gave; None if they are damaged, which the log says of `label`."""
    try:
        items = pickle.loads(value)
        if not isinstance(items, dict):
            raise TypeError(f'a {type(items).__name__} in place of items')
    except Exception as error:
        log.error('session %s: what is stored cannot be read and counts as lost: %s: %s', label(),
                  type(error).__name__, error)
        return None
    return items
