"""Chunks `[[\\ ]]` and class chunks `[[! ]]`: indented Python, moved to the depth where it stands."""

from spyce.page.book import Mapped
from spyce.page.errors import PlacedError
from spyce.page.scanner import BLANK, Brackets, checked
from spyce.page.statements import Line


def outdent(code: Mapped) -> list[Line]:
    """The physical lines of a chunk, without the indentation of its first line that is not blank.

    Strings over several lines lose that indentation too and keep the rest (recorded case chunk-triple-quoted-string).
    Code that begins on the line of the delimiter may be followed by lines without indentation, as in 2.1.

    :raises PlacedError: for a string or bracket left open, or a later line that is indented less.
    """
    in_string, continued = _inner_lines(code)
    lines: list[Line] = []
    indent: str | None = None
    start = 0
    for text in code.text.split('\n'):
        end = start + len(text)
        body = text.lstrip(BLANK)
        own = text[:len(text) - len(body)]
        if start in in_string:
            cut = len(indent) if indent and text.startswith(indent) else 0
            lines.append(Line(code[start + cut:end], raw=True))
        elif body:
            if indent is None:
                indent = own
            comment = body.startswith('#')
            if own.startswith(indent):
                cut = len(indent)
            elif comment or start in continued or (not own and not code.text[:code.text.index('\n')].isspace()
                                                   and code.text[0] != '\n'):
                cut = len(own)
            else:
                raise PlacedError("unindent: this line is indented less than the chunk's first line",
                                  code.offset(start + len(own)))
            lines.append(Line(code[start + cut:end], comment=comment and start not in continued))
        start = end + 1
    if lines and not lines[-1].raw:
        lines[-1].code = lines[-1].code[:len(lines[-1].code.text.rstrip())]
    return lines


def _inner_lines(code: Mapped) -> tuple[set[int], set[int]]:
    """Where lines begin inside a string, and where they begin inside brackets or after a backslash."""
    in_string: set[int] = set()
    continued: set[int] = set()
    brackets = Brackets(code)
    for kind, start, end in checked(code):
        if kind == 'open':
            brackets.open(start)
        elif kind == 'close':
            brackets.close(start)
        elif kind == 'string':
            in_string.update(start + index + 1 for index, char in enumerate(code.text[start:end]) if char == '\n')
        elif kind == 'continuation' or (kind == 'newline' and brackets):
            continued.add(end)
    return in_string, continued
