"""What goes wrong under a store that runs: a clear StoreError, nothing torn, and on when the cause is gone."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from spyce.sessions import DbmStore, StoreError

from .conftest import Clock, Site

is_root = hasattr(os, 'geteuid') and os.geteuid() == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    disk = tmp_path / 'disk'
    disk.mkdir()
    mounted = is_root and sys.platform == 'linux' and subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', str(disk)], capture_output=True).returncode == 0
    if not mounted:
        pytest.skip('needs the right to mount a small disk')
    yield disk
    subprocess.run(['umount', '--lazy', str(disk)], check=True)


def fill(disk: Path) -> Path:
    file = disk / 'filler'
    with open(file, 'wb', buffering=0) as filler:
        try:
            while True:
                filler.write(b'x' * 4096)
        except OSError:
            return file


def test_a_full_disk(small_disk: Path, clock: Clock) -> None:
    store = DbmStore(small_disk, clock)
    site = Site(store, clock)
    sessionid = site.visit(n=1)
    filler = fill(small_disk)
    with pytest.raises(StoreError, match=r'sessions.db: .* (is full|I/O error)'):
        for _ in range(100):
            site.visit(sessionid, n=2, text='x' * 100_000)
    assert site.stored(sessionid)['n'] == 1 and len(site.stored(sessionid)) == 1
    filler.unlink()
    site.visit(sessionid, n=3)
    assert site.stored(sessionid) == {'n': 3}
    store.close()


def test_a_disk_that_becomes_read_only(small_disk: Path, clock: Clock) -> None:
    store = DbmStore(small_disk, clock)
    site = Site(store, clock)
    sessionid = site.visit(n=1)
    store.close()
    subprocess.run(['mount', '-o', 'remount,ro', str(small_disk)], check=True)
    with pytest.raises(StoreError, match=r'read-only|[Rr]ead-only file system|unable to open|readonly'):
        site.visit(sessionid, n=2)
    subprocess.run(['mount', '-o', 'remount,rw', str(small_disk)], check=True)
    assert site.stored(sessionid) == {'n': 1}
    site.visit(sessionid, n=3)
    assert site.stored(sessionid) == {'n': 3}
    store.close()


PERMISSIONS = """
import os, sys, threading, time
sys.path[:0] = os.environ['STORE_PATH'].split(os.pathsep)
from spyce.sessions import DbmStore, SessionManager, SessionOptions, StoreError
os.setgid(65534)
os.setuid(65534)
folder = sys.argv[1]
manager = SessionManager.for_store(DbmStore(folder))
def put(n, sessionid=''):
    session = manager.request_session([('sessionid', sessionid)], secure=False)
    session['n'] = n
    session.finish()
    return session.sessionid
sessionid = put(1)
os.chmod(folder, 0)
try:
    put(2, sessionid)
except StoreError as error:
    print(error)
os.chmod(folder, 0o700)
put(3, sessionid)
print(manager.show(sessionid)[1])
"""


@pytest.mark.skipif(not is_root, reason='only root can become another user')
def test_permission_that_is_lost_and_given_back() -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are below one that only its user may enter
        os.chown(folder, 65534, 65534)
        run = subprocess.run([sys.executable, '-c', PERMISSIONS, folder], text=True, capture_output=True,
                             env={**os.environ, 'STORE_PATH': os.pathsep.join(sys.path)})
    assert run.stderr == ''
    message, items = run.stdout.splitlines()
    assert 'sessions.db: the session store cannot be reached: Permission denied' in message
    assert items == "{'n': 3}"


def test_a_folder_that_is_removed(dbm: DbmStore, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    site = Site(dbm, clock)
    sessionid = site.visit(n=1)
    shutil.rmtree(dbm.folder)
    assert site.stored(sessionid) == {}
    assert site.stored(site.visit(n=2)) == {'n': 2}
    assert 'the files of the session store were removed or replaced' in caplog.text


def test_a_folder_that_cannot_be_made_again(tmp_path: Path, clock: Clock) -> None:
    parent = tmp_path / 'parent'
    parent.mkdir()
    dbm = DbmStore(parent, clock)
    site = Site(dbm, clock)
    sessionid = site.visit(n=1)
    parent.rename(tmp_path / 'elsewhere')
    with pytest.raises(StoreError, match='the folder for sessions cannot be made: No such file or directory'):
        site.visit(n=2)
    (tmp_path / 'elsewhere').rename(parent)
    assert site.stored(sessionid) == {'n': 1}
    dbm.close()


def test_a_folder_removed_while_a_request_runs(dbm: DbmStore, clock: Clock) -> None:
    site = Site(dbm, clock)
    session = site.request(site.visit(n=1))
    session['n'] = 2
    shutil.rmtree(dbm.folder)
    with pytest.raises(StoreError, match='the lock file of the session store was removed or replaced'):
        session.finish()
    assert site.store.list() == []


def test_a_restored_backup_takes_the_place_of_the_file(dbm: DbmStore, clock: Clock, tmp_path: Path) -> None:
    site = Site(dbm, clock)
    sessionid = site.visit(n=1)
    dbm.close()
    path = os.path.join(dbm.folder, 'sessions.db')
    backup = tmp_path / 'backup'
    shutil.copy(path, backup)
    site.visit(sessionid, n=2)
    for suffix in '-wal', '-shm':
        os.unlink(path + suffix)
    os.replace(backup, path)
    assert site.stored(sessionid) == {'n': 1}
    site.visit(sessionid, n=3)
    assert site.stored(sessionid) == {'n': 3}


def test_a_log_that_is_deleted(dbm: DbmStore, clock: Clock) -> None:
    site = Site(dbm, clock)
    first = site.visit(n=1)
    assert site.stored(first) == {'n': 1}
    os.unlink(os.path.join(dbm.folder, 'sessions.db-wal'))
    second = site.visit(n=2)
    other = DbmStore(dbm.dir, clock)
    assert [Site(other, clock).stored(sessionid) for sessionid in (first, second)] == [{'n': 1}, {'n': 2}]
    other.close()


def test_a_file_that_is_damaged_while_the_store_runs(dbm: DbmStore, clock: Clock) -> None:
    site = Site(dbm, clock)
    site.visit(n=1)
    dbm._database.query('PRAGMA wal_checkpoint(TRUNCATE)')
    path = Path(dbm.folder) / 'sessions.db'
    with open(path, 'r+b') as file:
        file.write(b'garbage!' * (path.stat().st_size // 8))
    dbm._database.close()  # a connection that has read the file before may not look again
    with pytest.raises(StoreError, match='not a database. Move the file away'):
        site.visit(n=2)
    path.rename(path.with_name('damaged'))
    assert site.stored(site.visit(n=3)) == {'n': 3}


def test_a_lock_file_that_is_removed(dbm: DbmStore, clock: Clock) -> None:
    site = Site(dbm, clock)
    sessionid = site.visit(n=1)
    session = site.request(sessionid)
    session['n'] = 2
    os.unlink(os.path.join(dbm.folder, 'lock'))
    with pytest.raises(StoreError, match='what it put is not kept'):
        session.finish()
    site.visit(sessionid, n=3)
    assert site.stored(sessionid) == {'n': 3}


def test_a_store_that_fails_keeps_no_lock(dbm: DbmStore, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(dbm, clock)
    sessionid = site.visit(n=1)
    locks = dbm._open()[1]
    session = site.request(sessionid)
    session['n'] = 2
    with monkeypatch.context() as patch:
        patch.setattr(dbm, 'update', lambda *args, **kwargs: dbm._database.execute('no SQL'))
        with pytest.raises(StoreError):
            session.finish()
    assert locks.in_use() == 0
    assert site.stored(sessionid) == {'n': 1}
