"""Tag collections: files of tags that are written as page source (manual, section on writing tag libraries).

Each `.begin` to `.end` is a unit of its own, as a lambda is; so a tag sees nothing of the page but its attributes.
"""

import dis
import keyword
import os
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from spyce.page.book import Book, Mapped
from spyce.page.compiler import CompiledPage, compile_unit
from spyce.page.directives import COLLECTION_ONLY, Directive, RunDirective
from spyce.page.errors import PlacedError
from spyce.page.lexer import comment_end, next_delimiter
from spyce.page.parser import Environment, Parser
from spyce.page.scanner import check
from spyce.page.source import PageSource
from spyce.page.tags import ANYWHERE, ClassCode, PageParts, TagLibraries
from spyce.page.tree import (
    Code,
    Compact,
    Element,
    Expression,
    Init,
    Silent,
    TagAttribute,
    TagExport,
    TagHead,
    TagOpen,
    Text,
    Unit,
)

_TAG_NAME = re.compile(r'[A-Za-z_][\w.-]*')


@dataclass(frozen=True)
class CompiledTag:
    """A tag of a collection.

    :param name: in lower case, as tags in a page are looked up.
    :param line: where it begins in its file.
    :param attributes: whether each declared attribute must be given, by its name in lower case.
    :param takes_any: whether it takes further attributes.
    :param exports: whether it sets names in the page.
    :param page: its code: spyceProcess(self, attributes, exports[, content]), where `attributes` is a dict that it
        uses up, `exports` one that it fills, and `content` the output of the body, for a tag that buffers.
    :param parts: what it brings into a page.
    """

    name: str
    line: int
    buffers: bool
    singleton: bool
    attributes: Mapping[str, bool]
    takes_any: bool
    exports: bool
    page: CompiledPage
    parts: PageParts


@dataclass(frozen=True)
class CompiledCollection:
    """The tags of a collection, and the absolute names of the files that it was made from besides its own."""

    file: str
    tags: tuple[CompiledTag, ...]
    dependencies: tuple[str, ...]

    @property
    def python(self) -> str:
        """The generated text, tag by tag."""
        return '\n'.join(f'# <{tag.name}>, line {tag.line}\n{tag.page.python}' for tag in self.tags)


def is_collection(text: str) -> bool:
    """Whether page source is a tag collection: `[[.tagcollection]]` comes first, but for blanks and comments."""
    position = text.find('\n') + 1 if text.startswith('#!') else 0
    while True:
        opened = next_delimiter(text, position, len(text))
        if opened is None or not (text[position:opened.start].isspace() or position == opened.start):
            return False
        if opened.kind != 'comment':
            return opened.kind == 'directive' and text[opened.end:].lstrip()[:13].lower() == 'tagcollection'
        position = comment_end(text, opened.end, len(text)) or len(text)


def compile_collection(source: PageSource, *, name: str = '', libraries: TagLibraries | None = None,
                       read_include: Callable[[str, str], PageSource] | None = None) -> CompiledCollection:
    """Compile a tag collection; the parameters are those of compile_page.

    :raises PageSyntaxError: for anything that is wrong with it, always with its place.
    """
    book = Book()
    start, end = book.add(source, final_newline=True)
    try:
        if not is_collection(source.text):
            raise PlacedError('this file is no tag collection: it does not begin with [[.tagcollection]]', start)
        start = book.behind_shebang(start, end)
        parser = _CollectionParser(Environment(book, libraries, read_include, name or source.file))
        parser.parse(start, end)
        for tag in parser.tags.values():
            tag.unit.class_lines[:0] = parser.unit.class_lines
        tags = tuple(_compile_tag(tag, book, source.file) for tag in parser.tags.values())
    except PlacedError as error:
        raise book.error(error.message, error.offset) from error.__cause__
    except RecursionError:
        raise book.error('code or tags are nested too deeply', start) from None
    dependencies = dict.fromkeys(os.path.abspath(file) for file in parser.unit.dependencies)
    for compiled in tags:
        dependencies.update(dict.fromkeys(compiled.page.dependencies))
    return CompiledCollection(source.file, tags, tuple(dependencies))


# -- parsing -------------------------------------------------------------------------------------------------------

class _TagParser(Parser):
    """Parses one tag, up to its `.end`."""

    def __init__(self, collection: '_CollectionParser', head: TagHead) -> None:
        outer = collection.environment
        environment = replace(outer, name=f'{outer.name}:{head.name}', prepares=[], handlers={}, classes={})
        super().__init__(environment, head.offset, Mapped())
        # Libraries of the file are loaded for this tag if it uses them, as those of globaltags are.
        self._know(dict(collection.prefixes))
        self.files = collection.files
        self.around = (ANYWHERE,)
        self.head = self.unit.head = head
        self.unit.imports += collection.unit.imports
        self.unit.hoisted += collection.unit.hoisted
        self.unit.elements += [each for each in collection.unit.elements if isinstance(each, (Init, Compact))]

    def parse_tag(self, start: int, end: int) -> int:
        """Parse the source of the tag; returns where its `.end` ends."""
        stop = self._text(start, end)
        if stop:
            raise self._unexpected(stop)
        if self.ended is None:
            raise PlacedError(f"the tag '{self.head.name}' that begins here needs an [[.end]]", self.head.offset)
        self.finish()
        return self.ended

    def region(self, start: int, end: int) -> None:
        super().region(start, end)
        if self.ended is not None:
            raise PlacedError(f"the [[.end]] of the tag '{self.head.name}' must stand in the file of its [[.begin]]",
                              start)

    def _attr(self, directive: Directive) -> None:
        name = _local_name(directive, 'name')
        if name.lower() in (attribute.name.lower() for attribute in self.head.attributes):
            raise PlacedError(f"the tag '{self.head.name}' has two attributes '{name}'", directive.place('name'))
        default = directive.code('default') if directive.get('default') is not None else None
        if default and default.text.startswith('='):
            code = default[1:].strip()
            if not code.text:
                raise PlacedError(f"the default of '{name}' is an empty expression", directive.place('default'))
            check(code)
            self.head.attributes.append(TagAttribute(name, code, directive.at))
        else:
            self.head.attributes.append(TagAttribute(name, default.text if default else None, directive.at))
        self.add(Silent(directive.start, directive.end))

    def _export(self, directive: Directive) -> None:
        var = _local_name(directive, 'var')
        name = _local_name(directive, 'as') if directive.get('as') is not None else var
        self.head.exports.append(TagExport(var, name, directive.at))
        self.add(Silent(directive.start, directive.end))

    def _end(self, directive: Directive) -> None:
        self.add(Silent(directive.start, directive.end))
        self.ended = directive.end

    def _misplaced(self, directive: Directive) -> None:
        line = self.book.place(self.head.offset)[1]
        raise PlacedError(f"'{directive.name}' cannot stand in a tag: '{self.head.name}' of line {line} needs its "
                          '[[.end]] before', directive.at)

    own_directives: ClassVar[Mapping[str, RunDirective]] = {
        'attr': _attr, 'export': _export, 'end': _end, 'begin': _misplaced, 'tagcollection': _misplaced}


class _CollectionParser(Parser):
    """Parses a whole file; class chunks outside of its tags are for all of them, directives for those that follow."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment, 0, Mapped())
        self.tags: dict[str, _TagParser] = {}
        self._ends: list[int] = []

    def region(self, start: int, end: int) -> None:
        self._ends.append(end)
        super().region(start, end)
        self._ends.pop()

    def add(self, element: Element) -> None:
        text = element.text if isinstance(element, Text) else ''
        if isinstance(element, (Text, Code, Expression, TagOpen)) and not text.isspace():
            # A text begins where the construct before it ends, not where something is to be seen.
            blanks = len(text) - len(text.lstrip())
            raise PlacedError('this stands outside of a tag: in a tag collection text and code belong between '
                              '[[.begin name=..]] and [[.end]]', element.start + blanks)
        super().add(element)

    def _tagcollection(self, directive: Directive) -> None:
        self.add(Silent(directive.start, directive.end))

    def _begin(self, directive: Directive) -> int:
        name = (directive.get('name') or '').lower()
        if not _TAG_NAME.fullmatch(name):
            raise PlacedError('the begin directive needs name=, the name of a tag: letters, digits, - and _',
                              directive.place('name'))
        if name in self.tags:
            line = self.book.place(self.tags[name].head.offset)[1]
            raise PlacedError(f"there is a tag '{name}' in line {line} already", directive.place('name'))
        rest = directive.get('kwattrs')
        if rest is not None:
            # In 2.1 only True worked, and meant this name.
            rest = 'kwargs' if rest == 'True' else _local_name(directive, 'kwattrs')
        head = TagHead(name, directive.at, _flag(directive, 'buffers'), _flag(directive, 'singleton'), rest)
        tag = self.tags[name] = _TagParser(self, head)
        tag.add(Silent(directive.start, directive.end))
        return tag.parse_tag(directive.end, self._ends[-1])

    def _misplaced(self, directive: Directive) -> None:
        raise PlacedError(f"'{directive.name}' belongs in a tag, after a [[.begin name=..]]", directive.at)

    own_directives: ClassVar[Mapping[str, RunDirective]] = {
        **dict.fromkeys(COLLECTION_ONLY, _misplaced), 'tagcollection': _tagcollection, 'begin': _begin}


def _local_name(directive: Directive, key: str) -> str:
    """The value of an attribute that becomes a name of Python."""
    name = directive.get(key) or ''
    if not name.isidentifier() or keyword.iskeyword(name):
        raise PlacedError(f"{directive.name}: {key}= must be a name of Python, not '{name}'" + (
            '; a tag gets further attributes, whatever they are called, with [[.begin kwattrs=..]]'
            if directive.name == 'attr' and name else ''), directive.place(key))
    if name in ('self', '_content') or name.startswith('_spyce'):
        raise PlacedError(f"{directive.name}: '{name}' is a name of the engine", directive.place(key))
    return name


def _flag(directive: Directive, key: str) -> bool:
    text = (directive.get(key) or '').lower()
    if text not in ('', 'true', '1', 'false', '0'):
        raise PlacedError(f"begin: {key}= is True or False, not '{directive.get(key)}'", directive.place(key))
    return text in ('true', '1')


# -- compiling -----------------------------------------------------------------------------------------------------

def _compile_tag(parser: _TagParser, book: Book, file: str) -> CompiledTag:
    unit, head, environment = parser.unit, parser.head, parser.environment
    page = compile_unit(unit, book, file)
    _check_exports(unit, page)
    own = (ClassCode(file, page.code, page.lines),) if unit.class_lines else ()
    handlers = {key: use if use.file else use._replace(file=file) for key, use in environment.handlers.items()}
    parts = PageParts((*own, *environment.classes), handlers, tuple(environment.prepares))
    return CompiledTag(
        name=head.name, line=book.place(head.offset)[1], buffers=head.buffers, singleton=head.singleton,
        attributes={each.name.lower(): each.default is None for each in head.attributes},
        takes_any=head.rest is not None, exports=bool(head.exports), page=page, parts=parts)


def _check_exports(unit: Unit, page: CompiledPage) -> None:
    """Refuse to export what no code of the tag can have set.

    :raises PlacedError: at the directive.
    """
    assert unit.head is not None
    if not unit.head.exports or any(isinstance(each, TagOpen) and each.traits.exports for each in unit.elements):
        return  # what a tag within exports is not known
    known = {each.alias or each.name for each in unit.imports} | _names_set(page.code)
    for export in unit.head.exports:
        if export.var not in known:
            raise PlacedError(f"the tag '{unit.head.name}' exports '{export.var}', but nothing in it sets that name",
                              export.offset)


def _names_set(code: types.CodeType) -> set[str]:
    """The names that code sets: local ones of its functions, and globals."""
    names = {*code.co_varnames, *code.co_cellvars}
    names.update(step.argval for step in dis.get_instructions(code) if step.opname == 'STORE_GLOBAL')
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names_set(constant)
    return names
