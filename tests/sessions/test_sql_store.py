"""SQLStore: the suite for session stores on each database, leases that are fenced, outages, tables."""
from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from spyce.storesuite import StoreSuite
from tests.sql_servers import SQLStore, execute, own_table, url_of


@pytest.fixture(scope='module', params=['postgresql', 'mariadb', 'sqlite'])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Each database in turn."""
    if request.param == 'sqlite':
        return f'sqlite:///{tmp_path_factory.mktemp("sqlite")}/site.db'
    return url_of(request.param)


@pytest.fixture(scope='module')
def module_table(url: str) -> Iterator[str]:
    """What the tables of these tests begin with."""
    with own_table(url) as table:
        yield table


class TestSQLStore(StoreSuite):
    examples = 5

    @pytest.fixture(autouse=True)
    def _use(self, url: str, module_table: str) -> None:
        self.url, self.table = url, module_table

    def make_store(self, folder: Path) -> SQLStore:
        return SQLStore(self.url, table=self._table(folder), clock=self.clock)

    def _table(self, folder: Path) -> str:
        return f'{self.table}_{hashlib.blake2b(str(folder).encode(), digest_size=4).hexdigest()}'

    def damage(self, folder: Path, sessionid: str) -> None:
        execute(self.url, f"UPDATE {self._table(folder)} SET value = '' WHERE id = '{sessionid}'")
