"""The module session1: the sessions of Spyce 1.x, over the stores of today (reference 8.5)."""
from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from spyce.testing import Client

MakeSite = Callable[..., Client]
Run = Callable[..., Client]

IMPORT = '''[[.import name=session1 as=session args="'session_dir', DIR, auto=AUTO"]]'''
COUNT = IMPORT + '[[ session.auto = (session.auto or 0) + 1 ]][[= session.auto ]]'
ID = re.compile(r'[A-Za-z0-9_-]{43}')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / 'states'
    folder.mkdir()
    return folder


@pytest.fixture
def pages(site: MakeSite, folder: Path) -> Run:
    """pages(a='...') -> a client of a server with a.spy. DIR in it is a folder, AUTO a lasting session."""
    def pages(options: dict[str, object] | None = None, **texts: str) -> Client:
        def filled(text: str) -> str:
            return text.replace('AUTO', "(3600, 'cookie', 'visitor')").replace('DIR', f"'{folder}'")
        return site({f'{name}.spy': filled(text) for name, text in texts.items()},
                    **{'debug': True, **(options or {})})
    return pages


def shown(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status == 200, answer.text
    return answer.text.strip()


class TestAutoSession:
    def test_what_a_page_puts_is_there_at_the_next_request(self, pages: Run) -> None:
        client = pages(a=COUNT)
        assert [shown(client, '/a.spy') for _ in range(3)] == ['1', '2', '3']

    def test_each_visitor_has_his_own(self, pages: Run) -> None:
        client = pages(a=COUNT)
        other = Client(client.app)
        assert (shown(client, '/a.spy'), shown(client, '/a.spy'), shown(other, '/a.spy')) == ('1', '2', '1')

    def test_a_state_changed_in_place_is_kept(self, pages: Run) -> None:
        client = pages(a=IMPORT + '[[ if session.auto is None: session.auto = [] ]]'
                                  '[[ session.auto.append(len(session.auto)) ]][[= session.auto ]]')
        assert [shown(client, '/a.spy') for _ in range(3)] == ['[0]', '[0, 1]', '[0, 1, 2]']

    def test_a_class_of_the_site_can_be_kept(self, site: MakeSite, folder: Path) -> None:
        client = site({'a.spy': IMPORT.replace('DIR', f"'{folder}'").replace('AUTO', '3600') + '''
                [[ import basket; session.auto = session.auto or basket.Basket(); session.auto.n += 1 ]]
                [[= session.auto.n ]]''', 'basket.py': 'class Basket:\n    n = 0\n'})
        assert [shown(client, '/a.spy') for _ in range(2)] == ['1', '2']

    def test_attributes(self, pages: Run) -> None:
        client = pages(a=IMPORT + '[[= session.autoName, session.autoMethod, session.autoExpire, session.auto ]]')
        assert shown(client, '/a.spy') == "('visitor', 'cookie', 3600, None)"

    def test_without_one_the_attributes_are_none(self, pages: Run) -> None:
        client = pages(a='[[.import name=session1 as=session]][[= session.auto, session.autoID, session.autoName, '
                         'session.autoMethod, session.autoExpire ]]')
        assert shown(client, '/a.spy') == '(None, None, None, None, None)'

    def test_defaults(self, pages: Run) -> None:
        client = pages(a='''[[.import name=session1 as=session args="'session_dir', DIR, auto=60"]]
                            [[ session.auto = 1 ]][[= session.autoName, session.autoMethod, session.autoExpire ]]''')
        assert shown(client, '/a.spy') == "('spyceSession', 'cookie', 60)"
        assert list(client.cookies) == ['spyceSession']

    def test_the_session_goes_on_in_other_pages_whatever_their_import_is_called(self, pages: Run) -> None:
        client = pages(a=COUNT, b='[[.import name=session1]][[ session1.setHandler("session_dir", DIR) ]]'
                                  '[[ session1.autoSession(3600, "COOKIE", "visitor") ]]<[[= session1.auto ]]>')
        shown(client, '/a.spy')
        assert shown(client, '/b.spy') == '<1>'

    def test_an_error_page_keeps_what_was_put(self, pages: Run) -> None:
        client = pages(a=COUNT + '[[ if session.auto == 1: 1 / 0 ]]')
        assert client.get('/a.spy').status == 500
        assert shown(client, '/a.spy') == '2'

    def test_nothing_is_kept_and_no_cookie_sent_as_long_as_nothing_was_put(self, pages: Run) -> None:
        client = pages(a=IMPORT + '[[= session.auto, session.autoID ]]',
                       b='[[.import name=session1]][[ session1.setHandler("session_dir", DIR) ]]'
                         '[[= session1.get(request.get1("id")), session1.set(1, 60, request.get1("id")) ]]')
        printed = shown(client, '/a.spy')
        id = printed.split("'")[1]
        assert (printed, dict(client.cookies)) == (f"(None, '{id}')", {})
        assert id not in client.get('/b.spy', {'id': id}).text

    def test_none_ends_the_session(self, pages: Run) -> None:
        client = pages(a=COUNT, b=IMPORT + '[[ session.auto = None ]]')
        shown(client, '/a.spy')
        shown(client, '/b.spy')
        assert shown(client, '/a.spy') == '1'

    def test_delete_ends_it_too(self, pages: Run) -> None:
        client = pages(a=COUNT, b=IMPORT + '[[ session.delete() ]][[= session.auto, session.autoID ]]',
                       c=IMPORT + '[[ session.delete(session.autoID) ]][[= session.autoID ]]')
        for path, printed in (('/b.spy', '(None, None)'), ('/c.spy', '')):
            shown(client, '/a.spy')
            shown(client, '/a.spy')
            assert shown(client, path) == printed
            assert shown(client, '/a.spy') == '1'
            shown(client, path)

    def test_auto_cannot_be_set_without_it(self, pages: Run) -> None:
        client = pages(a='[[.import name=session1]][[ session1.auto = 1 ]]',
                       b='[[.import name=session1]][[ session1.autoSession(60) ]]')
        assert 'call autoSession() before auto is set' in client.get('/a.spy').text
        assert 'nothing says yet where sessions are kept' in client.get('/b.spy').text

    @pytest.mark.parametrize('arguments', ['60, "header"', '0', '-1', 'None', '"60"', '60, "cookie", "a b"',
                                           '60, "cookie", "a\\r\\nSet-Cookie: x"'])
    def test_what_cannot_be_meant_is_an_error(self, pages: Run, arguments: str) -> None:
        client = pages(a='[[.import name=session1]][[ session1.setHandler("session_dir", DIR) ]]'
                         f'[[ session1.autoSession({arguments}); session1.auto = 1 ]]')
        answer = client.get('/a.spy')
        assert (answer.status, dict(client.cookies)) == (500, {})
        assert 'ValueError' in answer.text


class TestItsId:
    def test_the_core_makes_it(self, pages: Run) -> None:
        client = pages(a=COUNT + '/[[= session.autoID ]]')
        first, second = shown(client, '/a.spy'), shown(client, '/a.spy')
        assert ID.fullmatch(first.partition('/')[2])
        assert first.partition('/')[2] == second.partition('/')[2] == client.cookies['visitor']

    def test_the_cookie_is_hidden_from_scripts_and_other_sites(self, pages: Run) -> None:
        client = pages(a=COUNT)
        cookie, = client.get('/a.spy').headers.getlist('Set-Cookie')
        assert {'HttpOnly', 'SameSite=Lax'} <= set(cookie.split('; '))
        assert 'Secure' not in cookie
        client.https = True
        client.cookies.clear()
        assert 'Secure' in client.get('/a.spy').headers['Set-Cookie'].split('; ')

    def test_the_cookie_goes_where_that_of_sessions_goes(self, pages: Run) -> None:
        for options, path in ({}, 'Path=/'), ({'session_path': '/shop'}, 'Path=/shop'):
            assert path in pages(options, a=COUNT).get('/a.spy').headers['Set-Cookie'].split('; ')

    def test_it_is_sent_once(self, pages: Run) -> None:
        client = pages(a=COUNT)
        assert [len(client.get('/a.spy').set_cookies) for _ in range(3)] == [1, 0, 0]

    @pytest.mark.parametrize('sent', ['123_000001', 'a' * 43, '../../etc/passwd', '\xff', 'x' * 5000, '%00'])
    def test_an_unknown_one_is_never_adopted(self, pages: Run, sent: str) -> None:
        client = pages(a=COUNT)
        answer = client.get('/a.spy', headers={'Cookie': f'visitor={sent}'})
        assert (answer.status, answer.text.strip()) == (200, '1')
        assert ID.fullmatch(client.cookies['visitor']) and client.cookies['visitor'] != sent

    def test_the_one_that_is_known_counts_of_several(self, pages: Run) -> None:
        client = pages(a=COUNT)
        shown(client, '/a.spy')
        own = client.cookies['visitor']
        assert client.get('/a.spy', headers={'Cookie': f'visitor={"a" * 43}; visitor={own}'}).text.strip() == '2'

    @pytest.mark.parametrize('method', ['get', 'post'])
    def test_it_comes_as_a_field(self, pages: Run, method: str) -> None:
        client = pages(a=f'''[[.import name=session1 as=session]]
            [[ session.setHandler('session_dir', DIR).autoSession(60, '{method}', 'sid')
            session.auto = (session.auto or 0) + 1 ]]{{[[= session.auto ]]/[[= session.autoID ]]}}''')
        send = client.get if method == 'get' else client.post
        first = client.get('/a.spy').text.strip(' {}\n').split('/')[1]
        assert send('/a.spy', {'sid': first}).text.strip() == f'{{2/{first}}}'
        other_way = client.post('/a.spy', {'sid': first}) if method == 'get' else client.get('/a.spy', {'sid': first})
        assert other_way.text.strip().startswith('{1/')
        assert dict(client.cookies) == {}

    def test_a_session_of_the_other_module_is_none_here_nor_theirs_there(self, pages: Run, folder: Path) -> None:
        from spyce.sessions import DbmStore
        client = pages({'session_store': DbmStore(folder)}, a=COUNT,
                       b='[[.import name=session]][[ session["n"] = 1 ]][[= session.sessionid ]]')
        theirs, _ = shown(client, '/b.spy'), shown(client, '/a.spy')
        ours = client.cookies['visitor']
        swapped = {'Cookie': f'visitor={theirs}; sessionid={ours}'}
        assert client.get('/a.spy', headers=swapped).text.strip() == '1'
        assert client.get('/b.spy', headers=swapped).text.strip() not in (ours, theirs)


class TestResponse:
    def test_it_is_not_to_be_cached(self, pages: Run) -> None:
        answer = pages(a=COUNT).get('/a.spy')
        assert (answer.headers['Cache-Control'], answer.headers['Vary']) == ('no-store', 'Cookie')

    def test_unless_the_page_says_otherwise(self, pages: Run) -> None:
        answer = pages(a=COUNT + '[[ response.addHeader("Cache-Control", "private") ]]').get('/a.spy')
        assert answer.headers.getlist('Cache-Control') == ['private']

    @pytest.mark.parametrize('call', ['flush', 'unbuffer'])
    def test_a_page_that_is_sent_in_pieces(self, pages: Run, call: str) -> None:
        client = pages(a=COUNT + f'[[ response.{call}(); session.auto = session.auto + 10 ]]')
        assert [shown(client, '/a.spy') for _ in range(3)] == ['1', '12', '23']

    def test_a_new_session_after_a_flush_is_too_late(self, pages: Run) -> None:
        client = pages(a=IMPORT + 'x[[ response.flush(); session.auto = 1 ]]')
        assert 'headers already sent' in client.get('/a.spy').text


class TestSeveralPages:
    def test_an_included_page_works_on_the_same_state(self, pages: Run) -> None:
        client = pages(a=COUNT + '[[.import name=include]][[ include.spyce("b.spy") ]]=[[= session.auto ]]',
                       b=COUNT)
        assert ''.join(shown(client, '/a.spy').split()) == '12=2'
        assert ''.join(shown(client, '/a.spy').split()) == '34=4'

    def test_the_page_around_one_that_has_it(self, pages: Run) -> None:
        client = pages(a='[[.import names="include, session1"]][[ include.spyce("b.spy"); include.spyce("b.spy")\n'
                         'session1.setHandler("session_dir", DIR).autoSession(3600, "cookie", "visitor") ]]'
                         '=[[= session1.auto ]]', b=COUNT)
        assert ''.join(shown(client, '/a.spy').split()) == '12=2'
        assert ''.join(shown(client, '/a.spy').split()) == '34=4'

    def test_the_page_of_an_internal_redirect(self, pages: Run) -> None:
        client = pages(a=COUNT + '[[.import name=redirect]][[ redirect.internal("b.spy") ]]', b=COUNT)
        assert [shown(client, '/a.spy') for _ in range(2)] == ['2', '4']
        assert list(client.cookies) == ['visitor']

    def test_a_second_call_begins_another(self, pages: Run) -> None:
        client = pages(a=COUNT + '[[ session.autoSession(60, "cookie", "second") ]]'
                                 '[[ session.auto = (session.auto or 10) + 1 ]]/[[= session.auto ]]')
        assert [shown(client, '/a.spy') for _ in range(2)] == ['1/11', '2/12']
        assert sorted(client.cookies) == ['second', 'visitor']


class TestByHand:
    @pytest.fixture
    def run(self, pages: Run) -> Callable[[str], str]:
        """Run code that has a handler, and tell what it leaves in `out`."""
        def run(code: str) -> str:
            return shown(pages(a='[[.import name=session1 as=session]][[ session.setHandler("session_dir", DIR)\n'
                                 f'{code} ]][[= out ]]'), '/a.spy')
        return run

    def test_set_and_get(self, run: Callable[[str], str]) -> None:
        assert run('id = session.set({"n": 1}, 60); out = session.get(id)') == "{'n': 1}"

    def test_a_state_under_its_id_is_replaced(self, run: Callable[[str], str]) -> None:
        assert run('id = session.set(1, 60); again = session.set(2, 60, id); out = again == id, session.get(id)') \
            == '(True, 2)'

    def test_delete_and_clear(self, run: Callable[[str], str]) -> None:
        assert run('ids = [session.set(n, 60) for n in range(4)]\nsession.delete(ids[0])\nsession.delete("unknown")\n'
                   'some = [session.get(id) for id in ids]; session.clear()\n'
                   'out = some, [session.get(id) for id in ids]') \
            == '([None, 1, 2, 3], [None, None, None, None])'

    def test_an_unknown_id_gives_nothing_and_is_not_adopted(self, run: Callable[[str], str]) -> None:
        for id in ('"mine"', '"' + 'a' * 43 + '"', '""', 'None'):
            assert run(f'id = session.set("x", 60, {id}); out = session.get({id}), len(id), session.get(id)') \
                == "(None, 43, 'x')"

    def test_what_has_expired_is_gone(self, run: Callable[[str], str]) -> None:
        assert run('import time; id = session.set(1, 0.01); kept = session.set(2, 60); time.sleep(0.02)\n'
                   'out = session.get(id), session.get(kept), session.set(3, 60, id) != id') == '(None, 2, True)'

    def test_keeping_it_again_moves_the_expiry(self, run: Callable[[str], str]) -> None:
        assert run('import time; id = session.set(1, 60); session.set(1, 0.01, id); time.sleep(0.02)\n'
                   'out = session.get(id)') == ''

    def test_the_id_of_the_automatic_session(self, pages: Run) -> None:
        client = pages(a=COUNT + '[[ session.set(5, 60, session.autoID) ]]/[[= session.auto, session.autoExpire ]]')
        assert [shown(client, '/a.spy') for _ in range(2)] == ['1/(5, 60)', '6/(5, 60)']

    def test_what_cannot_be_pickled_is_named(self, pages: Run) -> None:
        client = pages(a='[[.import name=session1]][[ session1.setHandler("session_dir", DIR)\nimport threading\n'
                         'session1.set(threading.Lock(), 60) ]]')
        assert 'cannot be pickled' in client.get('/a.spy').text

    def test_a_state_is_bounded(self, pages: Run) -> None:
        client = pages({'session_max_bytes': 1000}, a=IMPORT + '[[ session.auto = "x" * 2000 ]]')
        assert 'session_max_bytes is 1000' in client.get('/a.spy').text

    def test_expiry_of_an_automatic_session(self, pages: Run) -> None:
        client = pages(a=COUNT, b=COUNT + '[[ session.autoExpire = 0.01 ]]')
        assert [shown(client, path) for path in ('/a.spy', '/b.spy')] == ['1', '2']
        time.sleep(0.02)
        assert shown(client, '/a.spy') == '1'


class TestHandlers:
    @pytest.mark.parametrize('handler', ['session_gdbm', 'session_bsddb'])
    def test_those_of_one_file(self, pages: Run, folder: Path, handler: str) -> None:
        (folder / 'old').write_bytes(b'a file of gdbm')
        client = pages(**{name: COUNT.replace('session_dir', handler).replace('DIR', f"'{folder}/{name}'")
                          for name in ('old', 'new')})
        assert [shown(client, path) for path in ('/old.spy', '/old.spy', '/new.spy')] == ['1', '2', '1']
        assert (folder / 'old').read_bytes() == b'a file of gdbm'

    def test_the_default_folder(self, pages: Run, folder: Path) -> None:
        client = pages({'tmp': str(folder)}, a='''[[.import name=session1 args="'session_dir', auto=60"]]
                       [[ session1.auto = (session1.auto or 0) + 1 ]][[= session1.auto ]]''')
        assert [shown(client, '/a.spy') for _ in range(2)] == ['1', '2']
        assert os.listdir(folder) == ['spyce-session1']

    @pytest.mark.skipif(os.name != 'posix', reason='modes of files are those of POSIX')
    def test_files_are_this_users_alone(self, pages: Run, folder: Path) -> None:
        shown(pages(a=COUNT), '/a.spy')
        for path in folder.rglob('*'):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0

    def test_a_folder_that_is_not_there_or_is_a_link(self, pages: Run, folder: Path, tmp_path: Path) -> None:
        client = pages(a=COUNT.replace('DIR', f"'{folder}/no'"), b=COUNT)
        assert 'the folder for sessions cannot be made' in client.get('/a.spy').text
        (folder / 'spyce-session1').symlink_to(tmp_path)
        assert 'this is a link' in client.get('/b.spy').text

    @pytest.mark.parametrize('name', ['session_sql', 'os', '', '__import__'])
    def test_an_unknown_one(self, pages: Run, name: str) -> None:
        text = pages(a=f'[[.import name=session1]][[ session1.setHandler("{name}") ]]').get('/a.spy').text
        assert 'there are session_dir, session_gdbm, session_bsddb, session_user' in text

    def test_functions_of_the_page(self, site: MakeSite) -> None:
        client = site({'a.spy': '''
            [[.import name=session1 as=session]]
            [[ import keep; session.setHandler('session_user', keep.get, keep.put, keep.delete, keep.ids, 'info') ]]
            [[ session.autoSession(60) ]]
            [[ session.auto = (session.auto or 0) + 1 ]][[= session.auto ]] [[= session.autoID ]]''',
                       'b.spy': '''
            [[.import name=session1 as=session]]
            [[ import keep; session.setHandler('session_user', keep.get, keep.put, keep.delete, keep.ids, 'info') ]]
            [[= sorted(keep.states) ]][[ session.clear() ]][[= keep.states ]]''',
                       'keep.py': '''
            states = {}
            def get(info, id):
                assert info == 'info'
                return states.get(id)
            def put(info, state, expire, serverid, id):
                id = id or f'own{len(states)}'
                states[id] = state
                return id
            def delete(info, id):
                states.pop(id, None)
            def ids(info):
                return states'''}, debug=True)
        assert [shown(client, '/a.spy') for _ in range(2)] == ['1 own0', '2 own0']
        assert Client(client.app).get('/a.spy', headers={'Cookie': 'spyceSession=evil'}).text.split() == ['1', 'own1']
        assert shown(client, '/b.spy') == "['own0', 'own1']{}"

    def test_a_handler_of_the_site(self, site: MakeSite) -> None:
        client = site({'a.spy': '''
            [[.import name=session1 as=session args="'lib/handlers.py:memory', 'own', auto=60"]]
            [[ session.auto = (session.auto or 0) + 1 ]][[= session.auto ]] [[= session.autoID ]]''',
                       'lib/handlers.py': '''
            from spyce.modules.contrib.session1 import sessionHandler
            states = {}
            class memory(sessionHandler):
                def __init__(self, sessionModule, prefix):
                    sessionHandler.__init__(self, sessionModule)
                    self.prefix = prefix
                def get(self, id): return states.get(id)
                def set(self, state, expire, id=None):
                    id = id or self.prefix + str(len(states))
                    states[id] = state
                    return id'''}, debug=True)
        assert [shown(client, '/a.spy') for _ in range(2)] == ['1 own0', '2 own0']


def test_a_site_has_its_own_module_of_that_name(pages: Run) -> None:
    client = pages(a='[[.import name=session1]][[= session1.mine ]]')
    root = Path(client.app.server.config.root)  # type: ignore[attr-defined]
    (root / 'session1.py').write_text('from spyceModule import spyceModule\nclass session1(spyceModule): mine = 7\n')
    assert shown(client, '/a.spy') == '7'


def test_requests_at_once_undo_nothing(pages: Run) -> None:
    client = pages({'session_lock_waiters': 40},
                   a=IMPORT + '[[ import time; n = session.auto or 0; time.sleep(0.002); session.auto = n + 1 ]]',
                   b=COUNT)
    client.get('/a.spy')
    cookie = {'Cookie': f'visitor={client.cookies["visitor"]}'}
    threads = [threading.Thread(target=Client(client.app).get, args=('/a.spy',), kwargs={'headers': cookie})
               for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shown(client, '/b.spy') == '32'


def test_nor_do_those_of_several_processes(pages: Run) -> None:
    client = pages(a=COUNT)
    client.get('/a.spy')
    program = ('import sys, spyce\nfrom spyce.testing import Client\nclient = Client(spyce.make_app(sys.argv[1]))\n'
               'for _ in range(25):\n'
               '    assert client.get("/a.spy", headers={"Cookie": "visitor=" + sys.argv[2]}).status == 200\n')
    root = client.app.server.config.root  # type: ignore[attr-defined]
    processes = [subprocess.Popen([sys.executable, '-c', program, root, client.cookies['visitor']]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert shown(client, '/a.spy') == '77'


def test_a_session_in_use_for_too_long_is_answered_with_503(pages: Run) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        assert leave.wait(30)

    client = pages({'session_lock_timeout': 0.05, 'globals': {'hold': hold}},
                   a=COUNT + '[[.import name=pool]][[ pool["hold"]() ]]', b=COUNT)
    shown(client, '/b.spy')
    cookie = {'Cookie': f'visitor={client.cookies["visitor"]}'}
    thread = threading.Thread(target=Client(client.app).get, args=('/a.spy',), kwargs={'headers': cookie})
    thread.start()
    try:
        assert entered.wait(30)
        assert client.get('/b.spy').status == 503
    finally:
        leave.set()
        thread.join()
    assert shown(client, '/b.spy') == '3'
