"""Broken pages: the exact message, line and column."""

import pickle
import traceback
import warnings

import pytest
from page_runtime import FILE, compiled

from spyce.page import PageSource, PageSyntaxError, compile_page, decode_source

NOT_OPEN = 'nothing is open here that it could close; as text it is written '
MAYBE = "it may need its ']]', or a blank between the characters here"

BROKEN = [
    # delimiters
    ('a\nb ]] c', "unexpected token ']]': " + NOT_OPEN + '\\]]', 2, 3),
    ('100%> x', "unexpected token '%>': " + NOT_OPEN + '\\%>', 1, 4),
    ('a --]] b', "unexpected token '--]]': " + NOT_OPEN + '\\]]', 1, 3),
    ('a\n [[-- b\nc\n', "unclosed comment: '[[--' needs a '--]]'", 2, 2),
    ('a\nb [[ x = 1\nc\n', "unclosed '[[': the statement that begins here needs a ']]'", 2, 3),
    ('<%= a', "unclosed '<%=': the expression that begins here needs a ']]'", 1, 1),
    ('\n[[ a[[0]] ]]', "unexpected token '[[' within the statement that begins in line 2: " + MAYBE, 2, 5),
    ('[[ x = 5 --]]', "unexpected token '--]]' within the statement that begins in line 1: " + MAYBE, 1, 10),
    ('a[[ ]]b', "empty statement: there is nothing between '[[' and its end", 1, 2),
    ('a\n[[=\n]]b', "empty expression: there is nothing between '[[=' and its end", 2, 1),
    ('[[.]]', "empty directive: there is nothing between '[[.' and its end", 1, 1),
    ('[[\\ \n ]]', "empty chunk: there is nothing between '[[\\' and its end", 1, 1),
    ("a\\\\[[= 1 ]]", "unexpected token ']]': " + NOT_OPEN + '\\]]', 1, 10),
    # directives
    ('a\n[[.frobnicate x=1 ]]', "invalid spyce directive 'frobnicate'", 2, 4),
    ('\n[[. compact mode=tight ]]', "invalid compact mode 'tight': it is one of off, line, space, full", 2, 18),
    ('a\n[[.import from=x.py]]', 'the import directive needs name= or names=', 2, 4),
    ('[[.import name=3x]]', "'3x' cannot be the name of a module in a page: give it a Python name with as=", 1, 16),
    ('[[.import name=x as="y.z"]]',
     "'y.z' cannot be the name of a module in a page: give it a Python name with as=", 1, 22),
    ("[[.import names=' , ']]", "'' in names= is not the name of a module", 1, 18),
    ("[[.import names='a, b-c']]", "'b-c' in names= is not the name of a module", 1, 18),
    ("\n[[.import name=c args='1 + ']]", 'invalid syntax', 2, 28),
    ("[[.import name=c args='1) or (2']]", "unmatched ')'", 1, 25),
    ('[[.taglib name=x]]', 'no tag libraries can be loaded here', 1, 4),
    ('[[.include]]', 'the include directive needs file=', 1, 4),
    ('a\n[[.begin name=x]]', "directive 'begin' belongs in a tag collection file, which pages load with "
     '[[.taglib from=FILE]]', 2, 4),
    # braces
    ('a\nb [[ if 1: { ]]\nc\n', "unclosed opening brace '{'", 2, 12),
    ('a\n[[ if 1: { ]]\n[[ } ]]\n[[ } ]]\n', "extra close brace '}'", 4, 4),
    ('[[ x: int: { ]]', "'{' was never closed", 1, 12),
    ('a\n[[ if x: ]]\nb', "expected '{' after ':': a block in [[ ]] is written in braces", 2, 8),
    ('[[ if x:\n y = 1 ]]', "expected '{' after ':': a block in [[ ]] is written in braces", 1, 8),
    # Python, found by the compiler of pages
    ("[[= 'a]]b' ]]", 'unterminated string literal', 1, 5),
    ('\n[[ x = """a\nb ]]', 'unterminated triple-quoted string literal', 2, 8),
    ('a\n[[ x = (1 ]]', "'(' was never closed", 2, 8),
    ('[[ x = [1, 2) ]]', "closing bracket ')' does not match opening bracket '['", 1, 13),
    ('[[= 1) or (2 ]]', "unmatched ')'", 1, 6),
    ('[[ x = 1 \\ ]]', 'unexpected character after line continuation character: a backslash must be the last '
     'character of its line', 1, 10),
    ('[[ x = 1 \\\n ]]', 'unexpected end of code after a backslash', 1, 10),
    ("[[ x = '\0' ]]", "invalid character '\\x00' in code", 1, 9),
    ('[[\\\n    a = 1\n  b = 2\n]]', "unindent: this line is indented less than the chunk's first line", 3, 3),
    # Python, found by Python
    ('\n[[ x = = 2 ]]', 'invalid syntax', 2, 8),
    ("[[ x = '\xe9'; y = \xfc \xfc ]]", 'invalid syntax', 1, 19),
    ('x\n[[\\\na = 1\nb = a a\n]]', 'invalid syntax', 4, 7),
    ('a\n[[\\\nif x:\na = 1\n]]', "expected an indented block after 'if' statement on line 3", 4, 1),
    ('[[\\\nif x: # \\]]\na = 1\n]]', "expected an indented block after 'if' statement on line 2", 3, 1),
    ('[[\\\nfor i in x:\n]]\nfoo\n', "expected an indented block after 'for' statement on line 2", 2, 1),
    ('[[\\\nif x:\n  a\n b\n]]', 'unindent does not match any outer indentation level', 4, 2),
    ('[[\\\nif x:\n\ta\n        b\n]]', 'inconsistent use of tabs and spaces in indentation', 4, 9),
    ('[[!\ndef f(self):\n  ret urn 5 ]]', 'invalid syntax', 3, 7),
    ('a [[ else: { ]]x[[ } ]]', 'invalid syntax', 1, 6),
    ('[[ f = [[spy x: a\n[[= 1 +* 2 ]] ]] ]]', 'invalid syntax', 2, 8),
    ('[[ f = [[spy x y: abc ]] ]]', 'invalid syntax', 1, 16),
    ('\n [[ break ]]', "'break' outside loop", 2, 5),
    ('[[ for x in y: {\nnonlocal q } ]]', "no binding for nonlocal 'q' found", 2, 1),
    ('\xe9 [[ del f() ]]', 'cannot delete function call', 1, 10),
    ('[[ from os import * ]]', 'import * only allowed at module level', None, None),
    ('a\n  [[= (yield 5) ]]', "'yield' outside function", 2, 8),
    ('[[ await x ]]', "'await' outside async function", 1, 4),
    ('[[= ' + '(' * 300 + '1' + ')' * 300 + ' ]]', 'too many nested parentheses', None, None),
    ('[[ for i in x: { ]]' * 30 + '[[ } ]]' * 30, 'too many statically nested blocks', None, None),
    ('a\n[[= ' + '1+' * 20_000 + '1 ]]', 'Python cannot compile this, it may be too long or too deeply nested: ', 2, 5),
    # lambdas
    ('a\n[[spy x: b]]', "unexpected lambda: [[spy ...: ]] can only be used within code; for a statement that begins "
     "with 'spy' write a blank after the '[['", 2, 1),
    ('[[ f = [[spy x abc ]] ]]', "a lambda is written '[[spy parameters: text ]]'; here the colon is missing", 1, 8),
    ('[[ f = [[spy x: abc', "unclosed '[[spy': the lambda that begins here needs a ']]'", 1, 8),
    ('[[ f = [[spy x: [[ if x: { ]] ]] ]]', "unclosed opening brace '{'", 1, 26),
    ('[[ f = [[spy x=(: a]] ]]', "closing bracket ']' does not match opening bracket '('", 1, 20),
    # nesting
    ('[[ if 1: { ]]\n' * 100, 'more than 90 blocks and tags within each other', 91, 10),
    ('[[ f = [[spy: ' * 20, 'too many lambdas within each other', 1, 14 * 8 + 8),
]


@pytest.mark.parametrize(('source', 'message', 'line', 'column'), BROKEN)
def test_broken_pages(source: str, message: str, line: int | None, column: int | None) -> None:
    with pytest.raises(PageSyntaxError) as caught:
        compiled(source)
    error = caught.value
    assert error.message.startswith(message) if message.endswith(': ') else error.message == message
    assert error.file == FILE
    if line is not None:
        assert (error.line, error.column) == (line, column)
    assert error.text == source.split('\n')[error.line - 1]


def test_str_has_the_shape_of_2_1() -> None:
    with pytest.raises(PageSyntaxError) as caught:
        compiled('a\nb ]]')
    assert str(caught.value).startswith("Spyce syntax error at page.spy:2 - unexpected token ']]'")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_traceback_shows_file_line_and_caret() -> None:
    with pytest.raises(PageSyntaxError) as caught:
        compiled('a\n[[ x = = 2 ]]')
    shown = ''.join(traceback.format_exception_only(caught.value))
    assert f'File "{FILE}", line 2' in shown
    assert '[[ x = = 2 ]]' in shown
    assert '\n           ^\n' in shown


def test_a_source_may_begin_in_the_middle_of_a_file() -> None:
    with pytest.raises(PageSyntaxError) as caught:
        compile_page(PageSource('[[ } ]]', FILE, first_line=10, first_column=5))
    assert (caught.value.line, caught.value.column) == (10, 8)


def test_a_wrong_signature_is_an_error() -> None:
    for signature in ('a b', 'a): pass #', '(', 'a, a'):
        with pytest.raises(PageSyntaxError):
            compiled('x', signature=signature)


def test_errors_in_included_files_name_these() -> None:
    def include(url: str, current: str) -> PageSource:
        if url == 'missing.spi':
            raise FileNotFoundError(2, 'No such file or directory')
        return PageSource({'bad.spi': 'x\n[[ a b ]]', 'own.spi': "\n[[.include file='own.spi']]"}[url], '/site/' + url)

    for source, message, file, line, column in [
            ("a\n[[.include file='bad.spi']]", 'invalid syntax', '/site/bad.spi', 2, 6),
            ("[[.include file='missing.spi']]", "cannot include 'missing.spi': No such file or directory", FILE, 1, 18),
            ("[[.include file='own.spi']]", "'own.spi' includes itself", '/site/own.spi', 2, 18)]:
        with pytest.raises(PageSyntaxError) as caught:
            compiled(source, read_include=include)
        error = caught.value
        assert (error.message, error.file, error.line, error.column) == (message, file, line, column)


@pytest.mark.filterwarnings('default')
def test_warnings_of_python_name_the_page_once() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        compiled("a\n[[ x = '\\d' ]]\n\n[[ if x is 5: { y = 1 } ]]")
    assert [(each.filename, each.lineno) for each in caught] == [(FILE, 2), (FILE, 4)]


def test_warnings_that_are_errors_are_errors_of_the_page() -> None:
    with pytest.raises(PageSyntaxError) as caught:
        compiled("a\n[[ x = '\\d' ]]")
    assert caught.value.line == 2


def test_decoding() -> None:
    assert decode_source('\ufeffcaf\xe9'.encode(), 'utf-8', FILE) == 'caf\xe9'
    with pytest.raises(PageSyntaxError) as caught:
        decode_source('\xe9\n\xe9x'.encode() + b'\xff', 'utf-8', FILE)
    assert (caught.value.line, caught.value.column) == (2, 3)
    assert 'byte 0xff is not utf-8' in caught.value.message
