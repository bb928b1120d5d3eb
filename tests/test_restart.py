"""The first promise: what a visitor did is there after the server was stopped and started again."""
from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.experiments.server import ServerProcess, Visitor

EXAMPLES = Path(__file__).parent.parent / 'examples'


@pytest.fixture
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the site's private folder is made, away from that of the developer's own examples."""
    folder = tmp_path / 'state'
    monkeypatch.setenv('XDG_STATE_HOME', str(folder))
    return folder


@pytest.mark.usefixtures('state_folder')
def test_the_counter_of_the_examples_counts_on_after_a_restart(tmp_path: Path) -> None:
    server = ServerProcess(EXAMPLES, log=tmp_path / 'server.log')
    try:
        with Visitor(server) as visitor:
            for n in (1, 2, 3):
                assert f'<p class="big">{n}</p>' in visitor.get('/counter.spy')[1]
            cookie = visitor.cookie
        server.stop()
        server.start()
        with Visitor(server, cookie) as visitor:
            assert '<p class="big">4</p>' in visitor.get('/counter.spy')[1]
    finally:
        server.stop()


def test_the_default_store_is_private(tmp_path: Path, state_folder: Path) -> None:
    server = ServerProcess(EXAMPLES, log=tmp_path / 'server.log')
    try:
        with Visitor(server) as visitor:
            visitor.get('/counter.spy')
        folders = [folder for folder, _, files in os.walk(state_folder) if files]
        assert len(folders) == 1
        assert os.stat(folders[0]).st_mode & 0o777 == 0o700
        assert {os.stat(os.path.join(folders[0], file)).st_mode & 0o777 for file in os.listdir(folders[0])} == {0o600}
    finally:
        server.stop()
