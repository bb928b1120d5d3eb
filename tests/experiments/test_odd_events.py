"""What happens to a machine that runs for years: files are removed under the store, the clock is set back."""
from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from spyce.sessions import DbmStore, RequestSession, SessionLocked, SessionManager, SessionOptions, StoreError

HOLDER = """
import sys
from spyce.sessions import DbmStore, SessionManager
manager = SessionManager.for_store(DbmStore(sys.argv[1]))
session = manager.request_session([('sessionid', sys.argv[2])], secure=False)
print(session['n'], flush=True)
sys.stdin.read()
"""


class Clock:
    """A clock that a test turns; it begins with the time that other processes see."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def manager(tmp_path: Path, clock: Clock) -> Iterator[SessionManager]:
    with closing(DbmStore(tmp_path)) as store:
        yield SessionManager(SessionOptions(session_store=store, session_lock_timeout=0.1),
                             create_lock=lambda name: None, clock=clock)


def visit(manager: SessionManager, sessionid: str = '') -> RequestSession:
    return manager.request_session([('sessionid', sessionid)], secure=False)


def put(manager: SessionManager, n: int, sessionid: str = '') -> str:
    """Put n into the session; its id."""
    session = visit(manager, sessionid)
    session['n'] = n
    session.finish()
    return session.sessionid


def remove_folder(folder: Path) -> None:
    shutil.rmtree(folder)


def replace_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    with closing(DbmStore(folder.parent)) as store:
        store.check()


def remove_database(folder: Path) -> None:
    for file in folder.glob('sessions.db*'):
        file.unlink()


@pytest.mark.parametrize('remove', [remove_folder, replace_folder, remove_database])
def test_nothing_is_acknowledged_that_went_into_a_removed_file(remove: Callable[[Path], None], tmp_path: Path,
                                                              manager: SessionManager) -> None:
    put(manager, 1)
    remove(tmp_path / 'spyce-sessions')
    for n in range(2, 5):
        try:
            sessionid = put(manager, n)
        except StoreError:
            continue
        with closing(DbmStore(tmp_path)) as another_store:
            assert visit(SessionManager.for_store(another_store), sessionid).get('n') == n


def test_the_store_recovers_from_the_loss_of_its_folder(tmp_path: Path, manager: SessionManager) -> None:
    put(manager, 1)
    remove_folder(tmp_path / 'spyce-sessions')
    for _ in range(3):
        try:
            sessionid = put(manager, 2)
        except StoreError:
            continue
        assert visit(manager, sessionid)['n'] == 2
        assert (tmp_path / 'spyce-sessions' / 'sessions.db').exists()
        return
    pytest.fail('three requests after its folder was removed the store cannot be used yet')


def test_processes_exclude_each_other_again_after_the_lock_file_was_removed(tmp_path: Path,
                                                                           manager: SessionManager) -> None:
    """Something that cleans up old files may remove it: it is never written to."""
    sessionid = put(manager, 1)
    (tmp_path / 'spyce-sessions' / 'lock').unlink()
    with subprocess.Popen([sys.executable, '-c', HOLDER, str(tmp_path), sessionid], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == '1\n'
        with pytest.raises(SessionLocked):
            put(manager, 2, sessionid)


def test_an_id_that_was_replaced_stays_dead_when_the_clock_is_set_back(manager: SessionManager, clock: Clock) -> None:
    old_id = put(manager, 1)
    session = visit(manager, old_id)
    session.regenerate()
    session.finish()
    clock.now -= 3600
    assert 'n' not in visit(manager, old_id)
    assert visit(manager, session.sessionid)['n'] == 1
