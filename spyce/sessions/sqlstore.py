"""Sessions in a site's SQL database, for any number of machines."""
from __future__ import annotations

import builtins
import logging
import random
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from spyce.sessions.blobs import blob, items_of
from spyce.sessions.errors import SessionLocked
from spyce.sessions.ids import fingerprint
from spyce.sessions.leases import Lease, Unreturned, taken
from spyce.sessions.locking import Key, SessionLocks
from spyce.sessions.native import DirectStore, Entry, Pointer, Releasable
from spyce.sessions.sqlserver import AlreadyThere, SQLServer, engine_at, execute
from spyce.sessions.sqltables import KINDS, Statements, prepare_tables
from spyce.sessions.users import index_text
from spyce.sessions.values import Codec, Items

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

log = logging.getLogger('spyce.session')

PAGE = 200
"""Sessions read at once where all are wanted."""
RECENT = 10_000
"""Ids of which a process remembers which session they lead to."""
FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.05

TABLE_NAME = re.compile('[a-z_][a-z0-9_]{0,39}', re.ASCII)
ID = re.compile('[!-~]{1,128}', re.ASCII)
"""What the column of ids takes."""

Row = Sequence[Any]


class SQLStore(DirectStore):
    """Keeps sessions in a PostgreSQL, MariaDB, MySQL or SQLite database, for any number of machines.

    Its tables are `table`, TABLE_ids and TABLE_meta; they are made at the first use if they are not there.

    No transaction stays open while a page runs. The lock of a session is a lease of `lease` seconds by the database's
    clock: a token in its row. If a web server dies, its sessions are free again after that time at the latest. A page
    that runs for longer keeps its session as long as no other request wants it; if one took it meanwhile, the page's
    changes are refused with StoreError (503), and nothing is overwritten. A request takes two statements: lock and
    load (three with MariaDB and MySQL), save and unlock; a page that only reads with readonly=True takes one.

    What a row holds are pickles: whoever can write to that table can run code in the web servers. Give the database
    user of the web servers a password, and nobody else the right to change the tables.
    """

    compares = True

    def __init__(self, url: str | None = None, *, engine: Engine | None = None, table: str = 'spyce_sessions',
                 lease: float = 30.0, timeout: float = 10.0, clock: Callable[[], float] = time.time,
                 codec: Codec | None = None) -> None:
        """The database is asked at the first use, or by check().

        url: postgresql://USER:PASSWORD@HOST:PORT/DATABASE (driver psycopg), mariadb:// or mysql:// (driver pymysql),
        sqlite:///PATH, or with another driver as SQLAlchemy has them, such as postgresql+psycopg2://; engine: in its
        place an SQLAlchemy engine of the site, used as it is and with its own timeouts; needed behind PgBouncer in
        transaction mode, without prepared statements; table: a name in small letters, one for each site that keeps
        its sessions in that database; lease: see the class; timeout: seconds for a connection and for a statement.
        clock, codec: see DirectStore. Raises ValueError, ImportError without the driver.
        """
        super().__init__(clock, codec)
        if (url is None) == (engine is None):
            raise ValueError('SQLStore: give either the url of the database or an engine')
        if TABLE_NAME.fullmatch(table) is None:
            raise ValueError(f'SQLStore: table={table!r} must be small letters, digits and _, at most 40')
        if not lease > 0 or not timeout > 0:
            raise ValueError('SQLStore: lease and timeout are seconds, more than 0')
        made = engine_at(url, timeout) if url is not None else engine
        assert made is not None
        if table in made.dialect.identifier_preparer.reserved_words:
            raise ValueError(f'SQLStore: table={table!r} is a word of its own to {made.dialect.name}: use another name')
        kind = KINDS.get(made.dialect.name)
        if kind is None:
            raise ValueError(f'SQLStore: {made.dialect.name} is not supported: use PostgreSQL, MariaDB, MySQL or '
                             'SQLite')
        self.table = table
        self._kind = kind
        dbapi: Any = made.dialect.dbapi
        self._say = Statements(kind, table, '?' if dbapi.paramstyle == 'qmark' else '%s')
        self._server = SQLServer(made, url is not None, timeout, self._prepare)
        self._lease = lease
        self._turns = SessionLocks()
        self._unreturned = Unreturned(lease)
        self._recent: dict[str, int] = {}

    def settle_in(self, base: str) -> None:
        """Take a relative file of SQLite as relative to `base`: a config file's folder, where __init__ took the
        current one."""
        self._server.settle_in(base)

    def __repr__(self) -> str:
        return f'SQLStore({str(self._server)!r}, table={self.table!r})'

    def check(self) -> None:
        """Look whether the database answers, and make the tables that are missing. Raises StoreError."""
        self._server.prepare()

    def close(self) -> None:
        self._server.close()

    def _prepare(self, connection: Connection) -> None:
        self.salt = prepare_tables(connection, self._kind, self.table)

    # Reading

    def resolve(self, sessionid: str) -> Pointer | None:
        if ID.fullmatch(sessionid) is None:
            return None
        rows = self._server.rows(self._say.resolve, (sessionid,))
        return Pointer(rows[0][0]) if rows else self._resolve_old(sessionid)

    def _resolve_old(self, sessionid: str) -> Pointer | None:
        """Where an id leads that was replaced."""
        rows = self._server.rows(self._say.resolve_old, (sessionid,))
        return Pointer(*rows[0]) if rows else None

    def read(self, key: Key) -> Entry | None:
        rows = self._server.rows(self._say.load['number'], (key,))
        return self._entry(rows[0], f'number {key}') if rows else None

    def fetch(self, sessionid: str) -> tuple[Pointer, Entry] | None:
        if ID.fullmatch(sessionid) is None:
            return None
        rows = self._server.rows(self._say.load['id'], (sessionid,))
        pointer = Pointer(rows[0][6]) if rows else self._resolve_old(sessionid)
        if pointer is None:
            return None
        if not rows:
            rows = self._server.rows(self._say.load['number'], (pointer.key,))
        entry = self._entry(rows[0], sessionid) if rows else None
        if entry is None:
            return None
        self._remember(sessionid, pointer)
        return pointer, entry

    def _remember(self, sessionid: str, pointer: Pointer) -> None:
        if len(self._recent) >= RECENT:
            self._recent.clear()
        self._recent[sessionid] = cast(int, pointer.key)

    def _entry(self, row: Row, label: str) -> Entry | None:
        """The entry of a row; None if it cannot be read."""
        items = items_of(row[0], lambda: label if label.startswith('number') else fingerprint(label, self.salt))
        return None if items is None else Entry(items, row[1], row[2], row[3], row[4] or '', row[5].encode())

    # Locking

    def fetch_locked(self, sessionid: str, may_follow: Callable[..., bool], timeout: float, max_waiters: int,
                     label: str = '') -> tuple[Pointer, Entry, Releasable] | None:
        if ID.fullmatch(sessionid) is None:
            return None
        deadline = time.monotonic() + timeout
        turn = self._recent.get(sessionid, sessionid)
        row, lease = self._lock('id', sessionid, turn, timeout, max_waiters, label)
        old = None
        if row is None:
            old = self._resolve_old(sessionid)
            if old is None or not may_follow(old, lease.has_waited):
                return None
            left = max(deadline - time.monotonic(), 0)
            row, lease = self._lock('number', old.key, old.key, left, max_waiters, label)
        if row is None:
            return None
        pointer = old or Pointer(row[6])
        entry = self._entry(row, sessionid)
        if entry is None:
            lease.release()
            return None
        self._remember(sessionid, pointer)
        return pointer, entry, lease

    def lock(self, key: Key, timeout: float, max_waiters: int, label: str = '') -> Releasable:
        row, lease = self._lock('number', key, key, timeout, max_waiters, label)
        return self._turns.acquire(key, timeout, max_waiters, label) if row is None else lease

    def _lock(self, column: str, value: Key, turn: Key, timeout: float, max_waiters: int,
              label: str) -> tuple[Row | None, Lease]:
        """Lock the session whose row has that value, and load it: None if there is none, and the lock has ended.

        turn: what threads of this process queue for. Raises SessionLocked.
        """
        deadline = time.monotonic() + timeout
        self._unreturned.give_back()
        lease = Lease(self._turns.acquire(turn, timeout, max_waiters, label), partial(self._give_back, column, value),
                      self._unreturned)
        try:
            row = self._wait_and_take(lease, column, value, timeout, deadline, max_waiters)
        except BaseException as error:
            lease.not_taken(error)
            raise
        if row is None:
            lease.end()
        return row, lease

    def _wait_and_take(self, lease: Lease, column: str, value: Key, timeout: float, deadline: float,
                       max_waiters: int) -> Row | None:
        pause = FIRST_PAUSE
        while (row := self._take(lease.token, column, value)) is None:
            while not (state := self._server.rows(self._say.is_free[column], (value,))) or not state[0][0]:
                if not state:
                    return None
                if max_waiters < 1:
                    raise SessionLocked('the session is in use by a request of another process, and none may wait for '
                                        'it (session_lock_waiters)')
                left = deadline - time.monotonic()
                if left <= 0:
                    raise SessionLocked(f'the session was in use by another request for {timeout:g} seconds '
                                        '(session_lock_timeout); it is held by another process')
                lease.has_waited = True
                time.sleep(min(left, pause * random.uniform(0.5, 1)))
                pause = min(pause * 2, LONGEST_PAUSE)
        return row

    def _take(self, token: str, column: str, value: Key) -> Row | None:
        """Put the token into the row, if it has none that is good; the row, or None."""
        values = (token, self._lease, value, token)
        if self._kind.returns:
            rows = self._server.rows(self._say.take[column], values)
        elif self._server.count(self._say.take[column], values):
            rows = self._server.rows(self._say.load[column], (value,))
        else:
            return None
        return rows[0] if rows else None

    def _give_back(self, column: str, value: Key, token: str) -> None:
        self._server.count(self._say.give_back[column], (value, token))

    # Writing

    def create(self, sessionid: str, items: Items, *, created: float, idle: float, expires: float,
               user: str = '') -> Key:
        if ID.fullmatch(sessionid) is None:
            raise ValueError('the id of a session must be plain ASCII without spaces, at most 128 characters')
        number = secrets.randbits(62)
        row = blob(items), created, idle, expires, user or None, secrets.token_hex(8), number, sessionid
        try:
            self._server.count(self._say.create, row)
        except AlreadyThere:
            found = self._server.rows(self._say.resolve, (sessionid,))
            if not found or found[0][0] != number:  # else it was done, and the answer lost
                raise ValueError('there is a session of this id already') from None
        return number

    def update(self, key: Key, items: Items | None, *, now: float, slide: tuple[float, float] | None = None,
               renewal: tuple[str, float] | None = None, user: str | None = None) -> bool:
        return self._update('', key, items, now, slide, renewal, user)

    def update_and_release(self, lock: Releasable, key: Key, items: Items | None, *, now: float,
                           slide: tuple[float, float] | None = None, renewal: tuple[str, float] | None = None,
                           user: str | None = None) -> bool:
        assert isinstance(lock, Lease)
        try:
            done = self._update(lock.token, key, items, now, slide, renewal, user)
        except BaseException as error:
            lock.not_saved(error)
            raise
        if done:
            lock.end()
        else:
            lock.release()
        return done

    def _update(self, token: str, key: Key, items: Items | None, now: float, slide: tuple[float, float] | None,
                renewal: tuple[str, float] | None, user: str | None) -> bool:
        """token: that of the lock, which is given back in the same step; '' for who has none."""
        version = token or secrets.token_hex(8)
        changes = _changes(items, slide, user)
        if items is not None or renewal is not None or token:
            changes['version'] = version
        if token:
            changes['lock_token'] = None
        if renewal is not None:
            changes['id'] = renewal[0]
        statement = self._say.update(tuple(changes), of_token=bool(token))
        values = (*changes.values(), key, now, *([token] if token else []))
        if renewal is None:
            done = self._server.count(statement, values)
        else:
            done = self._server.transaction(self._say.begin, partial(self._renew, statement, values, key, now, renewal))
        return bool(done) or self._was_done(key, version, token, now)

    def _renew(self, statement: str, values: Sequence[object], key: Key, now: float, renewal: tuple[str, float],
               connection: Connection) -> int:
        new_id, until = renewal
        found = execute(connection, self._say.to_renew, (key,)).fetchall()
        if not found or found[0][0] == new_id:  # the latter if this is sent again
            return 0
        done = execute(connection, statement, values).rowcount
        if done:
            execute(connection, self._say.retire, (found[0][0], key, now, until))
        return done

    def _was_done(self, key: Key, version: str, token: str, now: float) -> bool:
        """Whether a change that found no row had been made before, and the answer was lost: False if the session has
        ended. Raises StoreError if the lock is another one's."""
        rows = self._server.rows(self._say.outcome, (key,))
        if not rows or rows[0][1] <= now:
            return False
        if rows[0][0] == version:
            return True
        if token:
            raise taken(self._lease, 'SQLStore')
        return False

    def update_if_same(self, entry: Entry, key: Key, items: Items, *, now: float,
                       slide: tuple[float, float] | None = None, user: str | None = None) -> bytes:
        if not entry.version:
            return b''
        version = secrets.token_hex(8)
        changes = {**_changes(items, slide, user), 'version': version, 'lock_token': None}
        done = self._server.count(self._say.update(tuple(changes), of_version=True),
                                  (*changes.values(), key, now, entry.version.decode()))
        return version.encode() if done or self._was_done(key, version, '', now) else b''

    def remove(self, key: Key) -> bool:
        return self._server.count(self._say.remove, (key,)) == 1

    def delete_expired(self, limit: int = 1000, now: float | None = None) -> int:
        moment = self._clock() if now is None else now
        self._server.count(self._say.delete_old_ids, (moment,))

        def delete(connection: Connection) -> int:
            numbers = execute(connection, self._say.expired, (moment, limit)).scalars().all()
            if not numbers:
                return 0
            return execute(connection, self._say.delete.format(numbers=', '.join(map(str, numbers))), ()).rowcount

        return self._server.transaction(self._say.begin, delete)

    def last_cleaned(self) -> float | None:
        rows = self._server.rows(self._say.meta, ('cleaned',))
        return float(rows[0][0]) if rows and rows[0][0] else None

    def claim_cleaning(self, last: float | None, now: float) -> bool:
        before = '' if last is None else repr(last)
        return self._server.count(self._say.set_meta, (repr(now), 'cleaned', before)) == 1

    # All of them

    def list(self) -> builtins.list[str]:
        """The ids of all sessions, retired ones not."""
        return [row[0] for row in self._server.rows(self._say.ids)]

    def each(self) -> Iterator[tuple[str, Key, Entry]]:
        last = -1
        while True:
            rows = self._server.rows(self._say.page, (last, PAGE))
            for row in rows:
                last, sessionid = row[6:8]
                entry = self._entry(row, sessionid)
                if entry is not None:
                    yield sessionid, last, entry
            if len(rows) < PAGE:
                return

    def find(self, key: str, value: str | int) -> builtins.list[str]:
        return [row[0] for row in self._server.rows(self._say.find, (index_text(key, value),))]

    def stats(self, now: float) -> dict[str, Any]:
        count, expired, size, oldest, newest = self._server.rows(self._say.stats, (now,))[0]
        return {'live': int(count - expired), 'expired': int(expired), 'bytes': int(size), 'oldest': oldest,
                'newest': newest, 'files': {}}


def _changes(items: Items | None, slide: tuple[float, float] | None, user: str | None) -> dict[str, object]:
    """New values of columns. An indexed one is named only when it changes: then no index is written."""
    changes: dict[str, object] = {}
    if items is not None:
        changes['value'] = blob(items)
    if slide is not None:
        changes['idle'], changes['expires'] = slide
    if user is not None:
        changes['owner'] = user or None
    return changes
