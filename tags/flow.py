"""The tag library `flow`: print, let, if and for as tags (manual: flow tags). A site's own of that name wins."""
from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from spyce.legacy.spyceTag import TagSyntaxError, spyceTagLibrary, spyceTagPlus
from spyce.runtime.escaping import text


class _FlowTag(spyceTagPlus):
    """A tag whose attribute `var` names a variable of the page."""

    def _syntax_name(self) -> None:
        name = self.getAttributes().get('var')
        if 'var' in self.getAttributes() and not (name and name.isidentifier() and not keyword.iskeyword(name)):
            raise TagSyntaxError(f'attribute var of <{self.getFullId()}> must be the name of a variable; '
                                 f'it is {name!r}')


class tag_print(spyceTagPlus):
    """`<flow:print value="=PYTHON" />`: print a value, nothing for None.

    It is made safe for HTML, which 2.1 did not do; with the attribute `raw` it is printed as it is.
    """

    name = 'print'

    def syntax(self) -> None:
        self.syntaxSingleOnly()

    def begin(self, value: object, raw: object = 0) -> None:
        as_it_is = raw not in (None, 0, '', '0')
        self.getOut().write(text(value) if as_it_is else escape(text(value)))


class tag_let(_FlowTag):
    """`<flow:let var=NAME value="=PYTHON" />`: set a variable of the page."""

    name = 'let'
    exports = 1

    def syntax(self) -> None:
        self.syntaxSingleOnly()
        self._syntax_name()

    def begin(self, var: str, value: object) -> bool:
        self._exported = {var: value}
        return True

    def export(self) -> dict[str, Any]:
        return self._exported


class tag_if(spyceTagPlus):
    """`<flow:if test="=PYTHON">`: the contents, if the test is true."""

    name = 'if'
    conditional = 1

    def syntax(self) -> None:
        self.syntaxPairOnly()
        test = self.getAttributes().get('test')
        if test is None or not test.startswith('='):
            raise TagSyntaxError(f'attribute test of <{self.getFullId()}> must be Python: test="={test or "..."}"; '
                                 'text without = is always true')

    def begin(self, test: object) -> bool:
        return bool(test)


class tag_for(_FlowTag):
    """`<flow:for items="=PYTHON" var=NAME>`: the contents once for each item, which is the variable NAME meanwhile.

    Without var they are just repeated. The items are taken one by one, so they may be a generator.
    """

    name = 'for'
    conditional = loops = exports = 1

    def syntax(self) -> None:
        self.syntaxPairOnly()
        self.syntaxNonEmpty('items')
        self._syntax_name()

    def begin(self, items: Iterable[Any], var: str | None = None) -> bool:
        self._items: Iterator[Any] = iter(items)
        self._item: Any = None
        self._var = var
        return self._advance()

    def export(self) -> dict[str, Any]:
        return {self._var: self._item} if self._var else {}

    def body(self, contents: str | None) -> bool:
        return self._advance()

    def _advance(self) -> bool:
        """Take the next item; whether there is one."""
        try:
            self._item = next(self._items)
        except StopIteration:
            return False
        return True


class flow(spyceTagLibrary):
    """The tags above."""

    tags = [tag_print, tag_let, tag_if, tag_for]
