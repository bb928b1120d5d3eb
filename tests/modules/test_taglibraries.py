"""What the compiler asks of tag libraries, and the library core."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_page import FakePage
from spyce.modules.taglib import taglib
from tag_library import Server, use_tag

from spyce.page.tags import EnclosingTag, TagError
from spyce.runtime.taglibraries import TagLibrary


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path / 'tl.py')


@pytest.fixture
def library(server: Server) -> TagLibrary:
    return server.tag_libraries.load('tl', None, 't', '/site/page.spy')


def test_traits_are_those_of_the_class(library: TagLibrary) -> None:
    traits = library.check('each', {'items': '=[]'}, True, [])
    assert (traits.conditional, traits.loops, traits.exports) == (True, True, True)
    assert (traits.buffer, traits.catches, traits.mustend) == (False, False, False)
    assert traits.evaluated == {'data'}


@pytest.mark.parametrize(('tag', 'attributes', 'paired', 'reason'), [
    ('nosuch', {}, False, '<t:nosuch>; known: any, bold'),
    ('say', {'times': '2'}, False, "lacks the attribute 'what'"),
    ('say', {'what': 'x', 'volume': '3'}, False, "no attribute 'volume'; it takes: what, times"),
    ('say', {'what': 'x', 'self': '3'}, False, "no attribute 'self'"),
    ('say', {'what': 'x'}, True, 'takes no body'),
    ('upper', {}, False, 'needs a body'),
    ('say', {'what': ''}, False, 'must not be empty'),
    ('say', {'what': None}, False, 'must not be empty'),
    ('color', {'c': 'green'}, False, "one of red, blue; it is 'green'"),
    ('bug', {}, False, "syntax.. of <t:bug> failed: KeyError: 'oops'"),
    ('complaint', {}, False, '^use another tag$'),
    ('inner', {}, False, 'must stand within a <t:menu>'),
])
def test_wrong_use_is_an_error(library: TagLibrary, tag: str, attributes: dict[str, str | None], paired: bool,
                               reason: str) -> None:
    with pytest.raises(TagError, match=reason):
        library.check(tag, attributes, paired, [EnclosingTag('t:bold', {})])


@pytest.mark.parametrize(('tag', 'attributes', 'parents'), [
    ('say', {'what': 'x', 'times': '2'}, []), ('any', {'whatever': None}, []), ('guard', {}, []),
    ('color', {'c': 'red'}, []), ('color', {'c': '=x'}, []), ('inner', {}, ['t:menu', 't:bold']),
])
def test_right_use(library: TagLibrary, tag: str, attributes: dict[str, str | None], parents: list[str]) -> None:
    library.check(tag, attributes, False, [EnclosingTag(parent, {}) for parent in parents])


def test_what_a_library_is_called(server: Server) -> None:
    load = server.tag_libraries.load
    by_name = load('tl', None, None, '/p.spy')
    assert (by_name.prefix, by_name.name, by_name.file, by_name.files) == ('tl', 'tl', None, (server.file,))
    by_file = load(None, 'sub/tl.py', 'x', '/p.spy')
    assert (by_file.prefix, by_file.name, by_file.file) == ('x', 'tl', 'sub/tl.py')


@pytest.mark.parametrize(('name', 'file', 'reason'), [
    ('missing', None, "cannot find 'missing'"), ('nolibrary', None, 'spyceTagLibrary'), (None, None, 'name or a file'),
    (None, 'new.spi', "cannot find the tag collection 'new.spi'"),
])
def test_what_is_no_library(server: Server, name: str | None, file: str | None, reason: str) -> None:
    with pytest.raises(TagError, match=reason):
        server.tag_libraries.load(name, file, None, '/p.spy')


def test_a_library_that_does_not_run_is_an_error_of_the_page(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*arguments: Any) -> Any:
        compile('def x(:', 'bad.py', 'exec')

    monkeypatch.setattr(server, 'loadModule', load)
    with pytest.raises(TagError, match=r"'bad' cannot be loaded: SyntaxError: .*bad.py, line 1"):
        server.tag_libraries.load('bad', None, None, '/p.spy')


# -- the library core ---------------------------------------------------------------------------------------------

@pytest.fixture
def core_page(server: Server) -> FakePage:
    page = FakePage(server=server)
    page.start(taglib).load('core', None, 'spy')
    return page


def test_core_is_there_from_the_start(server: Server) -> None:
    core = server.tag_libraries.initial()['spy']
    assert (core.name, core.files) == ('core', ())
    core.check('parent', {'src': 'x.spi', 'title': 't'}, False, [])


@pytest.mark.parametrize(('tag', 'attributes', 'html'), [
    ('ul', {'data': ['a', 'b']}, '<ul><li>a</li><li>b</li></ul>'),
    ('ol', {'data': range(2), 'class': 'k'}, '<ol class="k"><li>0</li><li>1</li></ol>'),
    ('ul', {'data': []}, '<ul></ul>'),
    ('dl', {'data': [('t', 'd')]}, '<dl><dt>t</dt><dd>d</dd></dl>'),
    ('table', {'data': [(1, 2), (3, 4)], 'border': '1'},
     '<table border="1"><tr><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr></table>'),
    ('ul', {'data': ['<i>'], 'title': '"&', 'hidden': True},
     '<ul title="&quot;&amp;" hidden><li>&lt;i&gt;</li></ul>'),
    ('dl', {'data': [('<', '>')]}, '<dl><dt>&lt;</dt><dd>&gt;</dd></dl>'),
    ('table', {'data': [['<']]}, '<table><tr><td>&lt;</td></tr></table>'),
])
def test_lists_and_tables(core_page: FakePage, tag: str, attributes: dict[str, Any], html: str) -> None:
    use_tag(core_page, tag, prefix='spy', **attributes)
    assert core_page.printed() == html


def test_parent_names_the_parent_and_prints_nothing(core_page: FakePage) -> None:
    use_tag(core_page, 'parent', prefix='spy', src='layout.spi', title='T')
    assert core_page.parent == ('layout.spi', {'title': 'T'})
    use_tag(core_page, 'parent', prefix='spy')
    assert core_page.parent == (None, {})
    assert core_page.printed() == ''
