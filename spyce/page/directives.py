"""Directives `[[. ]]`: what each does at compile time (manual, section on directives)."""

import keyword
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from spyce.page.attributes import read_attributes
from spyce.page.book import Mapped
from spyce.page.compaction import MODES
from spyce.page.errors import PageSyntaxError, PlacedError
from spyce.page.scanner import check
from spyce.page.tags import TagError
from spyce.page.tree import Compact, Init, LoadTags, ModuleImport, Silent, TagLibraryUse

if TYPE_CHECKING:
    from spyce.page.parser import Parser

RunDirective = Callable[[Any, 'Directive'], int | None]
"""What a directive does, for the parser of the source where it stands; returns where to go on, if not behind it."""

_NAME = re.compile(r'\w*')
_MAX_INCLUDES = 1000
COLLECTION_ONLY = ('tagcollection', 'begin', 'attr', 'export', 'end')


class Directive:
    """A directive: its name in lower case and its attributes, with the places of both."""

    def __init__(self, start: int, end: int, code: Mapped) -> None:
        code = code.strip()
        name = _NAME.match(code.text)
        assert name is not None  # it matches the empty text
        length = name.end()
        self.start = start
        self.end = end
        self.name = name.group().lower()
        self.at = code.offset(0)
        # 2.1 ignores what follows the last attribute that it can read, so this does.
        attributes, _position = read_attributes(code.text, length, len(code.text), in_tag=False)
        self._values: dict[str, Mapped | None] = {
            name: code[value[0]:value[1]] if value else None for name, _start, value in attributes}

    def get(self, name: str) -> str | None:
        value = self._values.get(name)
        return value.text if value else None

    def code(self, name: str) -> Mapped:
        return self._values.get(name) or Mapped()

    def place(self, name: str) -> int:
        value = self._values.get(name)
        return value.offset(0) if value else self.at

    def identifier(self, name: str) -> str | None:
        """The value of an attribute that becomes a name of the page's Python."""
        value = self.get(name)
        if value is not None and (not value.isidentifier() or keyword.iskeyword(value)):
            raise PlacedError(f"'{value}' cannot be the name of a module in a page: "
                              "give it a Python name with as=", self.place(name))
        return value


def run_directive(parser: 'Parser', start: int, end: int, code: Mapped) -> int:
    """Do what a directive says; returns where parsing goes on.

    :raises PlacedError: for an unknown directive (recorded case lex-unknown-directive) or a wrong attribute.
    """
    directive = Directive(start, end, code)
    run = parser.own_directives.get(directive.name) or _DIRECTIVES.get(directive.name)
    if run is None and directive.name in COLLECTION_ONLY:
        raise PlacedError(f"directive '{directive.name}' belongs in a tag collection file, which pages load with "
                          '[[.taglib from=FILE]]', directive.at)
    if run is None:
        raise PlacedError(f"invalid spyce directive '{directive.name or code.text.strip()}'", directive.at)
    position = run(parser, directive)
    return end if position is None else position


def _compact(parser: 'Parser', directive: Directive) -> None:
    mode = (directive.get('mode') or 'full').lower()
    if mode not in MODES:
        raise PlacedError(f"invalid compact mode '{mode}': it is one of {', '.join(MODES)}", directive.place('mode'))
    parser.add(Compact(directive.start, directive.end, mode))


def _import(parser: 'Parser', directive: Directive) -> None:
    file = directive.get('from')
    names = directive.get('names')
    place = parser.book.place(directive.start)[:2]
    if names is not None:
        for name in [part.strip() for part in names.split(',') if part.strip()] or ['']:
            if not name.isidentifier() or keyword.iskeyword(name):
                raise PlacedError(f"'{name}' in names= is not the name of a module", directive.place('names'))
            parser.unit.imports.append(ModuleImport(name, file, None, place))
            parser.add(Init(directive.start, directive.end, name))
        return
    alias = directive.identifier('as')
    name = directive.get('name') or ''
    if not name:
        raise PlacedError('the import directive needs name= or names=', directive.at)
    if alias is None:
        directive.identifier('name')
    arguments = directive.code('args')
    check(arguments)
    parser.unit.imports.append(ModuleImport(name, file, alias, place))
    parser.unit.hoisted.append((alias or name, arguments, directive.at))
    parser.add(Silent(directive.start, directive.end))


def _taglib(parser: 'Parser', directive: Directive) -> None:
    name, file, prefix = directive.get('name'), directive.get('from'), directive.get('as')
    if not name and not file:
        raise PlacedError('the taglib directive needs name= or from=', directive.at)
    libraries = parser.environment.libraries
    if libraries is None:
        raise PlacedError('no tag libraries can be loaded here', directive.at)
    try:
        info = libraries.load(name, file, prefix, parser.book.place(directive.start)[0])
    except TagError as error:
        raise PlacedError(str(error), directive.at) from error
    except PageSyntaxError as error:
        raise parser.loaded_here(error, directive.at) from error
    parser.prefixes[info.prefix] = info
    use = TagLibraryUse(info.name, info.file, info.prefix)
    parser.unit.taglibs.append(use)
    parser.unit.dependencies += info.files
    parser.unit.uses_tags = True
    parser.add(LoadTags(directive.start, directive.end, use))


def _include(parser: 'Parser', directive: Directive) -> None:
    url = directive.get('file')
    if not url:
        raise PlacedError('the include directive needs file=', directive.at)
    environment = parser.environment
    if environment.read_include is None:
        raise PlacedError('nothing can be included here: this source is not a file', directive.at)
    current = parser.book.place(directive.start)[0]
    environment.includes += 1
    if environment.includes > _MAX_INCLUDES:
        raise PlacedError(f'more than {_MAX_INCLUDES} includes', directive.at)
    try:
        source = environment.read_include(url, current)
    except OSError as error:
        raise PlacedError(f"cannot include '{url}': {error.strerror or error}", directive.place('file')) from error
    if os.path.abspath(source.file) in (os.path.abspath(file) for file in [current, *parser.files]):
        raise PlacedError(f"'{url}' includes itself", directive.place('file'))
    parser.unit.dependencies.append(os.path.abspath(source.file))
    parser.add(Silent(directive.start, directive.end))
    parser.files.append(current)
    start, end = parser.book.add(source, final_newline=False)
    parser.region(parser.book.behind_shebang(start, end), end)
    parser.files.pop()


_DIRECTIVES: dict[str, RunDirective] = {
    'compact': _compact, 'import': _import, 'module': _import, 'taglib': _taglib, 'include': _include}
