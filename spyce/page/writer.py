"""Python text with the place in the page that each character stands for."""

from spyce.page.book import Book, Mapped
from spyce.page.glue import Glue
from spyce.page.statements import Line

Ref = tuple[tuple[int, int], tuple[int, int], str, str]

_INDENT = '    '


class GeneratedText:
    """Python text as it is shown, and which code of the page stands in it."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self.pieces: list[str | Glue] = []
        self.own: list[tuple[int, Mapped]] = []  # the page's own code, each with its line

    def text(self) -> str:
        return ''.join(map(str, self.pieces))

    def refs(self) -> dict[int, Ref]:
        """From a line of the text to (begin, end, code, file) of the page's own code there."""
        refs: dict[int, Ref] = {}
        for number, code in self.own:
            file, line, column = self._book.place(code.offsets[0])
            _file, end_line, end_column = self._book.place(code.offsets[-1])
            refs[number] = ((line, column - 1), (end_line, end_column), code.text, file)
        return refs

    def longest(self) -> int:
        """The offset of the longest piece of the page's own code."""
        return max(((len(code.text), code.offsets[0]) for _line, code in self.own), default=(0, 0))[1]


class Writer:
    """Writes Python text in lines.

    It is written twice, line for line: as it is shown, and as it is parsed, with an offset of the book for each
    character; there statements that are made from templates are left out, but for the page's own code in them.
    """

    def __init__(self, book: Book) -> None:
        self.shown = GeneratedText(book)
        self.offsets: list[int] = []
        self.glues: dict[int, Glue] = {}  # by the line where they begin, in place of the statement there
        self._parsed: list[str] = []
        self.lines = 0
        self.depth = 0
        self.empty = [False]  # for each open block whether it has no statement yet

    def parsed(self) -> str:
        """The text to parse."""
        return ''.join(self._parsed)

    def glue(self, text: str, at: int) -> None:
        """A line of the engine's own, standing for one place."""
        self._put(_INDENT * self.depth + text + '\n', at)
        self.lines += 1
        self.empty[-1] = False

    def mixed(self, *pieces: Mapped) -> None:
        """A line made of pieces."""
        first = next((piece.offsets[0] for piece in pieces if piece.offsets), 0)
        self._put(_INDENT * self.depth, first)
        last = first
        for piece in pieces:
            self._add(piece)
            last = piece.offset(len(piece.text)) if piece.text else last
        self._put('\n', last)
        self.lines += 1
        self.empty[-1] = False

    def code(self, line: Line) -> None:
        """A line of the page's own code."""
        text = line.code.text
        if not text and not line.raw:
            return
        begin = line.code.offset(0)
        if text:
            self.shown.own.append((self.lines + 1, line.code))
        if not line.raw:
            self._put(_INDENT * self.depth, begin)
        self._add(line.code)
        self._put('\n', line.code.offset(len(text)))
        self.lines += 1
        if not line.comment:
            self.empty[-1] = False

    def output(self, template: str, text: str, at: int, code: Mapped | None = None) -> None:
        """Statements from a template (see glue.py).

        :param code: the page's expression in it, in its first line; if there is none, all stands for the place `at`.
        """
        indent = _INDENT * self.depth
        value, begin, end, own = '0', at, at, 0
        if code:
            # In parentheses it may span lines.
            value, own = f'({code.text}\n)' if '#' in code.text else f'({code.text})', len(code.text)
            begin, end = code.offsets[0], code.offsets[-1]
            self.shown.own.append((self.lines + 1, code))
        parsed = f'{indent}{value}\n' + '\n' * template.count('\n')
        glue = self.glues[self.lines + 1] = Glue(template, indent, value, text, begin, end)
        self.shown.pieces.append(glue)
        self._parsed.append(parsed)
        before = len(indent) + 1
        self.offsets += [begin] * before
        if code:
            self.offsets += code.offsets
        self.offsets += [end] * (len(parsed) - before - own)
        self.lines += parsed.count('\n')
        self.empty[-1] = False

    def enter(self) -> None:
        self.depth += 1
        self.empty.append(True)

    def leave(self, at: int) -> None:
        """End a block; a block needs a statement."""
        if self.empty[-1]:
            self.glue('pass', at)
        self.empty.pop()
        self.depth -= 1

    def _put(self, text: str, at: int) -> None:
        self.shown.pieces.append(text)
        self._parsed.append(text)
        self.offsets += [at] * len(text)

    def _add(self, piece: Mapped) -> None:
        self.shown.pieces.append(piece.text)
        self._parsed.append(piece.text)
        self.offsets += piece.offsets
        self.lines += piece.text.count('\n')
