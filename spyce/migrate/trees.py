"""What the trees of fissix say."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fissix.fixer_util import syms
from fissix.pgen2 import token

_PARAMETERS = {syms.typedargslist, syms.varargslist, syms.parameters}


def first_leaf(node: Any) -> Any:
    while node.children:
        node = node.children[0]
    return node


def bound_names(tree: Any) -> frozenset[str]:
    """The names that a module binds itself, so that they are not Python's builtins."""
    names: set[str] = set()
    for node in tree.pre_order():
        if node.type == syms.expr_stmt:
            for index, child in enumerate(node.children[1:], 1):
                if child.type == token.EQUAL:
                    names.update(_targets(node.children[index - 1]))
        elif node.type in (syms.for_stmt, syms.comp_for, syms.funcdef, syms.classdef):
            position = next((index for index, child in enumerate(node.children)
                             if getattr(child, 'value', '') in ('for', 'def', 'class')), 0)
            names.update(_targets(node.children[position + 1]))
        elif node.type in _PARAMETERS:
            names.update(_parameter_names(node))
        elif node.type in (syms.import_name, syms.import_from, syms.with_item, syms.except_clause):
            names.update(_imported(node))
    return frozenset(names)


def _targets(node: Any) -> Iterator[str]:
    if node.type == token.NAME:
        yield node.value
    elif node.type != syms.power:
        for child in node.children:
            yield from _targets(child)


def _parameter_names(node: Any) -> Iterator[str]:
    before = None
    for child in node.children:
        if before is None or before.type != token.EQUAL:
            yield from _targets(child)
        before = child


def _imported(node: Any) -> Iterator[str]:
    """Names bound by `import a`, `from x import a`, `... as a`."""
    leaves = [leaf for leaf in node.leaves() if leaf.type != token.COMMA]
    after_import = node.type == syms.import_name
    for index, leaf in enumerate(leaves):
        following = leaves[index + 1].value if index + 1 < len(leaves) else ''
        before = leaves[index - 1].value if index else ''
        if leaf.value == 'import':
            after_import = True
        elif before == 'as' or (after_import and leaf.type == token.NAME and leaf.value != 'as'
                                and following not in ('as', '.')):
            yield leaf.value


def imported_modules(tree: Any) -> Iterator[tuple[str, Any]]:
    """The modules that import statements name, each with the leaf or node that names it."""
    for node in tree.pre_order():
        if node.type == syms.import_from:
            yield str(node.children[1]).strip(), node.children[1]
        elif node.type == syms.import_name:
            names = node.children[1]
            for child in names.children if names.type == syms.dotted_as_names else [names]:
                if child.type == syms.dotted_as_name:
                    child = child.children[0]
                if child.type != token.COMMA:
                    yield str(child).strip(), child


def dotted(node: Any) -> str:
    """`a.b.c` of a power node that begins so; '' for others."""
    names = []
    if node.type == syms.power and node.children[0].type == token.NAME:
        names.append(node.children[0].value)
        for trailer in node.children[1:]:
            if trailer.type != syms.trailer or trailer.children[0].type != token.DOT:
                break
            names.append(trailer.children[1].value)
    return '.'.join(names)


def arguments(trailer: Any) -> list[Any]:
    """The arguments in the parentheses of a call."""
    if len(trailer.children) < 3:
        return []
    inside = trailer.children[1]
    if inside.type != syms.arglist:
        return [inside]
    return [child for child in inside.children if child.type != token.COMMA]
