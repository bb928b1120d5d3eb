"""Statements of the engine's own, made as trees: most of what a page compiles to is a few of them, again and again.

A template of such statements is parsed once, and becomes a function that makes a copy of its tree; all of a copy stands
at one place in the page.
"""

import ast
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

_VALUE = '_spyceValueHere'
_TEXT = '_spyceTextHere'
_PARAMETERS = 'value, text, line, column, end_line, end_column'
_PLACE = 'lineno = line', 'col_offset = column', 'end_lineno = end_line', 'end_col_offset = end_column'

Build = Callable[..., list[ast.stmt]]


class Glue(NamedTuple):
    """One use of a template.

    :param template: statements, in which `{value}` stands for an expression of the page, `{text}` for a text.
    :param indent: what its lines begin with.
    :param value: Python text of that expression.
    :param text: that text.
    :param begin: offset in the book of the first character that it stands for, `end` of the last one.
    """

    template: str
    indent: str
    value: str
    text: str
    begin: int
    end: int

    def __str__(self) -> str:
        lines = self.template.replace('\n', '\n' + self.indent)
        return self.indent + lines.format(value=self.value, text=repr(self.text)) + '\n'


class _Builder:
    """Writes the function that copies the tree of a template.  Equal nodes in it are one."""

    def __init__(self, template: str) -> None:
        self._lines = [f'def build({_PARAMETERS}):']
        self._names: dict[str, Any] = {'new': ast.AST.__new__}
        self._known = {_VALUE: 'value', _TEXT: self._node(ast.Constant, [('value', 'text')])}
        tree = ast.parse(template.format(value=_VALUE, text=_TEXT))
        self._lines.append(f'    return {self._copy(tree.body)}')

    def function(self) -> Build:
        exec('\n'.join(self._lines), self._names)
        return self._names['build']  # type: ignore[no-any-return]

    def _copy(self, value: Any) -> str:
        """The expression for a copy of a node, or of what stands in its fields."""
        if isinstance(value, list):
            return f'[{", ".join(map(self._copy, value))}]'
        if not isinstance(value, ast.AST):
            return repr(value)
        if not (value._fields or value._attributes):  # such as Load: the same in each copy
            return self._name(value)
        key = value.id if isinstance(value, ast.Name) and value.id in self._known else ast.dump(value)
        if key not in self._known:
            self._known[key] = self._node(type(value), [(name, self._copy(field))
                                                        for name, field in ast.iter_fields(value)])
        return self._known[key]

    def _node(self, kind: type[ast.AST], fields: list[tuple[str, str]]) -> str:
        """Write the making of a node; returns the name that it has in the function."""
        node = f'node{len(self._lines)}'
        sets = [*(_PLACE if kind._attributes else ()), *(f'{name} = {value}' for name, value in fields)]
        self._lines.append(f'    {node} = new({self._name(kind)}); ' + '; '.join(f'{node}.{each}' for each in sets))
        return node

    def _name(self, value: Any) -> str:
        """A global name of the function for a value."""
        name = f'constant{len(self._names)}'
        self._names[name] = value
        return name


@functools.cache
def builder(template: str) -> Build:
    """The function that makes the statements of a template, of: the tree of the value, the text, and four numbers: the
    position of all nodes but those of the value, as ast has it.
    """
    return _Builder(template).function()
