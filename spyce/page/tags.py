"""How the compiler asks about active tags.  The tag runtime implements these protocols."""

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from spyce.page.book import LineMap

if TYPE_CHECKING:
    from spyce.page.tree import Prepare


class TagError(Exception):
    """A library that cannot be loaded, or a tag that is used wrongly; becomes a PageSyntaxError at the tag."""


class EnclosingTag(NamedTuple):
    """A tag that is open around another: its full name (`prefix:name`), and its attributes as written."""

    name: str
    attributes: Mapping[str, str | None]


ANYWHERE = EnclosingTag('', {})
"""The first of the tags around a tag of which not all are known: it stands in a collection."""


class HandlerUse(NamedTuple):
    """The active handlers of one tag, in the order of their calls.

    :param by_get: whether its form is sent by GET; None if only the running page tells.
    :param file: the tag collection where the tag stands, beside which modules are looked for; '' for the page itself.
    """

    names: tuple[str, ...]
    by_get: bool | None = False
    file: str = ''


class ClassCode(NamedTuple):
    """Code for the class of a page that uses a tag.

    :param file: where it comes from.
    :param code: run among the names of the page, it defines the class `spyceImpl`, which becomes a base of the page's.
    :param lines: from its line numbers to lines of files.
    """

    file: str
    code: types.CodeType
    lines: LineMap


@dataclass(frozen=True)
class PageParts:
    """What a tag brings into the page that uses it: code for its class, and what stands in the tag's own source."""

    classes: tuple[ClassCode, ...] = ()
    handlers: Mapping[str, HandlerUse] = field(default_factory=dict)
    prepares: 'tuple[Prepare, ...]' = ()


@dataclass(frozen=True)
class TagTraits:
    """What a tag asks of the code around it (manual, section on tag libraries: the attributes of a tag class).

    :param exports: whether it sets names in the page before each run of its body; with `exports_last`, at its end.
    :param prepares: whether its prepare() is to be called before the handlers and the page run.
    :param handlers: its active handlers.
    :param pageonly: whether it belongs in a page, rather than in a lambda or a tag collection.
    :param evaluated: names of attributes that are always Python, such as `data`.
    """

    buffer: bool = False
    conditional: bool = False
    loops: bool = False
    catches: bool = False
    mustend: bool = False
    exports: bool = False
    exports_last: bool = False
    prepares: bool = False
    handlers: HandlerUse | None = None
    pageonly: bool = False
    evaluated: frozenset[str] = frozenset()
    parts: PageParts = PageParts()


class TagLibraryInfo(Protocol):
    """A loaded library, as the compiler sees it; `files` are what it was made from."""

    @property
    def prefix(self) -> str: ...

    @property
    def files(self) -> tuple[str, ...]: ...

    @property
    def name(self) -> str | None: ...

    @property
    def file(self) -> str | None: ...

    def check(self, tag: str, attributes: Mapping[str, str | None], paired: bool,
              parents: Sequence[EnclosingTag]) -> TagTraits:
        """Check the use of a tag.

        :param attributes: as written, with a leading '=' where the value is Python; None where there is no value.
        :param paired: whether it has a close tag.
        :param parents: the tags around it, outermost first.
        :raises TagError: for an unknown tag, a missing or unexpected attribute, a complaint of its syntax().
        :raises PageSyntaxError: if the library is loaded now, and is a tag collection that is wrong.
        """


class TagLibraries(Protocol):
    """The libraries that a page can load."""

    def load(self, name: str | None, file: str | None, prefix: str | None, page_file: str) -> TagLibraryInfo:
        """The library of a `[[.taglib]]` directive.

        :raises TagError: if there is none.
        :raises PageSyntaxError: if it is a tag collection that is wrong.
        """

    def initial(self) -> Mapping[str, TagLibraryInfo]:
        """The libraries that are active from the start (globaltags), by prefix."""
