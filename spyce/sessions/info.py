"""What an operator, or the user himself, is shown of a session."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spyce.sessions.native import ENGINE_ITEMS, Entry
from spyce.sessions.values import Codec, Items, size_of, unpack


@dataclass(frozen=True)
class SessionInfo:
    """A stored session. The id is a key to it: shorten it before you show it to anybody.

    created, expires: seconds since 1970; idle: seconds without use until it ends; size: bytes of its items;
    names: of its items; user: the value of its item session_index, None without
    """

    id: str
    created: float
    expires: float
    idle: float
    size: int
    names: tuple[str, ...]
    user: str | int | None = None


@dataclass(frozen=True)
class Unreadable:
    """Stands for an item that cannot be unpickled here."""

    reason: str

    def __repr__(self) -> str:
        return f'<cannot be read: {self.reason}>'


def describe(sessionid: str, entry: Entry, index: str | None, codec: Codec) -> SessionInfo:
    """The session in short; index: name of the item that says whose it is."""
    user = None if index is None else read_items(entry.items, codec, only=index).get(index)
    return SessionInfo(sessionid, entry.created, entry.expires, entry.idle, size_of(entry.items),
                       tuple(name for name in entry.items if name not in ENGINE_ITEMS),
                       user if isinstance(user, (str, int)) else None)


def read_items(items: Items, codec: Codec, only: str | None = None) -> dict[str, Any]:
    """The values of a session's items (or of `only` one), Unreadable for those that cannot be had."""
    values: dict[str, Any] = {}
    for name, packed in items.items():
        if name in ENGINE_ITEMS or only not in (None, name):
            continue
        try:
            values[name] = unpack(packed, codec)
        except Exception as error:
            values[name] = Unreadable(f'{type(error).__name__}: {error}')
    return values
