"""`spyce sessions copy`: a site moves to another store, and its visitors notice nothing."""
from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import spyce
from spyce.cli import main
from spyce.login import SessionStorage
from spyce.sessions import MemoryStore, SessionManager, open_store
from spyce.testing import Client
from tests.examples_in_text import examples

PAGES = {
    'put.spy': '[[.import name=session]][[ session.put(request.get1("name"), request.get1("value")) ]]',
    'get.spy': '[[.import name=session]][[= session.get(request.get1("name")) ]]',
    'end.spy': '[[.import name=session]][[ session.invalidate() ]]',
    'renew.spy': '[[.import name=session]][[ session.regenerate() ]]',
    'short.spy': '[[.import name=session args="expire=0.2"]][[ session.put("short", 1) ]]',
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


@contextmanager
def other_store(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty store of that kind."""
    if kind == 'redis':
        from tests.redis_server import PrivateServer
        server = PrivateServer(folder)
        yield server.url
        server.kill()
    elif kind == 'postgresql':
        from tests.sql_servers import execute, url_of
        url, schema = url_of(kind), f'copy_{secrets.token_hex(4)}'
        execute(url, f'CREATE SCHEMA {schema}')
        yield f'{url}?options=-csearch_path%3D{schema}'
        execute(url, f'DROP SCHEMA {schema} CASCADE')
    else:
        yield f'dbm:{folder}' if kind == 'dbm' else f'sqlite:///{folder}/new.db'


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


@pytest.mark.parametrize(('source', 'target'), [('dbm', 'redis'), ('redis', 'postgresql'), ('postgresql', 'dbm'),
                                                ('sqlite', 'redis')])
def test_ids_from_before_a_login_are_worth_nothing_in_the_new_store(tmp_path: Path, source: str, target: str) -> None:
    for name in ('from', 'to'):
        (tmp_path / name).mkdir()
    with other_store(source, tmp_path / 'from') as from_url, other_store(target, tmp_path / 'to') as to_url:
        move = Move(tmp_path, from_url, to_url)
        ann = move.client(move.source)
        put(ann, 'user', 'ann')
        before = ann.cookies['sessionid']
        assert move.said() == '1 new, 0 changed, 0 ended, 0 same'
        put(ann, 'basket', 'soap')
        ann.get('/renew.spy')
        assert move.said('--again') == '1 new, 0 changed, 1 ended, 0 same'
        assert got(moved(move, ann), 'basket') == 'soap'
        assert got(move.client(move.target, sessionid=before), 'user') == ''
        assert len(open_store(move.target).list()) == 1


def test_what_has_expired_but_was_not_cleaned_yet_is_not_kept(move: Move) -> None:
    ann, bob = move.client(move.source), move.client(move.source)
    put(ann, 'basket', 'soap')
    put(bob, 'basket', 'rope')
    assert move.said() == '2 new, 0 changed, 0 ended, 0 same'
    ann.get('/short.spy')
    time.sleep(0.3)
    assert move.said('--again') == '0 new, 0 changed, 1 ended, 1 same'
    assert got(moved(move, ann), 'basket') == ''


def test_users_of_a_store_that_does_not_know_them_are_found_in_the_new_one(move: Move, tmp_path: Path) -> None:
    (move.root / 'login.spy').write_text('<f:form><spy:login validator="people.check" /></f:form>')
    (move.root / 'people.py').write_text('def check(name, password):\n    return 7 if password == "right" else None\n')
    (move.root / 'filestore.py').write_text(examples('sessions.txt', 'module')['filestore.py'])
    (move.root / 'spyceconf.py').write_text('from spyceconf import *\nfrom filestore import FileStore\n'
                                            f'session_store = FileStore({str(tmp_path / "old")!r})\n'
                                            'session_index = "user"\n')
    client = Client(spyce.make_app(str(move.root)))
    put(client, 'user', 'ann')
    client.post('/login.spy', {'_spy_login_user': 'ann', '_spy_login_password': 'right'})
    assert '_spy_login' in client.cookies
    move.source = 'site:'
    assert move.said() == '2 new, 0 changed, 0 ended, 0 same'
    manager = SessionManager.for_store(open_store(move.target), session_index='user')
    assert [info.id for info in manager.find('ann')] == [client.cookies['sessionid']]
    assert len(SessionStorage(lambda: manager).find(7)) == 1


def test_the_wrong_way_round_is_refused(move: Move) -> None:
    put(move.client(move.source), 'a', '1')
    move.said()
    move.source, move.target = f'sqlite:///{move.root}/../typo.db', move.source
    done = move.run('--again')
    assert done.exit_code == 1
    assert 'has no sessions' in done.stderr
    assert len(open_store(move.target).list()) == 1
    move.target = 'site:'
    done = move.run('--again')
    assert done.exit_code == 2
    assert 'the store that the site uses' in done.stderr


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


def test_a_copy_in_redis_lives_as_long_as_the_session(tmp_path: Path) -> None:
    import redis

    from spyce.sessions.copying import copy_sessions
    now = time.time()
    with other_store('redis', tmp_path) as url:
        source, target, client = MemoryStore(), open_store(url), redis.Redis.from_url(url)
        key = source.create('A' * 43, {}, created=now - 20 * 86400, idle=3600.0, expires=now + 600)
        copy_sessions(source, target, now, lambda sessionid, entry: entry.user)
        assert 0 < client.ttl(target._key('A' * 43)) < 1000
        source.update(key, {}, now=now, slide=(3600.0, now + 3600))
        copy_sessions(source, target, now, lambda sessionid, entry: entry.user, again=True)
        assert 3000 < client.ttl(target._key('A' * 43)) < 4000
        target.close()
        client.close()
