"""What every login storage does, over sessions in stores of several machines."""
from __future__ import annotations

import pytest

from spyce.login import SessionStorage
from spyce.sessions import SessionManager
from tests.login.test_login_storages import *  # noqa: F403
from tests.remote_stores import KINDS, place_of


@pytest.fixture(scope='module', params=KINDS)
def kind_place(request, tmp_path_factory):
    with place_of(request.param, tmp_path_factory.mktemp('store')) as place:
        yield place


@pytest.fixture
def make_storage(kind_place, clock):
    with kind_place.fresh() as place:
        stores = []

        def make():
            stores.append(place.store(clock=clock))
            manager = SessionManager.for_store(stores[-1])
            manager.clock = clock
            return SessionStorage(lambda: manager)

        yield make
        for store in stores:
            store.close()
