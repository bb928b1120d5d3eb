"""What a page consists of, in document order.  Offsets are the book's."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from spyce.page.book import Mapped
from spyce.page.statements import Close, Line
from spyce.page.tags import ClassCode, HandlerUse, TagTraits


@dataclass(frozen=True)
class ModuleImport:
    """A Spyce module that a page imports: its name, the file it is looked for in, the name the page uses.

    :param place: file and line of the directive.
    """

    name: str
    file: str | None = None
    alias: str | None = None
    place: tuple[str, int] = field(default=('', 0), compare=False)


@dataclass(frozen=True)
class TagLibraryUse:
    """A tag library that a page's directive loads; `prefix` is what its tags begin with."""

    name: str | None
    file: str | None
    prefix: str


@dataclass
class Element:
    """Anything that stands between `start` and `end`."""

    start: int
    end: int


@dataclass
class Text(Element):
    """Static text; `text` is what remains of it after compaction."""

    text: str


@dataclass
class Expression(Element):
    code: Mapped
    call: bool = False  # `x, k=v`: arguments of response.writeExpr


@dataclass
class Code(Element):
    """A statement or chunk."""

    parts: Sequence[Line | Close]
    chunk: bool = False


@dataclass
class Compact(Element):
    mode: str


@dataclass
class Silent(Element):
    """What prints nothing and leaves no code where it stands: comments, class chunks, most directives."""


@dataclass
class Init(Element):
    """A module's init() where `names=` stands."""

    name: str


@dataclass
class LoadTags(Element):
    use: TagLibraryUse


@dataclass
class TagOpen(Element):
    prefix: str
    name: str
    paired: bool
    traits: TagTraits
    attributes: dict[str, Mapped | str | Literal[True]]  # Mapped: Python, str: text, True: it stands alone
    handler_id: str = ''
    inner_handlers: list[str] = field(default_factory=list)  # ids of the tags with handlers within it
    is_repeated: bool = False  # it stands in a loop, or in a function or lambda


@dataclass(frozen=True)
class Prepare:
    """A tag to be prepared before the page runs: its library, its name, its attributes as written, its offset."""

    library: TagLibraryUse
    tag: str
    attributes: dict[str, str | None]
    offset: int


@dataclass
class TagClose(Element):
    traits: TagTraits


@dataclass
class TagAttribute:
    """An attribute of a collection's tag: a local name of its code, and its default: Python, text, or none.

    :param offset: of its directive, as for TagExport.
    """

    name: str
    default: Mapped | str | None
    offset: int


@dataclass
class TagExport:
    """A local name of a tag's code, and the name that it gets in the page."""

    var: str
    name: str
    offset: int


@dataclass
class TagHead:
    """What the directives of a collection's tag say about it.

    :param rest: the local name of a dict of all attributes that are not declared; None if there must be none.
    """

    name: str
    offset: int
    buffers: bool
    singleton: bool
    rest: str | None
    attributes: list[TagAttribute] = field(default_factory=list)
    exports: list[TagExport] = field(default_factory=list)


@dataclass
class Unit:
    """A page, the body of a lambda, or a tag of a collection: what becomes one CompiledPage."""

    start: int
    signature: Mapped
    elements: list[Element] = field(default_factory=list)
    class_lines: list[Line] = field(default_factory=list)
    hoisted: list[tuple[str, Mapped, int]] = field(default_factory=list)
    imports: list[ModuleImport] = field(default_factory=list)
    taglibs: list[TagLibraryUse] = field(default_factory=list)
    initial: dict[str, TagLibraryUse] = field(default_factory=dict)  # globaltags whose tags are used
    dependencies: list[str] = field(default_factory=list)
    lambdas: list['Unit'] = field(default_factory=list)
    prepares: list[Prepare] = field(default_factory=list)            # those of its lambdas too
    handlers: dict[str, HandlerUse] = field(default_factory=dict)    # id -> handlers; those of its lambdas too
    classes: list[ClassCode] = field(default_factory=list)           # of its tags; those of its lambdas too
    uses_tags: bool = False
    head: TagHead | None = None                                      # of a collection's tag
