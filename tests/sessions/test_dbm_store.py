"""DbmStore: what it survives, and what it refuses."""
from __future__ import annotations

import os
import pickle
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from spyce.sessions import DbmStore, StoreError, database

from .conftest import START, Clock, Site, cookies

WRITER = """
import sys, threading
from spyce.sessions import DbmStore, SessionManager, SessionOptions
folder, ids = sys.argv[1], sys.argv[2:]
manager = SessionManager(SessionOptions(session_store=DbmStore(folder)), create_lock=lambda name: threading.Lock())
def work(sessionid):
    while True:
        session = manager.request_session([('sessionid', sessionid)], secure=False)
        session['n'] = session['n'] + 1
        session['padding'] = 'x' * 5000
        session.finish()
        sys.stdout.write(f'{sessionid} {session["n"]}\\n')
        sys.stdout.flush()
for sessionid in ids:
    threading.Thread(target=work, args=(sessionid,)).start()
"""


def test_sessions_are_there_when_the_store_is_opened_again(tmp_path: Path, clock: Clock) -> None:
    first = DbmStore(tmp_path, clock)
    sessionid = Site(first, clock).visit(n=1)
    first.close()
    second = DbmStore(tmp_path, clock)
    assert Site(second, clock).stored(sessionid) == {'n': 1}
    second.close()


class Slow(sqlite3.Connection):
    """One that comes back from a statement late, as a thread does that has to wait for the interpreter."""

    waiting = threading.Event()
    may_go_on = threading.Event()

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        cursor = super().execute(sql, *values)
        if threading.current_thread().name == 'slow' and not sql.startswith('SELECT'):
            self.waiting.set()
            self.may_go_on.wait(10)
        return cursor


@pytest.mark.parametrize('work', ['change', 'begin', 'end'])
def test_a_thread_that_waits_for_the_interpreter_lets_others_save(work: str, dbm: DbmStore, clock: Clock,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(dbm, clock)
    slow, other = site.visit(n=1), site.visit(n=1)
    works = {'change': lambda: site.visit(slow, n=2), 'begin': lambda: site.visit(n=2),
             'end': lambda: site.request(slow).invalidate()}
    dbm.close()
    monkeypatch.setattr(sqlite3, 'connect', partial(sqlite3.connect, factory=Slow))
    Slow.waiting.clear()
    Slow.may_go_on.clear()
    dbm.check()
    thread = threading.Thread(target=works[work], name='slow')
    thread.start()
    try:
        assert Slow.waiting.wait(10)
        site.visit(other, n=3)
        assert site.stored(site.visit(n=4)) == {'n': 4}
        assert site.stored(other) == {'n': 3}
    finally:
        assert thread.is_alive()
        Slow.may_go_on.set()
        thread.join()
        dbm.close()


def test_kill_9_loses_no_acknowledged_put(tmp_path: Path) -> None:
    store = DbmStore(tmp_path)
    site = Site(store, time.time)  # type: ignore[arg-type]
    ids = [site.visit(n=0) for _ in range(3)]
    for _ in range(4):
        writer = subprocess.Popen([sys.executable, '-c', WRITER, str(tmp_path), *ids], text=True,
                                  stdout=subprocess.PIPE)
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(40)]
        writer.kill()
        lines += writer.communicate()[0].splitlines(keepends=True)
        acknowledged = {sessionid: int(count) for sessionid, count in
                        (line.split() for line in lines if line.endswith('\n'))}
        for sessionid, count in acknowledged.items():
            assert site.stored(sessionid)['n'] in (count, count + 1)  # one more may have been stored, unsaid
    store.close()


def test_files_are_private(dbm: DbmStore) -> None:
    previous = os.umask(0)
    try:
        dbm.check()
        Site(dbm, Clock()).visit(n=1)
    finally:
        os.umask(previous)
    modes = {name: stat.S_IMODE(os.stat(os.path.join(dbm.folder, name)).st_mode) for name in os.listdir(dbm.folder)}
    assert stat.S_IMODE(os.stat(dbm.folder).st_mode) == 0o700
    assert set(modes) >= {'lock', 'sessions.db', 'sessions.db-wal', 'sessions.db-shm'}
    assert set(modes.values()) == {0o600}
    dbm.close()


def test_making_a_store_touches_no_disk(dbm: DbmStore) -> None:
    assert not os.path.exists(dbm.folder)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match='cannot be made: No such file or directory'):
        DbmStore(tmp_path / 'missing').check()


def test_a_planted_link_in_place_of_the_folder(dbm: DbmStore, tmp_path: Path) -> None:
    (tmp_path / 'elsewhere').mkdir(mode=0o700)
    os.symlink(tmp_path / 'elsewhere', dbm.folder)
    with pytest.raises(StoreError, match='this is a link, not a folder'):
        dbm.check()


def test_a_folder_that_others_may_enter(dbm: DbmStore) -> None:
    os.mkdir(dbm.folder)
    os.chmod(dbm.folder, 0o755)
    with pytest.raises(StoreError, match=r'mode 0755.*chmod 0700'):
        dbm.check()


@pytest.mark.parametrize('name', ['sessions.db', 'sessions.db-wal', 'sessions.db-shm', 'lock'])
@pytest.mark.parametrize('kind', ['link', 'hard link', 'open to others', 'folder'])
def test_planted_files_are_refused(dbm: DbmStore, tmp_path: Path, name: str, kind: str) -> None:
    os.mkdir(dbm.folder, 0o700)
    victim = tmp_path / 'victim'
    victim.write_bytes(b'')
    victim.chmod(0o600)
    planted = os.path.join(dbm.folder, name)
    if kind == 'link':
        os.symlink(victim, planted)
    elif kind == 'hard link':
        os.link(victim, planted)
    elif kind == 'folder':
        os.mkdir(planted)
    else:
        Path(planted).write_bytes(b'')
        os.chmod(planted, 0o644)
    with pytest.raises(StoreError, match=name):
        dbm.check()
    assert victim.read_bytes() == b''


def test_a_folder_of_another_user(dbm: DbmStore, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkdir(dbm.folder, 0o700)
    monkeypatch.setattr(os, 'geteuid', lambda: os.getuid() + 1)
    with pytest.raises(StoreError, match='belongs to user'):
        dbm.check()


def plant(dbm: DbmStore, *statements: str) -> None:
    os.mkdir(dbm.folder, 0o700)
    path = os.path.join(dbm.folder, 'sessions.db')
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_database_of_another_program(dbm: DbmStore) -> None:
    plant(dbm, 'CREATE TABLE theirs (x)', 'INSERT INTO theirs VALUES (1)')
    with pytest.raises(StoreError, match='a database of another program'):
        dbm.check()


def test_a_store_of_a_later_version(dbm: DbmStore) -> None:
    dbm.check()
    dbm.close()
    connection = sqlite3.connect(os.path.join(dbm.folder, 'sessions.db'))
    connection.execute('PRAGMA user_version=99')
    connection.close()
    with pytest.raises(StoreError, match='version 99, and this program knows version 2'):
        dbm.check()


def make_version_1(folder: str) -> str:
    """A store as version 1 made it, with one session; its id."""
    os.mkdir(folder, 0o700)
    path = os.path.join(folder, 'sessions.db')
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    connection = sqlite3.connect(path)
    connection.executescript("""
        PRAGMA journal_mode=WAL;
        CREATE TABLE entries (key INTEGER PRIMARY KEY, value BLOB NOT NULL, created REAL NOT NULL, idle REAL NOT NULL,
                              expires REAL NOT NULL);
        CREATE INDEX entries_by_expiry ON entries (expires);
        CREATE TABLE ids (id TEXT PRIMARY KEY, key INTEGER NOT NULL, retired REAL, until REAL) WITHOUT ROWID;
        CREATE INDEX ids_by_key ON ids (key);
        CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        INSERT INTO meta VALUES ('salt', x'00112233445566778899aabbccddeeff');
        PRAGMA application_id=1399870309; PRAGMA user_version=1;
    """)
    value = pickle.dumps({'user': pickle.dumps('eve')})
    connection.execute('INSERT INTO entries VALUES (7, ?, ?, 86400, ?)', (value, START, START + 86400))
    connection.execute('INSERT INTO ids (id, key) VALUES (?, 7)', ('x' * 43,))
    connection.commit()
    connection.close()
    return 'x' * 43


def test_a_store_of_version_1_is_upgraded(dbm: DbmStore, clock: Clock) -> None:
    sessionid = make_version_1(dbm.folder)
    site = Site(dbm, clock, session_index='user')
    assert site.stored(sessionid) == {'user': 'eve'}
    site.visit(sessionid, n=1)
    assert [info.id for info in site.manager.find('eve')] == [sessionid]
    assert dbm._database.query('PRAGMA user_version') == [(2,)]
    dbm.close()


def test_processes_that_open_a_store_of_version_1_at_once(dbm: DbmStore) -> None:
    sessionid = make_version_1(dbm.folder)
    script = 'import sys; from spyce.sessions import DbmStore; print(DbmStore(sys.argv[1]).is_expired(sys.argv[2]))'
    openers = [subprocess.Popen([sys.executable, '-c', script, dbm.dir, sessionid], stdout=subprocess.PIPE)
               for _ in range(3)]
    assert [opener.communicate()[0].strip() for opener in openers] == [b'True'] * 3


def test_an_upgrade_that_fails_leaves_version_1(dbm: DbmStore, monkeypatch: pytest.MonkeyPatch) -> None:
    sessionid = make_version_1(dbm.folder)
    with monkeypatch.context() as patch:
        patch.setitem(database.UPGRADES, 1, (*database.UPGRADES[1], 'a power failure'))
        with pytest.raises(StoreError, match='syntax error'):
            dbm.check()
    assert dbm.is_expired(sessionid) is False
    dbm.close()


def test_garbage_in_place_of_the_database(dbm: DbmStore) -> None:
    os.mkdir(dbm.folder, 0o700)
    path = os.path.join(dbm.folder, 'sessions.db')
    Path(path).write_bytes(b'garbage' * 1000)
    os.chmod(path, 0o600)
    with pytest.raises(StoreError, match='cannot be used: file is not a database'):
        dbm.check()
    assert Path(path).read_bytes() == b'garbage' * 1000


def test_a_configured_store_is_checked_at_start(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(StoreError):
        Site(DbmStore(tmp_path / 'missing'), clock).manager.check()


@pytest.mark.parametrize('value', [b'', b'garbage', b'\x80\x05]q\x00.', b'cposix\nsystem\n'])
def test_an_unreadable_entry_is_one_lost_session(dbm: DbmStore, clock: Clock, value: bytes,
                                                caplog: pytest.LogCaptureFixture) -> None:
    site = Site(dbm, clock)
    broken, whole = site.visit(n=1), site.visit(n=2)
    pointer = dbm.resolve(broken)
    assert pointer is not None
    dbm._database.execute('UPDATE entries SET value = ? WHERE key = ?', (value, pointer.key))
    session = site.request(broken)
    assert session.get('n') is None
    session['n'] = 3
    assert cookies(session.finish()) and session.sessionid != broken
    assert site.stored(whole) == {'n': 2}
    assert 'counts as lost' in caplog.text and broken not in caplog.text
    dbm.close()


def test_threads_that_end_leave_no_connection_open(dbm: DbmStore, clock: Clock) -> None:
    site = Site(dbm, clock)
    for _ in range(5):
        thread = threading.Thread(target=site.visit, kwargs={'n': 1})
        thread.start()
        thread.join()
    assert len(dbm._database._idle) == 1
    dbm.close()


def test_what_another_process_did_to_an_id_is_seen(dbm: DbmStore, clock: Clock) -> None:
    """Where an id leads is remembered, and never believed."""
    site = Site(dbm, clock)
    other = Site(DbmStore(dbm.dir, clock), clock)
    old, ended = site.visit(n=1), site.visit(n=2)
    assert [site.visit(old, m=1), site.visit(ended, m=1)] == [old, ended]
    session = other.request(old)
    session.regenerate()
    session.finish()
    other.manager.destroy(ended)
    clock.advance(1)
    for sessionid in old, ended:
        assert dict(site.request(sessionid)) == {}
    assert dbm._open()[1].in_use() == 0
    assert dict(site.request(session.sessionid)) == {'n': 1, 'm': 1}
    other.store.close()  # type: ignore[attr-defined]
