"""The module toc: sections, their numbers, and a table of contents at the start of the page."""
from __future__ import annotations

import textwrap
from collections.abc import Callable
from html import unescape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spyce.testing import Client

Site = Callable[..., Client]
Run = Callable[..., str]

SHOW = '''
def shows(what):
    def show(depth, tag, numbering, data): print(what, depth, tag, numbering, data)
    return show
'''


@pytest.fixture
def run(site: Site) -> Run:
    """Run code that has `toc` and shows(what), a callback that prints what it gets; with debug."""
    def run(code: str) -> str:
        page = '[[.import name=toc]]\n[[\\\n' + SHOW + textwrap.dedent(code) + '\n]]'
        return unescape(site({'a.spy': page}, debug=True).get('/a.spy').text).strip()
    return run


class TestSections:
    def test_begin_next_end(self, run: Run) -> None:
        assert run('''
            toc.setDOC_START(shows('+')); toc.setDOC_END(shows('-'))
            toc.begin('A', 'a'); toc.begin('B', 'b'); toc.next('C', 'c'); toc.end(); toc.next('D', 'd'); toc.end()
            ''').splitlines() == ['+ 1 a [1] A', '+ 2 b [1, 1] B', '- 2 b [1, 1] B', '+ 2 c [1, 2] C',
                                  '- 2 c [1, 2] C', '- 1 a [1] A', '+ 1 d [2] D', '- 1 d [2] D']

    def test_short_names(self, run: Run) -> None:
        assert run('''
            toc.setDOC_START(shows('+'))
            toc.b('A', 'a'); toc.b('B', 'b'); toc.e(); toc.n('C', 'c')
            ''').splitlines() == ['+ 1 a [1] A', '+ 2 b [1, 1] B', '+ 1 c [2] C']

    def test_levels_begin_and_end_what_is_missing(self, run: Run) -> None:
        assert run('''
            toc.setDOC_START(shows('+')); toc.setDOC_END(shows('-'))
            toc.l1('A', 'a'); toc.l3('B', 'b'); toc.level(2, 'C', 'c'); toc.l1('D', 'd')
            ''').splitlines() == ['+ 1 a [1] A', '+ 2 auto_0 [1, 1] None', '+ 3 b [1, 1, 1] B', '- 3 b [1, 1, 1] B',
                                  '- 2 auto_0 [1, 1] None', '+ 2 c [1, 2] C', '- 2 c [1, 2] C', '- 1 a [1] A',
                                  '+ 1 d [2] D']

    def test_the_section_around_is_told(self, run: Run) -> None:
        assert run('''
            toc.setDOC_PUSH(shows('<')); toc.setDOC_POP(shows('>')); toc.anchor('All', 'top')
            toc.l1('A', 'a'); toc.l2('B', 'b'); toc.l2('C', 'c'); toc.l1('D', 'd'); toc.end()
            ''').splitlines() == ['< 0 top [] All', '< 1 a [1] A', '> 1 a [1] A', '> 0 top [] All']

    def test_sections_without_a_number_do_not_count(self, run: Run) -> None:
        assert run('''
            toc.setDOC_START(shows('+'))
            toc.begin('A', 'a', 0); toc.next('B', 'b'); toc.next('C', 'c', number=0); toc.next('D', 'd')
            ''').splitlines() == ['+ 1 a None A', '+ 1 b [1] B', '+ 1 c None C', '+ 1 d [2] D']

    def test_a_callback_can_be_taken_away(self, run: Run) -> None:
        assert run("toc.setDOC_START(shows('+')); toc.l1('A'); toc.setDOC_START(None); toc.l1('B')") \
            == '+ 1 auto_0 [1] A'

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
    @given(depths=st.lists(st.integers(1, 5), max_size=12))
    def test_any_levels_make_a_proper_tree(self, run: Run, depths: list[int]) -> None:
        shown = run(f'''
            toc.setDOC_START(lambda depth, tag, numbering, data: print(depth, len(numbering), data))
            for depth in {depths}: toc.level(depth, depth)
            ''').splitlines()
        assert [line.split()[0] for line in shown if not line.endswith('None')] == [str(depth) for depth in depths]
        assert all(line.split()[0] == line.split()[1] for line in shown)


class TestQuestions:
    DOCUMENT = "toc.l1('A', 'a'); toc.l2('B', 'b'); toc.l2('C', 'c'); toc.l1('D', 'd')\n"

    @pytest.mark.parametrize(('question', 'answer'), [
        ('toc.getTag()', 'd'), ('toc.getNumbering()', '[2]'), ('toc.getData()', 'D'), ('toc.getDepth()', '1'),
        ('toc.getNumbering("c")', '[1, 2]'), ('toc.getData("c")', 'C'), ('toc.getDepth("c")', '2'),
        ('toc.getNextTag("a")', 'b'), ('toc.getNextTag("c")', 'd'), ('toc.getNextTag()', 'None'),
        ('toc.getPrevTag()', 'c'), ('toc.getPrevTag("a")', 'root'), ('toc.getPrevTag("root")', 'None'),
        ('toc.getParentTag()', 'root'), ('toc.getParentTag("b")', 'a'), ('toc.getParentTag("root")', 'None'),
        ('toc.getChildrenTags("a")', "['b', 'c']"), ('toc.getChildrenTags("root")', "['a', 'd']"),
        ('toc.getChildrenTags()', '[]'), ('toc.getNumbering("root")', '[]'), ('toc.getDepth("root")', '0'),
        *((f'toc.{name}("no")', 'None') for name in ('getNumbering', 'getData', 'getDepth', 'getNextTag',
                                                     'getPrevTag', 'getParentTag', 'getChildrenTags'))])
    def test_where_the_document_is_known(self, run: Run, question: str, answer: str) -> None:
        assert run(f'{self.DOCUMENT}print({question})') == answer

    @pytest.mark.parametrize(('question', 'answer'), [
        ('toc.getNumbering("c")', '[1, 2]'), ('toc.getData("d")', 'D'), ('toc.getDepth("b")', '2'),
        ('toc.getNextTag()', 'a'), ('toc.getPrevTag("d")', 'c'), ('toc.getParentTag("c")', 'a'),
        ('toc.getChildrenTags()', "['a', 'd']"), ('toc.getNumbering("no")', 'None')])
    def test_of_sections_that_are_still_to_come(self, run: Run, question: str, answer: str) -> None:
        assert run(f'print({question})\n{self.DOCUMENT}') == answer

    def test_before_the_first_section(self, run: Run) -> None:
        assert run('print(toc.getTag(), toc.getNumbering(), toc.getData(), toc.getDepth())') == 'root [] None 0'

    def test_a_number_that_is_handed_out_can_be_changed(self, run: Run) -> None:
        assert run("toc.l1('A'); toc.getNumbering().append(7); toc.l2('B'); print(toc.getNumbering())") == '[1, 1]'


class TestTableOfContents:
    def test_it_is_whole_at_the_first_request(self, site: Site) -> None:
        client = site({'a.spy': '[[.import name=toc]][[ toc.showTOC() ]][[ toc.l1("A", "a") ]]x'
                                '[[ toc.l2("B", "b") ]]y[[ toc.l1("C", "c") ]]z'})
        for _ in range(2):
            assert client.get('/a.spy').text.split() == [
                '<ul>', '<li><a', 'href="#a">1.', 'A</a>', '<ul>', '<li><a', 'href="#b">1.1.', 'B</a>', '</ul>',
                '<li><a', 'href="#c">2.', 'C</a>', '</ul>', 'xyz']

    def test_by_callbacks(self, run: Run) -> None:
        assert run('''
            toc.setTOC_ENTRY(shows('entry')); toc.setTOC_PUSH(shows('push')); toc.setTOC_POP(shows('pop'))
            toc.anchor('All')
            toc.showTOC()
            toc.l1('A', 'a'); toc.l2('B', 'b'); toc.l1('C', 'c')
            ''').splitlines() == [
                'entry 0 root [] All', 'push 0 root [] All', 'entry 1 a [1] A', 'push 1 a [1] A',
                'entry 2 b [1, 1] B', 'pop 1 a [1] A', 'entry 1 c [2] C', 'pop 0 root [] All']

    def test_an_empty_document_has_an_empty_one(self, run: Run) -> None:
        assert run('toc.showTOC()') == ''

    def test_it_is_safe_for_html(self, site: Site) -> None:
        client = site({'a.spy': '[[.import name=toc]][[ toc.showTOC() ]]'
                                '[[ toc.begin(request.get1("q"), request.get1("q"), 0) ]]'})
        text = client.get('/a.spy', {'q': '<i x="\'&'}).text
        assert '<i' not in text
        assert '<a href="#%3Ci%20x%3D%22%27%26">&lt;i x=&quot;&#x27;&amp;</a>' in text

    def test_transforms_leave_it_as_it_is(self, site: Site) -> None:
        client = site({'a.spy': '[[.import names="toc, transform"]][[ transform.dynamic("html_encode")\n'
                                'toc.showTOC(); toc.l1("A & B", "a") ]]'})
        assert '<li><a href="#a">1. A &amp; B</a>' in client.get('/a.spy').text

    def test_a_visitor_sees_no_sections_of_another(self, site: Site) -> None:
        client = site({'a.spy': '[[.import name=toc]][[ toc.showTOC() ]][[ toc.l1(request.get1("q")) ]]'})
        for name in ('ann', 'bob', 'ann'):
            assert client.get('/a.spy', {'q': name}).text.count('</a>') == 1
            assert f'1. {name}</a>' in client.get('/a.spy', {'q': name}).text

    def test_in_a_page_with_a_parent_and_in_the_parent(self, site: Site) -> None:
        page = '[[ toc.showTOC() ]][[ toc.l1("A", "a") ]]'
        client = site({'a.spy': f'[[.import name=toc]]<spy:parent src="p.spi" />{page}',
                       'p.spi': '<b>[[= child._body ]]</b>',
                       'b.spy': '<spy:parent src="q.spi" />body',
                       'q.spi': f'[[.import name=toc]]{page}<b>[[= child._body ]]</b>'})
        assert ''.join(client.get('/a.spy').text.split()) == '<b><ul><li><ahref="#a">1.A</a></ul></b>'
        assert ''.join(client.get('/b.spy').text.split()) == '<ul><li><ahref="#a">1.A</a></ul><b>body</b>'

    def test_in_an_included_page(self, site: Site) -> None:
        client = site({'a.spy': '[[.import name=include]](before)[[ include.spyce("b.spy") ]](after)',
                       'b.spy': '[[.import name=toc]][[ toc.showTOC() ]][[ toc.l1("A", "a") ]]'})
        assert ''.join(client.get('/a.spy').text.split()) == '(before)<ul><li><ahref="#a">1.A</a></ul>(after)'


class TestTheSecondRun:
    @pytest.fixture
    def counted(self, site: Site) -> Callable[[str], list[str]]:
        """counted(page) -> for some requests, how often the page ran."""
        def counted(page: str) -> list[str]:
            client = site({'a.spy': '[[.import names="toc, pool"]][[ pool["n"] = pool.get("n", 0) + 1 ]]' + page,
                           'n.spy': '[[.import name=pool]][[= pool.get("n") ]][[ pool["n"] = 0 ]]'})
            runs = []
            for q in ('a', 'a', 'b'):
                client.get('/a.spy', {'q': q})
                runs.append(client.get('/n.spy').text.strip())
            return runs
        return counted

    def test_only_when_the_document_has_changed(self, counted: Callable[[str], list[str]]) -> None:
        assert counted('[[ toc.showTOC(); toc.l1(request.get1("q")) ]]') == ['2', '1', '2']

    def test_not_for_a_change_that_the_page_has_not_asked_about(self, counted: Callable[[str], list[str]]) -> None:
        assert counted('[[ toc.getNumbering("x") ]][[ toc.l1(request.get1("q"), "x") ]]') == ['2', '1', '1']

    def test_not_without_a_question(self, counted: Callable[[str], list[str]]) -> None:
        assert counted('[[ toc.l1(request.get1("q"), "x"); toc.getData("x"); toc.getPrevTag() ]]') == ['1', '1', '1']

    def test_no_third_one(self, counted: Callable[[str], list[str]]) -> None:
        assert counted('[[ toc.showTOC(); toc.l1(object()) ]]') == ['2', '2', '2']

    def test_not_of_a_page_that_was_flushed(self, counted: Callable[[str], list[str]]) -> None:
        assert counted('[[ toc.showTOC(); response.flush(); toc.l1(request.get1("q")) ]]') == ['1', '1', '1']

    def test_not_of_a_page_that_failed(self, counted: Callable[[str], list[str]]) -> None:
        assert counted('[[ toc.showTOC(); toc.l1(request.get1("q")); 1 / 0 ]]') == ['1', '1', '1']

    def test_nothing_of_the_first_one_is_left(self, site: Site) -> None:
        client = site({'a.spy': '[[.import name=toc]][[ response.addHeader("X-Own", "1") ]]'
                                '[[ toc.showTOC(); toc.l1("A") ]]x'})
        answer = client.get('/a.spy')
        assert (answer.headers.getlist('X-Own'), answer.text.count('x'), answer.status) == (['1'], 1, 200)

    def test_a_session_that_began_in_it_goes_on(self, site: Site) -> None:
        client = site({'a.spy': '[[.import names="toc, session"]][[ session["n"] = session.get("n", 0) + 1\n'
                                'toc.showTOC(); toc.l1("A") ]]',
                       'b.spy': '[[.import name=session]][[= session["n"] ]]'})
        client.get('/a.spy')
        assert client.get('/b.spy').text.strip() == '2'

    def test_a_button_is_pressed_once(self, site: Site) -> None:
        client = site({'a.spy': '[[!\ndef go(self, api): api.pool["n"] = api.pool.get("n", 0) + 1\n]]'
                                '[[.import names="toc, pool"]][[ toc.showTOC(); toc.l1(len(pool.keys())) ]]'
                                '<f:form><f:submit handler="self.go" value="Go" /></f:form>n=[[= pool.get("n") ]].'})
        assert 'n=1.' in client.press(client.get('/a.spy'), 'Go').text

    def test_a_page_that_takes_arguments(self, site: Site) -> None:
        import spyce
        client = site({'a.spy': '[[.import name=toc]][[ toc.showTOC(); toc.l1(title, "a") ]]'})
        root = client.app.server.config.root  # type: ignore[attr-defined]
        assert '<a href="#a">1. Tea</a>' in spyce.render(f'{root}/a.spy', title='Tea')


@pytest.mark.parametrize(('code', 'message'), [
    ('toc.end()', 'toc.end(): no section has begun'), ('toc.next("A")', 'toc.next(): no section has begun'),
    ('toc.l1("A"); toc.end(); toc.end()', 'toc.end(): no section has begun'),
    ('toc.level(0, "A")', 'sections have depths from 1 on'), ('toc.setTOC_ENTRY("f")', 'a function of depth, tag'),
])
def test_errors_say_what_is_wrong(run: Run, code: str, message: str) -> None:
    assert message in run(code)
