"""Sessions in a folder: `shelve` semantics over a database that survives kill -9 and power failures."""
from __future__ import annotations

import builtins
import logging
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from spyce.sessions.blobs import blob, items_of
from spyce.sessions.database import Database
from spyce.sessions.errors import StoreError
from spyce.sessions.ids import fingerprint
from spyce.sessions.living import Living
from spyce.sessions.locking import HeldLock, Key, SessionLocks
from spyce.sessions.native import DirectStore, Entry, Pointer, Releasable, lock_lost
from spyce.sessions.private import make_private_folder
from spyce.sessions.stamp import Stamp, stamp_of
from spyce.sessions.users import index_text
from spyce.sessions.values import Codec, Items

log = logging.getLogger('spyce.session')

SUBFOLDER = 'spyce-sessions'
PAGE = 200
"""Sessions read at once where all are wanted."""
RECENT = 10_000
"""Ids of which a process remembers where they lead."""
FETCH = ('SELECT e.value, e.created, e.idle, e.expires, e.user, e.key, i.retired, i.until '
         'FROM ids i JOIN entries e ON e.key = i.key WHERE i.id = ?')


class DbmStore(DirectStore):
    """Keeps sessions in a subfolder of a folder, for all threads and processes of one machine.

    Everything is in DIR/spyce-sessions (0700): sessions.db with SQLite's two companions, and one lock file.
    """

    def __init__(self, dir: str | os.PathLike[str], clock: Callable[[], float] = time.time,
                 codec: Codec | None = None) -> None:
        """dir: a folder that exists; used from the first use on, or check(). clock, codec: see DirectStore."""
        super().__init__(clock, codec)
        self.dir = os.fspath(dir)
        self.folder = ''
        self._opening = threading.Lock()
        self._recent: dict[str, Pointer] = {}
        self._opened: tuple[Database, SessionLocks] | None = None
        self.settle_in(os.getcwd())
        _stores.add(self)

    def settle_in(self, base: str) -> None:
        """Take a relative `dir` as relative to `base`: a config file's folder, where __init__ took the current one."""
        self.folder = os.path.join(os.path.abspath(os.path.join(base, self.dir)), SUBFOLDER)

    def __repr__(self) -> str:
        return f'DbmStore({self.dir!r})'

    def check(self) -> None:
        """Open the store. Raises StoreError if that is not possible, or its files are not safe to use."""
        self._open()

    def close(self) -> None:
        """Close the files."""
        with self._opening:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened[0].close()

    def _open(self, stamp: Stamp | None = None) -> tuple[Database, SessionLocks]:
        """The database and the locks; opened again if their files are not there any more.

        stamp: that of the folder, now, if the caller has it
        """
        opened = self._opened
        if opened is not None and opened[0].is_current(stamp or stamp_of(self.folder)):
            return opened
        with self._opening:
            opened = self._opened
            if opened is not None and not opened[0].is_current(stamp_of(self.folder)):
                log.error('%s: the files of the session store were removed or replaced; it is opened again, without '
                          'the sessions that were in them', self.folder)
                opened[0].close()
                opened = self._opened = None
            if opened is None:
                opened = self._opened = self._open_files()
        return opened

    def _open_files(self) -> tuple[Database, SessionLocks]:
        make_private_folder(self.folder)
        locks = SessionLocks.in_file(os.path.join(self.folder, 'lock'))
        database = Database(os.path.join(self.folder, 'sessions.db'))
        salt = database.query("SELECT value FROM meta WHERE name = 'salt'")
        if not salt:
            database.close()
            raise StoreError(f'{database.path}: the session store is damaged: it has lost its settings. Move the file '
                             'away, and the store begins anew without its sessions')
        self.salt = salt[0][0]
        return database, locks

    @property
    def _database(self) -> Database:
        return self._open()[0]

    def resolve(self, sessionid: str) -> Pointer | None:
        rows = self._database.query('SELECT key, retired, until FROM ids WHERE id = ?', (sessionid,))
        return Pointer(*rows[0]) if rows else None

    def guess(self, sessionid: str) -> Pointer | None:
        return self._recent.get(sessionid) or self.resolve(sessionid)

    def read(self, key: Key) -> Entry | None:
        rows = self._database.query('SELECT value, created, idle, expires, user FROM entries WHERE key = ?', (key,))
        return _entry(rows[0], lambda: f'number {key}') if rows else None

    def fetch(self, sessionid: str) -> tuple[Pointer, Entry] | None:
        return self._fetch(self._open()[0], sessionid)

    def fetch_under(self, lock: Releasable, sessionid: str) -> tuple[Pointer, Entry] | None:
        return self._fetch((self._opened or self._open())[0], sessionid)  # lock() has just looked

    def _fetch(self, database: Database, sessionid: str) -> tuple[Pointer, Entry] | None:
        rows = database.query(FETCH, (sessionid,))
        entry = _entry(rows[0], lambda: fingerprint(sessionid, self.salt)) if rows else None
        recent = self._recent
        if entry is None:
            recent.pop(sessionid, None)
            return None
        leads_to = rows[0][5:]
        pointer = recent.get(sessionid)
        if pointer != leads_to:
            if len(recent) >= RECENT:
                recent.clear()
            pointer = recent[sessionid] = Pointer(*leads_to)
        return pointer, entry

    def create(self, sessionid: str, items: Items, *, created: float, idle: float, expires: float,
               user: str = '') -> Key:
        key = secrets.randbits(62)
        if not self._database.insert('INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)',
                                     (sessionid, key, blob(items), created, idle, expires, user or None)):
            raise ValueError('there is a session of this id already')
        return key

    def update(self, key: Key, items: Items | None, *, now: float, slide: tuple[float, float] | None = None,
               renewal: tuple[str, float] | None = None, user: str | None = None, stamp: Stamp | None = None) -> bool:
        """See NativeStore. stamp: that of the folder, now, if the caller has it."""
        values: list[object] = []
        if items is not None:
            values.append(blob(items))
        if slide is not None:
            values += slide
        if user is not None:
            values.append(user or None)
        sql = _update(items is not None, slide is not None, user is not None)
        row = (*values, key, now)
        database = self._open(stamp)[0]
        if renewal is None:
            return database.execute(sql, row) == 1
        new_id, until = renewal

        def change(connection: sqlite3.Connection) -> bool:
            if connection.execute(sql, row).rowcount != 1:
                return False
            connection.execute('DELETE FROM ids WHERE key = ? AND until < ?', (key, now))
            connection.execute('UPDATE ids SET retired = ?, until = ? WHERE key = ? AND retired IS NULL',
                               (now, until, key))
            connection.execute('INSERT INTO ids (id, key) VALUES (?, ?)', (new_id, key))
            return True

        return database.write(change)

    def update_and_release(self, lock: Releasable, key: Key, items: Items | None, *, now: float,
                           slide: tuple[float, float] | None = None, renewal: tuple[str, float] | None = None,
                           user: str | None = None) -> bool:
        assert isinstance(lock, HeldLock)
        try:
            stamp = stamp_of(self.folder)
            if items is not None and not lock.is_exclusive(stamp):
                raise lock_lost()
            return self.update(key, items, now=now, slide=slide, renewal=renewal, user=user, stamp=stamp)
        finally:
            lock.release()

    def remove(self, key: Key) -> bool:
        return self._database.execute('DELETE FROM entries WHERE key = ?', (key,)) == 1

    def delete_expired(self, limit: int = 1000, now: float | None = None) -> int:
        return self._database.execute('DELETE FROM entries WHERE key IN '
                                      '(SELECT key FROM entries WHERE expires <= ? ORDER BY expires LIMIT ?)',
                                      (self._clock() if now is None else now, limit))

    def list(self) -> builtins.list[str]:
        """The ids of all sessions, retired ones not."""
        return [row[0] for row in self._database.query('SELECT id FROM ids WHERE retired IS NULL')]

    def last_cleaned(self) -> float | None:
        rows = self._database.query("SELECT value FROM meta WHERE name = 'cleaned'")
        return rows[0][0] if rows else None

    def claim_cleaning(self, last: float | None, now: float) -> bool:
        if last is None:
            return self._database.execute("INSERT OR IGNORE INTO meta VALUES ('cleaned', ?)", (now,)) == 1
        return self._database.execute("UPDATE meta SET value = ? WHERE name = 'cleaned' AND value = ?",
                                      (now, last)) == 1

    def each(self) -> Iterator[tuple[str, Key, Entry]]:
        last = -1
        while True:
            rows = self._database.query(
                'SELECT e.value, e.created, e.idle, e.expires, e.user, e.key, i.id FROM entries e JOIN ids i '
                'ON i.key = e.key AND i.retired IS NULL WHERE e.key > ? ORDER BY e.key LIMIT ?', (last, PAGE))
            for row in rows:
                last, sessionid = row[5:]
                entry = _entry(row, lambda: fingerprint(sessionid, self.salt))  # noqa: B023  called at once
                if entry is not None:
                    yield sessionid, last, entry
            if len(rows) < PAGE:
                return

    def find(self, key: str, value: str | int) -> builtins.list[str]:
        rows = self._database.query('SELECT i.id FROM entries e JOIN ids i ON i.key = e.key AND i.retired IS NULL '
                                    'WHERE e.user = ?', (index_text(key, value),))
        return [row[0] for row in rows]

    def stats(self, now: float) -> dict[str, Any]:
        row = self._database.query('SELECT count(*), coalesce(sum(expires <= ?), 0), coalesce(sum(length(value)), 0), '
                                   'min(created), max(created) FROM entries', (now,))[0]
        count, expired, size, oldest, newest = row
        return {'live': count - expired, 'expired': expired, 'bytes': size, 'oldest': oldest, 'newest': newest,
                'files': {entry.name: entry.stat().st_size for entry in os.scandir(self.folder)}}

    def lock(self, key: Key, timeout: float, max_waiters: int, label: str = '') -> HeldLock:
        try:
            while True:
                locks = (self._opened or self._open())[1]
                lock = locks.acquire(key, timeout, max_waiters, label, self.folder)
                try:
                    is_there = self._open(lock.stamp)[1] is locks
                except BaseException:
                    lock.release()
                    raise
                if is_there:
                    return lock
                lock.release()  # a link leads to another folder by now, and that is where others lock
        except OSError as error:
            raise StoreError(f'{self.folder}: sessions cannot be locked: {error.strerror}') from error


_stores: Living[DbmStore] = Living()


def _after_fork() -> None:
    for store in _stores:
        store._opening = threading.Lock()  # a thread of the parent may have been opening it


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_after_fork)


@lru_cache
def _update(value: bool, slide: bool, user: bool) -> str:
    """The statement that changes these columns of an entry; a column that is not named is not written in its index."""
    columns = value * ['value = ?'] + slide * ['idle = ?', 'expires = ?'] + user * ['user = ?']
    return f'UPDATE entries SET {", ".join(columns) or "key = key"} WHERE key = ? AND expires > ?'


def _entry(row: tuple[Any, ...], label: Callable[[], str]) -> Entry | None:
    """The entry of a row that begins with value, created, idle, expires, user; None if it cannot be read."""
    items = items_of(row[0], label)
    return None if items is None else Entry(items, row[1], row[2], row[3], row[4] or '')
