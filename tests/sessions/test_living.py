"""What is to be done with all stores, servers or locks of the process, while others are made."""
from __future__ import annotations

from spyce.sessions.living import Living


class Thing:
    pass


def test_it_holds_nothing():
    things = Living()
    one, other = Thing(), Thing()
    things.add(one)
    things.add(one)
    things.add(other)
    assert set(things) == {one, other}
    del other
    assert list(things) == [one]
    things.discard(one)
    things.discard(Thing())
    assert list(things) == []


def test_it_can_be_walked_while_others_are_added_and_go():
    things, kept = Living(), [Thing() for _ in range(3)]
    for thing in kept:
        things.add(thing)
    seen = 0
    for _ in things:
        seen += 1
        kept.append(Thing())
        things.add(kept[-1])
        del kept[:2]
    assert 1 <= seen <= 3
    assert set(kept) <= set(things)
