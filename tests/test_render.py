"""spyce.render() and spyce.render_string(): a page as text, for programs."""
from __future__ import annotations

import os
import subprocess
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.local import LocalProxy

import spyce
from spyce.page import PageSyntaxError, read_file
from spyce.page.cache import STRING_LIMIT, PageCache
from spyce.runtime.context import living_servers
from spyce.runtime.exceptions import SpyceError, spyceNotFound
from spyce.runtime.paths import PathRefused
from spyce.sessions.errors import SessionReadOnly
from spyce.testing import Client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / 'site').mkdir()
    return tmp_path / 'site'


def put(folder: Path, **files: str) -> None:
    """put(folder, page='...') writes page.spy; a name with _spi or _py at its end gives that kind of file."""
    for name, text in files.items():
        stem, _, kind = name.rpartition('_')
        (folder / (f'{stem}.{kind}' if kind in ('spi', 'py') and stem else f'{name}.spy')).write_text(text, 'utf-8')


# -- text and arguments ----------------------------------------------------------------------------------------------

def test_a_page_gets_its_arguments_as_local_variables(folder):
    put(folder, page='[[ total = sum(numbers); name = name.upper() ]]Hello [[= name ]]: '
                     '[[ def show(): { print(total, end="") } ]][[ show() ]]')
    assert spyce.render(folder / 'page.spy', name='you', numbers=[1, 2]) == 'Hello YOU: 3\n'


def test_source_that_is_in_no_file(tmp_path):
    assert spyce.render_string('[[= a ]]-[[= b ]]', root=tmp_path, a=1, b=None) == '1-\n'


@pytest.mark.parametrize('escaping', ['', '[[.import name=transform]][[ transform.expr("html_encode") ]]'])
def test_what_only_says_that_it_is_text_is_printed_as_the_text_that_it_means(tmp_path, escaping):
    source = escaping + '[[= value ]] [[ response.write(value) ]] [[= stdout.capture(response.write, value)[1] ]]'
    printed = spyce.render_string(source, root=tmp_path, value=LocalProxy(lambda: 'A & B'))
    assert printed.replace('&amp;', '&').split() == 3 * ['A', '&', 'B']
    assert ('&amp;' in printed) == bool(escaping)


def test_a_page_can_do_without_an_argument_and_is_served_as_ever(folder):
    put(folder, page="[[ title = locals().get('title', 'Untitled') ]][[= title ]]")
    assert spyce.render(folder / 'page.spy') == 'Untitled\n'
    assert spyce.render(folder / 'page.spy', title='T') == 'T\n'
    assert Client(spyce.make_app(folder)).get('/page.spy').text == 'Untitled\n'


def test_a_missing_argument_is_a_name_error_at_the_line_of_the_page(folder):
    put(folder, page='one\n[[= missing ]]\n')
    with pytest.raises(NameError, match='missing') as caught:
        spyce.render(folder / 'page.spy', other=1)
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.filename, last.lineno) == (str(folder / 'page.spy'), 2)


@pytest.mark.parametrize('name', ['a b', 'class', 'self', '_spyceOutput', 'a=print(1)', '', '1a', 'x, y', 'ﬁ',
                                  '__debug__', '*args'])
def test_an_argument_that_can_be_no_variable_is_refused(folder, name):
    put(folder, page='x')
    with pytest.raises(TypeError, match='argument'):
        spyce.render(folder / 'page.spy', **{name: 1})


@pytest.fixture(scope='module')
def empty_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('empty')


@settings(deadline=None)  # each name is a compilation
@given(name=st.text(max_size=20))
def test_any_name_is_a_variable_or_refused(empty_site, name):
    try:
        text = spyce.render_string('[[= sorted(set(locals()) - {"self"})[-1] ]]', root=empty_site, **{name: 1})
    except TypeError as error:
        assert 'argument' in str(error)
    else:
        assert name.isidentifier()
        assert text.strip()


def test_values_are_not_escaped_or_changed(folder):
    put(folder, page='[[= value ]]')
    for value in ('<b>', '\x00\ud800', '[[= 1 ]]', 'é' * 3):
        assert spyce.render(folder / 'page.spy', value=value) == value + '\n'


def test_everything_a_page_writes_is_in_the_text(folder):
    put(folder, page='a[[ response.flush(); print("b", end=""); response.unbuffer(); response.write("c") ]]d')
    assert spyce.render(folder / 'page.spy') == 'abcd\n'


def test_bytes_are_refused(folder):
    put(folder, page='[[ response.write(b"x") ]]')
    with pytest.raises(TypeError, match='bytes'):
        spyce.render(folder / 'page.spy')


def test_the_end_of_a_page_is_no_error(folder):
    put(folder, page='a[[ response.end() ]]b')
    assert spyce.render(folder / 'page.spy') == 'a'


# -- which site ------------------------------------------------------------------------------------------------------

def test_includes_parents_and_modules_are_found_from_the_file(folder):
    put(folder, page="[[.import name=include]][[.import name=mine]]<spy:parent src='layout.spi' title='T'/>"
                     "[[ include.spyce('part.spi', context=x) ]][[= mine.word() ]]",
        part_spi='part [[= include.context ]] ', layout_spi='<[[= child.title ]]: [[= child._body ]]>',
        mine_py='from spyceModule import spyceModule\nclass mine(spyceModule):\n    def word(self): return "mine"\n')
    assert spyce.render(folder / 'page.spy', x=7).split() == ['<T:', 'part', '7', 'mine', '>']


def test_the_config_beside_the_file_counts(folder):
    put(folder, page='[[= response._api.getServer().globals["site"] ]]', spyceconf_py="globals = {'site': 'mine'}\n")
    assert spyce.render(folder / 'page.spy') == 'mine\n'


def test_root_names_the_site_and_paths_are_below_it(folder):
    (folder / 'mail').mkdir()
    put(folder, spyceconf_py="globals = {'site': 'mine'}\n", foot_spi='foot')
    put(folder / 'mail', hello="[[.import name=include]][[= response._api.getServer().globals['site'] ]]/"
                               "[[ include.spyce('/foot.spi') ]]")
    assert spyce.render('mail/hello.spy', root=folder) == 'mine/foot\n\n'
    assert spyce.render(folder / 'mail' / 'hello.spy', root=folder) == 'mine/foot\n\n'
    with pytest.raises(PathRefused, match='outside'):
        spyce.render('../site2/page.spy', root=folder)


def test_config_names_the_site(folder, tmp_path):
    put(folder, page='[[= response._api.getServer().globals["site"] ]]')
    (tmp_path / 'other.py').write_text(f"root = {str(folder)!r}\nglobals = {{'site': 'other'}}\n")
    assert spyce.render('page.spy', config=tmp_path / 'other.py') == 'other\n'


def test_outside_of_sites_a_relative_path_is_below_the_current_folder(folder, monkeypatch):
    put(folder, page='here')
    monkeypatch.chdir(folder.parent)
    assert spyce.render('site/page.spy') == 'here\n'


def test_the_servers_of_the_program_stay_the_only_ones(folder):
    put(folder, page='x')
    before = set(living_servers)
    spyce.render(folder / 'page.spy')
    assert set(living_servers) == before


def test_a_changed_file_is_seen_and_an_unchanged_one_is_compiled_once(folder, monkeypatch):
    from spyce.runtime import server
    compiled = []
    original = server.compile_page
    monkeypatch.setattr(server, 'compile_page', lambda *args, **how: compiled.append(1) or original(*args, **how))
    put(folder, page='[[= a + b ]]')
    assert spyce.render(folder / 'page.spy', a=1, b=2) == '3\n'
    assert spyce.render(folder / 'page.spy', b=3, a=2) == '5\n'
    assert len(compiled) == 1
    put(folder, page='changed [[= a + b ]]')
    assert spyce.render(folder / 'page.spy', a=1, b=1) == 'changed 2\n'


def test_nothing_is_left_on_disk(folder, tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_STATE_HOME', str(tmp_path / 'state'))
    put(folder, page='x')
    spyce.render(folder / 'page.spy')
    assert sorted(os.listdir(folder)) == ['page.spy']
    assert not (tmp_path / 'state').exists()


# -- errors ----------------------------------------------------------------------------------------------------------

def test_the_exception_of_the_page_comes_out_itself(folder):
    class Mine(Exception):
        pass

    error = Mine('boo')

    def fail():
        raise error

    put(folder, page='[[ fail() ]]')
    with pytest.raises(Mine) as caught:
        spyce.render(folder / 'page.spy', fail=fail)
    assert caught.value is error


def test_modules_are_finished_with_the_error(folder):
    put(folder, page='[[.import name=watch]][[ watch.log = log; 1/0 ]]',
        watch_py='from spyceModule import spyceModule\nclass watch(spyceModule):\n'
                 '    def finish(self, error=None): self.log.append(error.type)\n')
    log: list[type] = []
    with pytest.raises(ZeroDivisionError):
        spyce.render(folder / 'page.spy', log=log)
    assert log == [ZeroDivisionError]


def test_an_error_in_the_parent_comes_out(folder):
    put(folder, page="<spy:parent src='layout.spi'/>x", layout_spi='\n\n[[= undefined ]]')
    with pytest.raises(NameError, match='undefined'):
        spyce.render(folder / 'page.spy')


def test_the_handler_of_the_page_does_not_swallow_its_error(folder):
    put(folder, page='[[ error.setStringHandler("handled"); 1/0 ]]')
    with pytest.raises(ZeroDivisionError):
        spyce.render(folder / 'page.spy')


def test_a_page_that_does_not_compile(folder):
    put(folder, page='one\n[[ if x: { ]]')
    with pytest.raises(PageSyntaxError, match=r'page\.spy:2'):
        spyce.render(folder / 'page.spy')


def test_a_file_that_is_missing(folder):
    with pytest.raises(spyceNotFound, match='nothing.spy'):
        spyce.render(folder / 'nothing.spy')


# -- request, cookies, sessions, redirects ---------------------------------------------------------------------------

def test_the_request_is_a_quiet_one(folder):
    put(folder, page='[[= request.method(), request.uri(), request.query(), request.get(), request.post(), '
                     'request["x"], request.getHeader("Cookie") ]]')
    assert spyce.render('page.spy', root=folder) == "('GET', '/page.spy', '', {}, {}, None, None)\n"


def test_headers_and_cookies_go_nowhere(folder):
    put(folder, page="[[.import name=cookie]][[ cookie.set('a', '1'); response.addHeader('X-A', '1'); "
                     "response.setContentType('text/plain'); response.setReturnCode(404); response.flush(); "
                     "response.addHeader('X-B', '1') ]]ok")
    assert spyce.render(folder / 'page.spy') == 'ok\n'


def test_a_session_is_empty_and_putting_into_it_is_an_error(folder, tmp_path):
    put(folder, page="[[.import name=session]][[= session.get('user', 'nobody') ]]",
        login="[[.import name=session]]\n[[ session['user'] = 'me' ]]",
        spyceconf_py=f'import session\nsession_store = session.DbmStore({str(tmp_path)!r})\n')
    assert spyce.render(folder / 'page.spy') == 'nobody\n'
    with pytest.raises(SessionReadOnly, match='rendered as text'):
        spyce.render(folder / 'login.spy')
    from spyce.sessions import DbmStore
    assert list(DbmStore(str(tmp_path)).list()) == []


def test_an_external_redirect_is_an_error_and_an_internal_one_gives_the_other_page(folder):
    put(folder, out="[[.import name=redirect]][[ redirect.external('http://a.example/') ]]",
        inside="[[.import name=redirect]]lost[[ redirect.internal('page.spy') ]]", page='other')
    with pytest.raises(SpyceError, match=r'out\.spy .*redirect'):
        spyce.render(folder / 'out.spy')
    assert spyce.render(folder / 'inside.spy') == 'other\n'


# -- within a page ---------------------------------------------------------------------------------------------------

def test_within_a_page_the_site_is_that_of_the_request_and_its_output_stays_as_it_is(folder):
    put(folder, page="[[ import spyce ]]a[[ print('b', end='') ]][[ text = spyce.render('mail.spi', x=1) ]]"
                     "[[ response.addHeader('X-Outer', 'o') ]]c ([[= text.strip() ]]) [[ print('d', end='') ]]",
        mail_spi="[[ print('printed', x); response.addHeader('X-Inner', 'i'); response.setReturnCode(404) ]]"
                 "[[= response._api.getServer().globals['n'] ]]")
    answer = Client(spyce.make_app(folder, globals={'n': 5})).get('/page.spy')
    assert answer.text.split() == ['abc', '(printed', '1', '5)', 'd']
    assert answer.status == 200
    assert 'X-Outer' in answer.headers
    assert 'X-Inner' not in answer.headers


def test_the_error_of_an_inner_page_can_be_caught_by_the_outer_one(folder):
    put(folder, page="[[ import spyce ]]a[[ try: { spyce.render('bad.spi') } except ZeroDivisionError: { ]]b[[ } ]]c",
        bad_spi='lost [[ 1/0 ]]')
    answer = Client(spyce.make_app(folder)).get('/page.spy')
    assert (answer.status, answer.text.split()) == (200, ['abc'])


def test_the_session_of_the_outer_page_is_its_own(folder):
    put(folder, page="[[.import name=session]][[ import spyce; session['n'] = session.get('n', 0) + 1 ]]"
                     "[[= spyce.render('inner.spi').strip() ]] [[= session['n'] ]]",
        inner_spi="[[.import name=session]][[= dict(session) ]]")
    client = Client(spyce.make_app(folder, session_store='memory:'))
    assert client.get('/page.spy').text.split() == ['{}', '1']
    assert client.get('/page.spy').text.split() == ['{}', '2']


def test_a_page_that_renders_itself_without_end_is_an_error(folder):
    put(folder, page="[[ import spyce; spyce.render('page.spy') ]]")
    with pytest.raises(RecursionError):
        spyce.render('page.spy', root=folder)


# -- many at once ----------------------------------------------------------------------------------------------------

def test_many_threads_render_one_page(folder):
    put(folder, page='[[ global seen\nseen = n ]][[ for i in range(50): { ]][[= n ]],[[ } ]][[= seen ]]')
    start = threading.Barrier(8)

    def work(n: int) -> bool:
        start.wait(30)
        return all(spyce.render(folder / 'page.spy', n=n) == f'{n},' * 50 + f'{n}\n' for _ in range(30))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_any_number_of_argument_names_takes_bounded_memory(folder):
    cache: PageCache[int] = PageCache()
    put(folder, page='x')
    signature = read_file(folder / 'page.spy')[1]
    for n in range(STRING_LIMIT + 50):
        cache.get(n, lambda n=n: (n, [(str(folder / 'page.spy'), signature)]), bounded=True)
    assert len(cache) == STRING_LIMIT


def test_import_spyce_loads_none_of_it():
    code = ("import sys, spyce; bad = [name for name in ('spyce.rendering', 'spyce.runtime.server', 'werkzeug', "
            "'sqlalchemy') if name in sys.modules]; sys.exit(str(bad) if bad else 0)")
    subprocess.run([sys.executable, '-c', code], check=True)
