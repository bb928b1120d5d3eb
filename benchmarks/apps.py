"""The same small site for each contestant: a page that greets a visitor and counts his visits in a session."""
from __future__ import annotations

import html
import pickle
import secrets
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.data import SESSION

Keeper = tuple[Callable[[str], dict[str, Any] | None], Callable[[str, dict[str, Any]], None]]
Application = Callable[[dict[str, Any], Callable[..., Any]], Any]

URL = '/index.spy'
TEMPLATE_NAME = 'session.html'

HTML = '''<!DOCTYPE html>
<html><head><title>Shop</title></head>
<body class="%s">
<p>Welcome back, %s.</p>
<p>This is your visit no. %s.</p>
</body></html>
'''
JINJA_TEMPLATE = HTML % ('{{ theme }}', '{{ name }}', '{{ visits }}')
DJANGO_TEMPLATE = JINJA_TEMPLATE

_ESCAPING = "[[.import name=transform]][[ transform.expr('html_encode') ]]"
_GREETING = HTML % ("[[= session['theme'] ]]", "[[= session['name'] ]]", "[[= session['visits'] ]]")
_PLAIN = HTML % ('[[= theme ]]', '[[= name ]]', '[[= visits ]]')
_VALUES = """[[ theme, name, visits = 'dark', "Ann O'Neil", 2 ]]"""
SPYCE = {
    'index.spy': f'''[[.import name=session]]{_ESCAPING}[[
if 'visits' not in session: {{
    from benchmarks.data import SESSION
    session.update(SESSION)
}}
session['visits'] += 1
]]{_GREETING}''',
    'plain.spy': f'{_ESCAPING}{_VALUES}{_PLAIN}',
    'untouched.spy': f'[[.import name=session]]{_ESCAPING}{_VALUES}{_PLAIN}',
}
"""index.spy is everybody's page; plain.spy knows nothing of sessions, untouched.spy could use one."""


def floor(kind: str, folder: Path) -> Application:
    """What has to be done, with nothing around it: no lock, no template; a dictionary, or SQLite as Spyce sets it."""
    load, save = _dictionary() if kind == 'memory' else _sqlite(folder / 'floor.db')

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        headers = [('Content-Type', 'text/html; charset=utf-8')]
        sessionid = environ.get('HTTP_COOKIE', '').removeprefix('sessionid=')
        session = load(sessionid)
        if session is None:
            sessionid, session = secrets.token_urlsafe(32), dict(SESSION)
            headers.append(('Set-Cookie', f'sessionid={sessionid}; HttpOnly'))
        session['visits'] += 1
        save(sessionid, session)
        data = (HTML % (html.escape(session['theme']), html.escape(session['name']), session['visits'])).encode()
        start_response('200 OK', [*headers, ('Content-Length', str(len(data)))])
        return [data]

    return application


def _dictionary() -> Keeper:
    sessions: dict[str, dict[str, Any]] = {}
    return sessions.get, sessions.__setitem__


def _sqlite(file: Path) -> Keeper:
    mine = threading.local()

    def connection() -> sqlite3.Connection:
        if not hasattr(mine, 'connection'):
            mine.connection = sqlite3.connect(file, isolation_level=None, timeout=20)
            mine.connection.execute('PRAGMA journal_mode=WAL')
            mine.connection.execute('PRAGMA synchronous=NORMAL')
            mine.connection.execute('CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, value BLOB) '
                                    'WITHOUT ROWID')
        found: sqlite3.Connection = mine.connection
        return found

    def load(sessionid: str) -> dict[str, Any] | None:
        row = connection().execute('SELECT value FROM sessions WHERE id = ?', (sessionid,)).fetchone()
        return None if row is None else pickle.loads(row[0])

    def save(sessionid: str, session: dict[str, Any]) -> None:
        connection().execute('INSERT INTO sessions VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET value = excluded.value',
                             (sessionid, pickle.dumps(session, 5)))

    return load, save


def spyce(kind: str, folder: Path) -> Application:
    """make_app() with its defaults. kind: 'memory' or 'disk'."""
    import spyce
    root = folder / 'site'
    root.mkdir(parents=True, exist_ok=True)
    for name, source in SPYCE.items():
        (root / name).write_text(source)
    return spyce.make_app(str(root), site_data=str(folder / 'data'),
                          session_store='memory:' if kind == 'memory' else f'dbm:{folder}')


def beaker(kind: str, folder: Path) -> Application:
    """Beaker's middleware, and under it nothing but what has to be done."""
    from beaker.middleware import SessionMiddleware

    def show(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        session = environ['beaker.session']
        if 'visits' not in session:
            session.update(SESSION)
        session['visits'] += 1
        session.save()
        body = HTML % (html.escape(session['theme']), html.escape(session['name']), session['visits'])
        data = body.encode()
        start_response('200 OK', [('Content-Type', 'text/html; charset=utf-8'), ('Content-Length', str(len(data)))])
        return [data]

    options = {'session.type': 'memory' if kind == 'memory' else 'file', 'session.key': 'sessionid',
               'session.timeout': 86400, 'session.data_dir': str(folder), 'session.lock_dir': str(folder / 'lock')}
    return SessionMiddleware(show, options)


def flask(kind: str, folder: Path) -> Application:
    """Flask, Flask-Session over cachelib, Jinja2."""
    from cachelib import FileSystemCache, SimpleCache
    from flask import Flask, render_template, session
    from flask_session import Session
    from jinja2 import DictLoader
    app = Flask('benchmarks', root_path=str(folder))
    app.config.update(SESSION_TYPE='cachelib', SESSION_COOKIE_NAME='sessionid', SESSION_CACHELIB=(
        SimpleCache(threshold=10 ** 8) if kind == 'memory' else FileSystemCache(str(folder / 'files'), threshold=0)))
    Session(app)
    app.jinja_loader = DictLoader({TEMPLATE_NAME: JINJA_TEMPLATE})

    @app.get(URL)
    def show() -> str:
        if 'visits' not in session:
            session.update(SESSION)
        session['visits'] += 1
        return render_template(TEMPLATE_NAME, name=session['name'], theme=session['theme'], visits=session['visits'])

    return app


def django(kind: str, folder: Path) -> Application:
    """Django with its session middleware and its templates. kind: also 'db'."""
    from benchmarks import django_site
    return django_site.application({'memory': 'cache', 'disk': 'file'}.get(kind, kind))


def cherrypy(kind: str, folder: Path) -> Application:
    """CherryPy with its sessions tool; it brings no templates, so Jinja2."""
    import cherrypy as framework
    from cherrypy.lib import sessions
    from jinja2 import Environment
    template = Environment(autoescape=True).from_string(JINJA_TEMPLATE)

    class Site:
        """Its one page."""

        @framework.expose(['index.spy'])  # type: ignore[untyped-decorator, unused-ignore]
        def index(self) -> str:
            """Count the visit and show it."""
            session = framework.session
            if 'visits' not in session:
                session.update(SESSION)
            session['visits'] += 1
            return template.render(name=session['name'], theme=session['theme'], visits=session['visits'])

    framework.config.update({'environment': 'production', 'log.screen': False})
    options = {'tools.sessions.on': True, 'tools.sessions.name': 'sessionid', 'tools.sessions.clean_freq': 0}
    if kind == 'disk':
        (folder / 'cherrypy').mkdir(parents=True)
        options.update({'tools.sessions.storage_class': sessions.FileSession,
                        'tools.sessions.storage_path': str(folder / 'cherrypy')})
    application = framework.Application(Site(), '', {'/': options})
    application.log.access = lambda: None  # as the others, which write no log of requests either
    return application
