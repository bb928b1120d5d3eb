"""Where in a page its Python stands.

Unlike the compiler's parser this needs neither Python 3 nor tag libraries, and goes on where a page is wrong: that
the compiler will tell.
"""
from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from spyce.page import lexer
from spyce.page.attributes import read_attributes
from spyce.page.book import Book, Mapped
from spyce.page.chunks import outdent
from spyce.page.directives import Directive
from spyce.page.errors import PlacedError
from spyce.page.lexer import Delimiter, mapped, next_delimiter
from spyce.page.scanner import scan
from spyce.page.source import PageSource
from spyce.page.statements import Close, Line, split_statements

LAMBDA = re.compile(r'_spyceLambda(\d+)_')
_TAG = re.compile(r'<([A-Za-z_][\w.-]*):([A-Za-z_][\w.-]*)')
_TAG_END = re.compile(r'/?>')
_LONGEST_PARAMETERS = 2000  # characters, as in the compiler's parser
_PYTHON_ATTRIBUTES = {'import': 'args', 'module': 'args', 'attr': 'default'}


@dataclass
class Piece:
    """A piece of Python that stands by itself.

    :param kind: 'line' (of a statement), 'chunk', 'class chunk', 'expression', 'value' (of an attribute).
    :param lines: its text: the lines of a chunk, a single line of the other kinds.
    :param start: offset of the construct in which it stands.
    """

    kind: str
    lines: list[Line]
    start: int


@dataclass
class Unit:
    """A page, or the body of a lambda; what it consists of is in document order.

    :param signature: parameters of a lambda.
    """

    signature: Mapped
    events: list[Piece | Close] = field(default_factory=list)
    class_chunks: list[Piece] = field(default_factory=list)


@dataclass
class Tag:
    """An active tag: its attributes by name, as written."""

    prefix: str
    name: str
    attributes: dict[str, Mapped | None]
    start: int


class PageReading:
    """The Python, directives and tags of a page.

    :param prefixes: prefixes of tags that are active from the start.
    """

    def __init__(self, source: PageSource, prefixes: Collection[str] = ()) -> None:
        self.book = Book()
        self.units: list[Unit] = []
        self.directives: list[Directive] = []
        self.tags: list[Tag] = []
        self.lambda_ends: dict[int, int] = {}  # where a lambda begins -> where it ends
        self._prefixes = set(prefixes)
        start, end = self.book.add(source, final_newline=True)
        if self.book.text.startswith('#!', start, end):
            start = self.book.text.index('\n', start) + 1
        self._unit(Mapped(), start, end)

    def pieces(self) -> list[Piece]:
        return [piece for unit in self.units for piece in [*unit.class_chunks, *unit.events]
                if isinstance(piece, Piece)]

    def _unit(self, signature: Mapped, start: int, end: int) -> int:
        """Read a unit; returns where its closing delimiter ends."""
        unit = Unit(signature)
        self.units.append(unit)
        position = start
        while True:
            delimiter = next_delimiter(self.book.text, position, end)
            stop = delimiter.start if delimiter else end
            self._static(unit, position, stop)
            if delimiter is None:
                return end
            if delimiter.kind == 'close' and unit is not self.units[0]:
                return delimiter.end
            position = delimiter.end if delimiter.kind in ('close', 'uncomment', 'lambda') \
                else self._construct(unit, delimiter, end)

    def _construct(self, unit: Unit, opened: Delimiter, end: int) -> int:
        if opened.kind == 'comment':
            return lexer.comment_end(self.book.text, opened.end, end) or end
        code, close = self._code(opened, end)
        if not code.text.strip():
            return close
        try:
            if opened.kind == 'statement':
                unit.events += [part if isinstance(part, Close) else Piece('line', [part], opened.start)
                                for part in split_statements(code)]
            elif opened.kind == 'chunk':
                unit.events.append(Piece('chunk', outdent(code), opened.start))
            elif opened.kind == 'class chunk':
                unit.class_chunks.append(Piece('class chunk', outdent(code), opened.start))
            elif opened.kind == 'expression':
                unit.events.append(Piece('expression', [Line(code.strip())], opened.start))
            else:
                self._directive(unit, Directive(opened.start, close, code))
        except PlacedError:
            pass  # the compiler tells it too
        return close

    def _directive(self, unit: Unit, directive: Directive) -> None:
        self.directives.append(directive)
        if directive.name == 'taglib':
            prefix = directive.get('as') or directive.get('name') or directive.get('from') or ''
            self._prefixes.add(re.sub(r'\.\w+$', '', prefix.rpartition('/')[2]))
        attribute = _PYTHON_ATTRIBUTES.get(directive.name, '')
        value = directive.code(attribute)
        if directive.name == 'attr':
            value = value[1:] if value.text.startswith('=') else Mapped()
        if value.text.strip():
            unit.events.append(Piece('value', [Line(value)], directive.start))

    def _code(self, opened: Delimiter, end: int) -> tuple[Mapped, int]:
        """The code behind a delimiter, with a name in the place of each lambda; and where its tag ends."""
        pieces: list[Mapped] = []
        position = opened.end
        while True:
            delimiter = next_delimiter(self.book.text, position, end)
            pieces.append(mapped(self.book, position, delimiter.start if delimiter else end))
            if delimiter is None:
                return Mapped.join(pieces), end
            if delimiter.kind == 'close':
                return Mapped.join(pieces), delimiter.end
            if delimiter.kind != 'lambda':
                position = delimiter.end
                continue
            number = len(self.units)
            position = self.lambda_ends[delimiter.start] = self._lambda(delimiter, end)
            pieces.append(Mapped.at(f'_spyceLambda{number}_', delimiter.start))

    def _lambda(self, opened: Delimiter, end: int) -> int:
        code = mapped(self.book, opened.end, min(end, opened.end + _LONGEST_PARAMETERS))
        depth = lambdas = 0
        try:
            for kind, start, stop in scan(code):
                depth += (kind == 'open') - (kind == 'close')
                if depth == 0 and code.text[start:stop] == 'lambda':
                    lambdas += 1
                elif depth == 0 and kind == 'colon':
                    if not lambdas:
                        return self._unit(code[:start].strip(), code.offset(start) + 1, end)
                    lambdas -= 1
        except PlacedError:
            pass  # the compiler tells it too
        return self._unit(Mapped(), opened.end, end)

    def _static(self, unit: Unit, start: int, end: int) -> None:
        """The active tags in static text."""
        text = self.book.text
        begin = start
        for match in _TAG.finditer(text, start, end):
            if match.start() < begin or match.group(1) not in self._prefixes:
                continue
            attributes, position = read_attributes(text, match.end(), end, in_tag=True)
            tag_end = _TAG_END.match(text, position, end)
            if not tag_end:
                continue
            begin = tag_end.end()
            values = {each.name: mapped(self.book, *each.value) if each.value else None for each in attributes}
            self.tags.append(Tag(match.group(1), match.group(2).lower(), values, match.start()))
            for name, value in values.items():
                if value and (value.text.startswith('=') or name == 'data'):
                    code = value[1 if value.text.startswith('=') else 0:]
                    if code.text.strip():
                        unit.events.append(Piece('value', [Line(code)], match.start()))
