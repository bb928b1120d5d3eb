"""A process may fork whatever its threads are doing with sessions; parent and child then go on as strangers."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.experiments.server import SOAK

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='nothing forks here')

FORKS = 2_000 if SOAK else 20

# The programs run on their own: pytest's process has threads of its own that a child of it would miss.
# Their arguments: a folder, how many forks. A child that takes longer than TOO_LONG is stuck.
OPEN = """
import os, sys, threading
from spyce.sessions import DbmStore, SessionManager
folder, forks = sys.argv[1], int(sys.argv[2])
TOO_LONG = 10

def in_child(work):
    pid = os.fork()
    if pid:
        return pid
    watch = threading.Timer(TOO_LONG, os._exit, [99])
    watch.daemon = True
    watch.start()
    try:
        work()
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)

def exit_code(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""

AT_ANY_TIME = OPEN + """
manager = SessionManager.for_store(DbmStore(folder))
first = manager.request_session([], secure=False)
first['n'] = 0
first.finish()

def count():
    session = manager.request_session([('sessionid', first.sessionid)], secure=False)
    session['n'] += 1
    session.finish()

done = threading.Event()
counted = []
def count_on():
    while not done.is_set():
        count()
        counted.append(1)

threads = [threading.Thread(target=count_on) for _ in range(3)]
for thread in threads:
    thread.start()
codes = [exit_code(in_child(count)) for _ in range(forks)]
done.set()
for thread in threads:
    thread.join()
assert codes == [0] * forks, codes
last = manager.request_session([('sessionid', first.sessionid)], secure=False)
assert last['n'] == len(counted) + forks, (last['n'], len(counted), forks)
assert len(counted) > 0
"""

DAEMON = OPEN + """
orders, order = os.pipe()
reports, report = os.pipe()
numbers = iter(range(2, 5))

def put(manager, sessionid, n):
    session = manager.request_session([('sessionid', sessionid)], secure=False)
    session['n'] = n
    session.finish()
    return session.sessionid

def start_daemon():
    manager = SessionManager.for_store(DbmStore(folder))
    sessionid = put(manager, '', 1)
    if os.fork() == 0:
        os.close(order)
        while os.read(orders, 1):
            put(manager, sessionid, next(numbers))
            os.write(report, b'.')
    os._exit(0)

assert exit_code(in_child(start_daemon)) == 0
os.close(report)
for n in range(2, 5):
    os.write(order, b'.')
    assert os.read(reports, 1) == b'.', 'the daemon died'
    store = DbmStore(folder)
    sessionid, = store.list()
    session = SessionManager.for_store(store).request_session([('sessionid', sessionid)], secure=False)
    assert session['n'] == n, f'the daemon has put {n}, and another process sees {session["n"]}'
    session.finish()
    store.close()
"""

WHILE_OPENING = OPEN + """
for number in range(forks):
    os.mkdir(f'{folder}/{number}')
    manager = SessionManager.for_store(DbmStore(f'{folder}/{number}'))
    opening = threading.Thread(target=manager.check)
    opening.start()
    code = exit_code(in_child(manager.check))
    opening.join()
    assert code == 0, f'the child was stuck or failed: {code}'
"""

FOLDER_GONE = OPEN + """
import gc
from spyce.sessions import StoreError
store = DbmStore(folder)
store.check()
os.rename(f'{folder}/spyce-sessions', f'{folder}/moved')

def use_another_file():
    global store
    with open(f'{folder}/other', 'wb', buffering=0) as other:
        try:
            store.lock(1, timeout=0, max_waiters=0).release()
        except StoreError:
            pass
        del store
        gc.collect()
        other.write(b'still open')

code = exit_code(in_child(use_another_file))
assert code == 0, code
"""

WHILE_LOOKING = OPEN + """
import time
from spyce.sessions import database
store = DbmStore(folder)
store.list()
looked, identity = threading.Event(), database._identity

def look_slowly(path):
    found = identity(path)
    if path.endswith('-wal'):
        looked.set()
        time.sleep(0.2)
    return found

database._identity = look_slowly
looking = threading.Thread(target=store.check)
looking.start()
assert looked.wait(TOO_LONG)
code = exit_code(in_child(lambda: open(f'{folder}/other', 'w')))  # takes the place of a log that is gone
looking.join()
assert code == 0, code
database._identity = identity
store.list()
store.check()
store.close()
"""


def run(program: str, folder: Path, forks: int = FORKS) -> str:
    """Run a program; what it wrote to stderr. Fails if it failed."""
    process = subprocess.run([sys.executable, '-W', 'ignore::DeprecationWarning', '-c', program, str(folder),
                              str(forks)], stderr=subprocess.PIPE, text=True)
    assert process.returncode == 0, process.stderr
    return process.stderr


def test_parent_and_children_count_exactly_whenever_the_fork_comes(tmp_path: Path) -> None:
    assert run(AT_ANY_TIME, tmp_path) == ''


def test_a_child_that_outlives_its_parent_loses_nothing(tmp_path: Path) -> None:
    assert run(DAEMON, tmp_path) == ''


def test_a_child_forked_while_the_store_was_being_opened_can_open_it(tmp_path: Path) -> None:
    assert run(WHILE_OPENING, tmp_path, FORKS // 10) == ''


def test_a_fork_while_a_thread_looks_whether_the_files_are_still_there_is_no_alarm(tmp_path: Path) -> None:
    assert run(WHILE_LOOKING, tmp_path) == ''


def test_a_child_forked_after_the_folder_was_removed_touches_no_file_but_the_stores(tmp_path: Path) -> None:
    run(FOLDER_GONE, tmp_path)
