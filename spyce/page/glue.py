"""Statements of the engine's own, made as trees: most of what a page compiles to is a few of them, again and again.

A template of such statements is parsed once; each use of it is a copy, all of which stands at one place in the page.
"""

import ast
import functools
from typing import Any, NamedTuple

_VALUE = '_spyceValueHere'
_TEXT = '_spyceTextHere'


class Glue(NamedTuple):
    """One use of a template.

    :param template: statements, in which `{value}` stands for an expression of the page, `{text}` for a text.
    :param text: that text.
    :param begin: offset in the book of the first character that it stands for, `end` of the last one.
    """

    template: str
    text: str
    begin: int
    end: int


class _Step(NamedTuple):
    """How to make one node: what is the same in each copy, and which nodes made before go into which fields."""

    kind: type[ast.AST]
    fields: dict[str, Any]
    children: list[tuple[str, int]]
    lists: list[tuple[str, list[int]]]


class _Recipe:
    """The steps that make copies of the statements of a template.  Equal nodes in them are one."""

    def __init__(self, template: str) -> None:
        self.steps: list[_Step] = []
        self._known = {_VALUE: 0, _TEXT: 1}
        self.statements = [self._add(node) for node in ast.parse(template.format(value=_VALUE, text=_TEXT)).body]

    def _add(self, node: ast.AST) -> int:
        """Add the steps for a node, if there are none yet; returns the number of the node."""
        key = node.id if isinstance(node, ast.Name) else ''
        if key not in self._known:
            key = ast.dump(node)
        if key not in self._known:
            step = _Step(type(node), {}, [], [])
            for name, value in ast.iter_fields(node):
                if isinstance(value, list):
                    step.lists.append((name, [self._add(each) for each in value]))
                elif isinstance(value, ast.AST) and value._attributes:
                    step.children.append((name, self._add(value)))
                else:  # what has no place is the same in each copy
                    step.fields[name] = value
            self.steps.append(step)
            self._known[key] = len(self.steps) + 1
        return self._known[key]


_recipe = functools.cache(_Recipe)


def statements(glue: Glue, value: ast.expr | None, place: dict[str, int]) -> list[ast.stmt]:
    """The statements of a template.

    :param value: the expression that stands in it.
    :param place: the position of all other nodes in it, as ast names its parts.
    """
    recipe = _recipe(glue.template)
    made: list[Any] = [value, ast.Constant(glue.text, **place)]
    for kind, fields, children, lists in recipe.steps:
        node = kind.__new__(kind)
        names = node.__dict__
        names.update(fields)
        names.update(place)
        for name, number in children:
            names[name] = made[number]
        for name, numbers in lists:
            names[name] = [made[number] for number in numbers]
        made.append(node)
    return [made[number] for number in recipe.statements]
