"""The tables under SQLStore, and what is said to each kind of database."""
from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy
from sqlalchemy.engine import Connection

from spyce.sessions.errors import StoreError

VERSION = 1

UPGRADES: dict[int, Sequence[str]] = {}
"""Statements that make tables of a version those of the next version; {table} is the name. With MariaDB and MySQL,
where each is a transaction of its own, all are said again if one has failed, so each must bear that. Programs of the
version before, which run on meanwhile, must find what they use."""

LOCKED = 'the tables of the session store are being made by another process for too long'


class Kind(NamedTuple):
    """A kind of database, by the parts of statements in which they differ.

    now: the time by its clock, in seconds since 1970; text, id, real, blob: types of columns, where ids are compared
    letter by letter; table: what follows the columns; keys, id_keys: indexes among the columns, where those that
    `indexes` makes could be missing after a crash; returns: whether UPDATE says
    what the row has become; only_lock: see POSTGRESQL.
    """

    now: str
    text: str
    id: str
    real: str
    blob: str
    table: str
    indexes: Sequence[str]
    keys: str = ''
    id_keys: str = ''
    begin: str = 'BEGIN'
    for_update: str = ' FOR UPDATE'
    skip_locked: str = ' FOR UPDATE SKIP LOCKED'
    returns: bool = True
    only_lock: str = ''


POSTGRESQL = Kind(
    now='extract(epoch FROM clock_timestamp())::float8',
    text='text', id='text COLLATE "C"', real='double precision', blob='bytea',
    table=' WITH (fillfactor = 70)',  # so that a row's next version fits beside it, and no index is written
    indexes=('CREATE INDEX {there} {table}_by_expiry ON {table} (expires)',
             # A hash, as owners may be of any length.
             'CREATE INDEX {there} {table}_by_owner ON {table} USING hash (owner) WHERE owner IS NOT NULL',
             'CREATE INDEX {there} {table}_ids_by_end ON {table}_ids (until)'),
    begin='BEGIN ISOLATION LEVEL READ COMMITTED',  # whatever is usual there: who has waited must see what was done
    # Of a lock alone the disk need not know before the answer: if the server dies in that moment, it is free again,
    # and who held it is refused when he saves. The setting is for this statement's own transaction.
    only_lock="set_config('synchronous_commit', 'off', true)")

MYSQL = Kind(
    now="timestampdiff(MICROSECOND, '1970-01-01', utc_timestamp(6)) / 1000000e0",
    text='mediumtext CHARACTER SET ascii COLLATE ascii_bin', id='varchar(128) CHARACTER SET ascii COLLATE ascii_bin',
    real='double', blob='longblob',
    table=' ENGINE=InnoDB', keys=', KEY (expires), KEY (owner(100))', id_keys=', KEY (until)', indexes=(),
    returns=False)

SQLITE = Kind(
    now="(julianday('now') - 2440587.5) * 86400.0",
    text='text', id='text', real='real', blob='blob',
    table='',
    indexes=('CREATE INDEX {there} {table}_by_expiry ON {table} (expires)',
             'CREATE INDEX {there} {table}_by_owner ON {table} (owner) WHERE owner IS NOT NULL',
             'CREATE INDEX {there} {table}_ids_by_end ON {table}_ids (until)'),
    begin='BEGIN IMMEDIATE', for_update='', skip_locked='')

KINDS = {'postgresql': POSTGRESQL, 'mysql': MYSQL, 'mariadb': MYSQL, 'sqlite': SQLITE}

TABLES = (
    'CREATE TABLE {there} {table}_meta (name varchar(32) PRIMARY KEY, value varchar(255) NOT NULL){kind.table}',
    'CREATE TABLE {there} {table}_ids (id {kind.id} PRIMARY KEY, number bigint NOT NULL, retired {kind.real} NOT NULL, '
    'until {kind.real} NOT NULL{kind.id_keys}){kind.table}',
    'CREATE TABLE {there} {table} (number bigint PRIMARY KEY, id {kind.id} NOT NULL UNIQUE, '
    'value {kind.blob} NOT NULL, created {kind.real} NOT NULL, idle {kind.real} NOT NULL, '
    'expires {kind.real} NOT NULL, owner {kind.text}, version varchar(16) NOT NULL, lock_token varchar(16), '
    'lock_until {kind.real}{kind.keys}){kind.table}')

PARTS = ('_meta', '_ids', '')

ROW = 'value, created, idle, expires, owner, version, number'


class Statements:
    """What is said to a database about a table, with `mark` where a value belongs.

    One row a session, under its current id; ids that it had before are in TABLE_ids until they mean nothing.
    """

    def __init__(self, kind: Kind, table: str, mark: str) -> None:
        self._mark = mark
        free = f'lock_token IS NULL OR lock_until < {kind.now}'
        returning = f' RETURNING {ROW}{kind.only_lock and ", " + kind.only_lock}' if kind.returns else ''
        only_lock = kind.only_lock and f' RETURNING {kind.only_lock}'
        # A token that is there already is this request's own: the answer was lost, and it asks again.
        self.take = self._each(f'UPDATE {table} SET lock_token = ?, lock_until = {kind.now} + ? '
                               f'WHERE {{column}} = ? AND ({free} OR lock_token = ?){returning}')
        self.load = self._each(f'SELECT {ROW} FROM {table} WHERE {{column}} = ?')
        self.is_free = self._each(f'SELECT {free} FROM {table} WHERE {{column}} = ?')
        self.give_back = self._each(f'UPDATE {table} SET lock_token = NULL WHERE {{column}} = ? AND lock_token = ?'
                                    f'{only_lock}')
        self.resolve = self._of(f'SELECT number FROM {table} WHERE id = ?')
        self.resolve_old = self._of(f'SELECT number, retired, until FROM {table}_ids WHERE id = ?')
        self.create = self._of(f'INSERT INTO {table} ({ROW}, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
        self._update = f'UPDATE {table} SET {{changes}} WHERE number = ? AND expires > ?'
        self._same = f' AND version = ? AND ({free})'
        self.outcome = self._of(f'SELECT version, expires FROM {table} WHERE number = ?')
        self.begin = kind.begin
        self.to_renew = self._of(f'SELECT id FROM {table} WHERE number = ?{kind.for_update}')
        self.retire = self._of(f'INSERT INTO {table}_ids (id, number, retired, until) VALUES (?, ?, ?, ?)')
        self.remove = self._of(f'DELETE FROM {table} WHERE number = ?')
        self.delete_old_ids = self._of(f'DELETE FROM {table}_ids WHERE until < ?')
        self.expired = self._of(f'SELECT number FROM {table} WHERE expires <= ? ORDER BY expires LIMIT ?'
                                f'{kind.skip_locked}')
        self.delete = f'DELETE FROM {table} WHERE number IN ({{numbers}})'
        self.ids = f'SELECT id FROM {table}'
        self.page = self._of(f'SELECT {ROW}, id FROM {table} WHERE number > ? ORDER BY number LIMIT ?')
        self.find = self._of(f'SELECT id FROM {table} WHERE owner = ?')
        self.stats = self._of('SELECT count(*), coalesce(sum(CASE WHEN expires <= ? THEN 1 ELSE 0 END), 0), '
                              f'coalesce(sum(length(value)), 0), min(created), max(created) FROM {table}')
        self.meta = self._of(f'SELECT value FROM {table}_meta WHERE name = ?')
        self.set_meta = self._of(f'UPDATE {table}_meta SET value = ? WHERE name = ? AND value = ?')

    def update(self, columns: Sequence[str], of_token: bool = False, of_version: bool = False) -> str:
        """Give these columns new values, if the row is alive: and has this token, or has this version and no lock."""
        changes = ', '.join(f'{column} = ?' for column in columns)
        if of_token:
            return self._of(f'{self._update.format(changes=changes)} AND lock_token = ?')
        return self._of(self._update.format(changes=changes) + (self._same if of_version else ''))

    def _of(self, statement: str) -> str:
        return statement.replace('?', self._mark)

    def _each(self, statement: str) -> dict[str, str]:
        """The statement for a row that is known by its id or by its number."""
        return {column: self._of(statement.format(column=column)) for column in ('id', 'number')}


def prepare_tables(connection: Connection, kind: Kind, table: str) -> bytes:
    """Make the tables if they are not there, or those of this version of an earlier one's; the salt that is in them.

    Processes that do so at once wait for each other. Raises StoreError.
    """
    version = _version(connection, table)
    if version != VERSION:
        _under_lock(connection, kind, table)
        version = _version(connection, table)
    if version != VERSION:
        raise StoreError(f'the tables {table} of the session store are of version {version}, and this program knows '
                         f'version {VERSION}; use the program that made them, or another `table`')
    return bytes.fromhex(str(_meta(connection, table, 'salt')))


def _version(connection: Connection, table: str) -> int | None:
    """None if tables are missing, or have not been finished."""
    inspector = sqlalchemy.inspect(connection)
    if not all(inspector.has_table(f'{table}{part}') for part in PARTS):
        return None
    version = _meta(connection, table, 'version')
    return None if version is None else int(version)


def _meta(connection: Connection, table: str, name: str) -> str | None:
    found: str | None = connection.exec_driver_sql(f"SELECT value FROM {table}_meta WHERE name = '{name}'").scalar()
    return found


def _under_lock(connection: Connection, kind: Kind, table: str) -> None:
    execute = connection.exec_driver_sql
    if kind is MYSQL:  # each of its statements about tables is a transaction of its own
        if execute(f"SELECT get_lock('{table}', 10)").scalar() != 1:
            raise StoreError(LOCKED)
        try:
            _make_or_upgrade(connection, kind, table)
        finally:
            execute(f"SELECT release_lock('{table}')")
        return
    execute(kind.begin)
    try:
        if kind is POSTGRESQL:
            execute(f"SELECT pg_advisory_xact_lock(hashtext('{table}'))")
        _make_or_upgrade(connection, kind, table)
        execute('COMMIT')
    except BaseException:
        execute('ROLLBACK')
        raise


def _make_or_upgrade(connection: Connection, kind: Kind, table: str) -> None:
    execute = connection.exec_driver_sql
    version = _version(connection, table)
    if version is None:
        # Somebody may have dropped one, or been killed in between, where each statement is a transaction of its own.
        begun = any(sqlalchemy.inspect(connection).has_table(f'{table}{part}') for part in PARTS[:2])
        for statement in (*TABLES, *kind.indexes):
            execute(statement.format(table=table, kind=kind, there='IF NOT EXISTS' if begun else ''))
        execute(f'SELECT {ROW}, id, lock_token, lock_until FROM {table} WHERE number = 0')  # fails if it is another's
        if begun and _meta(connection, table, 'version') is not None:
            return
        execute(f"INSERT INTO {table}_meta (name, value) VALUES ('salt', '{secrets.token_hex(32)}'), ('cleaned', ''), "
                f"('version', '{VERSION}')")
        return
    while version in UPGRADES:
        for statement in UPGRADES[version]:
            execute(statement.format(table=table))
        version += 1
        execute(f"UPDATE {table}_meta SET value = '{version}' WHERE name = 'version'")
