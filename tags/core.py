"""The tag library `core`, in every page under the prefix `spy` (manual: core tags)."""
from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from spyce.tags.attributes import attribute_text, need_values
from spyce.tags.login import tag_login, tag_login_required, tag_logout

from spyce.legacy.spyceTag import spyceTag, spyceTagLibrary


class tag_parent(spyceTag):
    """`<spy:parent src="layout.spi" title="..">`: the output of this page goes into another page.

    Wherever the tag stands, the parent runs when the page has ended, and finds the output as child._body and the
    other attributes as child.title and so on. Without src it is parent.spi beside the page, or else the config's
    defaultparent (recorded cases parent-*). It counts in the page that is asked for, in an error page, and in a parent.
    """

    name = 'parent'
    pageonly = 1

    def syntax(self) -> None:
        need_values(self, 'src')

    def begin(self, src: str | None = None, **kwargs: Any) -> None:
        self._taglib._api.setParent(src, kwargs)


class _ListTag(spyceTag):
    """`<spy:ul data="PYTHON">`: a list of the items; other attributes go into the HTML tag."""

    def begin(self, data: Iterable[object], **kwargs: Any) -> None:
        items = ''.join(f'<li>{escape(str(item))}</li>' for item in data)
        self.getOut().write(f'<{self.name}{attribute_text(kwargs)}>{items}</{self.name}>')


class tag_ul(_ListTag):
    """An unordered list."""

    name = 'ul'


class tag_ol(_ListTag):
    """An ordered list."""

    name = 'ol'


class tag_dl(spyceTag):
    """`<spy:dl data="PYTHON">`: a list of the pairs (term, description)."""

    name = 'dl'

    def begin(self, data: Iterable[tuple[object, object]], **kwargs: Any) -> None:
        items = ''.join(f'<dt>{escape(str(term))}</dt><dd>{escape(str(description))}</dd>'
                        for term, description in data)
        self.getOut().write(f'<dl{attribute_text(kwargs)}>{items}</dl>')


class tag_table(spyceTag):
    """`<spy:table data="PYTHON">`: a table of the rows, each a sequence of cells."""

    name = 'table'

    def begin(self, data: Iterable[Iterable[object]], **kwargs: Any) -> None:
        rows = ''.join('<tr>' + ''.join(f'<td>{escape(str(cell))}</td>' for cell in row) + '</tr>' for row in data)
        self.getOut().write(f'<table{attribute_text(kwargs)}>{rows}</table>')


class core(spyceTagLibrary):
    """The tags above, and those of logins."""

    tags = [tag_parent, tag_ul, tag_ol, tag_dl, tag_table, tag_login, tag_login_required, tag_logout]
