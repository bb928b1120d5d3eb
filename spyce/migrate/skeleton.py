"""A page's Python as one Python module, so that what converts modules can convert pages.

Each piece is followed by a marker, by which it is found again in the converted module; every character knows its
offset in the page.
"""
from __future__ import annotations

import re
from bisect import bisect_right

from spyce.migrate.reading import PageReading, Piece, Unit
from spyce.page.book import Mapped
from spyce.page.statements import Close, Line

GLUE = -1
"""The offset of a character that is not in the page."""

_MARKER = re.compile(r'^[ \t]*#?_spyceEnd(\d+)_[ \t]*(?:\n|\Z)', re.MULTILINE)
_CONTINUES = re.compile(r'(?:elif|else|except|finally)\b')
_INDENT = '    '


class Skeleton:
    """See the module.

    :param left_out: numbers of the pieces that are no Python, in whose place something stands that is.
    :param orphans: numbers of headers such as `else:` that continue a block of another file.
    """

    def __init__(self, reading: PageReading, left_out: frozenset[int] = frozenset(),
                 orphans: frozenset[int] = frozenset()) -> None:
        self.pieces: list[Piece | None] = []  # by number; None for the signature of a unit
        self.indents: list[int] = []          # columns that stand before each line of a piece
        self.offsets: list[int] = []
        self._book = reading.book
        self._parts: list[str] = []
        self._left_out = left_out
        self._orphans = orphans
        for number, unit in enumerate(reading.units):
            self._unit(number, unit)
        self.text = ''.join(self._parts)
        self._starts = [0, *(match.end() for match in re.finditer('\n', self.text))]

    def index(self, line: int, column: int) -> int:
        """The index into the text of a place in it: line from 1, column from 0."""
        return min(self._starts[min(line, len(self._starts)) - 1] + column, max(len(self.offsets) - 1, 0))

    def offset(self, line: int, column: int) -> int:
        """The page's offset of a place in the text, or of the next one that is in the page."""
        index = self.index(line, column)
        real = (offset for offset in [*self.offsets[index:], *reversed(self.offsets[:index])] if offset != GLUE)
        return next(real, 0)

    def number_at(self, line: int) -> int:
        """The number of the piece in which a line of the text stands."""
        ends = [match.start() for match in _MARKER.finditer(self.text)]
        return min(bisect_right(ends, self.index(line, 0)), len(ends) - 1)

    def _unit(self, number: int, unit: Unit) -> None:
        if unit.class_chunks:
            self._glue('class _spyceClass_:\n')
            for piece in unit.class_chunks:
                self._piece(piece, 1)
        self._glue(f'def _spyceUnit{number}_(')
        if len(self.pieces) not in self._left_out:
            self._mapped(unit.signature)
        self._glue('):\n')
        self._mark(None, 1)
        depth = 1
        events = [*unit.events, None]
        for event, following in zip(events, events[1:], strict=False):
            if isinstance(event, Close):
                depth = max(1, depth - 1)
            elif event:
                self._piece(event, depth, following)
                depth += _opens(event)
        self._glue(_INDENT * depth + 'pass\n')

    def _piece(self, piece: Piece, depth: int, following: Piece | Close | None = None) -> None:
        indent = _INDENT * depth
        if len(self.pieces) in self._left_out:
            self._glue(f'{indent}if _spyceLeftOut_:\n' if _opens(piece) else f'{indent}pass\n')
        elif piece.kind in ('expression', 'value'):
            # A call, since its arguments are what an expression may hold: `x, k=v` too.
            self._glue(f'{indent}_spyceValue_(')
            self._mapped(piece.lines[0].code)
            self._glue('\n)\n')
        else:
            if len(self.pieces) in self._orphans:
                self._glue(f'{indent}{"try" if _first(piece)[:2] in ("ex", "fi") else "if _spyceOther_"}: pass\n')
            for line in piece.lines:
                self._line(line, '' if line.raw or not line.code.text else indent)
        if _opens(piece):
            depth += 1
        # A statement between `if x: y` and `else: z` would be wrong, and so would one behind a decorator.
        is_inner = isinstance(following, Piece) and continues_block(following)
        self._mark(piece, depth, comment=is_inner or _last(piece).startswith('@'))

    def _line(self, line: Line, indent: str) -> None:
        self._glue(indent)
        self._mapped(line.code)
        end = line.code.offset(len(line.code.text))
        self._parts.append('\n')
        self.offsets.append(end if line.code.text and self._book.text.startswith('\n', end) else GLUE)

    def _mark(self, piece: Piece | None, depth: int, *, comment: bool = False) -> None:
        self._glue(f'{_INDENT * depth}{"#" if comment else ""}_spyceEnd{len(self.pieces)}_\n')
        self.pieces.append(piece)
        self.indents.append(len(_INDENT) * depth)

    def _glue(self, text: str) -> None:
        self._parts.append(text)
        self.offsets += [GLUE] * len(text)

    def _mapped(self, code: Mapped) -> None:
        self._parts.append(code.text)
        self.offsets += code.offsets


def continues_block(piece: Piece | None) -> bool:
    """Whether a piece is a header that stands behind another block."""
    return piece is not None and piece.kind == 'line' and bool(_CONTINUES.match(_first(piece)))


def _opens(piece: Piece) -> bool:
    return piece.kind == 'line' and piece.lines[0].opens is not None


def _first(piece: Piece) -> str:
    return piece.lines[0].code.text if piece.lines else ''


def _last(piece: Piece) -> str:
    return piece.lines[-1].code.text if piece.lines and piece.kind == 'line' else ''


def segments(text: str) -> list[tuple[int, int, int]]:
    """The pieces of a skeleton's text: (number, start, end), without their markers."""
    found = []
    start = 0
    for match in _MARKER.finditer(text):
        found.append((int(match.group(1)), start, match.start()))
        start = match.end()
    return found
