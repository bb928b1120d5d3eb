"""Compaction of white space in static text (manual, directive compact; recorded cases of 02 and 202).

`line` takes away lines that hold nothing but code, and blanks at line ends; `space` makes runs of white space one;
`full` does both; `off` keeps all.  What code prints is never touched.
"""

import re
from collections.abc import Sequence

from spyce.page.book import Book
from spyce.page.statements import Close
from spyce.page.tree import Code, Compact, Element, Expression, TagClose, TagOpen, Text

MODES = ('off', 'line', 'space', 'full')

_TRAILING = re.compile(r'(?<![ \t\f\v])[ \t\f\v]+(?=\n)')
_RUN = re.compile(r'[ \t]{2,}')
_BREAK = re.compile(r'\n\s+')


def compact(elements: Sequence[Element], book: Book) -> None:
    """Compact the text of a page's elements, in place."""
    blank_after = _blank_ends(elements, book)
    seen: dict[int, int] = {}  # row -> the last element that shows something where it ends on this row
    modes = ['line']
    firsts = [0]               # for each open block the first element that text in it looks back to
    for index, element in enumerate(elements):
        if isinstance(element, Text):
            shown = _shows(element.text.rpartition('\n')[2])
            if modes[-1] in ('line', 'full'):
                row = book.row(element.start)
                element.text = _compact_lines(element.text, seen.get(row, -1) < firsts[-1], blank_after[index])
            if modes[-1] in ('space', 'full'):
                element.text = _BREAK.sub('\n', _RUN.sub(' ', element.text))
            if shown:
                seen[book.row(element.end)] = index
        elif isinstance(element, Expression):
            seen[book.row(element.end)] = index
        elif isinstance(element, Compact):
            modes[-1] = element.mode
        else:
            _enter_and_leave(element, index, modes, firsts)


def _enter_and_leave(element: Element, index: int, modes: list[str], firsts: list[int]) -> None:
    """Follow the blocks and tag bodies that an element opens and closes."""
    steps: list[bool] = []
    if isinstance(element, Code):
        for part in element.parts:
            if isinstance(part, Close):
                steps.append(False)
            elif part.opens is not None:
                steps.append(True)
    elif isinstance(element, TagOpen) and element.paired:
        steps.append(True)
    elif isinstance(element, TagClose):
        steps.append(False)
    for opens in steps:
        if opens:
            modes.append('full' if modes[-1] in ('space', 'full') else 'line')
            firsts.append(index + 2)  # a block never looks back at its own first element
        else:
            modes.pop()
            firsts.pop()


def _blank_ends(elements: Sequence[Element], book: Book) -> list[bool]:
    """For each element whether nothing is shown behind it on the row where it ends."""
    shown: set[int] = set()
    blank = [True] * len(elements)
    for index in range(len(elements) - 1, -1, -1):
        element = elements[index]
        if isinstance(element, Text):
            blank[index] = book.row(element.end) not in shown
            if _shows(element.text.partition('\n')[0]):
                shown.add(book.row(element.start))
        elif isinstance(element, Expression):
            shown.add(book.row(element.start))
        elif isinstance(element, Code) and element.chunk:
            shown.discard(book.row(element.start))  # a chunk counts as the end of its line (chunk-one-line-b)
    if len(elements) > 1 and book.row(elements[0].start) == book.row(elements[0].end):
        # Blanks before code at the very start go although text follows (recorded cases lambda-loop, lambda-nested).
        blank[0] = not isinstance(elements[1], Expression)
    return blank


def _shows(text: str) -> bool:
    return bool(text) and not text.isspace()


def _compact_lines(text: str, blank_before: bool, blank_after: bool) -> str:
    first, newline, rest = text.partition('\n')
    if newline and blank_before and not _shows(first):
        text = rest
    text = _TRAILING.sub('', text)
    head, newline, last = text.rpartition('\n')
    return head + newline if blank_after and not _shows(last) else text
