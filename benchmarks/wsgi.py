"""A whole request in process: a WSGI environment with a cookie in, a page that used the session out."""
from __future__ import annotations

import io
import itertools
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import apps, workplace
from benchmarks.apps import Application
from benchmarks.measure import Goal, Size, Table, Work, contest, contestants_of, same_output

VISITORS = 1000
FLOOR = 'floor: by hand'

PEERS: tuple[tuple[str, str, Callable[[str, Path], Application], float], ...] = (
    ('beaker', 'Beaker, bare middleware', apps.beaker, 1),
    ('flask flask_session cachelib', 'Flask, Flask-Session', apps.flask, 3),
    ('django', 'Django', apps.django, 3),
    ('cherrypy jinja2', 'CherryPy, Jinja2', apps.cherrypy, 3),
)
"""The packages that each needs, its name, its maker, and how many times as fast Spyce is to be."""


def tables(size: Size) -> list[Table]:
    """One for memory, one for disk, and what it costs a page to import the session."""
    with tempfile.TemporaryDirectory(dir=workplace.folder()) as folder:
        visitors = VISITORS if size.turn else 2
        return [*(_table(kind, Path(folder) / kind, visitors, size) for kind in ('memory', 'disk')),
                _untouched(Path(folder) / 'untouched', size)]


def _table(kind: str, folder: Path, visitors: int, size: Size) -> Table:
    makers = [('', FLOOR, apps.floor), ('', 'Spyce', apps.spyce), *(peer[:3] for peer in PEERS)]
    applications: dict[str, Application] = contestants_of(size, (
        (packages, partial(_make, name, make, kind, folder / f'{number}'))
        for number, (packages, name, make) in enumerate(makers)))
    sites = {name: Visitors(application, visitors) for name, application in applications.items()}
    same_output({name: site.visit() for name, site in sites.items()})
    works: dict[str, Work] = {name: site.visit for name, site in sites.items()}
    where = 'in memory' if kind == 'memory' else 'on disk'
    return contest(f'request-{kind}', f'A whole request in process, session {where}, {visitors:,} visitors', works,
                   FLOOR, size, [Goal('Spyce', name, least) for _, name, _, least in PEERS],
                   'The floor and Beaker lock nothing, and have no templates.')


def _make(name: str, make: Callable[[str, Path], Application], kind: str, folder: Path) -> dict[str, Application]:
    folder.mkdir(parents=True)
    return {name: make(kind, folder)}


def _untouched(folder: Path, size: Size) -> Table:
    application = apps.spyce('disk', folder)
    pages = {'Spyce, no session': '/plain.spy', 'Spyce, session imported, unused': '/untouched.spy'}
    visitor = Visitors(application, 1)
    works: dict[str, Work] = {name: partial(visitor.visit, path) for name, path in pages.items()}
    same_output({name: work() for name, work in works.items()})  # type: ignore[misc]
    plain, imported = pages
    return contest('request-untouched', 'What a session costs a page that does not touch it', works, plain, size,
                   [Goal(imported, plain, 0.9)])


class Visitors:
    """Browsers that come one after the other, each with its cookie."""

    def __init__(self, application: Application, count: int) -> None:
        self._application = application
        self._cookies = [self._first_visit() for _ in range(count)]
        self._next_cookie = itertools.cycle(self._cookies).__next__

    def visit(self, path: str = apps.URL) -> bytes:
        """The page that the next of them gets."""
        return b''.join(call(self._application, path, self._next_cookie())[1])

    def _first_visit(self) -> str:
        headers, _ = call(self._application, apps.URL, '')
        return '; '.join(value.partition(';')[0] for name, value in headers if name.lower() == 'set-cookie')


def call(application: Application, path: str, cookie: str) -> tuple[list[tuple[str, str]], list[bytes]]:
    """One request: headers and body of the response. Raises AssertionError unless it is a 200."""
    answer: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[..., Any]:
        answer[:] = [status, headers]
        return io.BytesIO().write

    environ = {
        'REQUEST_METHOD': 'GET', 'SCRIPT_NAME': '', 'PATH_INFO': path, 'QUERY_STRING': '', 'REMOTE_ADDR': '127.0.0.1',
        'SERVER_NAME': 'localhost', 'SERVER_PORT': '80', 'SERVER_PROTOCOL': 'HTTP/1.1', 'HTTP_HOST': 'localhost',
        'HTTP_USER_AGENT': 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
        'HTTP_ACCEPT': 'text/html,application/xhtml+xml,*/*;q=0.8', 'HTTP_ACCEPT_LANGUAGE': 'en-GB,en;q=0.5',
        'wsgi.version': (1, 0), 'wsgi.url_scheme': 'http', 'wsgi.input': io.BytesIO(), 'wsgi.errors': sys.stderr,
        'wsgi.multithread': True, 'wsgi.multiprocess': False, 'wsgi.run_once': False,
    }
    if cookie:
        environ['HTTP_COOKIE'] = cookie
    result = application(environ, start_response)
    body = list(result)
    if hasattr(result, 'close'):
        result.close()
    if not answer[0].startswith('200'):
        raise AssertionError(f'{path}: {answer[0]}: {b"".join(body)[:300]!r}')
    return answer[1], body
