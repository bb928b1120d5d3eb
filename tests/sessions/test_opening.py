"""open_store(): a session store by its URL."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import spyce
from spyce.cli import main
from spyce.config import ConfigError
from spyce.sessions import DbmStore, MemoryStore, SessionManager, open_store
from spyce.testing import Client

pytest.importorskip('redis', reason='the package redis is not installed')
pytest.importorskip('sqlalchemy', reason='the package SQLAlchemy is not installed')
pytest.importorskip('psycopg', reason='the package psycopg is not installed')
pytest.importorskip('pymysql', reason='the package PyMySQL is not installed')


def test_memory_and_a_folder(tmp_path: Path) -> None:
    assert isinstance(open_store('memory:'), MemoryStore)
    store = open_store(f'dbm:{tmp_path}')
    assert isinstance(store, DbmStore)
    assert store.folder.startswith(str(tmp_path))


@pytest.mark.parametrize(('url', 'shown'), [
    ('redis://:secret@host:7000/3', "RedisStore('redis://host:7000/3')"),
    ('rediss://user:secret@host/0', "RedisStore('rediss://host/0')"),
    ('unix:///run/redis.sock?db=1', "RedisStore('unix:///run/redis.sock')"),
    ('redis+sentinel://:secret@one,two:26380/main/0', "RedisStore('redis+sentinel://one,two:26380/main/0')"),
    ('redis+cluster://:secret@host:7000', "RedisStore('redis+cluster://host:7000')"),
    ('postgresql://user:secret@host/site', "SQLStore('postgresql://host/site', table='spyce_sessions')"),
    ('postgresql+psycopg://user:secret@host:5433/site',
     "SQLStore('postgresql://host:5433/site', table='spyce_sessions')"),
    ('mysql://user:secret@host/site', "SQLStore('mysql://host/site', table='spyce_sessions')"),
    ('mariadb://user:secret@host/site', "SQLStore('mariadb://host/site', table='spyce_sessions')"),
    ('mysql+pymysql://user:secret@host/site', "SQLStore('mysql://host/site', table='spyce_sessions')"),
    ('sqlite:////srv/site.db', "SQLStore('sqlite:////srv/site.db', table='spyce_sessions')"),
])
def test_a_url_of_a_server_is_shown_without_its_password(url: str, shown: str) -> None:
    assert repr(open_store(url)) == shown


def test_arguments_are_those_of_the_store() -> None:
    assert 'table=\'other\'' in repr(open_store('sqlite:////srv/site.db', table='other', lease=5))
    with pytest.raises(ValueError, match='lease'):
        open_store('redis://host', lease=0)
    with pytest.raises(TypeError, match='tabel'):
        open_store('sqlite:////srv/site.db', tabel='other')


@pytest.mark.parametrize(('url', 'problem'), [
    ('mongodb://user:secret@host', "'mongodb:' names no session store: expected 'memory:'"),
    ('user:secret@host', "'user:' names no session store"),
    ('secret', 'this is not the URL of a store'),
    ('', 'this is not the URL of a store'),
    ('dbm:', "'dbm:' names no session store"),
    ('redis:secret', "'redis:' names no session store"),
    ('oracle://user:secret@host', "'oracle:' names no session store"),
    ('postgresql://user:se/secret@host:1:2/x', 'write '),
    ('postgresql://user:p@secret:port/x', 'this is not the URL of a database'),
    ('sqlite://', 'name a file'),
    ('sqlite:///:memory:', 'name a file'),
    ('postgresql+nosuch://user:secret@host/x', 'postgresql://host/x cannot be used'),
])
def test_what_is_no_url_of_a_store_is_refused_and_not_repeated(url: str, problem: str) -> None:
    with pytest.raises(ValueError) as caught:
        open_store(url)
    assert problem in str(caught.value)
    assert 'secret' not in str(caught.value)


def test_an_object_in_place_of_a_url() -> None:
    with pytest.raises(TypeError, match='a dict'):
        open_store({})  # type: ignore[arg-type]


@pytest.mark.parametrize(('package', 'url', 'advice'), [
    ('redis', 'redis://host', "pip install 'spyce-session[redis]'"),
    ('sqlalchemy', 'postgresql://host/x', "pip install 'spyce-session[sql]'"),
    ('psycopg', 'postgresql://host/x', "pip install 'psycopg[binary]'"),
    ('pymysql', 'mariadb://host/x', 'pip install pymysql'),
])
def test_a_package_that_is_missing_is_named_with_its_remedy(package: str, url: str, advice: str,
                                                            tmp_path: Path) -> None:
    (tmp_path / 'spyceconf.py').write_text(f'session_store = {url!r}\n')
    code = f'import sys; sys.modules[{package!r}] = None; import spyce; spyce.make_app({str(tmp_path)!r})'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    error = done.stderr.strip().splitlines()[-1]
    assert 'ConfigError' in error
    assert advice in error


def test_a_config_may_open_a_store_with_arguments(tmp_path: Path) -> None:
    (tmp_path / 'spyceconf.py').write_text(
        "import session\nsession_store = session.open_store('sqlite:///site.db', table='mine', lease=60)\n")
    (tmp_path / 'n.spy').write_text("[[.import name=session]][[ session['n'] = 1 ]]ok")
    app: Any = spyce.make_app(str(tmp_path))
    assert repr(app.server.config.session_store) == f"SQLStore('sqlite:///{tmp_path}/site.db', table='mine')"
    assert (tmp_path / 'site.db').exists()
    app.server.sessions.close()


def test_a_server_that_does_not_answer_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='postgresql://127.0.0.1:1/site: the sessions cannot be reached') as caught:
        spyce.make_app(str(tmp_path), session_store='postgresql://user:secret@127.0.0.1:1/site')
    assert 'secret' not in str(caught.value)


def test_commands_use_the_store_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f'sqlite:///{tmp_path}/site.db'
    manager = SessionManager.for_store(open_store(url))
    session = manager.request_session([], secure=False)
    session['n'] = 1
    session.finish()
    manager.close()
    monkeypatch.setenv('SPYCE_SESSION_STORE', url)
    done = CliRunner().invoke(main, ['sessions', 'list', '--full-ids', '--root', str(tmp_path)])
    assert session.sessionid in done.output
    done = CliRunner().invoke(main, ['sessions', 'stats', '--root', str(tmp_path)])
    assert f"SQLStore('{url}'" in done.output


def test_sessions_may_lie_beside_the_tables_of_the_site(tmp_path: Path) -> None:
    (tmp_path / 'spyceconf.py').write_text(
        'from spyce.db import open_db\nfrom spyce.sessions import SQLStore\n'
        "db = open_db('sqlite:///site.db')\nsession_store = SQLStore(engine=db.engine)\n")
    (tmp_path / 'n.spy').write_text("[[.import name=session]][[ session['n'] = session.get('n', 0) + 1 ]]"
                                    "[[= session['n'], db.spyce_sessions.count() ]]")
    app: Any = spyce.make_app(str(tmp_path))
    client = Client(app, raise_errors=True)
    assert client.get('/n.spy').text.strip() == '(1, 0)'
    assert client.get('/n.spy').text.strip() == '(2, 1)'
    app.server.config.db.engine.dispose()


def test_stores_by_one_url_share_their_sessions(tmp_path: Path) -> None:
    managers = [SessionManager.for_store(open_store(f'sqlite:///{tmp_path}/site.db')) for _ in range(2)]
    session = managers[0].request_session([], secure=False)
    session['n'] = 1
    session.finish()
    again = managers[1].request_session([('sessionid', session.sessionid)], secure=False)
    assert dict(again) == {'n': 1}
    again.finish()
    for manager in managers:
        manager.close()
