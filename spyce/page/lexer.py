"""The delimiters of page source (manual, section on lexical syntax; reference of both families)."""

import re
from typing import NamedTuple

from spyce.page.book import Book, Mapped

_MARK = re.compile(r'\[\[|\]\]|<%|%>')
_OPENING = re.compile(r'--|spy!?|[!\\=.]')
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


def next_delimiter(text: str, start: int, end: int) -> Delimiter | None:
    """The first delimiter that is not escaped."""
    position = start
    while match := _MARK.search(text, position, end):
        at, position = match.span()
        if at > start and text[at - 1] == '\\':
            continue
        if text[at] in '[<':
            opening = _OPENING.match(text, position, end)
            if opening:
                return Delimiter(KINDS[opening.group()], text[at:opening.end()], at, opening.end())
            if text[at] == '<' and text.startswith('@', position, end):
                position += 1
            return Delimiter(KINDS[text[at + 2:position]], text[at:position], at, position)
        if at - 2 >= start and text.startswith('--', at - 2):
            return Delimiter('uncomment', text[at - 2:position], at - 2, position)
        return Delimiter('close', match.group(), at, position)
    return None


def comment_end(text: str, start: int, end: int) -> int | None:
    """Where the comment whose inside begins at `start` ends, delimiter included; comments do not nest."""
    match = _COMMENT_END.search(text, start, end)
    return match.end() if match else None


def unescape(text: str) -> str:
    """Escaped delimiters become bare ones; there is no escape for the backslash itself."""
    return _ESCAPE.sub(r'\1', text) if '\\' in text else text


def mapped(book: Book, start: int, end: int) -> Mapped:
    """A stretch of the book as code, its escapes undone."""
    if not _ESCAPE.search(book.text, start, end):
        return book.piece(start, end)
    pieces: list[Mapped] = []
    for match in _ESCAPE.finditer(book.text, start, end):
        pieces.append(book.piece(start, match.start()))
        start = match.start() + 1
    pieces.append(book.piece(start, end))
    return Mapped.join(pieces)
