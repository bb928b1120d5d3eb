"""`spyce sessions copy`: a site moves to another store, and its visitors notice nothing."""
from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import spyce
from spyce.cli import main
from spyce.sessions import SessionManager, open_store
from spyce.testing import Client

PAGES = {
    'put.spy': '[[.import name=session]][[ session.put(request.get1("name"), request.get1("value")) ]]',
    'get.spy': '[[.import name=session]][[= session.get(request.get1("name")) ]]',
    'end.spy': '[[.import name=session]][[ session.invalidate() ]]',
}


class Move:
    """Two stores of one site; client(): a browser of the site over one of them."""

    def __init__(self, folder: Path, source: str, target: str) -> None:
        self.root = folder / 'www'
        self.root.mkdir()
        for name, text in PAGES.items():
            (self.root / name).write_text(text)
        self.source, self.target = source, target

    def client(self, url: str, **cookies: str) -> Client:
        client = Client(spyce.make_app(str(self.root), session_store=url, session_index='user'))
        for name, value in cookies.items():
            client.cookies[name] = value
        return client

    def run(self, *more: str) -> Result:
        return CliRunner().invoke(main, ['sessions', 'copy', self.source, self.target, '--root', str(self.root), *more])

    def said(self, *more: str) -> str:
        done = self.run(*more)
        assert (done.exit_code, done.stderr) == (0, ''), done.output
        return done.stdout.strip()


@pytest.fixture
def move(tmp_path: Path) -> Move:
    (tmp_path / 'old').mkdir()
    return Move(tmp_path, f'dbm:{tmp_path / "old"}', f'sqlite:///{tmp_path / "new.db"}')


def put(client: Client, name: str, value: str) -> None:
    assert client.get('/put.spy', query={'name': name, 'value': value}).status == 200


def got(client: Client, name: str) -> str:
    return client.get('/get.spy', query={'name': name}).text.strip()


def moved(move: Move, client: Client) -> Client:
    """The same browser when the site uses the new store."""
    return move.client(move.target, sessionid=client.cookies['sessionid'])


def test_sessions_go_on_in_the_new_store(move: Move) -> None:
    ann, bob = move.client(move.source), move.client(move.source)
    put(ann, 'basket', 'soap')
    put(bob, 'basket', 'rope')
    assert move.said() == '2 new, 0 changed, 0 ended, 0 same'
    assert (got(moved(move, ann), 'basket'), got(moved(move, bob), 'basket')) == ('soap', 'rope')


def test_users_their_sessions_and_times_are_the_same(move: Move) -> None:
    put(move.client(move.source), 'user', 'ann')
    move.said()
    old, new = (SessionManager.for_store(open_store(url), session_index='user').find('ann')
                for url in (move.source, move.target))
    assert old == new
    assert len(old) == 1


def test_again_brings_the_copy_up_to_date(move: Move) -> None:
    ann, bob, eve = (move.client(move.source) for _ in range(3))
    for client in (ann, bob, eve):
        put(client, 'basket', 'soap')
    move.said()
    put(ann, 'basket', 'rope')
    bob.get('/end.spy')
    assert move.said('--again') == '0 new, 1 changed, 1 ended, 1 same'
    assert got(moved(move, ann), 'basket') == 'rope'
    assert got(moved(move, eve), 'basket') == 'soap'
    assert len(open_store(move.target).list()) == 2


def test_a_store_with_sessions_is_left_alone(move: Move) -> None:
    put(move.client(move.source), 'a', '1')
    put(move.client(move.target), 'b', '2')
    done = move.run()
    assert done.exit_code == 1
    assert 'has sessions already' in done.stderr and '--again' in done.stderr
    assert len(open_store(move.target).list()) == 1


def test_the_store_of_the_site_has_a_name(move: Move) -> None:
    (move.root / 'spyceconf.py').write_text(f'from spyceconf import *\nsession_store = {move.source!r}\n')
    put(move.client(move.source), 'a', '1')
    move.source = 'site:'
    assert json.loads(move.said('--json')) == {'new': 1, 'changed': 0, 'ended': 0, 'same': 0}


@pytest.mark.parametrize(('url', 'what'), [('memory:', 'this command alone'), ('ftp://x', 'names no session store'),
                                           ('redis://127.0.0.1:1', 'cannot')])
def test_what_cannot_be_copied_is_said_in_a_line(move: Move, url: str, what: str) -> None:
    move.source = url
    done = move.run()
    assert done.exit_code == 1
    assert what in done.stderr
    assert 'Traceback' not in done.output
