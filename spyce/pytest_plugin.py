"""The pytest fixture `spyce_client`; pytest finds it when spyce-session is installed."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from spyce.testing import Client


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini option."""
    parser.addini('spyce_root', 'folder of the Spyce site to test, relative to the ini file; '
                                'by default the folder of the test file')


@pytest.fixture
def spyce_client(request: pytest.FixtureRequest) -> Client:
    """A client for the site under test (spyce.testing.Client); errors in pages come out of its methods."""
    from spyce import make_app
    from spyce.testing import Client
    configured = request.config.getini('spyce_root')
    root = os.path.join(request.config.rootpath, configured) if configured else request.path.parent
    return Client(make_app(str(root), session_store='memory:'), raise_errors=True)
