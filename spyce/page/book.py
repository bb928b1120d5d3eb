"""The book: all source text that one compilation reads, end to end, with one offset for each character.

A page comes first; what `.include` pastes in follows it.  So an offset of the book says file, line and column, and the
number of a line in the book can stand in a code object: numbers past the end of the page belong to included files, and
LineMap.locate finds these again.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from spyce.page.errors import PageSyntaxError
from spyce.page.source import PageSource, normalize_newlines

_NEWLINE = re.compile('\n')


@dataclass(frozen=True)
class LineMap:
    """From line numbers of a code object to lines of files: (first number, file, first line there), ascending."""

    entries: tuple[tuple[int, str, int], ...]

    def locate(self, line: int) -> tuple[str, int]:
        """The file and its line that a line number of the code object means."""
        index = max(0, bisect_right(self.entries, line, key=lambda entry: entry[0]) - 1)
        first, file, first_line = self.entries[index]
        return file, first_line + line - first


def byte_columns(line: str) -> list[int] | None:
    """For each character of a line, and its end, the UTF-8 bytes before it; None if each character is one byte."""
    if line.isascii():
        return None
    return list(accumulate((len(char.encode('utf-8', 'replace')) for char in line), initial=0))


class Book:
    """See the module.  Offsets are indices into `text`."""

    def __init__(self) -> None:
        self.text = ''
        self._sources: list[PageSource] = []
        self._bases: list[int] = []
        self._first_rows: list[int] = []
        self._indents: dict[int, int] = {}  # by row, what is missing before its text
        self._line_starts: list[int] = []
        self._widths: dict[int, list[int] | None] = {}

    def add(self, source: PageSource, *, final_newline: bool) -> tuple[int, int]:
        """Append a source.

        :param final_newline: give a text without a final newline one, as 2.1 does to a page (recorded case
            text-plain) but not to what is included (directive-include).  An empty text stays empty (empty-page).
        :returns: where it begins and ends in the book.
        """
        text = normalize_newlines(source.text)
        base = len(self.text)
        if final_newline and text and not text.endswith('\n'):
            text += '\n'
        self._sources.append(source)
        self._bases.append(base)
        row = len(self._line_starts)
        self._first_rows.append(row)
        if source.first_column > 1:
            self._indents[row] = source.first_column - 1
        separated = text if text.endswith('\n') else text + '\n'
        self._line_starts.append(base)
        self._line_starts.extend(base + match.end() for match in _NEWLINE.finditer(separated, 0, len(separated) - 1))
        self.text += separated
        return base, base + len(text)

    def behind_shebang(self, start: int, end: int) -> int:
        """Where a source that stands at start..end begins, without a first line `#!...`."""
        if not self.text.startswith('#!', start, end):
            return start
        return self.text.find('\n', start, end) + 1 or end

    def row(self, offset: int) -> int:
        """The line of the book, from 0, that holds an offset.  Different files never share a row."""
        return bisect_right(self._line_starts, offset) - 1

    def position(self, offset: int) -> tuple[int, int]:
        """Line number for the code object and column (from 0, in UTF-8 bytes) of an offset."""
        row = bisect_right(self._line_starts, offset) - 1
        column = offset - self._line_starts[row]
        if not self.text.isascii():
            widths = self._byte_columns(row)
            if widths:
                column = widths[min(column, len(widths) - 1)]
        return row + self._sources[0].first_line, column + self._indents.get(row, 0)

    def _byte_columns(self, row: int) -> list[int] | None:
        """For each character of a row, and its end, the bytes before it; None if these are as many as characters."""
        if row not in self._widths:
            self._widths[row] = byte_columns(self.line_text(row))
        return self._widths[row]

    def place(self, offset: int) -> tuple[str, int, int]:
        """File, line and column (both from 1, in characters) of an offset."""
        row = self.row(min(offset, len(self.text) - 1))
        index = bisect_right(self._first_rows, row) - 1
        source = self._sources[index]
        line = row - self._first_rows[index] + source.first_line
        return source.file, line, offset - self._line_starts[row] + self._indents.get(row, 0) + 1

    def offset(self, line: int, byte_column: int) -> int:
        """The offset of a position that the Python compiler names: what position() gives, backwards."""
        row = min(max(line - self._sources[0].first_line, 0), len(self._line_starts) - 1)
        column = max(0, byte_column - self._indents.get(row, 0))
        widths = self._byte_columns(row)
        return self._line_starts[row] + (bisect_left(widths, column) if widths else column)

    def line_text(self, row: int) -> str:
        """The text of a row without its newline."""
        start = self._line_starts[row]
        return self.text[start:self.text.find('\n', start)]

    def line_map(self) -> LineMap:
        first = self._sources[0].first_line
        return LineMap(tuple((row + first, source.file, source.first_line)
                             for row, source in zip(self._first_rows, self._sources, strict=True)))

    def error(self, message: str, offset: int) -> PageSyntaxError:
        """A syntax error at an offset."""
        offset = min(max(offset, 0), len(self.text) - 1)
        file, line, column = self.place(offset)
        return PageSyntaxError(message, file, line, column, self.line_text(self.row(offset)))

    def piece(self, start: int, end: int) -> 'Mapped':
        """A stretch of the book as it is."""
        return Mapped(self.text[start:end], range(start, end))


class Mapped:
    """A piece of Python text that knows for each of its characters the offset in the book that it stands for."""

    __slots__ = ('offsets', 'text')

    def __init__(self, text: str = '', offsets: Sequence[int] = ()) -> None:
        self.text = text
        self.offsets = offsets

    @classmethod
    def at(cls, text: str, offset: int) -> 'Mapped':
        """Text that is not in the book: all of it stands for one place."""
        return cls(text, [offset] * len(text))

    @classmethod
    def join(cls, pieces: Iterable['Mapped']) -> 'Mapped':
        pieces = list(pieces)
        if len(pieces) == 1:
            return pieces[0]
        offsets: list[int] = []
        for piece in pieces:
            offsets += piece.offsets
        return cls(''.join(piece.text for piece in pieces), offsets)

    def __getitem__(self, part: slice) -> 'Mapped':
        return Mapped(self.text[part], self.offsets[part])

    def offset(self, index: int) -> int:
        """The book's offset of an index; an index past the end means just behind the last character."""
        if index < len(self.offsets):
            return self.offsets[index]
        return self.offsets[-1] + 1 if self.offsets else 0

    def strip(self, blanks: str | None = None) -> 'Mapped':
        """Without blanks at both ends: by default what str.strip() takes away."""
        left = len(self.text) - len(self.text.lstrip(blanks))
        return self[left:max(left, len(self.text.rstrip(blanks)))]
