"""Whatever the source, the outcome is a page or an error with a place; and it comes soon."""

import time
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_runtime import compiled
from page_tags import Libraries

from spyce.page import CompiledPage, PageSource, PageSyntaxError

PIECES = ['[[', ']]', '[[=', '[[.', '[[\\', '[[!', '[[--', '--]]', '[[spy', '[[spy!', '<%', '%>', '<%@', '\\[[', '\\',
          '{', '}', ' if x: { ', ' else: { ', ' } ', ':', ';', '(', ')', '[', ']', "'", '"', "'''", '"""', 'f"', '#',
          '\n', '\n    ', '\t', ' ', '\r\n', 'x', ' = 1', 'lambda', 'def f():', 'return', 'yield', 'match ', 'case ',
          '<t:bold', '>', '/>', '</t:bold>', '<t:let var=x val=y', ' a="', 'compact mode=space', 'import name=x args="',
          "include file='i'", '\xe9', '\U0001f600', '\0', '\udc80', '\x0c', '[[= x ]]', '[[ if x: { ]]', '[[ } ]]',
          '[[ f = [[spy a: [[= a ]] ]] ]]', '[[\\\n a\n  b\n]]', '[[! def m(self): pass ]]', '0', 'global x',
          'nonlocal x']


def attempt(source: str) -> None:
    def include(url: str, current: str) -> PageSource:
        return PageSource('in [[= y ]] ', '/site/' + url)

    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            page = compiled(source, libraries=Libraries('t'), read_include=include)
        except PageSyntaxError as error:
            lines = source.replace('\r\n', '\n').replace('\r', '\n').split('\n')
            assert error.file in ('/site/page.spy', '/site/i')
            if error.file == '/site/page.spy':
                assert 1 <= error.line <= len(lines)
                assert 1 <= error.column <= len(lines[error.line - 1]) + 1
            assert '_spyce' not in error.message or '_spyce' in source
        else:
            assert isinstance(page, CompiledPage)


@given(st.text())
@settings(max_examples=150, deadline=None)
def test_any_text(source: str) -> None:
    attempt(source)


@given(st.lists(st.sampled_from(PIECES), max_size=30).map(''.join))
@settings(max_examples=600, deadline=None)
def test_any_sequence_of_what_pages_are_made_of(source: str) -> None:
    attempt(source)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(''.join), st.sampled_from(['[[ ', '[[= ', '[[\\ ', '[[! ']))
@settings(max_examples=400, deadline=None)
def test_any_code(code: str, opening: str) -> None:
    attempt(f'a\n{opening}{code} ]]\nb')


@pytest.mark.parametrize('source', [
    '[' * 200_000, '[[-- ' * 40_000, '[[ ' + '{' * 200_000 + ']]', '[[ if 1: ' + '{' * 200_000 + ']]',
    '[[ if 1: { ' * 20_000, '[[ f = [[spy x:' * 15_000, '[[ f = [[spy ' * 15_000, "[[ x = '" + "\\'" * 100_000 + ']]',
    ' ' * 200_000 + 'x', '\n' * 200_000, '\\[[' * 60_000, '<t:x a="' * 30_000, '<t:bold>' * 20_000,
    "[[= f'" + '{' * 100_000 + "' ]]", '[[= ' + '-' * 100_000 + '1 ]]', '[[= ' + '1+' * 20_000 + '1 ]]',
    '[[ ' + 'x.' * 50_000 + 'x ]]', '[[ x = ' + '[' * 150 + ']' * 150 + ']]', '\\' * 200_000, 'a\t ' * 60_000 + '\n',
], ids=lambda source: source[:12])
def test_no_source_takes_long(source: str) -> None:
    began = time.process_time()
    attempt(source)
    assert time.process_time() - began < 5  # these take well under a second; a quadratic scan takes minutes


def test_time_grows_in_proportion() -> None:
    def cost(count: int) -> float:
        began = time.process_time()
        attempt('[[ x ]] \xe9[[= 1 ]] ' * count)
        return time.process_time() - began

    cost(100)
    assert cost(2000) < 40 * max(cost(200), 0.001)
