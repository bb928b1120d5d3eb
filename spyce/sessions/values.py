"""The items of a session: pickled one by one, as `shelve` does, and unpickled only when a page reads them.

Between requests a session is `Items`: names with their values, each value a pickle of its own.  So reading one item
does not unpickle the others, merging two requests needs no unpickling at all, and an item that cannot be read is
one lost item.
"""
from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any, Protocol, cast

from spyce.sessions.errors import SessionTooLarge, SessionValueError

log = logging.getLogger('spyce.session')

_PLAIN = frozenset({str, int, float, bool, complex, bytes, type(None)})


class Codec(Protocol):
    """How a value becomes bytes; an engine supplies one that can name classes of modules beside its pages."""

    def dumps(self, value: Any) -> bytes:
        """The bytes of a value. Raises any Exception if it has none."""

    def loads(self, data: bytes) -> Any:
        """The value of such bytes."""


class PickleCodec:
    """pickle with its highest protocol (manual, DbmStore: shelve semantics)."""

    dumps = staticmethod(partial(pickle.dumps, protocol=pickle.HIGHEST_PROTOCOL))
    loads = staticmethod(pickle.loads)


class Live:
    """A value that cannot be pickled, kept as the object it is; only stores in memory take one."""

    __slots__ = ('value',)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __len__(self) -> int:
        """Its size where sizes count: nothing."""
        return 0


Packed = bytes | Live
Items = Mapping[str, Packed]


Change = Callable[[Items], dict[str, Packed]]


def _changed(put: dict[str, Packed], deleted: AbstractSet[str], items: Items) -> dict[str, Packed]:
    """The items with these changes; new names come last, as do those deleted and put again."""
    if not deleted:
        return {**items, **put}
    return {**{name: packed for name, packed in items.items() if name not in deleted}, **put}


def pack(name: str, value: Any, codec: Codec, keeps_live: bool) -> Packed:
    """The value as a store keeps it. Raises SessionValueError if it cannot be pickled and the store must."""
    try:
        return codec.dumps(value)
    except Exception as error:
        if keeps_live:
            return Live(value)
        raise SessionValueError(
            f'session[{name!r}]: a value of type {type(value).__name__!r} cannot be pickled ({error}), so this store '
            'cannot keep it; put plain data (text, numbers, lists, dictionaries) or an object that can be pickled '
            'into the session, and make the rest from it again') from error


def unpack(packed: Packed, codec: Codec) -> Any:
    """The value of a packed item. Raises whatever unpickling raises."""
    return packed.value if isinstance(packed, Live) else codec.loads(packed)


def size_of(items: Items) -> int:
    """Bytes that the items take, names included; live values count as nothing."""
    size = 0
    for name, packed in items.items():
        size += len(name) + len(packed)
    return size


def check_size(items: Items, limit: int) -> None:
    """Raise SessionTooLarge if the items take more than `limit` bytes."""
    size = size_of(items)
    if size > limit:
        largest = max(items, key=lambda name: size_of({name: items[name]}))
        raise SessionTooLarge(f'the session takes {size} bytes, and session_max_bytes is {limit}; the largest item is '
                              f'{largest!r}. Keep large data elsewhere and its key in the session')


def is_plain(value: Any) -> bool:
    """Whether the value cannot change in place, so that nobody need look whether it did."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    return kind in (tuple, frozenset) and all(map(is_plain, value))


class SessionValues:
    """The items of one session as one request sees and changes them."""

    def __init__(self, items: Items, codec: Codec, keeps_live: bool, max_bytes: int, label: Callable[[], str]) -> None:
        """label: gives what a log line calls this session; never its id."""
        self._items = items  # maybe the store's own: not to be changed
        self._codec = codec
        self._keeps_live = keeps_live
        self._max_bytes = max_bytes
        self._label = label
        self._names: Mapping[str, object] = items
        self._objects: dict[str, Any] = {}
        self._dumps: dict[str, Packed] = {}  # of objects that can change in place: as they were handed out
        self._put: dict[str, None] = {}  # in the order of putting
        self._deleted: set[str] = set()

    def _own_names(self) -> dict[str, object]:
        """The names, to be changed."""
        if self._names is self._items:
            self._names = dict(self._items)
        return cast('dict[str, object]', self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> Any:
        """The value; of repeated reads always the same object. Raises KeyError."""
        if name in self._objects:
            return self._objects[name]
        if name not in self._names:
            raise KeyError(name)
        packed = self._items[name]
        if isinstance(packed, Live):
            value = self._objects[name] = packed.value
            return value
        try:
            value = self._codec.loads(packed)
        except Exception as error:
            log.error('session %s: item %r cannot be read and counts as missing: %s: %s', self._label(), name,
                      type(error).__name__, error)
            del self._own_names()[name]
            raise KeyError(name) from None
        self._objects[name] = value
        if type(value) not in _PLAIN and not is_plain(value):
            # Not the stored bytes: another process, or version of a class, may have pickled an equal value otherwise.
            self._dumps[name] = pack(name, value, self._codec, keeps_live=True)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or `default`."""
        try:
            return self[name]
        except KeyError:
            return default

    def put(self, name: str, value: Any) -> None:
        """Keep a value from now on.

        Raises SessionValueError or SessionTooLarge here, where the page's line is, if it can.
        """
        if type(value) not in _PLAIN and not is_plain(value):
            check_size({name: pack(name, value, self._codec, self._keeps_live)}, self._max_bytes)
        self._objects[name] = value
        self._dumps.pop(name, None)
        if name not in self._names:
            self._own_names()[name] = None
        self._put[name] = None

    def __delitem__(self, name: str) -> None:
        del self._own_names()[name]
        self._objects.pop(name, None)
        self._dumps.pop(name, None)
        self._put.pop(name, None)
        if name in self._items:
            self._deleted.add(name)

    def changes(self) -> Change | None:
        """Does to stored items what this request did since the load, the last settle() or rollback(): items put (or
        changed in place), names deleted. None if it did nothing.

        Raises SessionValueError if a value cannot be packed; nothing was changed by then.
        """
        put = {name: pack(name, self._objects[name], self._codec, self._keeps_live) for name in self._put}
        for name, dump in list(self._dumps.items()):  # how the page's objects are pickled may read further items
            packed = pack(name, self._objects[name], self._codec, self._keeps_live)
            if packed != dump:
                put[name] = packed
        return partial(_changed, put, self._deleted) if put or self._deleted else None

    def is_changed(self, name: str) -> bool:
        """Whether this request put `name`, or deleted it."""
        return name in self._put or name in self._deleted

    def settle(self, name: str, packed: Packed) -> None:
        """`name` has been stored with this value, whatever becomes of the other changes."""
        names = self._own_names()
        names[name] = None
        self._items = {**self._items, name: packed}
        self._objects.pop(name, None)
        self._dumps.pop(name, None)
        self._put.pop(name, None)
        self._deleted.discard(name)

    def rollback(self) -> None:
        """Forget all changes. A live value keeps what was done to it."""
        self._names = self._items
        for changes in self._objects, self._dumps, self._put, self._deleted:
            changes.clear()
