"""One look at the folder of a DbmStore tells whether its files are still those at their paths."""
from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from spyce.sessions import DbmStore, SessionLocked, StoreError, rangelock, stamp

from .conftest import Clock, Site

pytestmark = pytest.mark.skipif(sys.platform == 'win32', reason='the time of change is not to be had')

SETTLING = 0.05
"""In place of the seconds that file systems may need. Of those that tests run on, none counts coarser than this."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamp, 'SETTLING', int(SETTLING * 1e9))


@pytest.fixture
def site(dbm: DbmStore, clock: Clock) -> Site:
    return Site(dbm, clock)


@pytest.fixture
def sessionid(site: Site) -> str:
    """Of a session in a store whose folder has not changed for a while."""
    sessionid = site.visit(n=1)
    time.sleep(2 * SETTLING)
    return site.visit(sessionid, n=2)


def test_a_link_set_to_a_copy_of_the_store_is_followed_to_where_others_lock(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / 'first').mkdir()
    (tmp_path / 'link').symlink_to('first')
    through_link = Site(DbmStore(tmp_path / 'link', clock), clock, session_lock_timeout=0.2)
    sessionid = through_link.visit(n=1)
    through_link.store.close()
    shutil.copytree(tmp_path / 'first', tmp_path / 'second')
    assert through_link.stored(sessionid) == {'n': 1}
    (tmp_path / 'link').unlink()
    (tmp_path / 'link').symlink_to('second')
    time.sleep(2 * SETTLING)
    holder = Site(DbmStore(tmp_path / 'second', clock), clock).request(sessionid)
    holder['n'] = 2
    with pytest.raises(SessionLocked):
        through_link.visit(sessionid, n=3)
    holder.finish()
    assert through_link.request(sessionid)['n'] == 2


def test_a_folder_that_has_just_changed_has_no_stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'a').touch()
    settled = tmp_path.stat().st_ctime_ns + stamp.SETTLING
    monkeypatch.setattr(time, 'time_ns', lambda: settled)
    assert stamp.stamp_of(str(tmp_path)) is None
    monkeypatch.setattr(time, 'time_ns', lambda: settled + 1)
    assert stamp.stamp_of(str(tmp_path)) is not None


def test_a_folder_from_the_future_has_no_stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock was set back."""
    time.sleep(2 * SETTLING)
    now = time.time_ns()
    monkeypatch.setattr(time, 'time_ns', lambda: now - 3_600_000_000_000)
    assert stamp.stamp_of(str(tmp_path)) is None


def test_a_folder_that_is_not_there_has_no_stamp(tmp_path: Path) -> None:
    assert stamp.stamp_of(str(tmp_path / 'missing')) is None


def make(folder: Path) -> None:
    (folder / 'new').touch()


def remove(folder: Path) -> None:
    (folder / 'file').unlink()


def replace(folder: Path) -> None:
    (folder.parent / 'other').write_text('other')
    os.replace(folder.parent / 'other', folder / 'file')


def put_another_in_its_place(folder: Path) -> None:
    folder.rename(folder.with_name('moved'))
    folder.mkdir()
    (folder / 'file').touch()


def change_and_set_the_time_back(folder: Path) -> None:
    status = folder.stat()
    remove(folder)
    (folder / 'file').touch()
    os.utime(folder, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize('change', [make, remove, replace, put_another_in_its_place, change_and_set_the_time_back])
def test_each_change_of_a_folder_changes_its_stamp(change: Callable[[Path], None], tmp_path: Path) -> None:
    folder = tmp_path / 'folder'
    folder.mkdir()
    (folder / 'file').touch()
    time.sleep(2 * SETTLING)
    before = stamp.stamp_of(str(folder))
    assert before is not None
    change(folder)
    time.sleep(2 * SETTLING)
    assert stamp.stamp_of(str(folder)) not in (before, None)


def test_files_are_looked_at_once(dbm: DbmStore, site: Site, sessionid: str, monkeypatch: pytest.MonkeyPatch) -> None:
    paths: list[str] = []
    look = os.stat
    with monkeypatch.context() as patch:
        patch.setattr(os, 'stat', lambda path, **named: [look(path, **named), paths.append(path)][0])
        patch.setattr(os, 'lstat', lambda path: pytest.fail(f'a look at {path}'))
        site.visit(sessionid, n=3)
    assert paths == [dbm.folder] * 2  # after locking, and before saving
    assert site.stored(sessionid) == {'n': 3}


def test_a_lock_file_that_is_removed(dbm: DbmStore, site: Site, sessionid: str) -> None:
    session = site.request(sessionid)
    session['n'] = 3
    os.unlink(os.path.join(dbm.folder, 'lock'))
    with pytest.raises(StoreError, match='what it put is not kept'):
        session.finish()
    assert site.stored(sessionid) == {'n': 2}
    site.visit(sessionid, n=4)
    assert sorted(os.listdir(dbm.folder)) == ['lock', 'sessions.db', 'sessions.db-shm', 'sessions.db-wal']


def test_a_folder_that_is_removed(dbm: DbmStore, site: Site, sessionid: str) -> None:
    session = site.request(sessionid)
    session['n'] = 3
    shutil.rmtree(dbm.folder)
    with pytest.raises(StoreError, match='the lock file of the session store was removed or replaced'):
        session.finish()
    assert site.stored(sessionid) == {}
    assert site.stored(site.visit(n=4)) == {'n': 4}


def test_a_database_that_is_removed(dbm: DbmStore, site: Site, sessionid: str) -> None:
    session = site.request(sessionid)
    session['n'] = 3
    for name in os.listdir(dbm.folder):
        if name != 'lock':
            os.unlink(os.path.join(dbm.folder, name))
    session.finish()
    assert site.stored(sessionid) == {}


def test_a_log_that_is_removed(dbm: DbmStore, site: Site, sessionid: str, clock: Clock) -> None:
    os.unlink(os.path.join(dbm.folder, 'sessions.db-wal'))
    site.visit(sessionid, n=3)
    other = DbmStore(dbm.dir, clock)
    assert Site(other, clock).stored(sessionid) == {'n': 3}
    other.close()


def test_a_restored_backup(dbm: DbmStore, site: Site, sessionid: str, tmp_path: Path) -> None:
    dbm._database.query('PRAGMA wal_checkpoint(TRUNCATE)')
    path = os.path.join(dbm.folder, 'sessions.db')
    shutil.copy(path, tmp_path / 'backup')
    site.visit(sessionid, n=3)
    for suffix in '-wal', '-shm':
        os.unlink(path + suffix)
    os.replace(tmp_path / 'backup', path)
    assert site.stored(sessionid) == {'n': 2}


def test_a_link_to_the_folder_that_is_set_to_another(tmp_path: Path, clock: Clock) -> None:
    for name in 'old', 'new':
        (tmp_path / name).mkdir()
    link = tmp_path / 'current'
    link.symlink_to('old')
    store = DbmStore(link, clock)
    site = Site(store, clock)
    sessionid = site.visit(n=1)
    time.sleep(2 * SETTLING)
    assert site.stored(sessionid) == {'n': 1}
    link.unlink()
    link.symlink_to('new')
    assert dict(site.request(sessionid)) == {}
    site.visit(n=2)
    assert sorted(os.listdir(tmp_path / 'new' / 'spyce-sessions'))[0] == 'lock'
    store.close()


def test_a_lock_is_that_of_the_file_that_was_locked(tmp_path: Path) -> None:
    """Another thread may open the file again between locking and looking."""
    file = rangelock.RangeLockFile(str(tmp_path / 'lock'))
    locked = file.try_lock(1)
    assert locked is not None
    os.unlink(file.path)
    file.ensure_current()
    assert not file.is_current(locked[0], stamp.stamp_of(str(tmp_path)))
