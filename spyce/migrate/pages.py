"""Converts a page in place: each piece of its Python where it stands, all else untouched, character for character."""
from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from spyce.migrate.fixers import Note
from spyce.migrate.python import UnreadablePython, convert
from spyce.migrate.reading import LAMBDA, PageReading, Piece
from spyce.migrate.skeleton import GLUE, Skeleton, continues_block, segments
from spyce.page.source import PageSource

_MOST_LEFT_OUT = 50
_TOKEN = re.compile(r'_spyceValue_\(|\w+|\n|[ \t]+|.')
_DELIMITER = re.compile(r'\[\[|\]\]|<%|%>')
_BARE = re.compile(r'[-a-zA-Z0-9./:;+*%?!&$()_#=~]+')
_TOP = re.compile(r'^(?:class _spyceClass_|def _spyceUnit0_)', re.MULTILINE)
_UNKNOWN_PYTHON = 'this cannot be read as Python 2: it was left as it is'
_PARAMETERS = 'a tuple cannot be a parameter any more: take it as one, and unpack it in the code'
_BY_HAND = 'this must be written by hand: '


@dataclass(frozen=True)
class PageConversion:
    """A converted page; notes with line and column, both from 1; whether it is of Python 2 for certain."""

    text: str
    notes: tuple[tuple[int, int, str], ...]
    is_python2: bool


class Edit(NamedTuple):
    """Text that replaces the page's from `start` to `end`."""

    start: int
    end: int
    text: str


def convert_page(text: str, file: str, *, likely: bool, prefixes: Collection[str] = (),
                 own_modules: Collection[str] = ()) -> PageConversion:
    """Convert the Python of a page.

    :param text: of the page, with any line ends.
    :param likely: as for convert().
    :param prefixes: of tags that are active from the start.
    :param own_modules: names of the site's own Python modules.
    """
    return _Converter(text, PageReading(PageSource(text, file), prefixes)).convert(likely, own_modules)


class _Converter:
    def __init__(self, text: str, reading: PageReading) -> None:
        self.text = text
        self.reading = reading
        self.notes: list[tuple[int, int, str]] = []

    def convert(self, likely: bool, own_modules: Collection[str]) -> PageConversion:
        left_out: frozenset[int] = frozenset()
        orphans: frozenset[int] = frozenset()
        while True:
            skeleton = Skeleton(self.reading, left_out, orphans)
            try:
                converted = convert(skeleton.text, likely=likely, own_modules=own_modules)
                break
            except UnreadablePython as error:
                number = skeleton.number_at(error.line)
                if continues_block(skeleton.pieces[number]) and number not in orphans:
                    orphans |= {number}
                    continue
                self._note(skeleton.offset(error.line, error.column), _UNKNOWN_PYTHON)
                if number in left_out or len(left_out) >= _MOST_LEFT_OUT:
                    return PageConversion(self.text, tuple(self.notes), True)
                left_out |= {number}
        for note in converted.notes:
            self._add(skeleton, note)
        edits = list(self._edits(skeleton, converted.text))
        return PageConversion(self._edited(edits), tuple(sorted(set(self.notes))),
                              converted.is_python2 or bool(left_out))

    def _add(self, skeleton: Skeleton, note: Note) -> None:
        self._note(skeleton.offset(note.line, note.column), note.message)

    def _note(self, offset: int, message: str) -> None:
        _file, line, column = self.reading.book.place(offset)
        self.notes.append((line, column, message))

    # edits

    def _edits(self, skeleton: Skeleton, new_text: str) -> Iterator[Edit]:
        top = _TOP.search(new_text)
        imports = new_text[:top.start()].splitlines() if top else []
        new = {number: new_text[start:end] for number, start, end in segments(new_text)}
        if top and 0 in new:
            new[0] = new[0][top.start():]
        changed: dict[int, str] = {}
        for number, start, end in segments(skeleton.text):
            old = skeleton.text[start:end]
            if new.get(number, old) != old:
                changed[number] = new[number]
                yield from self._piece_edits(skeleton, number, start, old, new[number])
        for line in imports:
            yield from self._import(line, skeleton, changed)

    def _piece_edits(self, skeleton: Skeleton, number: int, base: int, old: str, new: str) -> Iterator[Edit]:
        piece = skeleton.pieces[number]
        edits = []
        opens = piece.lines[0].opens if piece is not None and piece.kind == 'line' else None
        if opens is not None and new.count('\n') > old.count('\n'):
            # fissix has put a statement below a header: it belongs behind the brace.
            lines = new.splitlines(keepends=True)
            new = ''.join(lines[:old.count('\n')])
            statements = '; '.join(line.strip() for line in lines[old.count('\n'):])
            edits.append(Edit(opens + 1, opens + 1, f' {statements};'))
        for start, end, text in _differences(old, new):
            edit = self._edit(skeleton, number, base + start, base + end, text)
            if edit is None:
                place = next((offset for offset in skeleton.offsets[base:base + len(old)] if offset != GLUE), 0)
                self._note(place, _PARAMETERS if piece is None else _BY_HAND + ' '.join(new.split()))
                return
            edits.append(edit)
        if piece is not None and piece.kind == 'value':
            edits = self._requoted(piece, edits)
        yield from edits

    def _edit(self, skeleton: Skeleton, number: int, start: int, end: int, text: str) -> Edit | None:
        """The edit of the page for a difference of the skeletons; None if it cannot be made."""
        piece, offsets = skeleton.pieces[number], skeleton.offsets
        if LAMBDA.search(text) or LAMBDA.search(skeleton.text[start:end]) or (piece is None and '\n' in text):
            return None
        within = [offset for offset in offsets[start:end] if offset != GLUE]
        text = self._laid_out(skeleton, number, start, text)
        if within:
            edit = Edit(self._begin(within[0]), within[-1] + 1, text)
        elif start and offsets[start - 1] != GLUE:
            place = self._end(offsets[start - 1])
            edit = Edit(place, place, text)
        else:
            following = next((offset for offset in offsets[end:] if offset != GLUE), None)
            if following is None or piece is None:
                return None
            edit = Edit(self._begin(following), self._begin(following), text)
        return edit._replace(text=self._kept_apart(edit, _DELIMITER.sub(r'\\\g<0>', edit.text)))

    def _kept_apart(self, edit: Edit, text: str) -> str:
        """New text with blanks where it would make a delimiter with what stands beside it."""
        before, after = self.reading.book.text[:edit.start][-1:], self.reading.book.text[edit.end:edit.end + 1]
        if text and _DELIMITER.fullmatch(before + text[0]):
            text = ' ' + text
        if text and _DELIMITER.fullmatch(text[-1] + after):
            text += ' '
        return text

    def _laid_out(self, skeleton: Skeleton, number: int, start: int, text: str) -> str:
        """New text with its line breaks as the construct wants them."""
        piece, indent = skeleton.pieces[number], ' ' * skeleton.indents[number]
        if piece is None or piece.kind == 'line':
            return re.sub(r'\n[ \t]*', '; ', text)
        own = self._own_indent(piece)
        at_line_start = start == 0 or skeleton.text[start - 1] == '\n'
        text = text.replace('\n' + indent, '\n' + own)
        return own + text.removeprefix(indent) if at_line_start and text.startswith(indent) else text

    def _own_indent(self, piece: Piece) -> str:
        """The indentation of a chunk in the page."""
        first = next((line.code.offset(0) for line in piece.lines if line.code.text), piece.start)
        before = self.reading.book.text[:first].rpartition('\n')[2]  # may be on the line of the delimiter
        return before[len(before.rstrip()):]

    def _begin(self, offset: int) -> int:
        """Where the page's text for a character begins: a delimiter in code has a backslash before it."""
        text = self.reading.book.text
        return offset - 1 if offset and text[offset - 1] == '\\' and _DELIMITER.match(text, offset) else offset

    def _end(self, offset: int) -> int:
        return self.reading.lambda_ends.get(offset, offset + 1)

    # attributes

    def _requoted(self, piece: Piece, edits: list[Edit]) -> list[Edit]:
        """Edits of an attribute's value, whose quotes must stay what they are."""
        book = self.reading.book.text
        code = piece.lines[0].code
        start, end = code.offset(0), code.offset(len(code.text))
        if book[start - 1] == '=' and book[start - 2] in '=\'"':
            start -= 1  # the mark of an expression
        before = book[start - 1]
        value = _apply(book, edits, start, end)
        if before in '\'"':
            other = '"' if before == "'" else "'"
            fitting = [edit._replace(text=edit.text.replace(before, other)) for edit in edits]
            if _same_arguments(_apply(book, fitting, start, end), value):
                return fitting
        elif _BARE.fullmatch(value):
            return edits
        elif '"' not in value or "'" not in value:
            quote = '"' if '"' not in value else "'"
            return [Edit(start, end, quote + value + quote)]
        self._note(start, _BY_HAND + 'the value of this attribute, as it needs both kinds of quotes')
        return []

    # imports that converted code needs

    def _import(self, line: str, skeleton: Skeleton, changed: dict[int, str]) -> Iterator[Edit]:
        """Put an import before the first construct of each unit that needs it."""
        word = re.compile(rf'\b{line.split()[-1].partition(".")[0]}\b')
        users = {number for number, text in changed.items() if word.search(text)}
        if line.startswith('from functools import reduce'):
            users = {number for number, start, end in segments(skeleton.text)
                     if word.search(skeleton.text[start:end])}
        for unit in self.reading.units:
            own = [piece for piece in unit.events if isinstance(piece, Piece)]
            using = [piece for piece in [*unit.class_chunks, *own]
                     if any(skeleton.pieces[number] is piece for number in users)]
            first = next((piece for piece in own if piece.kind != 'value'), None)
            for piece in using:
                if piece.kind in ('class chunk', 'value') or first is None:
                    self._note(piece.start, f'this needs {line}, where it can be seen from here')
                    using = [each for each in using if each is not piece]
            if using and first is not None:
                is_asp = self.reading.book.text.startswith('<%', first.start)
                yield Edit(first.start, first.start, f'<% {line} %>' if is_asp else f'[[ {line} ]]')

    def _edited(self, edits: list[Edit]) -> str:
        """The page with the edits, in its own line ends."""
        if not edits:
            return self.text
        places = _places(self.text)
        newline = '\r\n' if '\r\n' in self.text else '\r' if '\r' in self.text else '\n'
        return _apply(self.text, [Edit(places[edit.start], places[edit.end], edit.text.replace('\n', newline))
                                  for edit in edits])


def _same_arguments(value: str, other: str) -> bool:
    """Whether two values of an attribute mean the same as arguments of a call."""
    trees = []
    for text in (value, other):
        try:
            trees.append(ast.dump(ast.parse(f'f({text.removeprefix("=")}\n)')))
        except (SyntaxError, ValueError):
            return False
    return trees[0] == trees[1]


def _places(text: str) -> list[int]:
    """For each offset of the book, which has only LF, the index into the text as it was read."""
    places = [index for index, char in enumerate(text) if char != '\n' or not index or text[index - 1] != '\r']
    return [*places, len(text), len(text)]


def _apply(text: str, edits: list[Edit], start: int = 0, end: int | None = None) -> str:
    """A stretch of a text with the edits in it."""
    parts = []
    for edit in sorted(edits, key=lambda edit: edit[:2]):
        parts += [text[start:edit.start], edit.text]
        start = edit.end
    return ''.join([*parts, text[start:end]])


def _differences(old: str, new: str) -> Iterator[tuple[int, int, str]]:
    """What changed: (start, end) in `old`, and the new text there.  By lines first, then by tokens."""
    old_lines, new_lines = old.splitlines(keepends=True), new.splitlines(keepends=True)
    position = _positions(old_lines)
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old_lines, new_lines, autojunk=False).get_opcodes():
        if kind != 'equal':
            old_tokens = _TOKEN.findall(''.join(old_lines[a:b]))
            new_tokens = _TOKEN.findall(''.join(new_lines[c:d]))
            inner = _positions(old_tokens)
            for change, i, j, k, m in difflib.SequenceMatcher(None, old_tokens, new_tokens,
                                                              autojunk=False).get_opcodes():
                if change != 'equal':
                    yield position[a] + inner[i], position[a] + inner[j], ''.join(new_tokens[k:m])


def _positions(parts: list[str]) -> list[int]:
    positions = [0]
    for part in parts:
        positions.append(positions[-1] + len(part))
    return positions
