"""Modules beside pages: found, private to their server, noticed when they change."""
from __future__ import annotations

import gc
import itertools
import os
import sys
import threading
import time
import types
import weakref

import spyce
from spyce.config import load_config
from spyce.testing import Client


def rewrite(client, name, text):
    file = os.path.join(client.app.root, name)
    before = os.stat(file).st_mtime_ns
    with open(file, 'w', encoding='utf-8') as stream:
        stream.write(text)
    os.utime(file, ns=(before + 1, before + 1))


def test_packages_and_relative_imports_beside_a_page(site):
    client = site({'page.spy': '[[ import lib.deep; from lib import other ]][[= lib.deep.value + other.value ]]',
                   'lib/__init__.py': '', 'lib/deep.py': 'from .other import value', 'lib/other.py': 'value = "x"'})
    assert client.get('/page.spy').text == 'xx\n'


def test_a_module_beside_a_page_imports_its_own_neighbours(site):
    client = site({'page.spy': '[[ import first ]][[= first.second.value ]]',
                   'first.py': 'import second', 'second.py': 'value = 2'})
    assert client.get('/page.spy').text == '2\n'


def test_page_and_modules_share_one_object(site):
    client = site({'page.spy': '[[.import name=use]][[ import shared ]][[= use.shared() is shared ]]',
                   'shared.py': '',
                   'use.py': 'import shared\nfrom spyceModule import spyceModule\n'
                             'class use(spyceModule):\n    def shared(self): return shared'})
    assert client.get('/page.spy').text == 'True\n'


def test_two_servers_in_one_process_have_their_own_modules(site):
    files = {'page.spy': '[[ import state; state.n += 1 ]][[= state.n ]]', 'state.py': 'n = 0'}
    one, other = site(files), site(files)
    assert [one.get('/page.spy').text, one.get('/page.spy').text, other.get('/page.spy').text] == ['1\n', '2\n', '1\n']
    assert 'state' not in sys.modules


def test_nothing_but_its_modules_is_left_of_a_server_that_is_gone(site):
    client = site({'page.spy': '[[.import names="m, session"]][[ import state; session.put("n", state.n) ]]',
                   'm.py': 'from spyceModule import spyceModule\nclass m(spyceModule): pass', 'state.py': 'n = 1'})
    assert client.get('/page.spy').status == 200
    server = client.app.server
    left = [weakref.ref(it) for it in (server, server.config, server.config.session_store)]
    del client, server
    gc.collect()
    assert [reference() for reference in left] == [None] * 3


def test_code_of_a_server_that_is_gone_imports_what_it_would_have(site):
    client = site({'page.spy': '[[ import work ]]', 'calendar.py': 'n = "of the site"',
                   'work.py': 'import sys\ndef n():\n    import calendar\n    return calendar.n\nsys.spyce_test = n'})
    client.get('/page.spy')
    function = sys.spyce_test
    del client, sys.spyce_test
    gc.collect()
    assert function() == 'of the site'


def test_a_server_without_modules_goes_while_other_threads_import(site):
    """What goes wrong then is only reported, by Python, and the tests make that an error."""
    done = threading.Event()

    def import_without_end():
        for number in itertools.cycle(range(1000)):
            sys.modules[f'spyce_test_{number}'] = types.ModuleType('elsewhere')
            sys.modules.pop(f'spyce_test_{(number + 500) % 1000}', None)
            if done.is_set():
                break

    def packages():
        return {name for name in list(sys.modules) if name.startswith('spyce_site_')}

    gc.collect()
    before = packages()
    thread = threading.Thread(target=import_without_end)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        for _ in range(5):
            site({'page.spy': '[[ try: { import broken } except ZeroDivisionError: { pass } ]]',
                  'broken.py': '1/0'}).get('/page.spy')
            gc.collect()
    finally:
        done.set()
        sys.setswitchinterval(interval)
        thread.join()
        for number in range(1000):
            sys.modules.pop(f'spyce_test_{number}', None)
    assert packages() <= before


def test_what_a_config_has_made_goes_on_to_import_when_the_config_is_gone(tmp_path):
    (tmp_path / 'own_store.py').write_text('from spyce.sessions import MemoryStore\nclass OwnStore(MemoryStore):\n'
                                           '    def name(self):\n        import own_codec\n'
                                           '        return own_codec.name')
    (tmp_path / 'own_codec.py').write_text('name = "own"')
    (tmp_path / 'spyceconf.py').write_text('from own_store import OwnStore\nsession_store = OwnStore()')
    store = load_config(tmp_path).session_store
    gc.collect()
    assert store.name() == 'own'


def test_sys_path_is_left_alone(site):
    before = list(sys.path)
    site({'page.spy': '[[ import state ]]', 'state.py': ''}).get('/page.spy')
    assert sys.path == before


def test_a_changed_spyce_module_is_used_at_the_next_request(site):
    text = 'from spyceModule import spyceModule\nclass m(spyceModule):\n    value = 1'
    client = site({'page.spy': '[[.import name=m]][[= m.value ]]', 'm.py': text})
    assert client.get('/page.spy').text == '1\n'
    rewrite(client, 'm.py', text.replace('1', '2'))
    assert client.get('/page.spy').text == '2\n'


def test_a_module_that_appears_later_is_found(site):
    client = site({'page.spy': '[[ try: { import late } except ImportError: { late = None } ]][[= late and late.x ]]'})
    assert client.get('/page.spy').text == '\n'
    with open(os.path.join(client.app.root, 'late.py'), 'w') as stream:
        stream.write('x = 1')
    assert client.get('/page.spy').text == '1\n'


def test_the_names_of_2_1_are_importable_and_not_replaced_by_a_file_of_the_site(site):
    client = site({'page.spy': '[[ import spyceLock, session, spyce ]]'
                               '[[= session.__name__ ]] [[= spyceLock.MultiLock.__name__ ]]',
                   'session.py': 'raise RuntimeError', 'spyceLock.py': 'raise RuntimeError'})
    assert client.get('/page.spy').text == 'spyce.modules.session MultiLock\n'


def test_objects_of_a_sites_own_classes_can_be_kept_in_a_session(site):
    client = site({'page.spy': "[[.import name=session]][[ from shop import Item ]]"
                               "[[ if 'i' not in session: { session.put('i', Item('tea')) } ]]"
                               "[[= session['i'].name ]] [[= isinstance(session['i'], Item) ]]",
                   'shop.py': 'class Item:\n    def __init__(self, name): self.name = name'})
    assert client.get('/page.spy').text == 'tea True\n'
    assert client.get('/page.spy').text == 'tea True\n'


def test_getserver_is_the_server_of_the_request(site):
    files = {'page.spy': '[[ import spyce ]][[= spyce.getServer() is response._api.getServer() ]]'}
    site(files)
    assert site(files).get('/page.spy').text == 'True\n'


def test_getserver_outside_of_requests_is_clear_about_several_servers(site):
    one, other = site({'p.spy': ''}), site({'p.spy': ''})
    try:
        spyce.getServer()
    except LookupError as error:
        assert 'servers' in str(error)
    else:
        raise AssertionError(f'{one} and {other} both live')


def test_packages_below_the_root_import_themselves_and_their_neighbours(site):
    client = site({'sub/page.spy': '[[ import pkg ]][[= pkg.X ]]', 'sub/pkg/__init__.py': 'from pkg.mod import X',
                   'sub/pkg/mod.py': 'import helper, json\nX = helper.Y + json.dumps(1)', 'sub/helper.py': 'Y = "y"',
                   'sub/pkg/json.py': 'raise RuntimeError'})
    assert client.get('/sub/page.spy').text == 'y1\n'


def test_module_files_are_found_by_their_path(site):
    text = 'from spyceModule import spyceModule\nclass m(spyceModule):\n    value = 1'
    client = site({'dots.spy': "[[.import name=m from='lib/v1.2.py']][[= m.value ]]", 'lib/v1.2.py': text,
                   'page.spy': '[[.import name=m]][[= m.value ]]', 'm.py': text, 'm/__init__.py': ''})
    assert client.get('/dots.spy').text == '1\n'
    assert client.get('/page.spy').text == '1\n'


def test_without_check_mtime_modules_stay_as_they_were(site):
    text = 'from spyceModule import spyceModule\nclass m(spyceModule):\n    value = 1'
    client = site({'page.spy': '[[.import name=m]][[= m.value ]]', 'm.py': text}, check_mtime=False)
    client.get('/page.spy')
    rewrite(client, 'm.py', text.replace('1', '2'))
    assert client.get('/page.spy').text == '1\n'


def test_a_module_may_be_edited_while_it_is_served(site):
    text = 'from spyceModule import spyceModule\nclass m(spyceModule):\n    value = 1'
    client = site({'page.spy': '[[.import name=m]][[= m.value ]]', 'm.py': text})
    odd, stop = [], threading.Event()

    def visit():
        while not stop.is_set():
            answer = Client(client.app).get('/page.spy')
            if answer.status != 200:
                odd.append(answer)

    threads = [threading.Thread(target=visit) for _ in range(4)]
    for thread in threads:
        thread.start()
    new = os.path.join(client.app.root, 'new')
    for n in range(60):
        with open(new, 'w') as stream:
            stream.write(text.replace('1', str(n)))
        os.replace(new, os.path.join(client.app.root, 'm.py'))
        time.sleep(0.005)
    stop.set()
    for thread in threads:
        thread.join()
    assert odd == []
    assert client.get('/page.spy').text == '59\n'
