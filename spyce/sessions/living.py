"""All objects of a kind that live, for what is to be done with each of them: after a fork, say."""
from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar('T')


class Living(Generic[T]):
    """A set of objects that holds none of them. Unlike a WeakSet it can be walked while other threads add to it."""

    def __init__(self) -> None:
        self._by_id: weakref.WeakValueDictionary[int, T] = weakref.WeakValueDictionary()

    def add(self, item: T) -> None:
        """Count it in, as long as it lives."""
        self._by_id[id(item)] = item

    def discard(self, item: T) -> None:
        """Count it no longer."""
        self._by_id.pop(id(item), None)

    def __iter__(self) -> Iterator[T]:
        for reference in self._by_id.valuerefs():  # a copy, made at once
            item = reference()
            if item is not None:
                yield item
