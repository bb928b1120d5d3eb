"""spyce.db: tables by name, one transaction for each request."""
from __future__ import annotations

import gc
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError, MultipleResultsFound, NoResultFound

import spyce
from spyce.config import ConfigError, load_config
from spyce.db import Database, DatabaseError, NoSuchTable, open_db
from spyce.runtime.context import serving
from spyce.testing import Client

SCHEMA = """
    CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(40) UNIQUE, email TEXT, age INTEGER DEFAULT 18);
    CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT NOT NULL);
    CREATE TABLE loans (book_id INTEGER REFERENCES books(id), user_id INTEGER REFERENCES users(id), day TEXT,
                        PRIMARY KEY (book_id, user_id));
    CREATE TABLE counter (id INTEGER PRIMARY KEY, n INTEGER);
    CREATE TABLE keyless (word TEXT);
    CREATE TABLE "to-do" (id INTEGER PRIMARY KEY, "delete" TEXT);
    CREATE VIEW grown AS SELECT name FROM users WHERE age > 17;
    INSERT INTO users (name, email, age) VALUES ('Joe', 'joe@a.example', 30), ('Ann', NULL, 17);
    INSERT INTO books (title) VALUES ('Moss'), ('Mustard');
    INSERT INTO loans VALUES (1, 1, '2006-07-12');
    INSERT INTO counter VALUES (1, 0);
    INSERT INTO keyless VALUES ('a');
"""

CONFIG = "from spyce.db import open_db\ndb = open_db('sqlite:///site.db')\n"


def make_database(folder: Path) -> Path:
    with sqlite3.connect(folder / 'site.db') as connection:
        connection.executescript(SCHEMA)
    connection.close()
    return folder / 'site.db'


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = open_db(f'sqlite:///{make_database(tmp_path)}')
    yield database
    assert database.engine.pool.checkedout() == 0  # every connection is back
    database.engine.dispose()


@pytest.fixture
def running(db: Database) -> Iterator[Database]:
    """The database in a transaction."""
    with db.transaction():
        yield db
        db.rollback()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """site(page='...') -> a client of a site whose config opens site.db, with these pages."""
    make_database(tmp_path)
    (tmp_path / 'spyceconf.py').write_text(CONFIG)
    made: list[Client] = []

    def make(**pages: str) -> Client:
        for name, text in pages.items():
            (tmp_path / f'{name}.spy').write_text(text)
        made.append(Client(spyce.make_app(tmp_path)))
        return made[-1]

    yield make
    for client in made:
        assert client.app.server.config.db.engine.pool.checkedout() == 0
        client.app.server.config.db.engine.dispose()


def names(folder: Path) -> list[str]:
    connection = sqlite3.connect(folder / 'site.db')
    found = [name for name, in connection.execute('SELECT name FROM users ORDER BY id')]
    connection.close()
    return found


# -- reading ---------------------------------------------------------------------------------------------------------

def test_the_select_variants_of_2_1(running):
    users = running.users
    assert [user.name for user in users.select(order_by=[users.c.name])] == ['Ann', 'Joe']
    assert [user.name for user in users.select(users.c.age > 17)] == ['Joe']
    assert [user.name for user in users.select_by(name='Joe')] == ['Joe']
    assert users.selectfirst(users.c.age > 99) is None
    assert users.selectfirst(order_by=users.c.age.desc()).name == 'Joe'
    assert users.selectfirst_by(name='Ann').age == 17
    assert users.get_by(name='Ann').age == 17
    assert users.selectone(users.c.name == 'Ann').email is None
    assert users.selectone_by(name='Joe').email == 'joe@a.example'
    assert users.get(1).name == 'Joe'
    assert users.get(99) is None
    assert (users.count(), users.count(users.c.age > 17), users.count_by(name='Joe')) == (2, 1, 1)


def test_keywords_order_limit_and_offset(running):
    users = running.users
    assert [user.name for user in users.select(order_by='name', limit=1)] == ['Ann']
    assert [user.name for user in users.select(order_by='name', limit=5, offset=1)] == ['Joe']
    assert [user.name for user in users.select(email=None)] == ['Ann']
    assert users.select(users.c.age > 17, name='Ann') == []


def test_a_key_of_several_columns(running):
    assert running.loans.get((1, 1)).day == '2006-07-12'
    assert running.loans.get((1, 2)) is None
    with pytest.raises(TypeError, match='book_id, user_id'):
        running.loans.get(1)


def test_selectone_wants_exactly_one_row(running):
    with pytest.raises(NoResultFound, match='users'):
        running.users.selectone_by(name='nobody')
    with pytest.raises(MultipleResultsFound, match='users'):
        running.users.selectone()


def test_joins(running):
    db = running
    row, = db.join(db.users, db.loans).select_by(name='Joe')
    assert (row.name, row.book_id) == ('Joe', 1)
    outer = db.join(db.users, db.loans, isouter=True)
    assert [(row.name, row.book_id) for row in outer.select(order_by='name')] == [('Ann', None), ('Joe', 1)]
    everything = db.join(outer, db.books)
    assert [row.title for row in everything.select()] == ['Moss']
    with pytest.raises(TypeError, match="2 columns called 'id'"):
        everything.select_by(id=1)
    labelled, = db.with_labels(everything).select(db.books.c.id == 1)
    assert (labelled.users_id, labelled.books_id, labelled.books_title) == (1, 1, 'Moss')
    assert everything.count() == 1


def test_a_view_and_a_table_without_a_key_can_be_read(running):
    assert [row.name for row in running.grown.select()] == ['Joe']
    assert running.keyless.selectfirst_by(word='a').word == 'a'
    with pytest.raises(AttributeError, match='primary key'):
        running.keyless.insert(word='b')


def test_names_that_are_no_attributes(running):
    row = running['to-do'].insert(delete='x')
    running.flush()
    assert running['to-do'].get(row.id).delete == 'x'
    running.delete(row)
    running.flush()
    assert running['to-do'].count() == 0


def test_an_unknown_table_is_an_error_that_names_the_others(running):
    with pytest.raises(NoSuchTable, match="'user'.*books.*users.*grown"):
        running.user.select()
    assert not hasattr(running, 'user')


def test_a_schema(running):
    running.users.count()
    running.schema = 'main'  # SQLite's name for the file itself
    assert running.users.c.name.table.fullname == 'main.users'
    assert running.users.selectone_by(name='Joe').id == 1
    with pytest.raises(NoSuchTable, match='users'):
        running.user.select()


def test_a_table_made_later_is_found(running):
    assert not hasattr(running, 'late')
    running.session.execute(sqlalchemy.text('CREATE TABLE late (id INTEGER PRIMARY KEY)'))
    assert running.late.count() == 0
    running.session.execute(sqlalchemy.text('DROP TABLE late'))
    running.flush()


def test_an_unknown_column_is_an_error_that_names_the_others(running):
    for use in (lambda: running.users.select(nmae='x'), lambda: running.users.insert(nmae='x'),
                lambda: running.users.select(order_by='nmae'),
                lambda: running.users.update(sqlalchemy.true(), nmae=1)):
        with pytest.raises(TypeError, match="'nmae'.*name, email"):
            use()
    with pytest.raises(AttributeError, match="'nmae'.*name, email"):
        running.users.get(1).nmae = 'x'


# -- writing ---------------------------------------------------------------------------------------------------------

def test_insert_assign_delete(running):
    db = running
    user = db.users.insert(name='Bo')
    user.email = 'bo@a.example'  # before it is written, as pages of 2.1 do
    db.flush()
    assert (user.id, user.age) == (3, 18)
    user.age = 40
    assert db.users.count(age=40) == 1  # written before it is asked for
    db.flush()
    user.delete()
    db.flush()
    assert db.users.get(3) is None


def test_rows_are_written_in_the_order_of_the_page(running):
    db = running
    db.session.execute(sqlalchemy.text('PRAGMA foreign_keys = ON'))
    db.flush()
    db.session.execute(sqlalchemy.text('PRAGMA foreign_keys = ON'))
    db.delete(db.users.selectone_by(name='Ann'))
    db.users.insert(name='Ann', age=50)  # the same unique name
    loan = db.loans.insert(book_id=db.books.selectfirst(title='Mustard').id, user_id=2)
    db.flush()
    assert db.users.selectone_by(name='Ann').age == 50
    loan.delete()
    db.delete(db.users.selectone_by(name='Ann'))
    db.flush()
    new = db.users.insert(name='never')
    new.delete()
    db.flush()
    assert db.users.count() == 1


def test_statements_for_many_rows(running):
    users = running.users
    assert users.update(users.c.age < 18, age=users.c.age + 1, email='x') == 1
    assert users.selectone_by(name='Ann').age == 18
    assert users.delete(users.c.age < 20) == 1
    assert users.delete(name='nobody') == 0
    for careless in (users.delete, lambda: users.update(age=1)):
        with pytest.raises(TypeError, match='every row'):
            careless()
    assert users.delete(sqlalchemy.true()) == 1


def test_a_failed_flush_undoes_what_it_was_for_and_the_page_can_go_on(running):
    running.users.insert(name='Joe')
    with pytest.raises(IntegrityError):
        running.flush()
    running.users.insert(name='Bo')
    running.flush()
    assert running.users.count() == 3


def test_rollback(running):
    running.users.insert(name='Bo')
    running.flush()
    running.users.insert(name='Cy')
    running.rollback()
    assert [user.name for user in running.users.select(order_by='id')] == ['Joe', 'Ann', 'Bo']


# -- nothing from outside becomes SQL --------------------------------------------------------------------------------

@pytest.mark.parametrize('wrong', ["name = 'Joe'", '1=1', '', True, 1, None, b'1', {'a': 1}])
def test_a_condition_is_never_plain_text(running, wrong):
    for use in (running.users.select, running.users.selectfirst, running.users.count, running.users.select_by,
                running.users.delete):
        with pytest.raises(TypeError, match='users'):
            use(wrong)


@pytest.mark.parametrize('wrong', ['name; DROP TABLE users', 'name DESC', '1', 1, '"name"'])
def test_an_order_is_a_column_or_an_expression(running, wrong):
    with pytest.raises(TypeError, match='users'):
        running.users.select(order_by=wrong)


def test_a_limit_is_a_number(running):
    with pytest.raises(ValueError):
        running.users.select(limit='1; DROP TABLE users')


def test_text_may_be_said_to_be_sql(running):
    condition = sqlalchemy.text('name = :name').bindparams(name="Joe' OR 1=1 --")
    assert running.users.select(condition) == []


@pytest.fixture(scope='module')
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = open_db(f'sqlite:///{make_database(tmp_path_factory.mktemp("values"))}')
    yield database
    database.engine.dispose()


@settings(deadline=None)  # the disk has its own time
@given(value=st.text(st.characters(exclude_categories=['Cs'])) | st.sampled_from(
    ["'", '"', "' OR ''='", '%', '\\', '\x00', "a\x00b'; DROP TABLE users; --", ':name', '?', '%s', '${x}']))
def test_any_text_is_kept_and_found_again(lasting, value):
    with lasting.transaction():
        row = lasting.books.insert(title=value)
        lasting.flush()
        assert [found.id for found in lasting.books.select(lasting.books.c.id > 2, title=value)] == [row.id]
        lasting.session.expire_all()
        assert lasting.books.get(row.id).title == value
        assert lasting.books.delete(title=value, id=row.id) == 1


@settings(deadline=None)  # the disk has its own time
@given(value=st.integers(-2 ** 63, 2 ** 63 - 1) | st.none())
def test_any_number_is_kept(lasting, value):
    with lasting.transaction():
        lasting.counter.update(lasting.counter.c.id == 1, n=value)
        assert lasting.counter.selectone(n=value).id == 1


# -- requests --------------------------------------------------------------------------------------------------------

def test_a_request_is_committed_at_its_end(site, tmp_path):
    client = site(page="[[ db.users.insert(name='Bo'); db.users.get(1).name = 'Jim' ]]ok")
    assert client.get('/page.spy').text == 'ok\n'
    assert names(tmp_path) == ['Jim', 'Ann', 'Bo']


def test_a_page_that_fails_is_rolled_back(site, tmp_path):
    client = site(page="[[ db.users.insert(name='Bo'); db.users.count(); 1/0 ]]")
    assert client.get('/page.spy').status == 500
    assert names(tmp_path) == ['Joe', 'Ann']


def test_what_was_flushed_before_the_failure_stays(site, tmp_path):
    client = site(page="[[ db.users.insert(name='Bo'); db.flush(); db.users.insert(name='Cy'); 1/0 ]]")
    assert client.get('/page.spy').status == 500
    assert names(tmp_path) == ['Joe', 'Ann', 'Bo']


def test_a_commit_that_fails_is_an_error_page(site, tmp_path):
    client = site(page="[[ db.users.insert(name='Joe') ]]all is well", other='[[= db.users.count() ]]')
    answer = client.get('/page.spy')
    assert answer.status == 500
    assert 'all is well' not in answer.text
    assert client.get('/other.spy').text == '2\n'


def test_the_error_page_can_use_the_database(site, tmp_path):
    handler = "[[ def handler(errors): { db.users.insert(name=\"error\"); print(db.users.count()) } ]]"
    client = site(page=handler + "[[ error.setHandler(handler); db.users.insert(name='Bo'); 1/0 ]]")
    answer = client.get('/page.spy')
    assert (answer.status, answer.text.strip()) == (500, '3')
    assert names(tmp_path) == ['Joe', 'Ann', 'error']


@pytest.mark.parametrize('end', ["response.end()", "redirect.internal('other.spy')",
                                 "redirect.external('http://a.example/')"])
def test_the_ways_a_page_ends_without_failing(site, tmp_path, end):
    client = site(page=f"[[.import name=redirect]][[ db.users.insert(name='Bo'); {end} ]]",
                  other='[[= db.users.count() ]]')
    assert client.get('/page.spy').status in (200, 302)
    assert names(tmp_path) == ['Joe', 'Ann', 'Bo']


def test_includes_handlers_and_modules_share_the_transaction(site, tmp_path):
    (tmp_path / 'helper.py').write_text("from spyceModule import spyceModulePlus\nclass helper(spyceModulePlus):\n"
                                        "    def count(self): return self.modules.db.users.count()\n")
    client = site(page="[[.import name=include]][[.import name=helper]][[ db.users.insert(name='Bo') ]]"
                       "[[ include.spyce('part.spy') ]][[= helper.count() ]]",
                  part="[[ db.users.insert(name='Cy') ]]")
    assert client.get('/page.spy').text.strip() == '4'


def test_a_rendered_page_shares_the_transaction_of_the_page_around_it(site, tmp_path):
    client = site(page="[[ import spyce; db.users.insert(name='Bo'); print(spyce.render('part.spy')) ]][[ 1/0 ]]",
                  ok="[[ import spyce; db.users.insert(name='Bo'); print(spyce.render('part.spy')) ]]",
                  part="[[ db.users.insert(name='Cy') ]][[= db.users.count() ]]")
    assert client.get('/page.spy').status == 500
    assert names(tmp_path) == ['Joe', 'Ann']
    assert client.get('/ok.spy').text.strip() == '4'
    assert names(tmp_path) == ['Joe', 'Ann', 'Bo', 'Cy']


def test_a_page_rendered_by_a_program_has_a_transaction_of_its_own(tmp_path):
    make_database(tmp_path)
    (tmp_path / 'spyceconf.py').write_text(CONFIG)
    (tmp_path / 'page.spy').write_text("[[ db.users.insert(name='Bo') ]][[= db.users.count() ]]"
                                       "[[ if fail: { 1/0 } ]]")
    assert spyce.render(tmp_path / 'page.spy', fail=False).strip() == '3'
    assert names(tmp_path) == ['Joe', 'Ann', 'Bo']
    with pytest.raises(IntegrityError):
        spyce.render(tmp_path / 'page.spy', fail=True)
    assert names(tmp_path) == ['Joe', 'Ann', 'Bo']


def test_two_requests_do_not_see_each_others_unfinished_work(site, tmp_path):
    client = site(writer="[[ db.users.insert(name='Bo'); db.session.flush(); pool['client'].get('/reader.spy') ]]",
                  reader='[[ db.books.count(); pool["seen"] = db.users.count() ]]')
    for page in ('writer', 'reader'):
        (tmp_path / f'{page}.spy').write_text('[[.import name=pool]]' + (tmp_path / f'{page}.spy').read_text())
    globals_ = client.app.server.globals
    globals_['client'] = client
    client.get('/writer.spy')
    assert globals_['seen'] == 2
    assert names(tmp_path) == ['Joe', 'Ann', 'Bo']


def test_a_row_of_an_earlier_request_can_be_read_and_not_changed(site):
    client = site(first='[[.import name=pool]][[ pool["row"] = db.users.get(1) ]]',
                  second='[[.import name=pool]][[= pool["row"].name ]][[ pool["row"].name = "lost" ]]')
    client.get('/first.spy')
    client.raise_errors = True
    with pytest.raises(DatabaseError, match='read the row again'):
        client.get('/second.spy')


def test_a_block_in_a_page_that_fails_undoes_everything(site, tmp_path):
    block = "[[\\\ndb.users.insert(name='Bo')\ntry:\n    with db.transaction():\n" \
            "        db.users.insert(name='Cy')\n        raise ValueError\nexcept ValueError:\n    pass\n]]"
    client = site(page=block + 'sorry', more=block + '[[ db.users.count() ]]',
                  anew=block + "[[ db.rollback(); db.users.insert(name='Di') ]]")
    assert client.get('/page.spy').text.strip() == 'sorry'
    assert names(tmp_path) == ['Joe', 'Ann']
    client.raise_errors = True
    with pytest.raises(DatabaseError, match=r'db\.rollback\(\)'):
        client.get('/more.spy')
    client.get('/anew.spy')
    assert names(tmp_path) == ['Joe', 'Ann', 'Di']


def test_a_database_of_the_site_s_own_is_told_of_requests(tmp_path):
    class Own:
        def __init__(self) -> None:
            self.told: list[bool] = []

        def end_request(self, failed: bool) -> None:
            self.told.append(failed)

    own = Own()
    (tmp_path / 'good.spy').write_text('x')
    (tmp_path / 'bad.spy').write_text('[[ 1/0 ]]')
    client = Client(spyce.make_app(tmp_path, db=own))
    client.get('/good.spy')
    assert own.told == [False]
    client.get('/bad.spy')
    assert own.told == [False, True, False]  # the page; its error page


def test_any_object_can_be_the_database(tmp_path):
    class Soup:
        def __getattr__(self, name: str) -> str:
            return f'table {name}'

    (tmp_path / 'page.spy').write_text('[[= db.users ]]')
    assert Client(spyce.make_app(tmp_path, db=Soup())).get('/page.spy').text == 'table users\n'


def test_a_database_that_is_gone_has_closed_its_connections(tmp_path):
    database = open_db(f'sqlite:///{make_database(tmp_path)}')
    with database.transaction():
        database.users.select()
    pool = database.engine.pool
    assert pool.checkedin() == 1
    del database
    gc.collect()
    assert pool.checkedin() == 0


# -- outside of requests ---------------------------------------------------------------------------------------------

def test_outside_of_requests_a_transaction_is_needed(db):
    with pytest.raises(DatabaseError, match=r'with db\.transaction\(\)'):
        db.users.select()
    with db.transaction():
        row = db.users.insert(name='Bo')
    assert row.name == 'Bo'
    with pytest.raises(DatabaseError):
        row.delete()
    with pytest.raises(ValueError), db.transaction():
        db.users.insert(name='Cy')
        raise ValueError
    with db.transaction():
        assert [user.name for user in db.users.select(order_by='id')] == ['Joe', 'Ann', 'Bo']


def test_a_scheduled_task_renders_pages_in_its_transaction(tmp_path):
    make_database(tmp_path)
    (tmp_path / 'spyceconf.py').write_text('from spyceconf import *\n' + CONFIG + '''
import scheduler, spyce
sent = globals['sent'] = []
def work():
    with db.transaction():
        db.users.insert(name='Bo')
        sent.append(spyce.render('mail.spi', who='Bo'))
scheduler.schedule(0.001, work, once=True)
''')
    (tmp_path / 'mail.spi').write_text('Dear [[= who ]], you are one of [[= db.users.count() ]].')
    app = spyce.make_app(tmp_path)
    time.sleep(0.01)
    with serving(app.server, None):  # as the thread of the scheduler does
        app.config.schedule.run_due()
    assert app.config.globals['sent'] == ['Dear Bo, you are one of 3.\n']
    assert names(tmp_path) == ['Joe', 'Ann', 'Bo']
    app.config.db.engine.dispose()


def test_many_threads_count_exactly(db):
    start = threading.Barrier(6)

    def work(_: int) -> None:
        start.wait(30)
        for _ in range(20):
            with db.transaction():
                db.counter.update(db.counter.c.id == 1, n=db.counter.c.n + 1)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    with db.transaction():
        assert db.counter.get(1).n == 120


def test_many_requests_at_once(site, tmp_path):
    client = site(page="[[ db.counter.update(db.counter.c.id == 1, n=db.counter.c.n + 1) ]]"
                       "[[ if request['fail']: { 1/0 } ]]")

    def visit(number: int) -> int:
        return Client(client.app).get('/page.spy', query={'fail': 'x'} if number % 3 == 0 else None).status

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(visit, range(60)))
    assert statuses.count(500) == 20
    connection = sqlite3.connect(tmp_path / 'site.db')
    assert connection.execute('SELECT n FROM counter').fetchone() == (40,)
    connection.close()


# -- opening ---------------------------------------------------------------------------------------------------------

def test_a_relative_file_is_beside_the_config(tmp_path):
    (tmp_path / 'www').mkdir()
    (tmp_path / 'conf.py').write_text("root = 'www'\n" + CONFIG)
    config = load_config(None, tmp_path / 'conf.py')
    assert config.db.engine.url.database == str(tmp_path / 'site.db')


@pytest.mark.parametrize('url', ['sqlite://', 'sqlite:///:memory:'])
def test_a_database_in_memory_is_refused(url):
    with pytest.raises(ValueError, match='name a file'):
        open_db(url)


def test_an_engine_is_taken_as_it_is(tmp_path):
    engine = sqlalchemy.create_engine(f'sqlite:///{make_database(tmp_path)}')
    db = open_db(engine)
    assert db.engine is engine
    with db.transaction():
        assert db.users.count() == 2
    engine.dispose()


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')
def test_a_forked_process_opens_connections_of_its_own(tmp_path):
    code = f"""
import os
from spyce.db import open_db
db = open_db('sqlite:///{make_database(tmp_path)}')
with db.transaction():
    parent = db.session.connection().connection.dbapi_connection
pid = os.fork()
with db.transaction():
    mine = db.session.connection().connection.dbapi_connection
    assert (mine is parent) == bool(pid)
if not pid:
    os._exit(0)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    subprocess.run([sys.executable, '-c', code], check=True)


def test_without_the_extra_the_config_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'sqlalchemy', None)
    for name in [name for name in sys.modules if name.startswith('spyce.db')]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / 'spyceconf.py').write_text(CONFIG)
    with pytest.raises(ConfigError, match=r"spyceconf\.py:1: .*pip install 'spyce-session\[sql\]'"):
        load_config(tmp_path)
