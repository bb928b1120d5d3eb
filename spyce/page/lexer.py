"""The delimiters of page source (manual, section on lexical syntax; reference of both families).

Order matters: escapes first, then the longer delimiters.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from spyce.page.book import Book, Mapped

_DELIMITER = re.compile(r'''
    (?P<escape>\\(?:\[\[|\]\]|<%|%>))
  | (?:\[\[|<%)(?P<open>--|spy!?|[!\\=.]|(?<=%)@|)
  | (?P<uncomment>--(?:\]\]|%>))
  | (?P<close>\]\]|%>)
''', re.VERBOSE)
_COMMENT_END = re.compile(r'--(?:\]\]|%>)')
_ESCAPE = re.compile(r'\\(\[\[|\]\]|<%|%>)')

KINDS = {'': 'statement', '\\': 'chunk', '!': 'class chunk', '=': 'expression', '.': 'directive', '@': 'directive',
         '--': 'comment', 'spy': 'lambda', 'spy!': 'lambda'}


class Delimiter(NamedTuple):
    """A delimiter: its kind ('close', 'uncomment' or a value of KINDS), its text, and where it stands."""

    kind: str
    text: str
    start: int
    end: int


def delimiters(text: str, start: int, end: int) -> Iterator[Delimiter]:
    """The delimiters that are not escaped."""
    for match in _DELIMITER.finditer(text, start, end):
        if match.lastgroup != 'escape':
            kind = KINDS[match.group('open')] if match.lastgroup == 'open' else match.lastgroup or ''
            yield Delimiter(kind, match.group(), match.start(), match.end())


def next_delimiter(text: str, start: int, end: int) -> Delimiter | None:
    return next(delimiters(text, start, end), None)


def comment_end(text: str, start: int, end: int) -> int | None:
    """Where the comment whose inside begins at `start` ends, delimiter included; comments do not nest."""
    match = _COMMENT_END.search(text, start, end)
    return match.end() if match else None


def unescape(text: str) -> str:
    """Escaped delimiters become bare ones; there is no escape for the backslash itself."""
    return _ESCAPE.sub(r'\1', text) if '\\' in text else text


def mapped(book: Book, start: int, end: int) -> Mapped:
    """A stretch of the book as code, its escapes undone."""
    pieces: list[Mapped] = []
    for match in _ESCAPE.finditer(book.text, start, end):
        pieces.append(Mapped(book.text[start:match.start()], list(range(start, match.start()))))
        start = match.start() + 1
    pieces.append(Mapped(book.text[start:end], list(range(start, end))))
    return Mapped.join(pieces)
