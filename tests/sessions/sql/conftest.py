"""SQLStore on each database that is there."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.remote_stores import Place, place_of

from ..conftest import Clock


@pytest.fixture(scope='module', params=['postgresql', 'mariadb', 'sqlite'])
def kind_place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Each database in turn."""
    with place_of(request.param, tmp_path_factory.mktemp('sqlite')) as place:
        yield place


@pytest.fixture
def place(kind_place: Place) -> Place:
    return kind_place.part()


@pytest.fixture
def url(place: Place) -> str:
    return place.url


@pytest.fixture
def table(place: Place) -> str:
    return place.name


@pytest.fixture
def make_store(url: str, table: str, clock: Clock) -> Iterator[Callable[..., Any]]:
    """Stores of several web servers, so to say, on the same sessions."""
    from tests.sql_servers import SQLStore
    stores: list[Any] = []

    def make(**options: Any) -> Any:
        target = {} if 'engine' in options else {'url': url}
        stores.append(SQLStore(**target, **{'table': table, 'clock': clock, **options}))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def store(make_store: Callable[..., Any]) -> Any:
    return make_store()
