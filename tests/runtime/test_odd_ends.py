"""Pages that end in unusual ways: always one answer, every module finished, the session saved."""
from __future__ import annotations

import sys
import threading

import pytest

MODULE = 'from spyceModule import spyceModule\nimport sys\nclass {name}(spyceModule):\n    def {hook}: {body}\n'
NOTE = "self._api.getServerGlobals()['log'].append('{name}')"


def module(name, hook, body):
    return MODULE.format(name=name, hook=hook, body=body)


@pytest.mark.parametrize(('files', 'status', 'text'), [
    ({'page.spy': "[[ error.setHandler(lambda e: response.end()); 1/0 ]]"}, 500, ''),
    ({'page.spy': "[[ import sys; error.setHandler(lambda e: sys.exit(1)); 1/0 ]]"}, 500, None),
    ({'page.spy': 'a[[.import name=m]]', 'm.py': module('m', 'start(self)', "self._api.getModule('response').end()")},
     200, ''),
    ({'page.spy': 'a[[.import name=m]]', 'm.py': module('m', 'finish(self, e=None)', 'sys.exit(2)')}, 500, None),
    ({'page.spy': '[[!\ndef __init__(self): raise spyceDone\n]]a'}, 200, ''),
    ({'page.spy': '[[ import asyncio; raise asyncio.CancelledError ]]'}, 500, None),
    ({'page.spy': "[[.import name=m]]a", 'm.py': module('m', 'finish(self, e=None)',
                                                         "self._api.getModule('redirect').internal('page.spy')")},
     500, None),
    ({'page.spy': "[[.import name=m]][[ m.go() ]]a",
      'm.py': 'from spyce.modules.response import Filter\nfrom spyceModule import spyceModule\n'
              'class F(Filter):\n    def flushImpl(self): raise SystemExit\n'
              "class m(spyceModule):\n    def go(self): self._api.getModule('response').addFilter(5, F())\n"},
     500, None),
])
def test_there_is_always_an_answer(site, files, status, text):
    answer = site(files).get('/page.spy')
    assert answer.status == status
    if text is not None:
        assert answer.text == text


def test_all_modules_are_finished_whatever_one_of_them_does(site):
    log = []
    client = site({'page.spy': '[[.import name=include]]'
                               '[[ try: { include.spyce("part.spi") } except Exception: { pass } ]]',
                   'part.spi': '[[.import names="first, second"]]x',
                   'first.py': module('first', 'finish(self, e=None)', NOTE.format(name='first')),
                   'second.py': module('second', 'finish(self, e=None)',
                                       "self._api.getModule('redirect').internal('page.spy')")}, globals={'log': log})
    client.get('/page.spy')
    assert log == ['first']


def test_an_error_in_finish_does_not_hide_the_error_of_the_page(site, caplog):
    site({'page.spy': '[[.import name=m]][[ 1/0 ]]',
          'm.py': module('m', 'finish(self, e=None)', "raise KeyError('later')")}).get('/page.spy')
    assert 'ZeroDivisionError' in caplog.text
    assert 'later' in caplog.text


def test_a_module_whose_start_failed_is_not_finished(site, caplog):
    site({'page.spy': '[[.import name=m]]',
          'm.py': module('m', 'start(self)', "raise OSError('no such table')")
          + "    def finish(self, e=None): self.db.close()\n"}).get('/page.spy')
    assert 'no such table' in caplog.text
    assert "no attribute 'db'" not in caplog.text


def test_sys_exit_in_an_included_page_is_an_error_for_its_modules(site):
    log = []
    client = site({'page.spy': '[[.import name=include]][[ include.spyce("part.spi") ]]',
                   'part.spi': '[[.import name=m]][[ import sys; sys.exit(1) ]]',
                   'm.py': module('m', 'finish(self, e=None)',
                                  "self._api.getServerGlobals()['log'].append(e.type.__name__)")}, globals={'log': log})
    assert client.get('/page.spy').status == 500
    assert log == ['SystemExit']


def test_an_include_that_cannot_begin_leaves_the_stack_as_it_was(site):
    client = site({'page.spy': '[[.import name=include]]'
                               '[[ try: { include.spyce("sub/bad.spi") } except ZeroDivisionError: { pass } ]]'
                               '[[ include.spyce("good.spi") ]]',
                   'sub/bad.spi': '[[! x = 1/0 ]]', 'good.spi': 'good'})
    assert client.get('/page.spy').text == 'good\n'


def test_an_attribute_of_an_exception_does_not_choose_the_status(site):
    client = site({'page.spy': '[[\\\nclass E(Exception):\n    http_status = 200\nraise E\n]]'})
    assert client.get('/page.spy').status == 500


def test_names_that_a_thread_still_uses_do_not_become_those_of_the_next_request(site):
    going = threading.Event()
    client = site({'page.spy': "[[ def keep(): { global later, who\n who = request.get1('who')\n"
                               "def later(): { going.wait(10); got.append(who) } } ]]"
                               "[[ going, got = response._api.getServerGlobals()['shared']; keep() ]]"
                               "[[ import threading; t = threading.Thread(target=later); t.start() ]]"
                               "[[ response._api.getServerGlobals()['threads'].append(t) ]]"},
                  globals={'shared': (going, got := []), 'threads': (threads := [])})
    for who in 'ab':
        client.get('/page.spy', query={'who': who})
    going.set()
    for thread in threads:
        thread.join(10)
    assert sorted(got) == ['a', 'b']


def test_what_a_page_sets_for_its_thread_ends_with_the_request(site):
    client = site({'page.spy': '[[ import decimal ]][[= decimal.getcontext().prec ]]'
                               '[[ decimal.getcontext().prec = 3 ]]'})
    printed = []
    thread = threading.Thread(target=lambda: printed.extend(client.get('/page.spy').text for _ in range(2)))
    thread.start()
    thread.join()
    assert printed == ['28\n'] * 2


def test_print_still_works_after_a_page_has_replaced_stdout(site, monkeypatch):
    client = site({'page.spy': "[[ print('hello') ]]end",
                   'bad.spy': '[[ import sys, io; sys.stdout = io.StringIO() ]]'})
    monkeypatch.setattr(sys, 'stdout', sys.stdout)
    client.get('/bad.spy')
    assert client.get('/page.spy').text == 'hello\nend\n'


def test_log_records_do_not_reach_the_visitor(site, monkeypatch):
    client = site({'page.spy': '[[ import loud; response.unbuffer(); raise KeyError("secret") ]]',
                   'loud.py': 'import logging, sys\nlogging.getLogger().addHandler(logging.StreamHandler(sys.stdout))'})
    try:
        assert 'secret' not in client.get('/page.spy').text
    finally:
        import logging
        logging.getLogger().handlers[:] = [handler for handler in logging.getLogger().handlers
                                           if type(handler) is not logging.StreamHandler]


def test_bytes_can_be_written(site):
    client = site({'page.spy': "[[ response.setContentType('image/png'); response.write(b'\\x89PNG\\xff') ]]"})
    assert client.get('/page.spy').body.startswith(b'\x89PNG\xff')


def test_bytes_are_printed_as_the_text_that_they_are(site):
    client = site({'page.spy': '[[.import names="include, transform"]][[= include.dump("note.txt", 1) ]]'
                               '[[ transform.expr("html_encode") ]][[= "<\xe9>".encode() ]]',
                   'note.txt': '<caf\xe9> ', 'bad.spy': '[[= b"\\xff" ]]'})
    assert client.get('/page.spy').text == '<caf\xe9> &lt;\xe9&gt;\n'
    assert client.get('/bad.spy').status == 500


def test_values_that_are_no_text_are_printed_as_text(site):
    assert site({'page.spy': '[[ response.writeStatic(5); response.write(None) ]].'}).get('/page.spy').text == '5.\n'


def test_an_external_redirect_in_an_included_page_leaves_the_outer_page_whole(site):
    client = site({'page.spy': "[[.import names='include, transform']][[ transform.expr('html_encode') ]]"
                               "[[ s = include.spyceStr('part.spi') ]][[= '<' ]]",
                   'part.spi': "[[.import name=redirect]][[ redirect.external('/there') ]]x"})
    answer = client.get('/page.spy')
    assert (answer.status, answer.text, answer.headers['Location']) == (302, '', '/there')


def test_hidden_files_are_neither_run_nor_shown(site):
    client = site({'to.spy': "[[.import name=redirect]][[ redirect.internal(request.get1('f')) ]]",
                   'dump.spy': "[[.import name=include]][[= include.dump(request.get1('f')) ]]",
                   '.hid.spy': 'leak', '.git/z.spy': 'leak', '.git/x.txt': 'leak'})
    for page, file in [('to', '.hid.spy'), ('to', '.git/z.spy'), ('dump', '.git/x.txt')]:
        answer = client.get(f'/{page}.spy', query={'f': file})
        assert answer.status in (403, 500)
        assert 'leak' not in answer.text


def test_page_source_of_a_string_includes_beside_its_page(site):
    client = site({'sub/page.spy': '[[.import names="include, spylambda"]]'
                                   r'''[[ code = '\[[.import name=here\]]\[[ include.spyce("p.spi") \]]' ]]'''
                                   "[[ spylambda.define('', code)() ]]",
                   'sub/p.spi': 'part', 'sub/here.py': module('here', 'start(self)', 'pass')})
    assert client.get('/sub/page.spy').text.split() == ['part']


def test_cookies_that_finish_adds_survive_an_internal_redirect(site):
    client = site({'page.spy': "[[.import names='redirect, m']][[ response.addHeader('X-A', '1') ]]"
                               "[[ redirect.internal('next.spy') ]]", 'next.spy': 'next',
                   'm.py': module('m', 'finish(self, e=None)',
                                  "self._api.getModule('response').addHeader('Set-Cookie', 'seen=1')")})
    answer = client.get('/page.spy')
    assert answer.text == 'next\n'
    assert [cookie.name for cookie in answer.set_cookies] == ['seen']
    assert 'X-A' not in answer.headers


def test_a_response_put_in_place_of_the_first_gets_the_output(site):
    client = site({'page.spy': '[[.import name=shout]]quiet', 'shout.py': '''
        from spyceModule import spyceModule
        class Loud:
            def __init__(self, raw): self.raw = raw
            def write(self, s): self.raw.write(s.upper())
            def __getattr__(self, name): return getattr(self.raw, name)
        class shout(spyceModule):
            def start(self): self._api.setResponse(Loud(self._api.getResponse()))
        '''})
    assert client.get('/page.spy').text == 'QUIET\n'


def test_many_includes_with_transforms_leave_no_filters(site):
    client = site({'page.spy': '[[.import name=include]][[ for i in range(300): { include.spyce("p.spi") } ]]'
                               '[[= len(response._api.output.filters) ]]',
                   'p.spi': "[[.import name=transform]][[ transform.expr('html_encode') ]]"})
    assert client.get('/page.spy').text.strip() == '0'


def test_a_memoized_lambda_passes_through_a_transform_that_was_set_later(site):
    client = site({'page.spy': "[[.import name=transform]][[ f = [[spy! n:[[= n ]]]] ]][[ f('<') ]]"
                               "[[ transform.expr('html_encode') ]][[ f('<') ]]"})
    assert client.get('/page.spy').text.split() == ['<', '&lt;']


def test_keyword_arguments_of_an_expression_may_come_from_a_dictionary(site):
    client = site({'page.spy': "[[.import name=transform]][[ transform.expr('truncate'); kw = {'maxlen': 2} ]]"
                               "[[= 'abcd', **kw ]] [[= 2 ** 3 ]]"})
    assert client.get('/page.spy').text == 'ab 8\n'


@pytest.mark.parametrize(('page', 'said'), [
    ('a\nb\n[[.import name=nosuch]]', 'page.spy:3'),
    ("<spy:parent src='nosuch.spi' />", 'nosuch.spi'),
    ("[[.import name=redirect]][[ redirect.internal('nosuch.txt') ]]", 'not a page of the site'),
])
def test_with_debug_errors_say_where_and_why(site, page, said):
    assert said in site({'page.spy': page}, debug=True).get('/page.spy').text
