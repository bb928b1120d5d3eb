"""The tag library flow, in pages."""
from __future__ import annotations

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from spyce.testing import Client

MakeSite = Callable[..., Client]

LOAD = '[[.taglib name=flow as=spy]]'


@pytest.fixture
def run(site: MakeSite) -> Callable[..., str]:
    """run(page) -> what it prints; with debug, so that errors say what is wrong."""
    def run(page: str, **files: str) -> str:
        return unescape(site({'page.spy': LOAD + page, **files}, debug=True).get('/page.spy').text).rstrip('\n')
    return run


Run = Callable[..., str]


class TestPrint:
    def test_a_value_and_a_text(self, run: Run) -> None:
        assert run('<spy:print value="=6 * 7" />, <spy:print value="6 * 7" />.') == '42, 6 * 7.'

    def test_none_is_nothing(self, run: Run) -> None:
        assert run('(<spy:print value="=None" />)') == '()'

    def test_it_is_safe_for_html(self, site: MakeSite) -> None:
        client = site({'page.spy': LOAD + '<spy:print value="=request.get1(\'q\')" />'})
        answer = client.get('/page.spy', {'q': '<a href="x">&\''})
        assert answer.text.strip() == '&lt;a href=&quot;x&quot;&gt;&amp;&#x27;'

    @pytest.mark.parametrize(('attribute', 'printed'), [
        ('raw', '<b>'), ('raw="1"', '<b>'), ('raw="=True"', '<b>'),
        ('raw="0"', '&lt;b&gt;'), ('raw=""', '&lt;b&gt;'), ('raw="=False"', '&lt;b&gt;')])
    def test_raw_prints_it_as_it_is(self, site: MakeSite, attribute: str, printed: str) -> None:
        client = site({'page.spy': f'{LOAD}<spy:print value="=chr(60) + \'b\' + chr(62)" {attribute} />'})
        assert client.get('/page.spy').text.strip() == f'{printed}'


class TestLet:
    def test_a_variable_of_the_page(self, run: Run) -> None:
        assert run('<spy:let var=n value="=20 + 1" />[[= n * 2 ]]<spy:print value="=n" />') == '4221'

    def test_a_text(self, run: Run) -> None:
        assert run('<spy:let var="greeting" value="good day" />[[= greeting ]]') == 'good day'

    def test_a_variable_that_the_page_sets_too(self, run: Run) -> None:
        assert run('[[ n = 1 ]]<spy:let var=n value="=n + 1" />[[= n ]][[ n = n + 1 ]]<spy:print value="=n" />') == '23'


class TestIf:
    @pytest.mark.parametrize(('test', 'printed'), [
        ('=1 > 0', 'abc'), ('=1 < 0', 'ac'), ('=[]', 'ac'), ('= "x"', 'abc')])
    def test_the_contents_if_the_test_is_true(self, run: Run, test: str, printed: str) -> None:
        assert run(f"a<spy:if test='{test}'>b</spy:if>c") == f'{printed}'

    def test_what_is_skipped_does_not_run(self, run: Run) -> None:
        assert run('<spy:if test="=False">[[ 1 / 0 ]]</spy:if>ok') == 'ok'

    @pytest.mark.parametrize('attribute', ['test="user.is_admin"', 'test=""', 'test'])
    def test_a_test_that_is_text_is_an_error(self, run: Run, attribute: str) -> None:
        assert 'attribute test of <spy:if> must be Python' in run(f'<spy:if {attribute}>b</spy:if>')


class TestFor:
    def test_each_item(self, run: Run) -> None:
        assert run('<spy:for items="=range(3)" var=n>[[= n * n ]];</spy:for>') == '0;1;4;'

    def test_repeated_without_a_variable(self, run: Run) -> None:
        assert run('<spy:let var=foo value=bar /><spy:for items="=range(5)"><spy:print value="=foo" />,</spy:for>') \
            == 'bar,' * 5

    def test_no_items(self, run: Run) -> None:
        assert run('a<spy:for items="=[]" var=n>[[ 1 / 0 ]]</spy:for>b') == 'ab'

    def test_within_each_other(self, run: Run) -> None:
        assert run('<spy:for items="=((1, 2), (), (3,))" var=row>'
                   '(<spy:for items="=row" var=n><spy:if test="=n != 2">[[= n ]]</spy:if>,</spy:for>)</spy:for>') \
            == '(1,,)()(3,)'

    def test_items_that_are_false(self, run: Run) -> None:
        assert run('<spy:for items="=[0, None, False]" var=x>[[= repr(x) ]];</spy:for>') == '0;None;False;'

    def test_an_endless_generator_is_not_read_ahead(self, run: Run) -> None:
        assert run('[[ import itertools ]]<spy:for items="=itertools.count()" var=n>[[= n ]]'
                   '[[ if n == 3: response.end() ]]</spy:for>') == '0123'

    def test_in_a_function_of_the_page(self, run: Run) -> None:
        assert run('[[ def f(rows): { ]]<spy:for items="=rows" var=row>[[= row ]]</spy:for>[[ } ]]'
                   '[[ f("ab"); f("c") ]]') == 'abc'

    def test_what_is_not_iterable_is_an_error(self, run: Run) -> None:
        assert "'int' object is not iterable" in run('<spy:for items="=5">x</spy:for>')


@pytest.mark.parametrize(('tag', 'message'), [
    ('<spy:print />', "lacks the attribute 'value'"),
    ('<spy:print value="x">y</spy:print>', 'takes no body'),
    ('<spy:let var="a b" value="x" />', 'must be the name of a variable'),
    ('<spy:let var="class" value="x" />', 'must be the name of a variable'),
    ('<spy:let var="=name" value="x" />', 'must be the name of a variable'),
    ('<spy:for items="=[]" var="">x</spy:for>', 'must be the name of a variable'),
    ('<spy:for items="">x</spy:for>', "attribute 'items' of <spy:for> must not be empty"),
    ('<spy:for items="=[]" />', 'needs a body'),
    ('<spy:if test="=1" />', 'needs a body'),
])
def test_wrong_use_is_told_when_the_page_is_compiled(run: Run, tag: str, message: str) -> None:
    text = run(f'before\n{tag}')
    assert message in text
    assert 'page.spy' in text


OWN = """
    from spyceTag import spyceTagLibrary, spyceTagPlus

    class tag_own(spyceTagPlus):
        name = 'own'
        def begin(self): self.getOut().write('of the site')

    class flow(spyceTagLibrary):
        tags = [tag_own]
    """


class TestWhoseLibrary:
    @pytest.mark.parametrize('place', ['flow.py', 'tags/flow.py'])
    def test_a_file_of_the_site_comes_first(self, site: MakeSite, place: str) -> None:
        client = site({'page.spy': LOAD + '<spy:own />', place: OWN}, path=['tags'])
        assert client.get('/page.spy').text.strip() == 'of the site'

    def test_so_does_a_tag_collection(self, site: MakeSite) -> None:
        client = site({'page.spy': LOAD + '<spy:own />',
                       'flow.spi': '[[.tagcollection]]\n[[.begin name=own singleton=True]]\nof the site\n[[.end]]\n'})
        assert client.get('/page.spy').text.strip() == 'of the site'

    @pytest.mark.parametrize('entry', [('flow', None, 'go'), ('flow', 'flow.py', 'go')])
    def test_for_all_pages_by_globaltags(self, site: MakeSite, entry: Any) -> None:
        client = site({'page.spy': '<go:print value="=1 + 1" />'}, globaltags=[entry])
        assert client.get('/page.spy').text.strip() == '2'

    def test_another_file_under_that_name_is_not_replaced(self, site: MakeSite) -> None:
        client = site({'page.spy': '[[.taglib name=flow from=lib/other.py as=spy]]<spy:own />', 'lib/other.py': OWN})
        assert client.get('/page.spy').text.strip() == 'of the site'
