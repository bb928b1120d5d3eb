"""The work of one request on its session: find ten keys of 500 bytes, read two, change one, save.

All that write to disk leave the same after a crash of the process: what was saved. After a power failure SQLite in WAL
mode with synchronous=NORMAL (Spyce, the floor, Django's db) has a whole state of a moment ago; the peers' files, which
nobody syncs, may be empty. Spyce and CherryPy lock the session from load to save; the others lose updates.
"""
from __future__ import annotations

import itertools
import os
import pickle
import random
import secrets
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from benchmarks import django_site, workplace
from benchmarks.data import SESSION
from benchmarks.measure import Goal, Size, Table, Verdict, Work, contest, contestants_of

DISK_FLOOR = 'floor: sqlite3 WAL, no lock'
MEMORY_FLOOR = 'floor: dict and lock'
DBM, MEMORY = 'Spyce DbmStore', 'Spyce MemoryStore'
ON_DISK = ('CherryPy file', 'Beaker file', 'Beaker dbm', 'Django file', 'Django db')

SLOW_TO_FILL = ('Beaker dbm',)
FEW = 1000
"""Sessions that these keep at most, or filling them takes longer than everything else."""


class Store(Protocol):
    """A way to keep sessions. Each method is what one request with that session does."""

    def fill(self, count: int) -> list[str]:
        """Have `count` sessions in the store; their ids."""

    def change(self, sessionid: str) -> None:
        """Read two items, and add one to `visits`."""

    def read(self, sessionid: str) -> None:
        """Read two items."""

    def items(self, sessionid: str) -> dict[str, Any]:
        """All items, for the check that all do the same."""


class Sqlite:
    """The floor on disk: one table, one row a session, no lock, and nothing around it."""

    def __init__(self, folder: Path) -> None:
        self.database = sqlite3.connect(folder / 'floor.db', isolation_level=None)
        self.database.execute('PRAGMA journal_mode=WAL')
        self.database.execute('PRAGMA synchronous=NORMAL')
        self.database.execute('CREATE TABLE sessions (id TEXT PRIMARY KEY, value BLOB, expires REAL) WITHOUT ROWID')
        self.database.execute('CREATE INDEX by_expiry ON sessions (expires)')
        self.ids: list[str] = []

    def fill(self, count: int) -> list[str]:
        new = new_ids(count - len(self.ids))
        value, expires = pickle.dumps(SESSION, 5), time.time() + 86400
        self.database.execute('BEGIN')
        self.database.executemany('INSERT INTO sessions VALUES (?, ?, ?)',
                                  ((sessionid, value, expires) for sessionid in sorted(new)))
        self.database.execute('COMMIT')
        self.ids += new
        return self.ids

    def items(self, sessionid: str) -> dict[str, Any]:
        row = self.database.execute('SELECT value, expires FROM sessions WHERE id = ?', (sessionid,)).fetchone()
        items: dict[str, Any] = pickle.loads(row[0])
        if row[1] < time.time():
            items.clear()
        return items

    def change(self, sessionid: str) -> None:
        items = self.items(sessionid)
        items['name'], items['theme']
        items['visits'] += 1
        self.database.execute('INSERT INTO sessions (id, value) VALUES (?, ?) '
                              'ON CONFLICT (id) DO UPDATE SET value = excluded.value',
                              (sessionid, pickle.dumps(items, 5)))

    def read(self, sessionid: str) -> None:
        items = self.items(sessionid)
        items['name'], items['theme']


class Dict:
    """The floor in memory: a lock for each session; a request works on a copy of the items, and puts it back."""

    def __init__(self, pickled: bool = False) -> None:
        self.dump: Callable[[Any], Any] = pickle.dumps if pickled else dict
        self.load: Callable[[Any], Any] = pickle.loads if pickled else dict
        self.sessions: dict[str, list[Any]] = {}

    def fill(self, count: int) -> list[str]:
        expires = time.time() + 86400
        for sessionid in new_ids(count - len(self.sessions)):
            self.sessions[sessionid] = [threading.Lock(), self.dump(SESSION), expires]
        return list(self.sessions)

    def items(self, sessionid: str) -> dict[str, Any]:
        return dict(self.load(self.sessions[sessionid][1]))

    def change(self, sessionid: str) -> None:
        session = self.sessions[sessionid]
        with session[0]:
            if session[2] > time.time():
                items = self.load(session[1])
                items['name'], items['theme']
                items['visits'] += 1
                session[1] = self.dump(items)

    def read(self, sessionid: str) -> None:
        session = self.sessions[sessionid]
        with session[0]:
            if session[2] > time.time():
                items = self.load(session[1])
                items['name'], items['theme']


class Spyce:
    """What modules/session.py does for a page: one RequestSession, closed at the end of the request."""

    def __init__(self, store: Any, **options: Any) -> None:
        from spyce.sessions.manager import SessionManager
        self.store = store
        self.manager = SessionManager.for_store(store, **options)
        self.ids: list[str] = []

    def fill(self, count: int) -> list[str]:
        self.ids += spyce_fill(self.store, count - len(self.ids))
        return self.ids

    def items(self, sessionid: str) -> dict[str, Any]:
        session = self.manager.request_session([('sessionid', sessionid)], secure=False)
        items = dict(session)
        session.finish()
        return items

    def change(self, sessionid: str) -> None:
        session = self.manager.request_session([('sessionid', sessionid)], secure=False)
        session['name'], session['theme']
        session['visits'] += 1
        session.finish()

    def read(self, sessionid: str) -> None:
        session = self.manager.request_session([('sessionid', sessionid)], secure=False)
        session['name'], session['theme']
        session.finish()

    def untouched(self, sessionid: str) -> None:
        """The page has imported the session, and does not use it."""
        session = self.manager.request_session([('sessionid', sessionid)], secure=False)
        session.view()
        session.finish()


def spyce_fill(store: Any, count: int, expires_in: float = 86400) -> list[str]:
    """Store sessions; their ids. On disk all at once, since a transaction for each of a million takes minutes."""
    from spyce.sessions import DbmStore
    new, now = new_ids(count), time.time()
    items = {name: pickle.dumps(value, 5) for name, value in SESSION.items()}
    if not isinstance(store, DbmStore):
        for sessionid in new:
            # As many objects as requests would have left there, not one dictionary a million times.
            own = {name: bytes(bytearray(packed)) for name, packed in items.items()}
            store.create(sessionid, own, created=now, idle=86400.0, expires=now + expires_in)
        return new
    if new:
        store.check()
        value = pickle.dumps(items, 5)
        database = sqlite3.connect(os.path.join(store.folder, 'sessions.db'), isolation_level=None)
        keys = sorted(secrets.randbits(62) for _ in new)
        database.execute('BEGIN')
        database.executemany('INSERT INTO entries VALUES (?, ?, ?, ?, ?, NULL)',
                             ((key, value, now, 86400.0, now + expires_in) for key in keys))
        database.executemany('INSERT INTO ids (id, key) VALUES (?, ?)',
                             sorted(zip(new, random.sample(keys, len(keys)), strict=True)))
        database.execute('COMMIT')
        database.close()
    return new


class Beaker:
    """Beaker's middleware less its WSGI: a SessionObject of the environment, saved, persisted at the end."""

    def __init__(self, kind: str, folder: Path) -> None:
        from beaker.session import SessionObject
        self.make = SessionObject
        self.options = {'type': kind, 'key': 'sessionid', 'timeout': 86400, 'data_dir': str(folder / f'beaker-{kind}'),
                        'lock_dir': str(folder / f'beaker-{kind}-lock')}
        self.ids: list[str] = []

    def session(self, sessionid: str = '') -> Any:
        return self.make({'HTTP_COOKIE': f'sessionid={sessionid}'} if sessionid else {}, **self.options)

    def fill(self, count: int) -> list[str]:
        copy = self.options['type'] == 'file' and bool(self.ids)
        for _ in range(count - len(self.ids)):
            if copy:
                self.ids.append(self._copy(self.ids[0]))
            else:
                session = self.session()
                session.update(SESSION)
                session.save()
                session.persist()
                self.ids.append(session.id)
        return self.ids

    def _copy(self, sessionid: str) -> str:
        """A session made as a copy of another one's file, which takes a tenth of the time."""
        new = secrets.token_hex(16)
        source, target = (self.session(name).namespace.file for name in (sessionid, new))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)
        return new

    def items(self, sessionid: str) -> dict[str, Any]:
        return {name: value for name, value in self.session(sessionid).items() if not name.startswith('_')}

    def change(self, sessionid: str) -> None:
        session = self.session(sessionid)
        session['name'], session['theme']
        session['visits'] += 1
        session.save()
        session.persist()

    def read(self, sessionid: str) -> None:
        session = self.session(sessionid)
        session['name'], session['theme']
        session.persist()


class CherryPy:
    """What its sessions tool does: lock, load at first use, save at the end whatever was done."""

    def __init__(self, kind: str, folder: Path) -> None:
        from cherrypy.lib import sessions
        self.folder = folder / 'cherrypy'
        self.folder.mkdir(exist_ok=True)
        self.kind = kind
        self.options: dict[str, Any] = {'timeout': 1440, 'clean_freq': 0}
        if kind == 'memory':
            self.make: Any = sessions.RamSession
        else:
            self.make = sessions.FileSession
            self.options['storage_path'] = str(self.folder)
            sessions.FileSession.setup(storage_path=str(self.folder))
        self.ids: list[str] = []

    def fill(self, count: int) -> list[str]:
        for _ in range(count - len(self.ids)):
            if self.kind == 'file' and self.ids:
                new = secrets.token_hex(20)
                shutil.copyfile(self.folder / f'session-{self.ids[0]}', self.folder / f'session-{new}')
            else:
                session = self.make(**self.options)
                session.acquire_lock()
                session.update(SESSION)
                session.save()
                new = session.id
            self.ids.append(new)
        return self.ids

    def items(self, sessionid: str) -> dict[str, Any]:
        session = self.make(sessionid, **self.options)
        session.acquire_lock()
        items = dict(session.items())
        session.save()
        return items

    def change(self, sessionid: str) -> None:
        session = self.make(sessionid, **self.options)
        session.acquire_lock()
        session['name'], session['theme']
        session['visits'] += 1
        session.save()

    def read(self, sessionid: str) -> None:
        session = self.make(sessionid, **self.options)
        session.acquire_lock()
        session['name'], session['theme']
        session.save()


class Django:
    """What its middleware does: a SessionStore by its key, saved at the end if it was modified."""

    def __init__(self, kind: str) -> None:
        self.make = django_site.session_store(kind)
        self.kind = kind
        self.ids: list[str] = []

    def fill(self, count: int) -> list[str]:
        count -= len(self.ids)
        if count <= 0:
            return self.ids
        if self.kind == 'db':
            self.ids += django_site.fill_database(count, SESSION)
            return self.ids
        for _ in range(count):
            if self.kind == 'file' and self.ids:
                new = ''.join(random.choices('abcdefghijklmnopqrstuvwxyz0123456789', k=32))
                shutil.copyfile(self._path(self.ids[0]), self._path(new))
            else:
                session = self.make()
                session.update(SESSION)
                session.save()
                new = session.session_key
            self.ids.append(new)
        return self.ids

    def _path(self, key: str) -> str:
        return str(self.make(key)._key_to_file())

    def items(self, sessionid: str) -> dict[str, Any]:
        items = dict(self.make(sessionid).items())
        return {**items, 'cart': [tuple(item) for item in items['cart']]}  # its JSON has no tuples

    def change(self, sessionid: str) -> None:
        session = self.make(sessionid)
        session['name'], session['theme']
        session['visits'] += 1
        session.save()

    def read(self, sessionid: str) -> None:
        session = self.make(sessionid)
        session['name'], session['theme']


def new_ids(count: int) -> list[str]:
    """Ids as Spyce makes them."""
    return [secrets.token_urlsafe(32) for _ in range(count)]


def tables(size: Size) -> list[Table]:
    """For each number of sessions: changed and read, on disk and in memory; the cost of a page that does neither."""
    with tempfile.TemporaryDirectory(dir=workplace.folder()) as name:
        folder = Path(name)
        disk, memory = _disk(size, folder), _memory(size, folder)
        found: list[Table] = []
        for count in size.sessions:
            if count > FEW:
                disk = {name: store for name, store in disk.items() if name not in SLOW_TO_FILL}
            if count > size.peer_sessions:
                disk = {name: store for name, store in disk.items() if name.startswith(('floor', 'Spyce'))}
                memory = {name: store for name, store in memory.items() if name.startswith(('floor', 'Spyce'))}
            found += _tables(count, disk, memory, size)
        if len(size.sessions) > 1:
            found[-1].more += _growth(found, size.sessions)
        return found


def _disk(size: Size, folder: Path) -> dict[str, Store]:
    from spyce.sessions import DbmStore
    store = DbmStore(folder)
    return contestants_of(size, (
        ('', lambda: {DISK_FLOOR: Sqlite(folder), DBM: Spyce(store)}),
        ('cherrypy', lambda: {'CherryPy file': CherryPy('file', folder)}),
        ('beaker', lambda: {'Beaker file': Beaker('file', folder), 'Beaker dbm': Beaker('dbm', folder)}),
        ('django', lambda: {'Django file': Django('file'), 'Django db': Django('db')})))


def _memory(size: Size, folder: Path) -> dict[str, Store]:
    from spyce.sessions import MemoryStore
    return contestants_of(size, (
        ('', lambda: {MEMORY_FLOOR: Dict(), 'floor: dict, lock, pickle': Dict(pickled=True),
                      MEMORY: Spyce(MemoryStore())}),
        ('cherrypy', lambda: {'CherryPy memory': CherryPy('memory', folder)}),
        ('beaker', lambda: {'Beaker memory': Beaker('memory', folder)}),
        ('django', lambda: {'Django locmem': Django('cache')})))


def _tables(count: int, disk: dict[str, Store], memory: dict[str, Store], size: Size) -> Iterator[Table]:
    ids = {name: store.fill(count) for name, store in {**disk, **memory}.items()}
    for name, store in {**disk, **memory}.items():
        check_same(name, store, ids[name][0])
    against = [Goal(DBM, DISK_FLOOR, 0.7), *(Goal(DBM, peer, 8) for peer in ON_DISK)]
    yield _table('change', 'Session changed, on disk', count, disk, ids, DISK_FLOOR, size, against)
    readers = {**disk, f'{DBM}, readonly': Spyce(disk[DBM].store, session_lock='readonly')}  # type: ignore[attr-defined]
    yield _table('read', 'Session only read, on disk', count, readers, {**ids, f'{DBM}, readonly': ids[DBM]},
                 DISK_FLOOR, size, [Goal(DBM, DISK_FLOOR, 0.5), Goal(f'{DBM}, readonly', DISK_FLOOR, 0.5)])
    yield _table('change', 'Session changed, in memory', count, memory, ids, MEMORY_FLOOR, size,
                 [Goal(MEMORY, MEMORY_FLOOR, 0.3)])
    yield _table('read', 'Session only read, in memory', count, memory, ids, MEMORY_FLOOR, size)


def _table(what: str, title: str, count: int, stores: Mapping[str, Store], ids: Mapping[str, list[str]], floor: str,
           size: Size, goals: list[Goal] | None = None) -> Table:
    works = {name: over(getattr(store, what), ids[name]) for name, store in stores.items()}
    place = 'disk' if floor == DISK_FLOOR else 'memory'
    return contest(f'session-{what}-{place}-{count}', f'{title}, {count:,} stored', works, floor, size, goals or [])


def over(request: Callable[[str], None], ids: list[str]) -> Work:
    """Requests of one visitor after the other, at random but each as often."""
    following = itertools.cycle(random.Random(1).sample(ids, len(ids))).__next__
    return lambda: request(following())


def check_same(name: str, store: Store, sessionid: str) -> None:
    """The same work: after two requests that change the session, and one that reads it, all of it is there."""
    before = store.items(sessionid)['visits']
    store.change(sessionid)
    store.read(sessionid)
    store.change(sessionid)
    found = store.items(sessionid)
    if found != {**SESSION, 'visits': before + 2}:
        raise AssertionError(f'{name}: the session is {found}')


def _growth(found: list[Table], counts: tuple[int, ...]) -> Iterator[Verdict]:
    few, many = min(counts), max(counts)
    by_key = {table.key: table for table in found}

    def slower(row: str) -> float:
        values = [by_key[f'session-change-disk-{count}'].row(row) for count in (few, many)]
        return values[0].value / values[1].value if values[0] and values[1] else 0.0

    figure = slower(DBM) / slower(DISK_FLOOR)
    yield Verdict(f'{DBM}: speed with {many:,} to that with {few:,} at least 0.9 of the same of the {DISK_FLOOR}',
                  figure, figure >= 0.9)
