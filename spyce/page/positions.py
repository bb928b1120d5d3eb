"""Compiles generated Python so that everything about it names the page: tracebacks, breakpoints, coverage, errors.

The text is parsed, every node is moved to the place in the page that it stands for, and the tree is compiled under the
page's file name.
"""

import ast
import functools
import re
import threading
import types
import warnings
from bisect import bisect_left
from collections.abc import Hashable
from typing import Any

from spyce.page.book import Book, byte_columns
from spyce.page.errors import PlacedError
from spyce.page.glue import builder
from spyce.page.writer import Writer

_LINE_NUMBER = re.compile(r'\b(on line|at line) (\d+)')
_PLACELESS = frozenset(['ctx', 'op', 'ops', 'id', 'attr', 'arg', 'kind', 'type_comment', 'kwd_attrs'])
_BODIES = frozenset(['body', 'orelse', 'finalbody'])
_warnings_lock = threading.Lock()


Place = tuple[int, int, int, int]


class _Text:
    """Generated text, and how to get from Python's positions in it to offsets of the book."""

    def __init__(self, writer: Writer, book: Book) -> None:
        self.text = writer.parsed()
        self.glues = writer.glues
        self.book = book
        self.longest = writer.shown.longest
        self._offsets = writer.offsets
        self._ascii = self.text.isascii()
        self._starts = [0, *(match.end() for match in re.finditer('\n', self.text))]
        self._lines = len(self._starts) - 1
        self._widths: dict[int, list[int] | None] = {}
        self._places: dict[tuple[int, int], Place] = {}

    def index(self, line: int, byte_column: int) -> int:
        """Index into the text of a position of an ast node."""
        # Python 3.10 and 3.11 give some parts of f-strings positions outside the text.
        if not 0 < line <= self._lines:
            line = 1
        start = self._starts[line - 1]
        if not self._ascii:
            if line not in self._widths:
                self._widths[line] = byte_columns(self.text[start:self._starts[line]])
            widths = self._widths[line]
            if widths:
                byte_column = bisect_left(widths, byte_column)
        index = start + byte_column
        return index if 0 <= index < len(self._offsets) else start

    def offset(self, line: int, column: int) -> int:
        """The book's offset of a position that a SyntaxError names (column from 0, in characters)."""
        line = min(max(line, 1), self._lines)
        return self._offsets[min(self._starts[line - 1] + max(column, 0), self._starts[line] - 1)]

    def line_offset(self, line: int) -> int:
        """The book's offset of the first character of a generated line that is no indentation."""
        start = self._starts[min(max(line, 1), self._lines) - 1]
        while self.text[start] in ' \t':
            start += 1
        return self._offsets[start]

    def stand_together(self, line: int, other: int) -> bool:
        """Whether two generated lines come from one construct of the page: no delimiter stands between them."""
        start, end = sorted((self.line_offset(line), self.line_offset(other)))
        return not re.search(r'(?<!\\)(?:\]\]|%>)', self.book.text[start:end])

    def moved(self, line: int, column: int, end_line: int, end_column: int) -> Place:
        """The place in the page of an ast node that has these positions in the text."""
        end = self.index(end_line, end_column)
        return self.place(self._offsets[self.index(line, column)], self._offsets[end - 1 if end else 0])

    def place(self, begin: int, end: int) -> Place:
        """The place in the page, as ast has it, of what stands between two offsets of the book, both included."""
        found = self._places.get((begin, end))
        if found is None:
            start, stop = self.book.position(begin), self.book.position(end + 1)
            found = self._places[begin, end] = *start, *(stop if stop > start else start)
        return found

    def page_lines(self, message: str) -> str:
        """A message of Python's, with the line numbers in it those of the page."""
        def replace(match: re.Match[str]) -> str:
            place = self.book.place(self.line_offset(int(match.group(2))))
            return f'{match.group(1)} {place[1]}'
        return _LINE_NUMBER.sub(replace, message)


def compile_text(writer: Writer, book: Book, file: str) -> types.CodeType:
    """Compile generated text under the page's name.

    :raises PlacedError: for what Python finds wrong with it.
    """
    text = _Text(writer, book)
    with _warnings_lock, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        tree = _parse(text)
        parsing = list(caught)
        caught.clear()
        _move(tree, text)
        code = _compile(tree, text, file)
        compiling = list(caught)
    places = {(str(each.message), text.line_offset(each.lineno), each.category) for each in parsing}
    places |= {(str(each.message), book.offset(each.lineno, 0), each.category) for each in compiling}
    _warn(places, book)
    _refuse_generator(tree, text, code)
    return code


def _parse(text: _Text) -> ast.Module:
    try:
        return ast.parse(text.text)
    except SyntaxError as error:
        raise _from_parser(error, text) from error
    except (ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise _too_much(error, text) from error


def _from_parser(error: SyntaxError, text: _Text) -> PlacedError:
    message = text.page_lines(error.msg)
    line = error.lineno or 1
    block = re.match(r'expected an indented block .*\bline (\d+)$', error.msg)
    if block:
        header = int(block.group(1))
        if not text.stand_together(header, line):  # what follows may stand anywhere in the page
            line = header
        return PlacedError(message, text.line_offset(line))
    column = (error.offset or 1) - 1
    if isinstance(error, IndentationError):
        return PlacedError(message, text.line_offset(line))
    return PlacedError(message, text.offset(line, column))


def _too_much(error: BaseException, text: _Text) -> PlacedError:
    """Python's own limits have no place; the longest piece of code is the likely one."""
    detail = str(error) or type(error).__name__
    return PlacedError(f'Python cannot compile this, it may be too long or too deeply nested: {detail}', text.longest())


def _compile(tree: ast.Module, text: _Text, file: str) -> types.CodeType:
    try:
        return compile(tree, file, 'exec', dont_inherit=True)
    except SyntaxError as error:
        # The tree was moved, so this names the page already.
        offset = text.book.offset(error.lineno or 1, (error.offset or 1) - 1)
        raise PlacedError(error.msg, offset) from error
    except (ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise _too_much(error, text) from error


def _move(tree: ast.Module, text: _Text) -> None:
    """Move every node to its place in the page, and put the statements from templates where they belong."""
    stack: list[Any] = [tree]
    moved = text.moved
    while stack:
        node = stack.pop()
        names = node.__dict__
        line = names.get('lineno')
        if line:
            node.lineno, node.col_offset, node.end_lineno, node.end_col_offset = moved(
                line, names['col_offset'], names['end_lineno'], names['end_col_offset'])
        for name in _fields(node.__class__):
            value = names.get(name)
            if value.__class__ is not list:
                if isinstance(value, ast.AST):
                    stack.append(value)
            elif name in _BODIES:
                names[name] = _filled(value, text, stack)
            else:
                stack += filter(None, value)


def _filled(body: list[Any], text: _Text, stack: list[Any]) -> list[Any]:
    """The statements of a body, those from templates among them.  What is the page's own goes to the stack."""
    filled: list[Any] = []
    for statement in body:
        glue = text.glues.get(statement.lineno)
        if glue:
            stack.append(statement.value)
            filled += builder(glue.template)(statement.value, glue.text, *text.place(glue.begin, glue.end))
        else:
            stack.append(statement)
            filled.append(statement)
    return filled


@functools.cache
def _fields(kind: Hashable) -> tuple[str, ...]:
    """The fields of a node that may hold nodes with a place, or nodes that hold such."""
    if kind in (ast.Constant, ast.Global, ast.Nonlocal, ast.MatchSingleton):
        return ()
    return tuple(name for name in getattr(kind, '_fields', ()) if name not in _PLACELESS)


def _warn(places: set[tuple[str, int, type[Warning]]], book: Book) -> None:
    """Give Python's warnings again, each once, for the page's file and line."""
    for message, offset, category in sorted(places, key=lambda each: (each[1], each[0])):
        file, line, _column = book.place(offset)
        try:
            warnings.warn_explicit(message, category, file, line)
        except Warning as error:  # the program asked for errors
            raise PlacedError(str(error), offset) from error


def _refuse_generator(tree: ast.Module, text: _Text, code: types.CodeType) -> None:
    """A page is no generator: it would print nothing."""
    for constant in _functions(code):
        if constant.co_name == 'spyceProcess' and constant.co_flags & 0x20:
            page = next(node for node in ast.walk(tree)
                        if isinstance(node, ast.FunctionDef) and node.name == 'spyceProcess')
            found = _own_yield(page)
            raise PlacedError("'yield' outside function", text.book.offset(found.lineno, found.col_offset))


def _functions(code: types.CodeType) -> list[types.CodeType]:
    classes = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return [constant for outer in classes for constant in outer.co_consts if isinstance(constant, types.CodeType)]


def _own_yield(function: ast.FunctionDef) -> ast.expr:
    stack: list[ast.AST] = list(reversed(function.body))
    while True:
        node = stack.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            stack.extend(reversed(list(ast.iter_child_nodes(node))))
