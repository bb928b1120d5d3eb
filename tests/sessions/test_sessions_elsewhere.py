"""What the tests of sessions say of a store, on those of several machines."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.remote_stores import KINDS, Place, place_of

from .conftest import Clock
from .test_bad_use import *  # noqa: F403
from .test_csrf_and_flash import *  # noqa: F403
from .test_direct_store import *  # noqa: F403
from .test_failures import *  # noqa: F403
from .test_life import *  # noqa: F403
from .test_modes import *  # noqa: F403
from .test_request_session import *  # noqa: F403
from .test_taking_over import *  # noqa: F403
from .test_users import *  # noqa: F403

del test_use_moves_the_end_but_not_at_every_read  # noqa: F821  it counts calls of one method, and here are several


@pytest.fixture(scope='module', params=KINDS)
def kind_place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place_of(request.param, tmp_path_factory.mktemp('store')) as place:
        yield place


@pytest.fixture
def store(kind_place: Place, clock: Clock) -> Iterator[Any]:
    with kind_place.fresh() as place:
        store = place.store(clock=clock)
        yield store
        store.close()
