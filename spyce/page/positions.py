"""Compiles generated Python so that everything about it names the page: tracebacks, breakpoints, coverage, errors.

The text is parsed, every node is moved to the place in the page that it stands for, and the tree is compiled under the
page's file name.
"""

import ast
import re
import threading
import types
import warnings

from spyce.page.book import Book
from spyce.page.codegen import Writer
from spyce.page.errors import PlacedError

_LINE_NUMBER = re.compile(r'\b(on line|at line) (\d+)')
_warnings_lock = threading.Lock()


class _Text:
    """Generated text, and how to get from Python's positions in it to offsets of the book."""

    def __init__(self, writer: Writer, book: Book) -> None:
        self.text = writer.text()
        self.book = book
        self._offsets = writer.offsets
        self._ascii = self.text.isascii()
        self._starts = [0, *(match.end() for match in re.finditer('\n', self.text))]
        self._positions: dict[int, tuple[int, int]] = {}

    def index(self, line: int, byte_column: int) -> int:
        """Index into the text of a position of an ast node."""
        line = min(max(line, 1), len(self._starts))
        start = self._starts[line - 1]
        if not self._ascii:
            end = self._starts[line] if line < len(self._starts) else len(self.text)
            prefix = self.text[start:end].encode('utf-8', 'replace')[:byte_column]
            byte_column = len(prefix.decode('utf-8', 'ignore'))
        return min(max(start + byte_column, 0), len(self._offsets) - 1)

    def offset(self, line: int, column: int) -> int:
        """The book's offset of a position that a SyntaxError names (column from 0, in characters)."""
        line = min(max(line, 1), len(self._starts))
        index = self._starts[line - 1] + max(column, 0)
        end = self._starts[line] - 1 if line < len(self._starts) else len(self.text) - 1
        return self._offsets[min(index, end, len(self._offsets) - 1)]

    def line_offset(self, line: int) -> int:
        """The book's offset of the first character of a generated line that is no indentation."""
        start = self._starts[min(max(line, 1), len(self._starts)) - 1]
        while start < len(self.text) - 1 and self.text[start] in ' \t':
            start += 1
        return self._offsets[min(start, len(self._offsets) - 1)]

    def position(self, index: int) -> tuple[int, int]:
        return self._position(self._offsets[index])

    def end_position(self, index: int) -> tuple[int, int]:
        """The position just behind the character at an index."""
        return self._position(self._offsets[index] + 1)

    def _position(self, offset: int) -> tuple[int, int]:
        found = self._positions.get(offset)
        if found is None:
            found = self._positions[offset] = self.book.position(offset)
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
        raise _too_much(error) from error


def _from_parser(error: SyntaxError, text: _Text) -> PlacedError:
    message = text.page_lines(error.msg)
    block = re.match(r'expected an indented block .*\bline (\d+)$', error.msg)
    if block:
        return PlacedError(message, text.line_offset(int(block.group(1))))
    line = error.lineno or 1
    column = (error.offset or 1) - 1
    if isinstance(error, IndentationError):
        return PlacedError(message, text.line_offset(line))
    return PlacedError(message, text.offset(line, column))


def _too_much(error: BaseException) -> PlacedError:
    detail = str(error) or type(error).__name__
    return PlacedError(f'Python cannot compile this page: {detail}', 0)


def _compile(tree: ast.Module, text: _Text, file: str) -> types.CodeType:
    try:
        return compile(tree, file, 'exec', dont_inherit=True)
    except SyntaxError as error:
        # The tree was moved, so this names the page already.
        offset = text.book.offset(error.lineno or 1, (error.offset or 1) - 1)
        raise PlacedError(error.msg, offset) from error
    except (ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise _too_much(error) from error


def _move(tree: ast.Module, text: _Text) -> None:
    """Move every node to its place in the page."""
    stack: list[ast.AST] = [tree]
    index, position, end_position = text.index, text.position, text.end_position
    while stack:
        node = stack.pop()
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                stack.append(value)
            elif isinstance(value, list):
                stack.extend(item for item in value if isinstance(item, ast.AST))
        line = getattr(node, 'lineno', None)
        if line is None:
            continue
        begin = index(line, node.col_offset)  # type: ignore[attr-defined]
        end = index(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
        start = position(begin)
        stop = max(start, end_position(max(begin, end - 1)))
        node.lineno, node.col_offset = start  # type: ignore[attr-defined]
        node.end_lineno, node.end_col_offset = stop  # type: ignore[attr-defined]


def _warn(places: set[tuple[str, int, type[Warning]]], book: Book) -> None:
    """Give Python's warnings again, each once, for the page's file and line."""
    for message, offset, category in sorted(places, key=lambda each: each[:2]):
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
