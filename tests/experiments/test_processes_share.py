"""A server, the command line and a plain program on one folder of sessions exclude each other exactly."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from spyce.sessions import DbmStore, SessionManager
from tests.experiments.server import SOAK, ServerProcess, Visitor, running

ROUNDS = 25 if SOAK else 3
"""How often the slowest, `spyce render`, counts in each of its two rows."""

COUNT = "[[.import name=session]][[ session.put('n', session.get('n', 0) + 1) ]][[= session['n'] ]]"
READ = "[[.import name=session args='readonly=True']][[= session.get('n', 0) ]]"
SELF = """[[.import name=session]][[.import name=request]][[\\
import urllib.error, urllib.request
session.put('visits', session.get('visits', 0) + 1)
address = 'http://%s/count.spy' % request.getHeader('Host')
try:
    urllib.request.urlopen(urllib.request.Request(address, headers={'Cookie': request.getHeader('Cookie')}))
    answer = 200
except urllib.error.HTTPError as error:
    answer = error.code, error.headers['Retry-After']
    error.close()
]][[= answer ]]"""

# Programs without a server, such as a cron job. Their arguments: the folder, a session's id.
OPEN = """
import os, subprocess, sys, time
from spyce.sessions import DbmStore, SessionManager
manager = SessionManager.for_store(DbmStore(sys.argv[1]))
def visit():
    return manager.request_session([('sessionid', sys.argv[2])], secure=False)
"""
COUNT_OFTEN = OPEN + """
for _ in range(100):
    session = visit()
    session['n'] = session.get('n', 0) + 1
    session.finish()
"""
READ_AND_CLOSE = OPEN + """
print(visit().get('n'))
manager.close()
"""
HOLD = OPEN + """
session = visit()
session['n'] = session.get('n', 0) + 1
{more}
print('held', flush=True)
time.sleep(60)
"""
HOLDERS = {
    'alone': '',
    'with a forked child': 'if os.fork() == 0: time.sleep(60)',
    'with another program started': "subprocess.Popen(['sleep', '60'], close_fds=False)",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The root of a site; its sessions are in the folder `sessions` beside it."""
    root = tmp_path / 'www'
    root.mkdir()
    (tmp_path / 'sessions').mkdir()
    for name, text in {'count': COUNT, 'read': READ, 'self': SELF}.items():
        (root / f'{name}.spy').write_text(text)
    (root / 'spyceconf.py').write_text("from spyceconf import *\nsession_store = 'dbm:../sessions'\n")
    return root


def set_lock_timeout(site: Path, seconds: float) -> None:
    with open(site / 'spyceconf.py', 'a') as config:
        config.write(f'session_lock_timeout = {seconds}\n')


def make_session(server: ServerProcess) -> Visitor:
    visitor = Visitor(server)
    assert visitor.get('/count.spy') == (200, '1\n')
    assert visitor.cookie is not None
    return visitor


def run_program(text: str, site: Path, visitor: Visitor) -> subprocess.Popen[str]:
    assert visitor.cookie is not None
    return subprocess.Popen([sys.executable, '-c', text, str(site.parent / 'sessions'),
                             visitor.cookie.partition('=')[2]], stdout=subprocess.PIPE, text=True,
                            start_new_session=True)


def render(site: Path, page: str, visitor: Visitor) -> str:
    command = [sys.executable, '-m', 'spyce', 'render', str(site / page), '--root', str(site),
               '--cookie', visitor.cookie or '']
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def test_server_command_line_and_program_count_exactly_together(site: Path) -> None:
    with running(site, '--workers', '2') as server, make_session(server) as visitor:
        failures: list[object] = []
        done = threading.Event()
        served = 0

        def count_by_server() -> None:
            nonlocal served
            with Visitor(server, visitor.cookie) as another:
                while not done.is_set():
                    status, body = another.get('/count.spy')
                    served += 1
                    if status != 200:
                        failures.append((status, body))

        def count_by_command_line() -> None:
            for _ in range(ROUNDS):
                render(site, 'count.spy', visitor)

        visiting = threading.Thread(target=count_by_server)
        rendering = [threading.Thread(target=count_by_command_line) for _ in range(2)]
        programs = [run_program(COUNT_OFTEN, site, visitor) for _ in range(2)]
        for thread in (visiting, *rendering):
            thread.start()
        for program in programs:
            program.communicate()
        for thread in rendering:
            thread.join()
        done.set()
        visiting.join()

        assert failures == []
        assert [program.returncode for program in programs] == [0, 0]
        assert served > 0
        expected = 1 + served + 2 * ROUNDS + 2 * 100
        visitor.close()  # the server has given up the idle connection by now, or is about to
        assert visitor.get('/read.spy') == (200, f'{expected}\n')
        assert render(site, 'read.spy', visitor) == f'{expected}\n'


def test_two_stores_on_one_folder_in_one_process_lose_nothing(tmp_path: Path) -> None:
    """As two sites in one process have them, or a store that a config makes twice."""
    def put(n: int, sessionid: str = '') -> str:
        session = manager.request_session([('sessionid', sessionid)], secure=False)
        session['n'] = n
        session.finish()
        return session.sessionid

    def another_process_sees(sessionid: str) -> str:
        command = [sys.executable, '-c', READ_AND_CLOSE, str(tmp_path), sessionid]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    with closing(DbmStore(tmp_path)) as store, closing(DbmStore(tmp_path)) as second:
        manager = SessionManager.for_store(store)
        sessionid = put(1)
        second.check()
        assert another_process_sees(sessionid) == '1'
        put(2, sessionid)
        assert another_process_sees(sessionid) == '2'


@contextmanager
def holder(kind: str, site: Path, visitor: Visitor) -> Iterator[subprocess.Popen[str]]:
    """A program that has put something into the session and still holds it."""
    program = run_program(HOLD.format(more=HOLDERS[kind]), site, visitor)
    assert program.stdout is not None
    try:
        assert program.stdout.readline() == 'held\n'
        yield program
    finally:
        os.killpg(program.pid, signal.SIGKILL)  # with its children
        program.wait()
        program.stdout.close()


@pytest.mark.parametrize('kind', HOLDERS)
def test_a_holder_that_is_killed_frees_the_session_within_a_second(kind: str, site: Path) -> None:
    with running(site) as server, make_session(server) as visitor, holder(kind, site, visitor) as program:
        answers: list[tuple[tuple[int, str], float]] = []
        waiting = threading.Thread(target=lambda: answers.append((visitor.get('/count.spy'), time.monotonic())))
        waiting.start()
        waiting.join(0.3)
        assert answers == [], 'the session was not held'
        killed = time.monotonic()
        program.kill()  # its children live on
        waiting.join()
        (answer, answered), = answers
        assert answer == (200, '2\n'), 'what the holder put was not saved'
        assert answered - killed < 1


def test_a_session_that_is_held_can_be_read_and_others_used(site: Path) -> None:
    with running(site) as server, make_session(server) as visitor, holder('alone', site, visitor):
        assert visitor.get('/read.spy') == (200, '1\n')
        make_session(server).close()


def test_a_session_held_for_too_long_is_a_503(site: Path) -> None:
    set_lock_timeout(site, 0.3)
    with running(site) as server, make_session(server) as visitor:
        with holder('alone', site, visitor):
            assert visitor.get('/count.spy')[0] == 503
        assert visitor.get('/count.spy') == (200, '2\n')


SERVERS = {'threads': ('--threads', '4'), 'workers': ('--threads', '4', '--workers', '2')}


@pytest.mark.parametrize('arguments', SERVERS.values(), ids=SERVERS)
def test_a_page_that_requests_its_own_site_gets_a_503_there(arguments: tuple[str, ...], site: Path) -> None:
    set_lock_timeout(site, 0.3)
    with running(site, *arguments) as server, make_session(server) as visitor:
        assert visitor.get('/self.spy') == (200, "(503, '1')\n")
        assert visitor.get('/count.spy') == (200, '2\n')


@pytest.mark.parametrize('arguments', SERVERS.values(), ids=SERVERS)
def test_many_pages_that_request_their_own_site_do_not_stop_the_server(arguments: tuple[str, ...],
                                                                       site: Path) -> None:
    set_lock_timeout(site, 0.3)
    with running(site, *arguments) as server, make_session(server) as visitor:
        answers: list[int] = []

        def visit() -> None:
            with Visitor(server, visitor.cookie) as another:
                answers.append(another.get('/self.spy')[0])

        at_once([visit] * 12)
        assert len(answers) == 12
        assert set(answers) <= {200, 503}
        assert 200 in answers
        assert visitor.get('/count.spy') == (200, '2\n')
        make_session(server).close()


def at_once(functions: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
