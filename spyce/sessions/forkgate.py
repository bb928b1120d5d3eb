"""A fork waits until no thread is inside SQLite, and until its connections are closed.

The child could not free a mutex that a thread holds in there; and SQLite, which remembers the file locks of its
process, would take its parent's for its own.
"""
from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LONGEST_WAIT = 1.0
"""Seconds after which a fork goes on whatever the threads do."""

PAUSE = 0.0005

before_fork: list[Callable[[], None]] = []
"""Called when all threads are outside."""

_inside: list[None] = []
_forking: list[None] = []


class Inside:
    """`with` this, a thread is inside SQLite; not nested. Lists, since append and pop are indivisible and cheap."""

    def __enter__(self) -> None:
        _inside.append(None)
        while _forking:
            _inside.pop()
            time.sleep(PAUSE)
            _inside.append(None)

    def __exit__(self, *details: object) -> None:
        _inside.pop()


inside = Inside()


@contextmanager
def closing() -> Iterator[None]:
    """For what the garbage collector calls, maybe inside already: such a thread must not wait for the fork."""
    _inside.append(None)
    try:
        yield
    finally:
        _inside.pop()


def _before() -> None:
    _forking.append(None)
    deadline = time.monotonic() + LONGEST_WAIT
    while _inside and time.monotonic() < deadline:
        time.sleep(PAUSE)
    for close in before_fork:
        close()


def _after_in_parent() -> None:
    _forking.pop()


def _after_in_child() -> None:
    _forking.clear()
    _inside.clear()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
