"""Converts the text of a Python module from Python 2 to 3. fissix does the work."""
from __future__ import annotations

import ast
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fissix import pygram
from fissix.pgen2.parse import ParseError
from fissix.pgen2.tokenize import TokenError
from fissix.refactor import RefactoringTool, _detect_future_features

from spyce.migrate.fixers import CERTAIN, LIKELY, Note, without
from spyce.migrate.flags import flags
from spyce.migrate.trees import bound_names

_MOST_PASSES = 5
_PYTHON_2 = pygram.python_grammar
_PYTHON_3 = pygram.python_grammar_no_print_and_exec_statement
_STRING_EXCEPTION = 'Python 3 does not support string exceptions'  # flags.py says what to do
_PRINT_FUNCTION = pygram.python_grammar_no_print_statement


class UnreadablePython(Exception):
    """Text that is neither Python 2 nor 3. line from 1, column from 0."""

    def __init__(self, line: int, column: int) -> None:
        super().__init__(f'line {line}')
        self.line = line
        self.column = column


@dataclass(frozen=True)
class Conversion:
    """Converted text; what a human has to decide; whether the text is of Python 2 for certain."""

    text: str
    notes: tuple[Note, ...]
    is_python2: bool


def convert(text: str, *, likely: bool, own_modules: Collection[str] = ()) -> Conversion:
    """Convert the text of a module.

    :param likely: convert and note, too, what runs in both Pythons and means something else in Python 3; only sure
        for code that is known to be of Python 2.
    :param own_modules: names of the site's own modules, which are no modules of Python's library.
    :raises UnreadablePython: for text that is neither Python 2 nor 3.
    """
    runs_as_it_is = is_python3(text)
    try:
        tree = _parse(text, runs_as_it_is)
    except UnreadablePython:
        if not runs_as_it_is:
            raise
        return Conversion(text, (), False)  # Python 3 that fissix does not know yet
    notes = [*flags(tree, likely=likely, own_modules=own_modules)]
    try:
        converted, more = _converted(tree, _tool(likely, frozenset(own_modules)))
    except Exception as error:  # a fixer that stumbles over unusual code must not end the whole run
        converted = text
        more = [Note(1, 0, f'fissix fails with this: {type(error).__name__}: {error}; it was left as it is')]
    return Conversion(converted, tuple(sorted({*notes, *more})), converted != text or not runs_as_it_is)


def _converted(tree: Any, tool: _Tool) -> tuple[str, list[Note]]:
    tool.notes = []
    tool.refactor_tree(tree, 'text')
    notes, converted = list(tool.notes), str(tree)
    for _ in range(_MOST_PASSES):  # what one conversion has made may be for another to convert
        tree = _parse(converted, is_python3(converted))
        tool.refactor_tree(tree, 'text')
        if str(tree) == converted:
            break
        converted = str(tree)
    return converted, notes


def is_python3(text: str) -> bool:
    """Whether Python 3 can run the text, as far as its grammar goes; a `print` that Python 3 takes for an expression
    without effect tells that it was not written for it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return not any(isinstance(node, ast.Expr) and _is_statement(node.value) for node in ast.walk(tree))


def _is_statement(value: ast.expr) -> bool:
    """Whether an expression is a statement of Python 2: print, print >>f, x or exec(x) in y."""
    if isinstance(value, ast.Tuple) and value.elts:
        value = value.elts[0]
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.RShift):
        value = value.left
    if isinstance(value, ast.Compare) and isinstance(value.left, ast.Call):
        return isinstance(value.left.func, ast.Name) and value.left.func.id == 'exec'
    return isinstance(value, ast.Name) and value.id == 'print'


@lru_cache(4)
def _tool(likely: bool, own_modules: frozenset[str]) -> _Tool:
    """A tool, made once: it compiles the patterns of all its fixers."""
    return _Tool(without(own_modules, LIKELY if likely else CERTAIN))


def _parse(text: str, runs_as_it_is: bool) -> Any:
    """The tree of fissix for a text; `bound_names` of it is asked for by most fixers, before they change anything."""
    tool = _Tool([])
    failure: UnreadablePython | None = None
    for grammar in [_PYTHON_3] if runs_as_it_is else [_PYTHON_2, _PRINT_FUNCTION, _PYTHON_3]:
        tool.driver.grammar = grammar
        try:
            tree = tool.driver.parse_string(text)
        except (ParseError, TokenError, IndentationError, RecursionError) as error:
            place = _place(error)
            if failure is None or place > (failure.line, failure.column):  # the grammar that is meant reads most
                failure = UnreadablePython(*place)
        else:
            tree.future_features = _detect_future_features(text)
            tree.bound_names = bound_names(tree)
            return tree
    assert failure is not None
    raise failure


def _place(error: Exception) -> tuple[int, int]:
    if isinstance(error, ParseError):
        return error.context[1]  # type: ignore[no-any-return]
    if isinstance(error, TokenError):
        return error.args[1]  # type: ignore[no-any-return]
    if isinstance(error, IndentationError):
        return error.lineno or 1, 0
    return 1, 0


class _Tool(RefactoringTool):  # type: ignore[misc]
    """fissix with chosen fixers, which note what they cannot convert."""

    def __init__(self, fixers: Collection[type[Any]]) -> None:
        self._classes = fixers
        self.notes: list[Note] = []
        super().__init__([])

    def get_fixers(self) -> tuple[list[Any], list[Any]]:
        fixers = []
        for each in self._classes:
            fixer = each(self.options, self.fixer_log)
            fixer.cannot_convert = fixer.warning = self._note
            fixers.append(fixer)
        fixers.sort(key=lambda fixer: fixer.run_order)
        return [each for each in fixers if each.order == 'pre'], [each for each in fixers if each.order == 'post']

    def _note(self, node: Any, reason: str | None = None) -> None:
        if reason != _STRING_EXCEPTION:
            self.notes.append(Note.at(node, reason or 'cannot be converted: ' + ' '.join(str(node).split())))
