"""A site that runs for long needs no more memory, files or disk than one that has just begun."""
from __future__ import annotations

import gc
import itertools
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from wsgiref.util import setup_testing_defaults

import pytest

import spyce
from spyce.sessions import DbmStore, MemoryStore, SessionManager, SessionOptions
from spyce.sessions.native import NativeStore
from spyce.web.wsgi import Application
from tests.experiments.server import SOAK, Visitor, running

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='reads memory and open files from /proc')

REQUESTS = 1_000_000 if SOAK else 5_000
REQUESTS_OVER_HTTP = 50_000 if SOAK else 500
SESSIONS = 100_000 if SOAK else 1_000
MEBIBYTE = 1 << 20
MOST_GROWTH = 4 * MEBIBYTE

PAGES = {
    'plain': 'No session here.',
    'unused': '[[.import name=session]]It is imported, and that is all.',
    'read': "[[.import name=session]][[= session.get('n', 'nothing') ]] [[= len(session) ]] [[= session.is_new ]]",
    'readonly': "[[.import name=session args='readonly=True']][[= session.get('n') ]]",
    'merge': """[[.import name=session args="lock='merge'"]][[ session.delete('x') ]][[= 'n' in session ]]""",
    'error': "[[.import name=session]][[ session['missing'] ]]",
}


@dataclass(frozen=True)
class Footprint:
    """What a process, and the folder it works in, take."""

    memory: int
    open_files: int
    files: int

    @classmethod
    def of(cls, pid: int, folder: Path) -> Footprint:
        """memory: resident bytes; open_files: descriptors; files: in `folder`, at any depth."""
        gc.collect()
        pages = int(Path(f'/proc/{pid}/statm').read_text().split()[1])
        return cls(pages * os.sysconf('SC_PAGE_SIZE'), len(os.listdir(f'/proc/{pid}/fd')),
                   sum(len(names) for _, _, names in os.walk(folder)))

    def assert_no_more_than(self, before: Footprint) -> None:
        """Fail if this is more than `before` by anything that could go on growing."""
        print(f'\n{before} -> {self}')
        assert self.memory - before.memory < MOST_GROWTH
        assert self.open_files <= before.open_files
        assert self.files <= before.files


@pytest.fixture
def site(tmp_path: Path) -> Path:
    root = tmp_path / 'www'
    root.mkdir()
    (tmp_path / 'sessions').mkdir()
    for name, text in PAGES.items():
        (root / f'{name}.spy').write_text(text)
    (root / 'put.spy').write_text("[[.import name=session]][[ session.put('n', 1) ]][[= session.sessionid ]]")
    (root / 'spyceconf.py').write_text("from spyceconf import *\nsession_store = 'dbm:../sessions'\n")
    return root


def request(app: Application, path: str, cookie: str = '') -> tuple[str, str]:
    """(status line, body)."""
    environ: dict[str, object] = {'PATH_INFO': path, 'HTTP_COOKIE': cookie}
    setup_testing_defaults(environ)
    started: list[str] = []

    def start_response(status: str, headers: object, exc_info: object = None) -> Callable[[bytes], object]:
        started.append(status)
        return lambda data: None

    body = b''.join(app(environ, start_response))
    return started[0], body.decode()


def cookies(known: str) -> Iterator[str]:
    """What visitors who put nothing send: nothing, an id that is known, invented ones, nonsense."""
    for number in itertools.count():
        yield from ('', f'sessionid={known}', f'sessionid={secrets.token_urlsafe(32)}', f'sessionid=nonsense{number}',
                    '; '.join(f'c{number + i}={i}' for i in range(5)))


def test_requests_that_put_nothing_leave_nothing(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('CRITICAL')  # pytest would keep the log in memory
    app = spyce.make_app(str(site))
    known = request(app, '/put.spy')[1].strip()
    visits = zip(itertools.cycle(PAGES), cookies(known), strict=False)

    def visit(times: int) -> None:
        for page, cookie in itertools.islice(visits, times):
            status, _ = request(app, f'/{page}.spy', cookie)
            assert status[:3] == ('500' if page == 'error' else '200')

    visit(REQUESTS // 10)
    before = Footprint.of(os.getpid(), site.parent)
    visit(REQUESTS)
    Footprint.of(os.getpid(), site.parent).assert_no_more_than(before)
    with closing(DbmStore(site.parent / 'sessions')) as store:
        assert store.list() == [known]


def test_a_server_that_many_visit_leaves_nothing(site: Path) -> None:
    with running(site) as server, Visitor(server) as visitor:
        def visit(times: int) -> None:
            for page, cookie in itertools.islice(zip(itertools.cycle(PAGES), cookies('unknown'), strict=False), times):
                visitor.cookie = cookie
                assert visitor.get(f'/{page}.spy')[0] == (500 if page == 'error' else 200)

        visit(REQUESTS_OVER_HTTP)
        before = Footprint.of(server.process.pid, site.parent)
        visit(REQUESTS_OVER_HTTP)
        Footprint.of(server.process.pid, site.parent).assert_no_more_than(before)


# Sessions that come and go

LIVE = 100
"""Sessions that are alive at any time; each lives for as many ticks of the clock."""


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=['memory', 'dbm'])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NativeStore]:
    made: NativeStore = DbmStore(tmp_path) if request.param == 'dbm' else MemoryStore()
    with closing(made):
        yield made


def disk_use(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob('*') if file.is_file())


def test_sessions_that_have_expired_leave_nothing(store: NativeStore, tmp_path: Path) -> None:
    clock = Clock()
    manager = SessionManager(SessionOptions(session_store=store, session_expire=LIVE),
                             create_lock=lambda name: None, clock=clock)

    def create_and_expire(times: int) -> None:
        for number in range(times):
            session = manager.request_session([], secure=False)
            session['name'] = f'visitor {number}'
            session['basket'] = [number] * (number % 200)
            session.finish()
            again = manager.request_session([('sessionid', session.sessionid)], secure=False)
            again.regenerate()
            again.finish()
            clock.now += 1
            if number % LIVE == 0:
                manager.clean()

    create_and_expire(SESSIONS // 10 + 10 * LIVE)
    before, disk_before = Footprint.of(os.getpid(), tmp_path), disk_use(tmp_path)
    create_and_expire(SESSIONS)
    Footprint.of(os.getpid(), tmp_path).assert_no_more_than(before)
    print(f'on disk: {disk_before} -> {disk_use(tmp_path)}')
    assert disk_use(tmp_path) <= disk_before * 1.1 + MEBIBYTE
    assert LIVE <= len(store.list()) <= 2 * LIVE

    clock.now += LIVE
    manager.clean()
    assert store.list() == []
