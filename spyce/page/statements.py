"""Statements `[[ ]]`: lines whose indentation means nothing, in blocks of braces that may span text.

A brace opens a block only right after the colon that ends the header of a compound statement; every other brace is
Python's (recorded cases stmt-dict-literal, stmt-dict-in-block; the spacing of the source is kept).
"""

import re
from dataclasses import dataclass

from spyce.page.book import Mapped
from spyce.page.errors import PlacedError
from spyce.page.scanner import BLANK, Brackets, Token, check, refuse_open_line, scan

_COMPOUND = frozenset(['if', 'elif', 'else', 'for', 'while', 'try', 'except', 'finally', 'with', 'def', 'class',
                       'async'])
_DIVIDING = re.compile('[\n:;{}#]')  # without these, code is a single line that opens no block
_SOFT = frozenset(['match', 'case'])


@dataclass
class Line:
    """A logical line of Python.

    :param code: its text; `raw` says that it begins inside a string, where no indentation may be added.
    :param opens: offset of the brace that opens a block after it, else None.
    :param comment: it holds no statement.
    """

    code: Mapped
    opens: int | None = None
    comment: bool = False
    raw: bool = False


@dataclass
class Close:
    """The brace at `offset` closes a block."""

    offset: int


class _Splitter:
    """Splits the code of one tag into logical lines and braces."""

    def __init__(self, code: Mapped) -> None:
        self.code = code
        self.parts: list[Line | Close] = []
        self.brackets = Brackets(code)
        self._begin: int | None = None  # where the current logical line begins and, so far, ends
        self._end = 0
        self._header = False            # within the header of a compound statement
        self._soft = False              # after a first word that may be the keyword match or case
        self._lambdas = 0               # lambdas whose colon is still to come
        self._colon: int | None = None  # end of the colon that ended a header: a brace may follow
        self._newline = False           # a line ended since that colon

    def split(self) -> list[Line | Close]:
        tokens = list(scan(self.code))
        for token in tokens:
            if token[0] not in ('blank', 'continuation'):
                self._take(token)
        self.brackets.finish()
        if self._colon is not None:
            raise self._no_block()
        self._flush()
        refuse_open_line(self.code, tokens)
        return self.parts

    def _take(self, token: Token) -> None:
        kind, start, end = token
        if kind == 'newline':
            self._newline = True
            if not self.brackets and self._colon is None:
                self._flush()
            return
        if kind == 'comment':
            self._comment(start, end)
            return
        if self._colon is not None and self._block(start):
            return
        if not self.brackets and self._between(kind, start):
            return
        if self._begin is None:
            self._start(kind, start, end)
        elif self._soft:
            self._soft = False
            self._header = kind == 'word' or kind == 'string' or self.code.text[start] in '([{-*~+'
        self._end = end
        self._follow(kind, start, end)

    def _comment(self, start: int, end: int) -> None:
        if self.brackets or self._colon is not None:
            return
        if self._begin is None:
            self.parts.append(Line(self.code[start:end], comment=True))
        else:
            self._end = end

    def _block(self, start: int) -> bool:
        """What follows a header's colon: true if it is the brace of a block."""
        assert self._begin is not None and self._colon is not None
        if self.code.text[start] == '{':
            self.parts.append(Line(self.code[self._begin:self._colon], opens=self.code.offset(start)))
            self._begin = self._colon = None
            return True
        if self._newline or self.code.text[start] == '}':
            raise self._no_block()
        self._colon = None
        return False

    def _no_block(self) -> PlacedError:
        assert self._colon is not None
        return PlacedError("expected '{' after ':': a block in [[ ]] is written in braces",
                           self.code.offset(self._colon - 1))

    def _between(self, kind: str, start: int) -> bool:
        """A brace that closes a block, and a semicolon right after a brace."""
        if self.code.text[start] == '}':
            self._flush()
            self.parts.append(Close(self.code.offset(start)))
            return True
        if kind == 'semicolon' and self._begin is None and self.parts:
            last = self.parts[-1]
            return isinstance(last, Close) or last.opens is not None
        return False

    def _start(self, kind: str, start: int, end: int) -> None:
        word = self.code.text[start:end] if kind == 'word' else ''
        self._begin = start
        self._header = word in _COMPOUND
        self._soft = word in _SOFT
        self._lambdas = 0

    def _follow(self, kind: str, start: int, end: int) -> None:
        if kind == 'open':
            self.brackets.open(start)
        elif kind == 'close':
            self.brackets.close(start)
        elif not self.brackets:
            if kind == 'word' and self.code.text[start:end] == 'lambda':
                self._lambdas += 1
            elif kind == 'colon' and self._lambdas:
                self._lambdas -= 1
            elif kind == 'colon' and self._header:
                self._header = False
                self._colon = end
                self._newline = False

    def _flush(self) -> None:
        if self._begin is not None:
            self.parts.append(Line(self.code[self._begin:self._end]))
            self._begin = None
            self._soft = self._header = False


def split_statements(code: Mapped) -> list[Line | Close]:
    """The lines and braces of a statement tag.

    :raises PlacedError: for a string or bracket left open, or a header without a block.
    """
    if _DIVIDING.search(code.text):
        return _Splitter(code).split()
    check(code)
    line = code.strip(BLANK)
    return [Line(line)] if line.text else []
