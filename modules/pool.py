"""The module `pool`: objects that all requests share (manual: pool module)."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spyce.legacy.spyceModule import spyceModule
from spyce.runtime.exceptions import SpyceError


class pool(spyceModule):
    """A dictionary that lives as long as the server: the `globals` of its configuration (recorded cases pool-*).

    It is shared by all threads and not locked: guard what belongs together with a lock of getServer().createLock().
    """

    def start(self) -> None:
        """Raises SpyceError if other processes serve the same site, as each would have a pool of its own."""
        if self._api.getServer().multiprocess:
            raise SpyceError('module pool: this site is served by several processes, which share no objects; '
                             'keep the data in a session, a file or a database, or serve with one process')
        self._pool: dict[Any, Any] = self._api.getServerGlobals()

    def __getitem__(self, key: Any) -> Any:
        return self._pool[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._pool[key] = value

    def __delitem__(self, key: Any) -> None:
        del self._pool[key]

    def __contains__(self, key: object) -> bool:
        return key in self._pool

    def __len__(self) -> int:
        return len(self._pool)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.keys())

    def has_key(self, key: Any) -> bool:
        """Whether there is such a key."""
        return key in self._pool

    def get(self, key: Any, default: Any = None) -> Any:
        """The value of `key`, or `default`."""
        return self._pool.get(key, default)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """The value of `key`, which is set to `default` if it was missing."""
        return self._pool.setdefault(key, default)

    def keys(self) -> list[Any]:
        """The keys, as a list."""
        return list(self._pool)

    def values(self) -> list[Any]:
        """The values, as a list."""
        return list(self._pool.values())

    def items(self) -> list[tuple[Any, Any]]:
        """The pairs of key and value, as a list."""
        return list(self._pool.items())

    def clear(self) -> None:
        """Remove everything, the globals of the configuration among it."""
        self._pool.clear()

    def __repr__(self) -> str:
        return repr(self._pool)
