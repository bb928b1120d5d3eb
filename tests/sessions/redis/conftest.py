"""RedisStore on a server for all tests that leave it alone, or on one of a test's own."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.remote_stores import Place, place_of

from ..conftest import Clock


@pytest.fixture(scope='module')
def module_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place_of('redis', tmp_path_factory.mktemp('redis')) as place:
        yield place


@pytest.fixture
def place(module_place: Place) -> Place:
    return module_place.part()


@pytest.fixture
def prefix(place: Place) -> str:
    return place.name


@pytest.fixture
def make_store(place: Place, clock: Clock) -> Iterator[Callable[..., Any]]:
    """Stores of several web servers, so to say, on the same sessions."""
    stores: list[Any] = []

    def make(**options: Any) -> Any:
        stores.append(place.store(clock=clock, **options))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def store(make_store: Callable[..., Any]) -> Any:
    return make_store()


@pytest.fixture
def client(place: Place) -> Iterator[Any]:
    from tests.redis_server import redis
    client = redis.Redis.from_url(place.url)
    yield client
    client.close()


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Any]:
    """A server that the test may kill; it keeps all that it has answered."""
    from tests.redis_server import PrivateServer
    server = PrivateServer(tmp_path, '--appendonly', 'yes', '--appendfsync', 'always')
    yield server
    server.kill()
