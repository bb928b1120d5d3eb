"""Moving a site from one session store to another: its sessions as they are, under their ids."""
from __future__ import annotations

from typing import NamedTuple

from spyce.sessions.errors import SessionError
from spyce.sessions.native import Entry, NativeStore


class NotEmpty(SessionError):
    """The store to copy to has sessions already."""


class Copied(NamedTuple):
    """How many sessions were new in the target, were other there, have ended since, and were as they are before."""

    new: int
    changed: int
    ended: int
    same: int


def copy_sessions(source: NativeStore, target: NativeStore, now: float, again: bool = False) -> Copied:
    """Make a store have the living sessions of another one, which may be in use.

    now: the time; again: the target has the sessions of an earlier copy, and nobody uses it yet: those that the source
    has no more are removed there, or they would live again. Raises NotEmpty, unless `again`, and StoreError.
    """
    if not again and next(iter(target.each()), None) is not None:
        raise NotEmpty('the store to copy to has sessions already')
    new = changed = same = 0
    for sessionid, _, entry in source.each():
        if entry.expires <= now:
            continue
        found = target.fetch(sessionid)
        if found is None:
            target.create(sessionid, entry.items, created=entry.created, idle=entry.idle, expires=entry.expires,
                          user=entry.user)
            new += 1
        elif _facts(found[1]) == _facts(entry):
            same += 1
        else:
            target.update(found[0].key, entry.items, now=0.0, slide=(entry.idle, entry.expires), user=entry.user)
            changed += 1
    ended = 0
    if again:
        for sessionid, key, _ in target.each():
            if source.fetch(sessionid) is None:
                ended += target.remove(key)
    return Copied(new, changed, ended, same)


def _facts(entry: Entry) -> tuple[object, ...]:
    return dict(entry.items), round(entry.idle, 3), round(entry.expires, 3), entry.user
