"""Stores of several machines: a place for sessions on each kind of server that is there."""
from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spyce.sessions import open_store

KINDS = ('redis', 'postgresql', 'mariadb', 'sqlite')
ON_A_SERVER = KINDS[:-1]


@dataclass
class Place:
    """Sessions that are nobody else's: the URL of the server, and what tells them from those of others."""

    url: str
    option: str
    name: str

    @property
    def arguments(self) -> dict[str, str]:
        """For open_store(), beside the URL."""
        return {self.option: self.name}

    def store(self, **options: Any) -> Any:
        """A store, as another machine would make it."""
        return open_store(**{'url': self.url, **self.arguments, **options})

    def part(self) -> Place:
        """A place within this one."""
        return Place(self.url, self.option, f'{self.name}{secrets.token_hex(4)}_')

    @contextmanager
    def fresh(self) -> Iterator[Place]:
        """A place for one test, with nothing in it. Tables take long to make: they are made once, and emptied after
        each test."""
        if self.option == 'prefix':
            yield self.part()
            return
        from tests.sql_servers import empty
        yield self
        empty(self.url, self.name)


@contextmanager
def place_of(kind: str, folder: Path) -> Iterator[Place]:
    """Of one of KINDS; it is cleared at the end. folder: for files. Skips the test if there is no such server."""
    if kind == 'redis':
        from tests.redis_server import any_server, own_keys
        with any_server(folder) as url, own_keys(url) as prefix:
            yield Place(url, 'prefix', prefix)
        return
    from tests.sql_servers import own_table, url_of
    url = f'sqlite:///{folder}/site.db' if kind == 'sqlite' else url_of(kind)
    with own_table(url) as table:
        yield Place(url, 'table', f'{table}_')
