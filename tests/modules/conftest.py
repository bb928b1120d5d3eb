from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import spyce
from spyce import sessions
from spyce.testing import Client

MakeSite = Callable[..., Client]


@pytest.fixture
def site(tmp_path: Path) -> MakeSite:
    """site({'page.spy': '...'}, option=value) -> a client of a server with these files."""
    numbers = iter(range(100))

    def make(files: dict[str, str], **options: Any) -> Client:
        root = tmp_path / f'www{next(numbers)}'
        for name, text in files.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text), 'utf-8')
        options.setdefault('session_store', sessions.MemoryStore())
        return Client(spyce.make_app(str(root), **options))

    return make
