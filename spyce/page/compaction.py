"""Compaction of white space in static text (manual, directive compact; recorded cases of 02 and 202).

`line` takes away lines that hold nothing but code, and blanks at line ends; `space` makes runs of white space one;
`full` does both; `off` keeps all.  What code prints is never touched.
"""

import re
from collections.abc import Sequence

from spyce.page.book import Book
from spyce.page.tree import Code, Compact, Element, Expression, Text

MODES = ('off', 'line', 'space', 'full')

_BLANKS = ' \t\n\r\f\v'  # no others, which 2.1 did not know: a no-break space is there to be seen
_TRAILING = re.compile(r'(?<![ \t\r\f\v])[ \t\r\f\v]+(?=\n)')
_RUN = re.compile(r'[ \t]{2,}')
_BREAK = re.compile(rf'\n[{_BLANKS}]+')


def compact(elements: Sequence[Element], book: Book) -> None:
    """Compact the text of a page's elements, in place.

    Each text by itself, looking at what else stands on the rows where it begins and ends. Blocks play no part (recorded
    case compact-full-b): a directive holds to the end of the page.
    """
    blank_after = _blank_ends(elements, book)
    before = _Row()
    mode = 'line'
    for index, element in enumerate(elements):
        if isinstance(element, Compact):
            mode = element.mode
        elif isinstance(element, Text):
            row, last_line = book.row(element.start), element.text.rpartition('\n')[2]
            if mode in ('line', 'full'):
                element.text = _compact_lines(element.text, not before.shows_at(row), blank_after[index])
            if mode in ('space', 'full'):
                element.text = compact_spaces(element.text)
            before.add(book.row(element.end), _shows(last_line))
            continue
        before.add(book.row(element.end), isinstance(element, Expression))
        if isinstance(element, Code) and element.chunk:
            before.end()


def compact_spaces(text: str) -> str:
    """Runs of blanks become one, and white space after a newline goes: what mode `space` does."""
    return _BREAK.sub('\n', _RUN.sub(' ', text))


class _Row:
    """The row that the last elements share, and whether one of them shows something there."""

    def __init__(self) -> None:
        self._row, self._shows = -1, False

    def shows_at(self, row: int) -> bool:
        """Whether something is shown on this row by the elements that the others have not parted from it."""
        return self._shows and row == self._row

    def add(self, row: int, shows: bool) -> None:
        """Go on with an element that begins or ends on this row."""
        self._row, self._shows = row, shows or self.shows_at(row)

    def end(self) -> None:
        """Nothing more belongs to the row: a chunk counts as the end of its line (recorded case chunk-one-line-b)."""
        self._shows = False


def _blank_ends(elements: Sequence[Element], book: Book) -> list[bool]:
    """For each element whether nothing is shown behind it on the row where it ends."""
    after = _Row()
    blank = [True] * len(elements)
    for index in range(len(elements) - 1, -1, -1):
        element = elements[index]
        blank[index] = not after.shows_at(book.row(element.end))
        if isinstance(element, Code) and element.chunk:
            after.end()
        after.add(book.row(element.start), isinstance(element, Expression) or (
            isinstance(element, Text) and _shows(element.text.partition('\n')[0])))
    return blank


def _shows(text: str) -> bool:
    return bool(text.strip(_BLANKS))


def _compact_lines(text: str, blank_before: bool, blank_after: bool) -> str:
    first, _newline, rest = text.partition('\n')
    if blank_before and not _shows(first):
        text = rest
    text = _TRAILING.sub('', text)
    head, newline, last = text.rpartition('\n')
    return head + newline if blank_after and not _shows(last) else text
