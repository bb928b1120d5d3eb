"""The work of one request on its session, as in stores, with the sessions in a PostgreSQL server.

The floor is what a program would write itself: SELECT, unpickle, pickle, UPDATE. It loses updates, as does Django;
Spyce locks the session from load to save, or in mode merge notices that somebody was faster. Django, which keeps JSON,
saves in a transaction of three statements. A lock is taken and given back in the row itself: two of three changes of
it do not wait for the disk.

The server is the one of SPYCE_TEST_POSTGRESQL_URL, or of this machine; the tables lie in a schema that goes afterwards.
"""
from __future__ import annotations

import os
import pickle
import secrets
import sys
import time
from collections.abc import Iterator
from typing import Any

from benchmarks import django_site
from benchmarks.data import SESSION
from benchmarks.measure import Goal, Size, Table, contest, contestants_of, is_installed
from benchmarks.stores import Django, Spyce, Store, check_same, new_ids, over

URL = os.environ.get('SPYCE_TEST_POSTGRESQL_URL') or 'postgresql://postgres@127.0.0.1:5432/test'
FLOOR = 'floor: psycopg SELECT + UPDATE'
EXACT, MERGE, READONLY = 'Spyce SQLStore', 'Spyce SQLStore, merge', 'Spyce SQLStore, readonly'
DJANGO = 'Django db'
DAY = 86400


class Plain:
    """The floor: the pickle of a dictionary under the id."""

    def __init__(self, connection: Any) -> None:
        self.execute = connection.execute
        self.execute('CREATE TABLE plain (id text PRIMARY KEY, value bytea NOT NULL, expires double precision)')
        self.ids: list[str] = []

    def fill(self, count: int) -> list[str]:
        for sessionid in new_ids(count - len(self.ids)):
            self.execute('INSERT INTO plain VALUES (%s, %s, %s)',
                         (sessionid, pickle.dumps(SESSION, 5), time.time() + DAY))
            self.ids.append(sessionid)
        return self.ids

    def items(self, sessionid: str) -> dict[str, Any]:
        row = self.execute('SELECT value FROM plain WHERE id = %s AND expires > %s',
                           (sessionid, time.time())).fetchone()
        items: dict[str, Any] = pickle.loads(row[0])
        return items

    def change(self, sessionid: str) -> None:
        items = self.items(sessionid)
        items['name'], items['theme']
        items['visits'] += 1
        self.execute('UPDATE plain SET value = %s WHERE id = %s', (pickle.dumps(items, 5), sessionid))

    def read(self, sessionid: str) -> None:
        items = self.items(sessionid)
        items['name'], items['theme']


def tables(size: Size) -> list[Table]:
    """Changed and read; none if there is no PostgreSQL server or no driver here."""
    if not is_installed('psycopg') or not is_installed('sqlalchemy'):
        print('sqlstores: left out, since the packages psycopg and sqlalchemy are not installed', file=sys.stderr)
        return []
    import psycopg
    try:
        connection = psycopg.connect(URL, autocommit=True, connect_timeout=2)
    except psycopg.OperationalError:
        print('sqlstores: left out, since no PostgreSQL server answers; SPYCE_TEST_POSTGRESQL_URL may name one',
              file=sys.stderr)
        return []
    schema = f'spyce_bench_{secrets.token_hex(4)}'
    connection.execute(f'CREATE SCHEMA {schema}')
    connection.execute(f'SET search_path = {schema}')
    try:
        return list(_tables(connection, f'-c search_path={schema}', min(size.sessions), size))
    finally:
        connection.execute(f'DROP SCHEMA {schema} CASCADE')
        connection.close()


def _tables(connection: Any, options: str, count: int, size: Size) -> Iterator[Table]:
    from sqlalchemy.engine import make_url

    from spyce.sessions import SQLStore
    url = make_url(URL).update_query_dict({'options': options})
    ours = SQLStore(url.render_as_string(hide_password=False))
    django_site.DATABASE.update(
        {'ENGINE': 'django.db.backends.postgresql', 'NAME': url.database, 'USER': url.username or '',
         'PASSWORD': url.password or '', 'HOST': url.host or '', 'PORT': url.port or '', 'CONN_MAX_AGE': None,
         'OPTIONS': {'options': options}})
    stores: dict[str, Store] = contestants_of(size, (
        ('', lambda: {FLOOR: Plain(connection), EXACT: Spyce(ours)}),
        ('django', lambda: {DJANGO: Django('db')})))
    ids = {name: store.fill(count) for name, store in stores.items()}
    stores |= {MERGE: Spyce(ours, session_lock='merge'), READONLY: Spyce(ours, session_lock='readonly')}
    ids |= {MERGE: ids[EXACT], READONLY: ids[EXACT]}
    for name, store in stores.items():
        if name != READONLY:
            check_same(name, store, ids[name][0])
    connection.execute('VACUUM ANALYZE')
    note = 'Server and program on one machine, which share its processors; the disk is waited for at each save.'
    yield contest('session-change-sql', f'Session changed, in PostgreSQL, {count:,} stored',
                  {name: over(store.change, ids[name]) for name, store in stores.items() if name != READONLY},
                  FLOOR, size, [Goal(EXACT, DJANGO, 1.0), Goal(MERGE, DJANGO, 1.0)], note)
    yield contest('session-read-sql', f'Session only read, in PostgreSQL, {count:,} stored',
                  {name: over(store.read, ids[name]) for name, store in stores.items()}, FLOOR, size,
                  [Goal(READONLY, DJANGO, 1.0)], f'{note} {EXACT} locks and unlocks; the others do not.')
    ours.close()
