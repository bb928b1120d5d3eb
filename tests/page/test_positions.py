"""Tracebacks, breakpoints and coverage name the page's own lines and columns."""

import sys
import traceback
from types import CodeType, SimpleNamespace

import pytest
from page_runtime import FILE, Output, compiled, execute
from page_tags import Libraries, Taglib

from spyce.page import CompiledPage, PageSource


def frames(page: CompiledPage) -> list[traceback.FrameSummary]:
    """The page's frames of the error that it raises."""
    out = Output()
    try:
        execute(page, out, {'taglib': Taglib(out), 'm': SimpleNamespace(init=print)})
    except Exception as error:
        return [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == FILE]
    raise AssertionError('no error')


CASES = [
    ('a\nb\n[[= 1/0 ]]', [(3, '1/0')]),
    ('[[-- \xe9\xe9\n --]]\xe9\u20ac[[= 1/0 ]]', [(2, '1/0')]),
    ('[[ x = [1,\n  2,\n  1/0] ]]', [(3, '1/0')]),
    ('[[ if 1: {\n    x = 5\n      y = x/0 } ]]', [(3, 'x/0')]),
    ('[[= "\\]]" + (1/0) ]]', [(1, '1/0')]),
    ('[[ def f(a): { ]]\n<[[= 1/a ]]>\n[[ } ]]\n[[ f(0) ]]', [(4, 'f(0)'), (2, '1/a')]),
    ('x\n[[\\\n   def g():\n      return 1/0\n   if 1:\n      g()\n]]', [(6, 'g()'), (4, '1/0')]),
    ('[[= self.m() ]]\n[[!\n  def m(self):\n    return 1/0\n]]', [(1, 'self.m()'), (4, '1/0')]),
    ('[[ f = [[spy a:\n text [[= 1/a ]] ]] ]]\n[[ f(0) ]]', [(3, 'f(0)'), (2, '1/a')]),
    ('[[.taglib name=t]]\n<t:list\n data="[1/0]" />', [(3, '1/0')]),
    ('[[.taglib name=t]]\n<t:bold>\n[[= 1/0 ]]\n</t:bold>', [(3, '1/0')]),
    ("a\n[[.import name=m args='1/0']]", [(2, '1/0')]),
    ('[[\\\nclass A:\n  def __str__(self): return 1/0\n]]\n\n[[= A() ]]', [(6, 'A()'), (3, '1/0')]),
    ("[[ for i in (1,): { ]]\n[[ try: { ]]x\n[[ int('y') ]][[ } finally: { ]]\n f [[ } ]][[ } ]]", [(3, "int('y')")]),
]


@pytest.mark.parametrize(('source', 'places'), CASES)
def test_tracebacks_show_the_page(source: str, places: list[tuple[int, str]]) -> None:
    page = compiled(source, libraries=Libraries())
    found = frames(page)
    assert [frame.lineno for frame in found] == [line for line, _text in places]
    if sys.version_info >= (3, 11):
        for frame, (line, text) in zip(found, places, strict=True):
            shown = source.split('\n')[line - 1].encode()
            assert frame.colno is not None and frame.end_colno is not None
            assert shown[frame.colno:frame.end_colno].decode() == text


def lines_of(code: CodeType) -> set[int]:
    found = {line for _start, _end, line in code.co_lines() if line}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= lines_of(constant)
    return found


def test_every_line_of_code_is_a_line_of_the_page() -> None:
    source = 'a\n\n[[ x = 1\n\ny = 2 ]]\n<b>[[= x ]]\n</b>\n[[ if x: { ]]c[[ } ]]\n'
    lines = lines_of(compiled(source).code)
    assert {1, 3, 5, 6, 8} <= lines <= set(range(1, 9))


def test_included_source_has_lines_past_the_end_that_locate_maps_back() -> None:
    def include(url: str, current: str) -> PageSource:
        if url == 'two.spi':
            return PageSource('\n[[= 1/0 ]]', '/site/two.spi')
        return PageSource("one\n\n[[.include file='two.spi']]", '/site/one.spi')

    page = compiled("a\n[[.include file='one.spi']]\nb", read_include=include)
    (frame,) = frames(page)
    assert frame.lineno is not None
    assert frame.lineno > 3
    assert page.locate(frame.lineno) == ('/site/two.spi', 2)
    assert page.locate(2) == (FILE, 2)
    assert page.dependencies == ('/site/one.spi', '/site/two.spi')


def test_the_positions_of_formatted_strings_never_break_a_page() -> None:
    page = compiled("\xe9[[ x = f'''\xe9{1}\n{2!r:>{3}}\n''' f'{4}' ]]\n[[= f'{1/0}' ]]")
    assert [frame.lineno for frame in frames(page)] == [4]
