"""What every login storage does, over sessions in a database."""
from __future__ import annotations

import pytest

from spyce.login import SessionStorage
from spyce.sessions import SessionManager
from tests.login.test_login_storages import *  # noqa: F403
from tests.sql_servers import SQLStore, own_table, url_of


@pytest.fixture(params=['postgresql', 'mariadb', 'sqlite'])
def url(request, tmp_path):
    return f'sqlite:///{tmp_path}/site.db' if request.param == 'sqlite' else url_of(request.param)


@pytest.fixture
def make_storage(url, clock):
    with own_table(url) as table:
        stores = []

        def make():
            stores.append(SQLStore(url, table=table, clock=clock))
            manager = SessionManager.for_store(stores[-1])
            manager.clock = clock
            return SessionStorage(lambda: manager)

        yield make
        for store in stores:
            store.close()
