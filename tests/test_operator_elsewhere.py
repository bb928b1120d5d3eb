"""`spyce sessions` of a site whose sessions are on a server, or in SQLite: the same commands, the same answers."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from spyce.cli import main
from tests.remote_stores import KINDS, Place, place_of
from tests.stored_sessions import make_session

DAY = 86400


class Site:
    """A site whose config names a store of its kind."""

    def __init__(self, folder: Path, place: Place) -> None:
        self.root, self.place = folder / 'www', place
        self.root.mkdir()
        (self.root / 'spyceconf.py').write_text(
            f'import session\nsession_store = session.open_store({place.url!r}, **{place.arguments!r})\n'
            "session_index = 'user'\n")

    def make(self, age: float = 0, **items: Any) -> str:
        """A session that was made `age` seconds ago; its id."""
        return make_session(self.place.store(), age, **items)

    def said(self, *arguments: str) -> str:
        done = CliRunner().invoke(main, ['sessions', *arguments, '--root', str(self.root)])
        assert (done.exit_code, done.stderr) == (0, ''), done.output
        return done.stdout

    def listed(self) -> dict[str, Any]:
        """By the user: what the command tells of his session."""
        return {line['user']: line for line in map(json.loads, self.said('list', '--full-ids', '--json').splitlines())}


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with place_of(request.param, tmp_path) as place:
        yield Site(tmp_path, place)


def test_sessions_are_listed_shown_counted_cleaned_and_ended(site: Site) -> None:
    assert site.listed() == {}
    ada, bob, old = site.make(user='ada', n=1), site.make(age=DAY / 2, user='bob'), site.make(age=DAY + 9, user='old')
    listed = site.listed()
    assert {user: line['id'] for user, line in listed.items()} == {'ada': ada, 'bob': bob, 'old': old}
    assert listed['ada']['names'] == ['user', 'n']
    assert 'n     1' in site.said('show', ada[:12])
    stats = json.loads(site.said('stats', '--json'))
    assert (stats['live'], stats['expired']) == (2, 1)
    assert stats['newest'] > stats['oldest']
    assert site.said('clean') == 'removed 1 session that had ended\n'
    assert set(site.listed()) == {'ada', 'bob'}
    assert site.said('destroy', '--older-than', '6h', '--yes') == 'ended 1 session\n'
    assert set(site.listed()) == {'ada'}
    assert site.said('destroy', ada[:12]) == 'ended 1 session\n'
    assert site.listed() == {}
