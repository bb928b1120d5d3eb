"""The work of one request on its session, as in stores, with the sessions in a Redis server on this machine.

The floor is what a program would write itself: GET, unpickle, pickle, SET. It loses updates, as do Flask-Session,
Beaker and starsessions; Spyce locks the session from load to save, or in mode merge notices that somebody was faster.
Each takes two trips to the server for a session that is changed. Between machines a trip takes longer than here, and
there the rows are nearer to each other.
"""
from __future__ import annotations

import pickle
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from benchmarks import workplace
from benchmarks.data import SESSION
from benchmarks.measure import Goal, Size, Table, contest, contestants_of, is_installed
from benchmarks.stores import Beaker, Spyce, Store, check_same, new_ids, over

FLOOR = 'floor: redis-py get + set'
EXACT, MERGE, READONLY = 'Spyce RedisStore', 'Spyce RedisStore, merge', 'Spyce RedisStore, readonly'
DAY = 86400


class Plain:
    """The floor: the pickle of a dictionary under the id."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.ids: list[str] = []

    def fill(self, count: int) -> list[str]:
        for sessionid in new_ids(count - len(self.ids)):
            self.client.set(f'plain:{sessionid}', pickle.dumps(SESSION, 5), ex=DAY)
            self.ids.append(sessionid)
        return self.ids

    def items(self, sessionid: str) -> dict[str, Any]:
        items: dict[str, Any] = pickle.loads(self.client.get(f'plain:{sessionid}'))
        return items

    def change(self, sessionid: str) -> None:
        items = self.items(sessionid)
        items['name'], items['theme']
        items['visits'] += 1
        self.client.set(f'plain:{sessionid}', pickle.dumps(items, 5), ex=DAY)

    def read(self, sessionid: str) -> None:
        items = self.items(sessionid)
        items['name'], items['theme']


class BeakerRedis(Beaker):
    """Its namespace in Redis."""

    def __init__(self, client: Any) -> None:
        super().__init__('ext:redis', workplace.folder())
        self.options['url'] = client


class FlaskSession:
    """What its interface does for Flask at the beginning and the end of a request, less the cookie."""

    def __init__(self, client: Any) -> None:
        from flask import Flask
        from flask_session import Session
        self.app = Flask('bench')
        self.app.config.update(SESSION_TYPE='redis', SESSION_REDIS=client)
        Session(self.app)
        self.interface: Any = self.app.session_interface
        self.ids: list[str] = []

    def fill(self, count: int) -> list[str]:
        for _ in range(count - len(self.ids)):
            session = self._open('')
            session.update(SESSION)
            self._save(session)
            self.ids.append(session.sid)
        return self.ids

    def _open(self, sessionid: str) -> Any:
        return self.interface.open_session(self.app, SimpleNamespace(cookies={'session': sessionid}))

    def _save(self, session: Any) -> None:
        if self.interface.should_set_storage(self.app, session):
            store_id = self.interface._get_store_id(session.sid)
            self.interface._upsert_session(self.app.permanent_session_lifetime, session, store_id)

    def items(self, sessionid: str) -> dict[str, Any]:
        return _with_tuples(self._open(sessionid), '_permanent')

    def change(self, sessionid: str) -> None:
        session = self._open(sessionid)
        session['name'], session['theme']
        session['visits'] += 1
        self._save(session)

    def read(self, sessionid: str) -> None:
        session = self._open(sessionid)
        session['name'], session['theme']
        self._save(session)


class StarSessions:
    """Its handler, which is asynchronous: in an event loop that is there already, and entered for each request."""

    def __init__(self, port: int) -> None:
        import asyncio

        import redis.asyncio
        from starsessions.serializers import JsonSerializer
        from starsessions.stores.redis import RedisStore
        self.run = asyncio.new_event_loop().run_until_complete
        self.store = RedisStore(connection=redis.asyncio.Redis(port=port))
        self.serializer = JsonSerializer()
        self.ids: list[str] = []

    def fill(self, count: int) -> list[str]:
        for _ in range(count - len(self.ids)):
            handler = self._handler('')
            self.run(handler.load())
            handler.connection.session.update(SESSION)
            self.ids.append(self.run(handler.save(DAY)))
        return self.ids

    def _handler(self, sessionid: str) -> Any:
        from starlette.requests import HTTPConnection
        from starsessions.session import SessionHandler
        return SessionHandler(HTTPConnection({'type': 'http'}), sessionid, self.store, self.serializer, DAY)

    def items(self, sessionid: str) -> dict[str, Any]:
        handler = self._handler(sessionid)
        self.run(handler.load())
        return _with_tuples(handler.connection.session)

    def change(self, sessionid: str) -> None:
        self.run(self._change(self._handler(sessionid)))

    async def _change(self, handler: Any) -> None:
        await handler.load()
        session = handler.connection.session
        session['name'], session['theme']
        session['visits'] += 1
        await handler.save(DAY)

    def read(self, sessionid: str) -> None:
        self.run(self._read(self._handler(sessionid)))

    async def _read(self, handler: Any) -> None:
        await handler.load()
        session = handler.connection.session
        session['name'], session['theme']


def _with_tuples(items: Mapping[str, Any], *but: str) -> dict[str, Any]:
    """All items but some; JSON and msgpack have no tuples."""
    kept = {name: value for name, value in items.items() if name not in but}
    return {**kept, 'cart': [tuple(item) for item in kept['cart']]}


def tables(size: Size) -> list[Table]:
    """Changed and read; none if there is no redis-server or no redis-py here."""
    program = shutil.which('redis-server') or shutil.which('valkey-server')
    if program is None or not is_installed('redis'):
        print('redisstores: left out, since redis-server or the package redis is not installed', file=sys.stderr)
        return []
    count = min(size.sessions)
    with _server(program) as port:
        return list(_tables(port, count, size))


def _tables(port: int, count: int, size: Size) -> Iterator[Table]:
    import redis

    from spyce.sessions import RedisStore
    client, ours = redis.Redis(port=port), RedisStore(f'redis://127.0.0.1:{port}/0')
    stores: dict[str, Store] = contestants_of(size, (
        ('', lambda: {FLOOR: Plain(client), EXACT: Spyce(ours)}),
        ('beaker', lambda: {'Beaker ext:redis': BeakerRedis(client)}),
        ('flask flask_session', lambda: {'Flask-Session redis': FlaskSession(client)}),
        ('starlette starsessions', lambda: {'starsessions redis': StarSessions(port)})))
    peers = [Goal(EXACT, name, 1) for name in stores if name not in (FLOOR, EXACT)]
    ids = {name: store.fill(count) for name, store in stores.items()}
    stores |= {MERGE: Spyce(ours, session_lock='merge'), READONLY: Spyce(ours, session_lock='readonly')}
    ids |= {MERGE: ids[EXACT], READONLY: ids[EXACT]}
    for name, store in stores.items():
        if name != READONLY:
            check_same(name, store, ids[name][0])
    note = 'Server and program on one machine, which share its processors.'
    yield contest('session-change-redis', f'Session changed, in Redis, {count:,} stored',
                  {name: over(store.change, ids[name]) for name, store in stores.items() if name != READONLY},
                  FLOOR, size, [Goal(EXACT, FLOOR, 0.9), Goal(MERGE, FLOOR, 0.9), *peers], note)
    yield contest('session-read-redis', f'Session only read, in Redis, {count:,} stored',
                  {name: over(store.read, ids[name]) for name, store in stores.items()}, FLOOR, size,
                  [Goal(READONLY, FLOOR, 0.9)], f'{note} {EXACT} locks and unlocks; the floor and merge do not.')


@contextmanager
def _server(program: str) -> Iterator[int]:
    """A server that keeps its sessions in memory; its port."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port: int = probe.getsockname()[1]
    process = subprocess.Popen([program, '--port', str(port), '--bind', '127.0.0.1', '--save', '', '--dir',
                                str(workplace.folder())], stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection(('127.0.0.1', port)).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise RuntimeError(f'{program} does not start') from None
                time.sleep(0.02)
        yield port
    finally:
        process.kill()
        process.wait()
