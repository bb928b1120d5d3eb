"""What happens between a request and its answer: modules, redirects, parents, errors."""
from __future__ import annotations

import linecache
import os
import threading
from pathlib import Path

import pytest

import spyce

TRACE = """
    from spyceModule import spyceModule
    class trace(spyceModule):
        def start(self): self._api.getServerObject().log = ['start']
        def finish(self, theError=None):
            self._api.getServerObject().log.append('finish ' + (theError.type.__name__ if theError else 'ok'))
    """
SHOW_LOG = '[[= response._api.getServerObject().log ]]'


def test_a_module_is_finished_with_the_error_of_the_page(site):
    client = site({'trace.py': TRACE, 'page.spy': '[[.import name=trace]][[ 1/0 ]]', 'log.spy': SHOW_LOG})
    assert client.get('/page.spy').status == 500
    assert client.get('/log.spy').text == "['start', 'finish ZeroDivisionError']\n"


def test_except_exception_does_not_swallow_the_end_of_a_page(site):
    client = site({
        'done.spy': 'a[[ try: { response.end() } except Exception: { ]]swallowed[[ } ]]b',
        'redirect.spy': "[[.import name=redirect]]"
                        "[[ try: { redirect.internal('done.spy') } except Exception: { pass } ]]x"})
    assert client.get('/done.spy').text == 'a'
    assert client.get('/redirect.spy').text == 'a'


def test_an_error_page_tells_a_visitor_nothing(site):
    client = site({'page.spy': "[[ secret = 'hunter2'; raise ValueError('<b>boo</b>' + secret) ]]"})
    answer = client.get('/page.spy')
    assert answer.status == 500
    for private in ('hunter2', 'boo', 'page.spy', 'ValueError', '/'.join(str(client.app.root).split('/')[:2])):
        assert private not in answer.text.replace('</', '')


def test_with_debug_an_error_page_shows_message_line_and_source_escaped(site):
    client = site({'page.spy': "one\n[[ raise ValueError('<b>boo</b>') ]]"}, debug=True)
    answer = client.get('/page.spy')
    assert answer.status == 500
    assert 'page.spy:2' in answer.text
    assert '&lt;b&gt;boo' in answer.text
    assert '<b>' not in answer.text


def test_cookies_survive_an_error_page_and_other_headers_do_not(site):
    client = site({'page.spy': "[[.import name=cookie]]"
                               "[[ cookie.set('a', '1'); response.addHeader('X-A', '1'); 1/0 ]]"})
    answer = client.get('/page.spy')
    assert [cookie.name for cookie in answer.set_cookies] == ['a']
    assert 'X-A' not in answer.headers


def test_an_error_in_the_error_page_still_gives_an_answer(site):
    client = site({'page.spy': "[[ error.setFileHandler('err.spi'); 1/0 ]]", 'err.spi': '[[ undefined ]]'})
    assert client.get('/page.spy').status == 500


def test_an_error_page_that_redirects_is_told_what_to_do_instead(site):
    client = site({'page.spy': '[[.import name=redirect]][[ error.setHandler(lambda e: redirect.internal("o.spy")) ]]'
                               '[[ 1/0 ]]', 'o.spy': 'other'}, debug=True)
    assert 'by error.setFileHandler() or include.spyce()' in client.get('/page.spy').text


def test_sys_exit_is_an_error_of_the_page(site):
    assert site({'page.spy': '[[ import sys; sys.exit(3) ]]'}).get('/page.spy').status == 500


def test_a_missing_module_names_the_module(site):
    answer = site({'page.spy': '[[.import name=nosuch]]'}, debug=True).get('/page.spy')
    assert answer.status == 500
    assert 'nosuch' in answer.text


@pytest.mark.parametrize('target', ['../../../../etc/passwd', '/etc/passwd', 'page.spy/../../x', 'a\\..\\..\\b',
                                    'x\0.spy', 'data.db', 'notes.txt', 'mod.py', 'part.spi'])
def test_internal_redirects_reach_pages_of_the_site_only(site, target):
    client = site({'page.spy': "[[.import name=redirect]][[ redirect.internal(request.get1('to')) ]]",
                   'data.db': '[[= 6*7 ]]', 'notes.txt': '[[= 6*7 ]]', 'mod.py': 'x = 1', 'part.spi': '[[= 6*7 ]]'})
    answer = client.get('/page.spy', query={'to': target})
    assert answer.status in (403, 404)
    assert '42' not in answer.text


@pytest.mark.parametrize('use', ['include.spyce(to)', 'include.spyceStr(to)', 'include.dump(to)',
                                 'error.setFileHandler(to)'])
@pytest.mark.parametrize('target', ['../../../../etc/passwd', '/etc/passwd', 'page.spy/../../x', 'a\\..\\..\\b',
                                    'x\0.spy', 'secret.db', '.hidden.spy/../secret.db'])
def test_pages_and_files_are_included_from_within_the_site_only(site, use, target):
    client = site({'page.spy': f"[[.import name=include]][[ to = request.get1('to') ]][[= {use} ]][[ 1/0 ]]",
                   'secret.db': 'root:42'})
    answer = client.get('/page.spy', query={'to': target})
    assert answer.status == 500
    assert 'root:' not in answer.text


def test_a_symbolic_link_out_of_the_root_is_not_followed(site, tmp_path):
    client = site({'page.spy': "[[.import name=include]][[ include.spyce('link.spi') ]]"})
    (tmp_path / 'outside.spi').write_text('outside')
    (Path(client.app.root) / 'link.spi').symlink_to(tmp_path / 'outside.spi')
    answer = client.get('/page.spy')
    assert answer.status == 500
    assert 'outside' not in answer.text


def test_a_page_in_a_linked_folder_includes_from_where_it_really_is_and_from_nowhere_above(site, tmp_path):
    """What is outside of the root by the site's own choice, as a library may be, has that folder alone."""
    tag = '[[.tagcollection]][[.begin name=t]][[.attr name=of]][[.import name=include]][[ include.spyce(of) ]][[.end]]'
    client = site({'page.spy': "[[.taglib from=linked/tags.spi as=t]]<t:t of=\"=request.get1('of')\"></t:t>",
                   'inside.spi': 'inside'}, debug=True)
    (tmp_path / 'library').mkdir()
    (tmp_path / 'library/tags.spi').write_text(tag)
    (tmp_path / 'library/part.spi').write_text('beside')
    (tmp_path / 'secret.spi').write_text('secret')
    (Path(client.app.root) / 'linked').symlink_to(tmp_path / 'library')
    assert client.get('/page.spy?of=part.spi').text.strip() == 'beside'
    assert client.get('/page.spy?of=/inside.spi').text.strip() == 'inside'
    refused = client.get('/page.spy?of=../secret.spi')
    assert refused.status == 500
    assert 'outside of the folder of the site' in refused.text


def test_a_page_that_redirects_to_itself_is_an_error(site):
    page = "[[.import name=redirect]][[ redirect.internal('page.spy') ]]"
    answer = site({'page.spy': page}, debug=True).get('/page.spy')
    assert answer.status == 500
    assert 'redirect' in answer.text


def test_a_page_that_includes_itself_is_an_error(site):
    page = "[[.import name=include]][[ include.spyce('page.spy') ]]"
    answer = site({'page.spy': page}, debug=True).get('/page.spy')
    assert answer.status == 500
    assert 'within each other' in answer.text


def test_an_error_is_not_formatted_once_for_each_page_around_it(site, monkeypatch):
    looks = []
    look = linecache.checkcache  # whoever formats an error looks whether the sources of its frames have changed
    monkeypatch.setattr(linecache, 'checkcache', lambda *file: (looks.append(file), look(*file)))
    page = "[[.import name=include]][[ include.spyce('page.spy') ]]"
    assert site({'page.spy': page}, debug=True).get('/page.spy').status == 500
    assert len(looks) < spyce.MAX_STACK


def test_the_error_that_an_inner_page_had_begins_there_whenever_it_is_asked(site):
    keep = """
        from spyceModule import spyceModule
        class keep(spyceModule):
            def finish(self, error=None): self._api.getServerGlobals()['kept'] = error
        """
    files = {'keep.py': keep, 'page.spy': "[[.import name=include]][[ include.spyce('inner.spi') ]]",
             'inner.spi': '[[.import name=keep]]\n[[ 1/0 ]]'}
    client = site(files, globals={})
    assert client.get('/page.spy').status == 500
    error = client.app.server.globals['kept']
    assert [(Path(file).name, line, text) for file, line, _, text in error.traceback] == [
        ('inner.spi', 2, '[[ 1/0 ]]')]
    assert 'inner.spi' in error.str and 'page.spy' not in error.str


def test_a_parent_that_is_its_own_parent_is_an_error(site):
    answer = site({'page.spy': '<spy:parent src="page.spy" />x'}, debug=True).get('/page.spy')
    assert answer.status == 500


TALKER = '''
from spyceModule import spyceModule
class talker(spyceModule):
    def start(self): self._api.getModule('response').write('(start)')
    def init(self): self._api.getModule('response').write('(init)')
    def finish(self, theError=None): self._api.getModule('response').write('(finish)')
'''


def test_what_modules_print_around_a_page_stands_before_its_parent(site):
    client = site({'page.spy': '[[.import name=talker]]<spy:parent src="a.spi" />x', 'talker.py': TALKER,
                   'a.spi': '<a>[[= child._body.strip() ]]</a>[[.import name=talker]]<spy:parent src="b.spi" />',
                   'b.spi': '<b>[[= child._body.strip() ]]</b>'})
    assert client.get('/page.spy').text == '(start)(finish)(start)(finish)<b>(init)<a>(init)x</a></b>\n'


def test_clear_in_a_page_with_a_parent_leaves_what_was_printed_before_the_page(site):
    client = site({'page.spy': '[[.import name=talker]]<spy:parent src="a.spi" />x[[ response.clear() ]]y',
                   'a.spi': '<a>[[= child._body.strip() ]]</a>', 'talker.py': TALKER})
    assert client.get('/page.spy').text == '(start)(finish)<a>y</a>\n'


WHOLE = '''
from spyceModule import spyceModule
class whole(spyceModule):
    def start(self): self._api.getModule('stdout').push()
    def finish(self, theError=None):
        text = self._api.getModule('stdout').pop()
        self._api.getModule('response').write('{' + text.strip() + '}')
'''


def test_a_module_may_capture_the_whole_page(site):
    client = site({'page.spy': '[[.import name=whole]]x', 'whole.py': WHOLE,
                   'left.spy': '[[.import name=whole]]a[[ stdout.push("out.txt") ]]lost',
                   'away.spy': '[[.import names="whole, redirect"]]x[[ redirect.internal("b.spy") ]]', 'b.spy': 'b',
                   'child.spy': '[[.import name=whole]]<spy:parent src="a.spi" />x',
                   'a.spi': '<[[= child._body.strip() ]]>'})
    assert client.get('/page.spy').text == '{x}'
    assert client.get('/left.spy').text == '{a}'
    assert not os.path.exists(f'{client.app.root}/out.txt')
    assert client.get('/away.spy').text == '{}b\n'
    assert client.get('/child.spy').text == '{}<x>\n'


@pytest.mark.parametrize(('start', 'text'), [
    ('1/0', 'ZeroDivisionError'), ('self._api.getModule("response").end()', '{}'),
    ('self._api.getModule("redirect").internal("b.spy")', '{}b\n')])
def test_a_module_may_capture_the_whole_page_whatever_keeps_it_from_beginning(site, start, text):
    client = site({'page.spy': '[[.import names="whole, m"]]x', 'whole.py': WHOLE, 'b.spy': 'b',
                   'e.spi': '[[= error.getType().__name__ ]]',
                   'm.py': f'from spyceModule import spyceModule\nclass m(spyceModule):\n    def start(self): {start}'},
                  pageerrortemplate=('file', '/e.spi'))
    assert client.get('/page.spy').text.removesuffix('\n') == text.removesuffix('\n')


def test_a_module_may_name_the_parent_when_the_page_has_ended(site):
    client = site({'page.spy': '[[.import name=m]][[ if 0: { ]]<spy:parent src="b.spi" />[[ } ]]x',
                   'a.spi': '<a>[[= child._body.strip() ]]</a>',
                   'm.py': 'from spyceModule import spyceModule\nclass m(spyceModule):\n'
                           '    def finish(self, theError=None): self._api.setParent("/a.spi", {})'})
    assert client.get('/page.spy').text == '<a>x</a>\n'


def test_a_capture_that_a_page_has_left_open_ends_with_the_page(site):
    client = site({'page.spy': '[[.import name=talker]]a[[ stdout.push() ]]lost', 'talker.py': TALKER})
    assert client.get('/page.spy').text == '(start)(init)a(finish)'


def test_a_page_whose_parent_was_skipped_is_printed_where_it_stands(site):
    client = site({'page.spy': '[[.import name=talker]]a[[ if 0: { ]]<spy:parent src="a.spi" />[[ } ]]'
                               'b[[ response.flush(); stdout.push() ]]lost', 'talker.py': TALKER})
    assert client.get('/page.spy').text == '(start)(init)ab(finish)'


def test_a_page_with_a_parent_cannot_end_the_capture_of_its_body(site):
    client = site({'page.spy': '<spy:parent src="a.spi" />[[ stdout.pop() ]]', 'a.spi': ''}, debug=True)
    assert 'stdout.pop() without a stdout.push() before it' in client.get('/page.spy').text


@pytest.mark.parametrize('flush', ['[[ response.flush() ]]',
                                   '[[.import name=include]][[ include.spyce("flush.spi") ]]'])
def test_a_page_with_a_parent_is_not_sent_before_its_parent(site, flush):
    client = site({'page.spy': f'{flush}<spy:parent src="a.spi" />x{flush}[[ response.addHeader("X-Late", "1") ]]',
                   'a.spi': '<a>[[= child._body.strip() ]][[ response.flush() ]]</a>',
                   'flush.spi': '[[ response.flush() ]]'})
    answer = client.get('/page.spy')
    assert (answer.text, answer.headers['X-Late']) == ('<a>x</a>\n', '1')


def test_a_flush_in_finish_does_not_send_a_page_before_its_parent(site):
    client = site({'page.spy': '[[.import name=m]]<spy:parent src="a.spi" />x',
                   'a.spi': '[[ response.addHeader("X-Late", "1") ]]<a>[[= child._body.strip() ]]</a>',
                   'm.py': 'from spyceModule import spyceModule\nclass m(spyceModule):\n'
                           '    def finish(self, theError=None): self._api.getModule("response").flush()'})
    answer = client.get('/page.spy')
    assert (answer.text, answer.headers['X-Late']) == ('<a>x</a>\n', '1')


def test_bytes_in_a_page_with_a_parent_do_not_hide_its_error(site):
    client = site({'page.spy': '<spy:parent src="a.spi" />[[ error.setFileHandler("e.spi") ]]'
                               '[[ response.write(b"x"); 1/0 ]]',
                   'a.spi': '', 'e.spi': 'sorry: [[= error.getMessage() ]]'})
    assert client.get('/page.spy').text.startswith('sorry: ZeroDivisionError')


def test_code_may_name_the_parent(site):
    client = site({'page.spy': 'x[[ response._api.setParent("a.spi", {}) ]]',
                   'a.spi': '<a>[[= child._body.strip() ]]</a>'})
    assert client.get('/page.spy').text == '<a>x</a>\n'


def test_a_page_with_a_parent_cannot_be_unbuffered(site):
    client = site({'page.spy': '<spy:parent src="a.spi" />x[[ response.unbuffer() ]]', 'a.spi': ''}, debug=True)
    assert 'the parent surrounds the page' in client.get('/page.spy').text


def test_what_modules_print_when_a_page_redirects_stands_before_the_other_page(site):
    client = site({'page.spy': '[[.import names="talker, redirect"]]x[[ redirect.internal("other.spy") ]]',
                   'other.spy': 'other', 'talker.py': TALKER})
    assert client.get('/page.spy').text == '(finish)other\n'


def test_an_internal_redirect_drops_headers_and_keeps_status_and_content_type(site):
    client = site({'page.spy': '[[.import name=redirect]][[ response.addHeader("X-One", "1"); '
                               'response.setReturnCode(404); response.setContentType("text/plain"); '
                               'redirect.internal("other.spy") ]]',
                   'other.spy': 'other',
                   'twice.spy': '[[.import name=redirect]]'
                                '[[ redirect.external("/"); redirect.internal("other.spy") ]]'})
    answer = client.get('/page.spy')
    assert (answer.status, answer.headers['Content-Type'].partition(';')[0]) == (404, 'text/plain')
    assert 'X-One' not in answer.headers
    assert client.get('/twice.spy').status == 200


def test_the_stack_has_the_page_that_was_asked_for_first_and_the_one_that_runs_last(site):
    show = '[[= [file.rpartition("/")[2] for file in request.stack()] ]]'
    client = site({'page.spy': '[[.import names="include, redirect"]][[ include.spyce("go.spi") ]]',
                   'go.spi': '[[.import name=redirect]][[ redirect.internal("other.spy") ]]',
                   'other.spy': show + '<spy:parent src="parent.spi" />',
                   'parent.spi': '[[= child._body.strip() ]]' + show})
    assert client.get('/page.spy').text \
        == "['page.spy', 'other.spy']['page.spy', 'other.spy', 'parent.spi']\n"


def test_the_stack_is_right_again_after_a_request_within_the_request(site):
    client = site({'page.spy': '[[.import name=include]][[ api = response._api ]][[ api.getServer().fileHandler('
                               'api.getRequest(), api.getResponse(), request.filename("sub/in.spy")) ]]'
                               '[[ include.spyce("i.spi") ]]',
                   'sub/in.spy': '[[.import name=redirect]][[ redirect.internal("/o.spy") ]]',
                   'o.spy': 'O', 'i.spi': 'I'})
    assert client.get('/page.spy').text.split() == ['O', 'I']


def test_the_stack_is_right_again_after_a_failed_include(site):
    client = site({'page.spy': "[[.import name=include]]"
                               "[[ try: { include.spyce('bad.spi') } except ZeroDivisionError: { pass } ]]"
                               '[[= len(request.stack()) ]]', 'bad.spi': '[[ 1/0 ]]'})
    assert client.get('/page.spy').text == '1\n'


@pytest.mark.parametrize('mess', [
    'globals().update(a=1, b=2, response=None)',
    "del globals()['response']",
    "globals().update(a=1); del globals()['response']; globals().update(b=2)",
    "del globals()['response']; globals().update(a=1, response=None, b=2)",
    "globals().update(a=1, b=2); del globals()['spyceDone'], globals()['_spyceOutput']",
    'globals().clear()',
])
def test_the_names_of_a_page_are_the_same_for_every_request(site, mess):
    client = site({'page.spy': f"[[.import name=include]][[\\\nif request.get1('mess'):\n    {mess}\n]]"
                               "[[= sorted((k, type(v).__name__) for k, v in globals().items()) ]]"})
    clean = client.get('/page.spy').text
    assert "('include', 'include')" in clean
    for _ in range(2):
        client.get('/page.spy?mess=1')
        assert client.get('/page.spy').text == clean


def test_an_include_sees_the_modules_that_the_page_has_not_deleted(site):
    client = site({
        'page.spy': "[[.import name=include]][[ include.spyce('part.spi'); response._api.delModule('error') ]]"
                    "[[ include.spyce('part.spi') ]]",
        'part.spi': "[[= [name for name in ('error', 'stdout', 'include') if name in globals()] ]]"})
    for _ in range(2):
        assert client.get('/page.spy').text.splitlines() == [
            "['error', 'stdout', 'include']", "['stdout', 'include']"]


def test_a_capture_ends_when_the_captured_function_raises(site):
    client = site({'page.spy': r"""
        [[\
        def f():
            print('lost')
            raise KeyError
        try:
            stdout.capture(f)
        except KeyError:
            pass
        ]]kept"""})
    assert client.get('/page.spy').text.strip() == 'kept'


def test_pages_running_at_once_do_not_mix_their_prints(site):
    client = site({'page.spy': r"""
        [[\
        name = request.get1('name')
        barrier = response._api.getServerGlobals()['barrier']
        for i in range(20):
            print(name)
            barrier.wait()
        ]]"""}, globals={'barrier': threading.Barrier(4, timeout=10)})
    answers = {}

    def visit(name):
        answers[name] = client.get('/page.spy', query={'name': name}).text.split()

    threads = [threading.Thread(target=visit, args=(name,)) for name in 'abcd']
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {name: [name] * 20 for name in 'abcd'}


def test_flushed_output_is_followed_by_the_error_page(site):
    answer = site({'page.spy': 'sent[[ response.flush() ]]lost[[ 1/0 ]]'}).get('/page.spy')
    assert answer.text.startswith('sent')
    assert 'lost' not in answer.text


def test_a_memoized_lambda_runs_once_for_equal_arguments(site):
    client = site({'page.spy': "[[ f = [[spy! n: [[ response._api.getServerGlobals()['ran'].append(n) ]]<[[= n ]]>]] ]]"
                               "[[ f(1); f(1); f(True) ]][[= response._api.getServerGlobals()['ran'] ]]"},
                  globals={'ran': []})
    assert client.get('/page.spy').text.split() == ['<1>', '<1>', '<True>', '[1,', 'True]']


def test_a_request_over_the_limits_is_answered_413(site):
    client = site({'page.spy': "[[= request.post1('a') ]]"}, max_body_bytes=100)
    assert client.post('/page.spy', data={'a': 'x' * 200}).status == 413
