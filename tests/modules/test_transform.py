from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_page import FakePage
from spyce.modules.transform import transform

import spyce
from spyce import sessions
from spyce.testing import Client


def shout(value: Any, **kwargs: Any) -> str:
    return str(value).upper()


def bold(value: Any, **kwargs: Any) -> str:
    return f'<b>{value}</b>'


def site(folder: Path, **files: str) -> Client:
    for name, text in files.items():
        (folder / name.replace('_', '.')).write_text(text)
    return Client(spyce.make_app(str(folder), session_store=sessions.MemoryStore(), debug=True))


@pytest.fixture
def page() -> FakePage:
    return FakePage()


def test_each_channel_has_its_own_transform(page: FakePage) -> None:
    filters = page.start(transform)
    for channel in (filters.static, filters.expr, filters.dynamic):
        channel(shout)
        page.output.writeStatic('s')
        page.output.writeExpr('e')
        page.output.write('d ')
        channel(None)
    assert page.printed() == 'Sed sEd seD '


def test_it_counts_from_the_point_of_the_call_until_removed(page: FakePage) -> None:
    filters = page.start(transform)
    page.output.writeExpr('<')
    filters.expr('html_encode')
    page.output.writeExpr('<')
    filters.expr()
    page.output.writeExpr('<')
    assert page.printed() == '<&lt;<'


def test_a_list_applies_from_left_to_right(page: FakePage) -> None:
    filters = page.start(transform)
    filters.expr(('html_encode', bold))
    page.output.writeExpr('a<')
    filters.expr([bold, 'html_encode'])
    page.output.writeExpr('a<')
    assert page.printed() == '<b>a&lt;</b>&lt;b&gt;a&lt;&lt;/b&gt;'


@pytest.mark.parametrize('name', ['value', 'text', 'anything'])
def test_without_a_transform_keyword_arguments_of_the_expression_say_nothing(name: str) -> None:
    assert spyce.render_string(f'[[=1, {name}=3]]') == '1\n'


def test_keyword_arguments_of_the_expression_reach_the_transform(page: FakePage) -> None:
    page.start(transform).expr(('truncate', 'html_encode'))
    page.output.writeExpr('ab<cdef', maxlen=4)
    page.output.writeExpr('ab<cdef')
    assert page.printed() == 'ab&lt;cab&lt;cdef'


class Shouted(str):
    """Text that prints as another one."""

    def __str__(self) -> str:
        return Shouted(self.upper())


class Turning:
    """A value that sets a transform while it is printed: it is itself not transformed by that one."""

    def __init__(self, to: Any) -> None:
        self.to = to

    def __str__(self) -> str:
        self.filters.expr(self.to)
        return Shouted('"<&')

    def __repr__(self) -> str:
        return f'Turning({getattr(self.to, "__name__", self.to)})'

    filters: Any


VALUES = ['', 'plain', '<"\'&#34;>', 7, 1.5, None, Shouted('<"&#34;'), b'"', Turning(None), Turning('html_encode'),
          Turning(shout)]


@pytest.mark.parametrize('value', VALUES, ids=repr)
@pytest.mark.parametrize('name', [None, 'html_encode', 'url_encode', shout])
@pytest.mark.parametrize('static', [None, bold])
def test_an_expression_prints_what_write_expr_does(tmp_path: Path, value: Any, name: Any, static: Any) -> None:
    texts = {
        'with_transforms': '[[= value ]]|[[= value ]]|',
        'within_such_a_page': "[[.import name=include]][[ include.spyce('part.spi', value) ]]",
        'by_call': '[[ response.writeExpr(value) ]]|[[ response.writeExpr(value) ]]|',
    }
    (tmp_path / 'part.spi').write_text('[[.import name=include]][[= include.context ]]|[[= include.context ]]|')
    begin = ('[[.import name=transform]]'
             '[[ Turning.filters = transform; transform.expr(name); transform.static(static) ]]')
    for file, text in texts.items():
        (tmp_path / f'{file}.spy').write_text(begin + text)
    printed = {file: spyce.render(tmp_path / f'{file}.spy', value=value, name=name, static=static, Turning=Turning)
               for file in texts}
    assert len(set(printed.values())) == 1, printed


def test_bound_methods_are_transforms(page: FakePage) -> None:
    page.start(transform).expr(SimpleNamespace(name='x').name.__add__)
    page.output.writeExpr('y')
    assert page.printed() == 'xy'


def test_none_still_prints_nothing(page: FakePage) -> None:
    page.start(transform).expr('html_encode')
    page.output.writeExpr(None)
    assert page.printed() == ''


@pytest.mark.parametrize(('name', 'value', 'printed'), [
    ('ignore_none', None, ''), ('ignore_none', 0, '0'), ('silence', 'x', ''), ('nb_space', 'a b', 'a&nbsp;b'),
    ('url_encode', 'a b/c', 'a%20b%2Fc'), ('html_encode', '"&<>\'', '&quot;&amp;&lt;&gt;&#39;'),
])
def test_transforms_by_name(page: FakePage, name: str, value: Any, printed: str) -> None:
    page.start(transform).expr(name)
    page.output.writeExpr(value)
    assert page.printed() == printed


def test_a_transform_from_a_file(page: FakePage) -> None:
    asked = []

    def load(name: str, file: str, rel_file: str) -> Any:
        asked.append((name, file, rel_file))
        return shout

    page.server = SimpleNamespace(loadModule=load)
    page.start(transform).expr('my/filters.py:shout')
    page.output.writeExpr('a')
    assert page.printed() == 'A'
    assert asked == [('shout', 'my/filters.py', '/site/page.spy')]


def test_an_unknown_name_is_an_error_that_lists_the_known(page: FakePage) -> None:
    with pytest.raises(ValueError, match="'nope'.*html_encode"):
        page.start(transform).expr('nope')


def test_what_cannot_be_called_is_an_error(page: FakePage) -> None:
    with pytest.raises(TypeError, match='5'):
        page.start(transform).expr(5)


def test_transforms_end_with_their_page(page: FakePage) -> None:
    filters = page.start(transform)
    for channel in (filters.static, filters.expr, filters.dynamic):
        channel('silence')
    filters.finish()
    page.output.writeStatic('s')
    page.output.writeExpr('e')
    page.output.write('d')
    assert page.printed() == 'sed'


def test_encoding_as_functions(page: FakePage) -> None:
    filters = page.start(transform)
    assert filters.html_encode('<a href="x">&amp;') == '&lt;a href=&quot;x&quot;&gt;&amp;amp;'
    assert filters.html_encode('a+b&', '+&') == 'a&#43;b&amp;'
    assert filters.html_encode(12) == '12'
    assert filters.url_encode('_.!~*()-AZaz09') == '_.!~*()-AZaz09'
    assert filters.url_encode('é%') == '%C3%A9%25'


def test_a_page_finds_a_transform_in_a_file_beside_it(tmp_path: Path) -> None:
    client = site(tmp_path, page_spy="[[.import name=transform]][[ transform.expr('filters:shout') ]][[= 'a' ]]",
                  filters_py='def shout(value, **kwargs):\n    return value.upper()\n')
    assert client.get('/page.spy').text == 'A\n'


def test_a_parent_is_not_transformed_by_its_child(tmp_path: Path) -> None:
    client = site(tmp_path, layout_spi='<p>[[= child._body ]]</p>',
                  page_spy="[[.import name=transform]]<spy:parent src='layout.spi' />"
                           "[[ transform.expr('html_encode') ]][[= '<' ]]")
    assert client.get('/page.spy').text == '<p>&lt;\n</p>\n'


def test_create_makes_a_function(page: FakePage) -> None:
    filters = page.start(transform)
    assert filters.create(['truncate', bold])('abc', maxlen=2) == '<b>ab</b>'
    assert filters.create(None)('abc') == 'abc'


def test_nothing_is_installed_before_it_is_used(page: FakePage) -> None:
    page.start(transform)
    assert page.output.filters == []
