"""What every login storage does, over sessions in Redis."""
from __future__ import annotations

import pytest

from spyce.login import SessionStorage
from spyce.sessions import SessionManager
from tests.login.test_login_storages import *  # noqa: F403
from tests.redis_server import RedisStore, any_server, own_keys


@pytest.fixture
def make_storage(tmp_path_factory, clock):
    with any_server(tmp_path_factory.mktemp('redis')) as url, own_keys(url) as prefix:
        stores = []

        def make():
            stores.append(RedisStore(url, prefix=prefix, clock=clock))
            manager = SessionManager.for_store(stores[-1])
            manager.clock = clock
            return SessionStorage(lambda: manager)

        yield make
        for store in stores:
            store.close()
