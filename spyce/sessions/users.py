"""The index of sessions by user: which item is indexed says `session_index`, such as 'user_id'.

    for info in spyce.sessions.find(user_id): ...                         # where am I logged in?
    spyce.sessions.end_all(user_id, except_id=session.sessionid)          # log me out everywhere else
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spyce.sessions.errors import SessionValueError
from spyce.sessions.values import Codec, Items, unpack

if TYPE_CHECKING:
    from spyce.sessions.info import SessionInfo


def find(value: str | int) -> list[SessionInfo]:
    """The living sessions of a user of the current server's site: those whose item `session_index` is `value`.

    1 and '1' are different users.  Raises SessionError if session_index is not configured.
    """
    from spyce.runtime.context import getServer
    return getServer().sessions.find(value)


def end_all(value: str | int, except_id: str | None = None) -> int:
    """End all sessions of a user, at once and whatever is using them; how many there were.

    except_id: a session to leave alone, such as the caller's (`session.sessionid`, also just after regenerate()).
    What a request that runs puts into a session that has ended is not kept.  Raises SessionError like find().
    """
    from spyce.runtime.context import getServer
    return getServer().sessions.end_all(value, except_id)


def index_text(name: str, value: str | int) -> str:
    """What a store keeps in its index for an item `name` of this value: plain ASCII, different for 1 and '1'."""
    return ascii((name, str.__str__(value) if isinstance(value, str) else int(value)))


def index_of(items: Items, name: str, codec: Codec) -> str:
    """The index text of a session with these items; '' if it has no user."""
    if name not in items:
        return ''
    try:
        value = unpack(items[name], codec)
    except Exception:
        return ''  # a request that reads the item says so in the log
    return index_text(name, value) if isinstance(value, (str, int)) else ''


def check_indexed(name: str, value: Any) -> None:
    """Raise SessionValueError if the item `name`, being session_index, may not have this value."""
    if value is not None and not isinstance(value, (str, int)):
        raise SessionValueError(f'session[{name!r}]: sessions are indexed by this item (session_index), so it is a '
                                f'str, an int or None, not {type(value).__name__}; put the key of the user')
