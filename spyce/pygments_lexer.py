"""Colours for Spyce pages wherever Pygments is used: the extra `highlight` brings it, an entry point makes it known.

    pygmentize -l spyce page.spy
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pygments.lexer import DelegatingLexer, Lexer, RegexLexer, bygroups, do_insertions
from pygments.lexers.html import HtmlLexer
from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Error, Keyword, Name, Operator, Other, Punctuation, String, Text, Whitespace

from spyce.page.lexer import comment_end, next_delimiter

Tokens = Iterable[tuple[int, Any, str]]

_ESCAPE = re.compile(r'\\(?=\[\[|\]\]|<%|%>)')
_SIGNATURE = re.compile(r'[^:\[\]<>]*:')
_FIRST_LINE = re.compile(r'#![^\n]*')
_ACTIVE = re.compile(r'(</?|)([A-Za-z_][\w.-]*)(:)([A-Za-z_][\w.-]*)')


class _DirectiveLexer(RegexLexer):  # type: ignore[misc]
    """What stands in `[[. ]]`: a name and attributes."""

    tokens = {
        'root': [
            (r'\s+', Whitespace, 'attributes'),
            (r'\w+', Keyword.Namespace, 'attributes'),
            (r'.', Text, 'attributes'),
        ],
        'attributes': [
            (r'\s+', Whitespace),
            (r'([\w.-]+)(\s*)(=)', bygroups(Name.Attribute, Whitespace, Operator)),
            (r'"[^"]*"|\'[^\']*\'', String),
            (r'[^\s=]+', String),
            (r'=', Operator),
        ],
    }


class _CodeLexer(Lexer):  # type: ignore[misc]
    """The parts of a page that are not HTML; that is left as `Other`."""

    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, Any, str]]:
        position = 0
        first = _FIRST_LINE.match(text)
        if first:
            yield 0, Comment.Hashbang, first.group()
            position = first.end()
        open_parts: list[str] = []
        while (delimiter := next_delimiter(text, position, len(text))) is not None:
            yield from self._part(open_parts, text, position, delimiter.start)
            position = delimiter.end
            if delimiter.kind == 'comment':
                position = comment_end(text, delimiter.end, len(text)) or len(text)
                yield delimiter.start, Comment.Multiline, text[delimiter.start:position]
            elif delimiter.kind == 'close' and open_parts:
                open_parts.pop()
                yield delimiter.start, Comment.Preproc, delimiter.text
            elif delimiter.kind in ('close', 'uncomment'):  # the compiler refuses it
                yield delimiter.start, Error, delimiter.text
            else:
                open_parts.append(delimiter.kind)
                yield delimiter.start, Comment.Preproc, delimiter.text
                if delimiter.kind == 'lambda' and (signature := _SIGNATURE.match(text, position)):
                    yield from self._python(signature.group(), position)
                    position = signature.end()
        yield from self._part(open_parts, text, position, len(text))

    def _part(self, open_parts: list[str], text: str, start: int, end: int) -> Tokens:
        """The text between two delimiters, as the innermost open one has it."""
        kind = open_parts[-1] if open_parts else 'lambda'
        if kind == 'lambda':
            return _html(text, start, end)
        if kind == 'directive':
            return _shifted(_DirectiveLexer().get_tokens_unprocessed(text[start:end]), start)
        return self._python(text[start:end], start)

    def _python(self, code: str, start: int) -> Tokens:
        # Escapes are undone before Python sees the code.
        bare = _ESCAPE.sub('', code)
        insertions = [(match.start() - index, [(0, String.Escape, '\\')])
                      for index, match in enumerate(_ESCAPE.finditer(code))]
        tokens = PythonLexer().get_tokens_unprocessed(bare)
        return _shifted(do_insertions(insertions, tokens) if insertions else tokens, start)


def _html(text: str, start: int, end: int) -> Tokens:
    for match in _ESCAPE.finditer(text, start, end):
        yield start, Other, text[start:match.start()]
        yield match.start(), String.Escape, '\\'
        start = match.end()
    yield start, Other, text[start:end]


def _shifted(tokens: Tokens, by: int) -> Tokens:
    for index, token, value in tokens:
        yield index + by, token, value


class _HtmlLexer(HtmlLexer):  # type: ignore[misc]
    """HTML with holes, where code was: what then looks wrong may well be right."""

    def get_tokens_unprocessed(self, text: str, stack: tuple[str, ...] = ('root',)) -> Iterator[tuple[int, Any, str]]:
        for index, token, value in super().get_tokens_unprocessed(text, stack):
            yield index, Text if token is Error else token, value


class SpyceLexer(DelegatingLexer):  # type: ignore[misc]
    """HTML with Python between `[[` and `]]`, or `<%` and `%>`."""

    name = 'Spyce'
    aliases = ['spyce']
    filenames = ['*.spy', '*.spi']
    mimetypes = ['text/x-spyce', 'application/x-spyce']
    url = 'https://spyce.sourceforge.net'

    def __init__(self, **options: Any) -> None:
        super().__init__(_HtmlLexer, _CodeLexer, **options)

    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, Any, str]]:
        for index, token, value in super().get_tokens_unprocessed(text):
            active = _ACTIVE.fullmatch(value) if token is Name.Tag else None
            if active is None:
                yield index, token, value
                continue
            for group, kind in enumerate((Punctuation, Name.Namespace, Punctuation, Name.Tag), 1):
                if active.group(group):
                    yield index + active.start(group), kind, active.group(group)

    @staticmethod
    def analyse_text(text: str) -> float:
        """How likely a text is a page, from 0 to 1."""
        if re.search(r'\[\[\.\s*(import|include|taglib|compact|module)\b|\[\[spy!?\s', text):
            return 0.6
        return 0.3 if re.search(r'\[\[[=\\!]', text) and ']]' in text else 0.0
