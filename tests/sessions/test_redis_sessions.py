"""What the tests of sessions say of a store, on RedisStore."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.redis_server import RedisStore, any_server, own_keys

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


@pytest.fixture(scope='module')
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with any_server(tmp_path_factory.mktemp('redis')) as url:
        yield url


@pytest.fixture
def store(server_url: str, clock: Clock) -> Iterator[RedisStore]:
    with own_keys(server_url) as prefix:
        store = RedisStore(server_url, prefix=prefix, clock=clock)
        yield store
        store.close()
