"""Moving a site from one session store to another: its sessions as they are, under their ids."""
from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from spyce.sessions.errors import SessionError
from spyce.sessions.native import Entry, NativeStore


class NotEmpty(SessionError):
    """The store to copy to has sessions already."""


class Nothing(SessionError):
    """The store to copy from has no sessions, and that to copy to has some."""


class Copied(NamedTuple):
    """How many sessions were new in the target, were other there, have ended since, and were as they are before."""

    new: int
    changed: int
    ended: int
    same: int


def copy_sessions(source: NativeStore, target: NativeStore, now: float, user_of: Callable[[str, Entry], str],
                  again: bool = False) -> Copied:
    """Make a store have the living sessions of another one, which may be in use.

    now: the time; user_of: whose session an id and an entry are, for the index of users, which not every store has;
    again: the target has the sessions of an earlier copy, and nobody uses it yet: those that the source has no more
    are removed there, or they would live again. Raises NotEmpty, unless `again`, then Nothing, and StoreError.
    """
    is_empty = not target.list()
    if not again and not is_empty:
        raise NotEmpty('the store to copy to has sessions already')
    if again and not is_empty and not source.list():
        raise Nothing('the store to copy from has no sessions')
    new = changed = same = 0
    for sessionid, _, found_entry in source.each():
        if found_entry.expires <= now:
            continue
        entry = found_entry._replace(user=user_of(sessionid, found_entry))
        found = target.fetch(sessionid)
        if found is None:
            _create(target, sessionid, entry, now)
            new += 1
        elif _facts(found[1]) == _facts(entry):
            same += 1
        else:
            if not target.update(found[0].key, entry.items, now=now, slide=(entry.idle, entry.expires),
                                 user=entry.user):  # the copy has expired, and the session has not
                target.remove(found[0].key)
                _create(target, sessionid, entry, now)
            changed += 1
    ended = 0
    if again:
        for sessionid, key, _ in target.each():
            left = source.fetch(sessionid)
            if left is None or left[0].retired is not None or left[1].expires <= now:  # ended, or under a new id now
                ended += target.remove(key)
    return Copied(new, changed, ended, same)


def _create(target: NativeStore, sessionid: str, entry: Entry, now: float) -> None:
    key = target.create(sessionid, entry.items, created=entry.created, idle=entry.idle, expires=entry.expires,
                        user=entry.user)
    # A server that removes what has expired counts from now, not from when the session was made.
    target.update(key, None, now=now, slide=(entry.idle, entry.expires))


def _facts(entry: Entry) -> tuple[object, ...]:
    return dict(entry.items), round(entry.idle, 3), round(entry.expires, 3), entry.user
