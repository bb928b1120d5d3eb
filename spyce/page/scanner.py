"""A scanner of Python text that knows strings, comments and brackets, and does not mind braces around blocks.

Python's own tokenizer cannot be used: it takes the braces of a page's blocks for dictionaries, and what it does with
text that is not yet Python differs between versions.
"""

import re
import sys
from collections.abc import Iterator

from spyce.page.book import Mapped
from spyce.page.errors import PlacedError

_TOKEN = re.compile(r'''
    (?P<blank>[ \t\f]+)
  | (?P<string>(?:[bB][rR]?|[rR][bBfFtT]?|[fFtT][rR]?|[uU])?(?P<quote>"""|\'\'\'|"|\'))
  | (?P<word>\w+)
  | (?P<comment>\#[^\n]*)
  | (?P<newline>\n)
  | (?P<continuation>\\\n)
  | (?P<open>[(\[{])
  | (?P<close>[)\]}])
  | (?P<operator>:=|[=!<>]=)
  | (?P<colon>:)
  | (?P<semicolon>;)
  | (?P<other>.)
''', re.VERBOSE)

_STRING_END = {
    "'": re.compile(r"[^'\\\n]*(?:\\.[^'\\\n]*)*'", re.DOTALL),
    '"': re.compile(r'[^"\\\n]*(?:\\.[^"\\\n]*)*"', re.DOTALL),
    "'''": re.compile(r"[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''", re.DOTALL),
    '"""': re.compile(r'[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""', re.DOTALL),
}
_NESTING_STRINGS = sys.version_info >= (3, 12)
BLANK = ' \t\f'
_CLOSING = {'(': ')', '[': ']', '{': '}'}
_NOTABLE = re.compile('[\'"\\\\()\\[\\]{}\0\ud800-\udfff]')
_UNUSABLE = re.compile('[\0\ud800-\udfff]')

Token = tuple[str, int, int]


def scan(code: Mapped) -> Iterator[Token]:
    """The tokens of Python text: (kind, start, end), where kind is a group name of the pattern above.

    :raises PlacedError: for a string that does not end, or a character that no Python text can hold.
    """
    text = code.text
    unusable = _UNUSABLE.search(text)
    if unusable:
        raise PlacedError(f'invalid character {unusable.group()!a} in code', code.offset(unusable.start()))
    position = 0
    while match := _TOKEN.match(text, position):
        kind = match.lastgroup or ''
        end = match.end()
        if kind == 'string':
            end = _string_end(code, match)
        elif kind == 'other' and text[position] == '\\':
            raise PlacedError('unexpected character after line continuation character: a backslash must be the last '
                              'character of its line', code.offset(position))
        yield kind, position, end
        position = end


def _string_end(code: Mapped, match: re.Match[str]) -> int:
    prefix = match.group()[:-len(match.group('quote'))].lower()
    quote = match.group('quote')
    if _NESTING_STRINGS and ('f' in prefix or 't' in prefix):
        found = _formatted_end(code.text, match.end(), quote)
        if found is not None:
            return found
    else:
        end = _STRING_END[quote].match(code.text, match.end())
        if end:
            return end.end()
    what = 'triple-quoted string literal' if len(quote) == 3 else 'string literal'
    raise PlacedError(f'unterminated {what}', code.offset(match.start()))


def _formatted_end(text: str, position: int, quote: str) -> int | None:
    """The end of an f-string of Python 3.12 and later, whose fields may hold any quotes; None if there is none."""
    # What is open: a quote, '{' for a field's expression, ':' for its format, another bracket within an expression.
    stack = [quote]
    while position < len(text):
        char = text[position]
        top = stack[-1]
        if top in _STRING_END or top == ':':
            if top != ':' and text.startswith(top, position):
                position += len(top)
                stack.pop()
                if not stack:
                    return position
                continue
            if char == '\\':
                position += 1
            elif char == '\n' and len(top) == 1 and top != ':':
                return None
            elif text.startswith('{{', position) and top != ':':
                position += 1
            elif char == '{':
                stack.append('{')
            elif char == '}' and top == ':':
                stack.pop()
                stack.pop()
        else:
            match = _TOKEN.match(text, position)
            assert match is not None
            opened = match.group('quote')
            if opened:
                prefix = match.group()[:-len(opened)].lower()
                if 'f' in prefix or 't' in prefix:
                    stack.append(opened)
                    position = match.end()
                    continue
                end = _STRING_END[opened].match(text, match.end())
                if not end:
                    return None
                position = end.end()
                continue
            if char in _CLOSING:
                stack.append(char)
            elif char in ')]}':
                if _CLOSING.get(top) != char:
                    return None
                stack.pop()
            elif char == ':' and top == '{':
                stack.append(':')
            elif match.lastgroup in ('word', 'comment'):
                position = match.end()
                continue
        position += 1
    return None


class Brackets:
    """The brackets that are open at one point of Python text."""

    def __init__(self, code: Mapped) -> None:
        self._code = code
        self._open: list[int] = []

    def __bool__(self) -> bool:
        return bool(self._open)

    def open(self, index: int) -> None:
        self._open.append(index)

    def close(self, index: int) -> None:
        """
        :raises PlacedError: if the bracket there does not fit.
        """
        char = self._code.text[index]
        if not self._open:
            raise PlacedError(f"unmatched '{char}'", self._code.offset(index))
        opened = self._code.text[self._open.pop()]
        if _CLOSING[opened] != char:
            raise PlacedError(f"closing bracket '{char}' does not match opening bracket '{opened}'",
                              self._code.offset(index))

    def finish(self) -> None:
        """
        :raises PlacedError: if a bracket is still open.
        """
        if self._open:
            index = self._open[-1]
            raise PlacedError(f"'{self._code.text[index]}' was never closed", self._code.offset(index))


def check(code: Mapped) -> None:
    """Refuse Python text that could reach over its end.

    :raises PlacedError: as checked().
    """
    if _NOTABLE.search(code.text):
        checked(code)


def checked(code: Mapped) -> list[Token]:
    """The tokens of Python text that stands by itself, after a check that it cannot reach over its end.

    :raises PlacedError: for a string or bracket left open, a bracket too many, a backslash at the end.
    """
    brackets = Brackets(code)
    tokens = list(scan(code))
    for kind, start, _end in tokens:
        if kind == 'open':
            brackets.open(start)
        elif kind == 'close':
            brackets.close(start)
    brackets.finish()
    refuse_open_line(code, tokens)
    return tokens


def refuse_open_line(code: Mapped, tokens: list[Token]) -> None:
    """
    :raises PlacedError: if the last line of the code ends in a backslash.
    """
    for kind, start, _end in reversed(tokens):
        if kind == 'continuation':
            raise PlacedError('unexpected end of code after a backslash', code.offset(start))
        if kind not in ('blank', 'newline'):
            return
