"""Stages of the compiler, each compared with a simple model of it."""

import ast
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_runtime import run

from spyce.page import PageSource, codegen
from spyce.page.book import Book, Mapped
from spyce.page.errors import PlacedError
from spyce.page.glue import builder
from spyce.page.lexer import KINDS, next_delimiter
from spyce.page.scanner import check, checked
from spyce.page.statements import Line, _Splitter, split_statements

MARKS = ['[[', ']]', '<%', '%>', '[', ']', '<', '>', '%', '\\', '-', '--', '=', '!', '.', '@', 'spy', 'spy!', ' ', 'x']
CODE = ['"', "'", '"""', '(', ')', '[', ']', '{', '}', '\\', '\n', '#', ':', ';', ',', '=', ' ', '\t', '\x0c', '\x0b',
        '\xa0', 'x', 'if', 'lambda', 'match', 'f"{', '1', '+', '\0', '\ud800', '\xe9']

DELIMITER = re.compile(r'''
    (?P<escape>\\(?:\[\[|\]\]|<%|%>))
  | (?:\[\[|<%)(?P<open>--|spy!?|[!\\=.]|(?<=%)@|)
  | (?P<uncomment>--(?:\]\]|%>))
  | (?P<close>\]\]|%>)
''', re.VERBOSE)


def model_delimiter(text: str, start: int) -> tuple[str, str, int, int] | None:
    for match in DELIMITER.finditer(text, start):
        if match.lastgroup != 'escape':
            kind = KINDS[match['open']] if match.lastgroup == 'open' else str(match.lastgroup)
            return kind, match.group(), match.start(), match.end()
    return None


@given(st.lists(st.sampled_from(MARKS), max_size=12).map(''.join))
@settings(max_examples=600, deadline=None)
def test_delimiters_are_those_of_one_pattern(text: str) -> None:
    for start in range(len(text) + 1):
        assert next_delimiter(text, start, len(text)) == model_delimiter(text, start)
        assert next_delimiter(text + ']] [[= ', start, len(text)) == model_delimiter(text, start)


def outcome(work: Callable[[Mapped], Any], text: str) -> Any:
    """What comes of a piece of code: what is made of it, or the error."""
    try:
        return work(Mapped(text, range(len(text))))
    except PlacedError as error:
        return error.message, error.offset


def lines(code: list[Any]) -> list[Any]:
    return [(part.code.text, list(part.code.offsets), part.opens, part.comment) if isinstance(part, Line)
            else part.offset for part in code]


@given(st.lists(st.sampled_from(CODE), max_size=10).map(''.join))
@settings(max_examples=600, deadline=None)
def test_code_is_checked_as_if_all_its_tokens_were_looked_at(text: str) -> None:
    assert outcome(check, text) == outcome(lambda code: None if checked(code) is not None else 0, text)
    assert outcome(lambda code: lines(split_statements(code)), text) \
        == outcome(lambda code: lines(_Splitter(code).split()), text)


TEMPLATES = [value for name, value in vars(codegen).items()
             if name.isupper() and isinstance(value, str) and '_spyce' in value]


@pytest.mark.parametrize('template', [*TEMPLATES, 'f({value}, *x, k={text})[1:]', 'lambda a, *b: {value}',
                                      'try: {value}\nexcept E as e: pass\nfinally: x = -1'])
@pytest.mark.parametrize('text', ['', "'\n\\{value}"])
def test_statements_from_a_template_are_those_of_its_text(template: str, text: str) -> None:
    value = ast.parse('a + 1', mode='eval').body
    made = builder(template)(value, text, 7, 3, 8, 5)
    expected = ast.parse(template.format(value='(a + 1)', text=repr(text)))
    assert ast.dump(ast.Module(made, [])) == ast.dump(expected)
    own = set(map(id, ast.walk(value)))
    for node in (node for statement in made for node in ast.walk(statement)):
        if id(node) not in own and node._attributes:
            place = [getattr(node, name) for name in ('lineno', 'col_offset', 'end_lineno', 'end_col_offset')]
            assert place == [7, 3, 8, 5]
    compile(ast.Module(made, []), 'x', 'exec')


@given(st.text('a\xe9\u20ac\U0001f600\n', max_size=30), st.integers(1, 5), st.integers(1, 4))
@settings(deadline=None)
def test_positions_of_a_book_lead_back_to_its_offsets(text: str, first_line: int, first_column: int) -> None:
    book = Book()
    book.add(PageSource(text, 'one', first_line, first_column), final_newline=True)
    book.add(PageSource('x' + text, 'two'), final_newline=False)
    for offset in range(len(book.text)):
        line, column = book.position(offset)
        assert book.offset(line, column) == offset
        before = book.text[:offset]
        own = before.rpartition('\n')[2]
        assert line == first_line + before.count('\n')
        assert column == len(own.encode()) + (first_column - 1 if '\n' not in before else 0)


def test_the_text_of_a_lambda_may_hold_what_is_no_python() -> None:
    assert run("[[ f = [[spy x: don't (say \" ]] ]][[ f(1) ]]") == ' don\'t (say "\n'
