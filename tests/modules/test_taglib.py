"""Tags as a compiled page runs them."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fake_page import FakePage
from spyce.modules.taglib import taglib
from tag_library import Server, use_tag

from spyce.runtime.exceptions import SpyceError, spyceDone


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path / 'tl.py')


@pytest.fixture
def page(server: Server) -> FakePage:
    page = FakePage(server=server)
    page.start(taglib).load('tl', None, 't')
    return page


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


# -- one tag, as options name it ----------------------------------------------------------------------------------

@pytest.fixture
def rendered(page: FakePage, server: Server) -> Callable[..., str]:
    """rendered('name', attribute=..): what the tag prints, as a tag of the config's globaltags."""
    server.config.globaltags.append(('tl', None, 'g'))

    def rendered(name: str, **attributes: object) -> str:
        before = len(page.printed())
        page.getModule('taglib').render(f'g:{name}', **attributes)
        return page.printed()[before:]
    return rendered


def test_render_makes_the_calls_of_a_tag_without_body(rendered: Callable[..., str]) -> None:
    assert rendered('bold') == '<b></b>'
    assert rendered('say', what=['=x'], times=2) == "['=x'];['=x'];"
    assert rendered('rounds', n=3) == '()()()'
    assert rendered('when', test=0) == ''
    assert rendered('info') == "('g:info', 'g', False, False, {}, None)"


def test_render_gives_an_error_to_a_tag_that_catches(rendered: Callable[..., str], page: FakePage) -> None:
    page.output.push()
    with pytest.raises(ValueError, match='begin'):
        rendered('frame', broken=1)
    assert rendered('careful', broken=1) == '!'
    assert page.output.depth == 1


def test_render_loads_a_library_once_beside_that_of_the_page(rendered: Callable[..., str], page: FakePage,
                                                              server: Server) -> None:
    rendered('bold')
    rendered('bold')
    assert server.module.events == ['start', 'start']
    page.getModule('taglib').finish()
    assert server.module.events == ['start', 'start', 'finish', 'finish']


@pytest.mark.parametrize(('name', 'attributes', 'reason'), [
    ('g:nosuch', {}, 'there is no tag <g:nosuch>: known: any, bold'), ('t:bold', {}, "with the prefix 't'"),
    ('g:say', {}, "<g:say> lacks the attribute 'what'"), ('g:bold', {'x': 1}, "no attribute 'x'"),
])
def test_render_refuses_what_is_wrong(rendered: Callable[..., str], page: FakePage, name: str,
                                      attributes: dict[str, object], reason: str) -> None:
    with pytest.raises(SpyceError, match=reason):
        page.getModule('taglib').render(name, **attributes)
