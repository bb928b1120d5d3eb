"""How the compiler asks about active tags.  The tag runtime implements these protocols."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class TagError(Exception):
    """A library that cannot be loaded, or a tag that is used wrongly; becomes a PageSyntaxError at the tag."""


class EnclosingTag(NamedTuple):
    """A tag that is open around another: its full name (`prefix:name`), and its attributes as written."""

    name: str
    attributes: Mapping[str, str | None]


class HandlerUse(NamedTuple):
    """The active handlers of one tag, in the order of their calls, and whether its form is sent by GET."""

    names: tuple[str, ...]
    by_get: bool = False


@dataclass(frozen=True)
class TagTraits:
    """What a tag asks of the code around it (manual, section on tag libraries: the attributes of a tag class).

    :param prepares: whether its prepare() is to be called before the handlers and the page run.
    :param handlers: its active handlers.
    :param evaluated: names of attributes that are always Python, such as `data`.
    """

    buffer: bool = False
    conditional: bool = False
    loops: bool = False
    catches: bool = False
    mustend: bool = False
    exports: bool = False
    prepares: bool = False
    handlers: HandlerUse | None = None
    evaluated: frozenset[str] = frozenset()


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
        """


class TagLibraries(Protocol):
    """The libraries that a page can load."""

    def load(self, name: str | None, file: str | None, prefix: str | None, page_file: str) -> TagLibraryInfo:
        """The library of a `[[.taglib]]` directive.

        :raises TagError: if there is none.
        """

    def initial(self) -> Mapping[str, TagLibraryInfo]:
        """The libraries that are active from the start (globaltags), by prefix."""
