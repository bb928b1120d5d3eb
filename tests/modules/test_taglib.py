"""Tags as a compiled page runs them; use_tag() below makes the calls that its code makes."""
from __future__ import annotations

import importlib.util
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_page import FakePage
from spyce.modules.taglib import taglib

from spyce import legacy
from spyce.page.tags import TagError
from spyce.runtime.exceptions import SpyceError, spyceDone
from spyce.runtime.taglibraries import ServerTagLibraries, TagLibrary

LIBRARY = '''
    from spyceTag import spyceTagLibrary, spyceTag, spyceTagPlus

    class tag_bold(spyceTagPlus):
        name = 'bold'
        def begin(self):
            self.getOut().write('<b>')
        def end(self):
            self.getOut().write('</b>')

    class tag_say(spyceTagPlus):
        name = 'say'
        def syntax(self):
            self.syntaxSingleOnly()
            self.syntaxNonEmpty('what')
        def begin(self, what, times=1):
            for i in range(int(times)):
                self.getOut().write('%s;' % what)

    class tag_upper(spyceTagPlus):
        name = 'upper'
        buffer = 1
        def syntax(self):
            self.syntaxPairOnly()
        def body(self, contents):
            self.getOut().write(contents.upper())

    class tag_plain(spyceTag):
        name = 'plain'
        buffer = 1

    class tag_when(spyceTagPlus):
        name = 'when'
        conditional = 1
        def begin(self, test):
            return test

    class tag_times(spyceTagPlus):
        name = 'times'
        loops = 1
        def begin(self, n):
            self.left = int(n)
        def body(self, contents):
            self.left = self.left - 1
            return self.left > 0

    class tag_rounds(tag_times):
        name = 'rounds'
        buffer = 1
        def body(self, contents):
            self.getOut().write('(%s)' % contents)
            return tag_times.body(self, contents)

    class tag_each(spyceTagPlus):
        name = 'each'
        conditional = loops = exports = 1
        def begin(self, items, var='item'):
            self.todo = list(items)
            self.var = var
            return self.next()
        def next(self):
            if not self.todo:
                return 0
            self.current = self.todo.pop(0)
            return 1
        def export(self):
            return {self.var: self.current}
        def body(self, contents):
            return self.next()

    class tag_guard(spyceTagPlus):
        name = 'guard'
        catches = 1
        def catch(self, ex):
            self.getOut().write('(caught %s)' % ex)

    class tag_bufferedguard(tag_guard):
        name = 'bufferedguard'
        buffer = 1

    class tag_frame(spyceTagPlus):
        name = 'frame'
        mustend = 1
        def begin(self, broken=0):
            if broken:
                raise ValueError('begin')
            self.getOut().write('{')
        def end(self):
            self.getOut().write('}')

    class tag_careful(tag_frame):
        name = 'careful'
        catches = 1
        def catch(self, ex):
            self.getOut().write('!')

    class tag_menu(spyceTagPlus):
        name = 'menu'
        def begin(self, title):
            self.title = title

    class tag_entry(spyceTagPlus):
        name = 'entry'
        def begin(self):
            self.getOut().write(self.parentRequired('menu').title)

    class tag_inner(spyceTagPlus):
        name = 'inner'
        def syntax(self):
            self.parentRequired('menu')

    class tag_info(spyceTagPlus):
        name = 'info'
        def begin(self, a=None):
            parent = self.getParent()
            self.getOut().write(repr((self.getFullId(), self.getPrefix(), self.getPaired(), self.getBuffered(),
                                      self.getAttributes(), parent and parent.name)))

    class tag_any(spyceTagPlus):
        name = 'any'
        def begin(self, **kwargs):
            self.getOut().write(','.join('%s=%s' % item for item in sorted(kwargs.items())))

    class tag_color(spyceTagPlus):
        name = 'color'
        def syntax(self):
            self.syntaxValidSet('c', ['red', 'blue'])
        def begin(self, c):
            pass

    class tag_module(spyceTagPlus):
        name = 'module'
        def begin(self, expr):
            self.getModule('response').write(str(self.eval(expr)))

    class tag_bug(spyceTag):
        name = 'bug'
        def syntax(self):
            {}['oops']

    events = []

    class tl(spyceTagLibrary):
        tags = [tag_bold, tag_say, tag_upper, tag_plain, tag_when, tag_times, tag_rounds, tag_each, tag_guard,
                tag_bufferedguard, tag_frame, tag_careful, tag_menu, tag_entry, tag_inner, tag_info, tag_any,
                tag_color, tag_module, tag_bug]
        def start(self):
            events.append('start')
        def finish(self):
            events.append('finish')

    class failing(spyceTagLibrary):
        tags = []
        def finish(self):
            raise ValueError('finish of the library')

    class nolibrary:
        pass
'''


class Server(SimpleNamespace):
    """Loads classes from the file tl.py."""

    def __init__(self, path: Path) -> None:
        legacy.install()
        path.write_text(textwrap.dedent(LIBRARY))
        spec = importlib.util.spec_from_file_location('tl_under_test', path)
        assert spec is not None and spec.loader is not None
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        self.file = str(path)
        self.config = SimpleNamespace(globaltags=[('core', None, 'spy')])
        self.tag_libraries = ServerTagLibraries(self)  # type: ignore[arg-type]

    def loadModule(self, name: str, file: str | None = None, rel_file: str | None = None) -> Any:
        try:
            found = getattr(self.module, name)
        except AttributeError:
            raise SpyceError(f'cannot find {name!r}') from None
        found.__file__ = self.file
        return found


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path / 'tl.py')


@pytest.fixture
def page(server: Server) -> FakePage:
    page = FakePage(server=server)
    page.start(taglib).load('tl', None, 't')
    return page


def nothing(**names: Any) -> None:
    pass


def use_tag(page: FakePage, name: str, body: Callable[..., None] | None = None, prefix: str = 't',
            **attributes: Any) -> None:
    tags = page.getModule('taglib')
    run = body or nothing
    traits = page.server.loadModule('tl').getTagClass(name) if prefix == 't' else SimpleNamespace(catches=0, exports=0)
    tags.tagPush(prefix, name, body is not None)
    try:
        try:
            if tags.tagBegin(attributes):
                while True:
                    run(**(tags.tagExport() if traits.exports else {}))
                    if not tags.tagBody():
                        break
            tags.tagEnd()
        except Exception as error:
            if not traits.catches:
                raise
            tags.tagCatch(error)
    finally:
        tags.tagPop()


def prints(page: FakePage, text: str) -> Callable[..., None]:
    return lambda **names: page.output.writeStatic(text.format(**names))


def fails(page: FakePage, text: str = '') -> Callable[..., None]:
    def body() -> None:
        page.output.writeStatic(text)
        raise ValueError('v')
    return body


def test_begin_writes_before_the_body_and_end_after_it(page: FakePage) -> None:
    use_tag(page, 'bold', prints(page, 'x'))
    use_tag(page, 'bold')
    assert page.printed() == '<b>x</b><b></b>'


def test_attributes_are_parameters_of_begin(page: FakePage) -> None:
    use_tag(page, 'say', what='a', times='2')
    use_tag(page, 'any', b=1, a=2)
    assert page.printed() == 'a;a;a=2,b=1'


def test_a_buffering_tag_gets_the_output_of_its_body(page: FakePage) -> None:
    def body() -> None:
        page.output.writeStatic('abc ')
        use_tag(page, 'bold', prints(page, 'x'))
    use_tag(page, 'upper', body)
    assert page.printed() == 'ABC <B>X</B>'


def test_a_buffering_tag_without_body_method_prints_what_it_got(page: FakePage) -> None:
    use_tag(page, 'plain', prints(page, 'x'))
    assert page.printed() == 'x'


def test_a_capture_left_open_in_the_body_ends_with_the_tag(page: FakePage) -> None:
    def body() -> None:
        page.output.writeStatic('kept')
        page.output.push()
        page.output.writeStatic('lost')
    use_tag(page, 'upper', body)
    assert (page.printed(), page.output.depth) == ('KEPT', 0)


def test_a_conditional_tag_runs_its_body_only_if_begin_says_so(page: FakePage) -> None:
    use_tag(page, 'when', prints(page, 'yes'), test=1)
    use_tag(page, 'when', fails(page), test=0)
    assert page.printed() == 'yes'


def test_a_looping_tag_repeats_its_body_which_runs_at_least_once(page: FakePage) -> None:
    use_tag(page, 'times', prints(page, 'x'), n=3)
    use_tag(page, 'times', prints(page, 'y'), n=0)
    assert page.printed() == 'xxxy'


def test_a_buffering_loop_gets_each_round(page: FakePage) -> None:
    use_tag(page, 'rounds', prints(page, 'r'), n=2)
    assert page.printed() == '(r)(r)'


def test_exports_are_set_before_each_round(page: FakePage) -> None:
    use_tag(page, 'each', prints(page, '<{k}>'), items=[1, 2, 3], var='k')
    use_tag(page, 'each', fails(page), items=[])
    assert page.printed() == '<1><2><3>'


def test_a_catching_tag_gets_the_exception_of_its_body(page: FakePage) -> None:
    use_tag(page, 'guard', fails(page, 'b'))
    use_tag(page, 'guard', prints(page, 'e'))
    assert page.printed() == 'b(caught v)e'


def test_catch_writes_to_the_page_even_if_the_body_was_buffered(page: FakePage) -> None:
    use_tag(page, 'bufferedguard', fails(page, 'lost'))
    assert (page.printed(), page.output.depth) == ('(caught v)', 0)


def test_mustend_ends_the_tag_though_the_body_raises(page: FakePage) -> None:
    with pytest.raises(ValueError, match='v'):
        use_tag(page, 'frame', fails(page, 'in'))
    use_tag(page, 'frame', prints(page, 'ok'))
    assert page.printed() == '{in}{ok}'


def test_mustend_does_not_end_what_did_not_begin(page: FakePage) -> None:
    with pytest.raises(ValueError, match='begin'):
        use_tag(page, 'frame', broken=1)
    assert page.printed() == ''


def test_end_comes_before_catch(page: FakePage) -> None:
    use_tag(page, 'careful', fails(page, 'in'))
    assert page.printed() == '{in}!'


def test_the_end_of_the_page_passes_through(page: FakePage) -> None:
    def end_page() -> None:
        raise spyceDone
    with pytest.raises(spyceDone):
        use_tag(page, 'careful', lambda: use_tag(page, 'upper', end_page))
    assert (page.printed(), page.getModule('taglib').getTag()) == ('{}', None)


def test_a_tag_finds_its_parent_through_others(page: FakePage) -> None:
    use_tag(page, 'menu', lambda: use_tag(page, 'bold', lambda: use_tag(page, 'entry')), title='M')
    assert page.printed() == '<b>M</b>'
    with pytest.raises(SpyceError, match='<t:entry> must stand within a <t:menu>'):
        use_tag(page, 'entry')


def test_what_a_tag_knows_of_itself(page: FakePage) -> None:
    use_tag(page, 'menu', lambda: use_tag(page, 'info', a='1'), title='M')
    assert page.printed() == "('t:info', 't', False, False, {'a': '1'}, 'menu')"


def test_eval_sees_the_names_of_the_page(page: FakePage) -> None:
    page.globals.update(use_tag=use_tag, page=page, g='global')
    exec('def process():\n    x = " local"\n    use_tag(page, "module", expr="g + x")\nprocess()', page.globals)
    assert page.printed() == 'global local'


def test_libraries_live_from_load_to_the_end_of_the_page(page: FakePage, server: Server) -> None:
    tags = page.getModule('taglib')
    tags.load('tl')
    assert server.module.events == ['start', 'start']
    tags.unload('tl')
    assert server.module.events == ['start', 'start', 'finish']
    tags.finish()
    assert server.module.events == ['start', 'start', 'finish', 'finish']


def test_loading_a_prefix_again_finishes_the_library_before(page: FakePage, server: Server) -> None:
    page.getModule('taglib').load('tl', None, 't')
    assert server.module.events == ['start', 'finish', 'start']


def test_a_library_that_fails_to_finish_does_not_stop_the_others(page: FakePage, server: Server) -> None:
    page.getModule('taglib').load('failing')
    with pytest.raises(ValueError, match='finish of the library'):
        page.getModule('taglib').finish()
    assert server.module.events == ['start', 'finish']


# -- what the compiler asks ---------------------------------------------------------------------------------------

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
    ('inner', {}, False, 'must stand within a <t:menu>'),
])
def test_wrong_use_is_an_error(library: TagLibrary, tag: str, attributes: dict[str, str | None], paired: bool,
                               reason: str) -> None:
    with pytest.raises(TagError, match=reason):
        library.check(tag, attributes, paired, ['t:bold'])


@pytest.mark.parametrize(('tag', 'attributes', 'parents'), [
    ('say', {'what': 'x', 'times': '2'}, []), ('any', {'whatever': None}, []), ('guard', {}, []),
    ('color', {'c': 'red'}, []), ('color', {'c': '=x'}, []), ('inner', {}, ['t:menu', 't:bold']),
])
def test_right_use(library: TagLibrary, tag: str, attributes: dict[str, str | None], parents: list[str]) -> None:
    library.check(tag, attributes, False, parents)


def test_what_a_library_is_called(server: Server) -> None:
    load = server.tag_libraries.load
    by_name = load('tl', None, None, '/p.spy')
    assert (by_name.prefix, by_name.name, by_name.file, by_name.files) == ('tl', 'tl', None, (server.file,))
    by_file = load(None, 'sub/tl.py', 'x', '/p.spy')
    assert (by_file.prefix, by_file.name, by_file.file) == ('x', 'tl', 'sub/tl.py')


@pytest.mark.parametrize(('name', 'file', 'reason'), [
    ('missing', None, "cannot find 'missing'"), ('nolibrary', None, 'spyceTagLibrary'), (None, None, 'name or a file'),
    (None, 'new.spi', 'tag collection'),
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
    ('ul', {'data': ['<i>'], 'title': '"&', 'hidden': None},
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
