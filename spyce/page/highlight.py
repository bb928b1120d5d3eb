"""Page source as coloured HTML: what include.spycecode shows."""

import re
from collections.abc import Iterator, Mapping
from html import escape

from spyce.page.lexer import comment_end, next_delimiter

Style = tuple[str, str]

STYLES: dict[str, Style] = {
    'html': ('', ''),
    'code': ('<span style="color:#2f6fb5">', '</span>'),
    'eval': ('<span style="color:#a6391c">', '</span>'),
    'directive': ('<span style="color:#7a4fb0">', '</span>'),
    'comment': ('<span style="color:#7d8590">', '</span>'),
    'tag': ('<span style="color:#3b8f4f">', '</span>'),
}
"""What stands before and after a part of each kind."""

_PARTS = {'statement': 'code', 'chunk': 'code', 'class chunk': 'code', 'lambda': 'html', 'expression': 'eval',
          'directive': 'directive', 'comment': 'comment'}

_TAG = re.compile(r'(</?[A-Za-z_]\w*:[A-Za-z_][^<>]*>)')


def highlight(text: str, styles: Mapping[str, Style] = STYLES) -> str:
    """The source as HTML, escaped, each part between the two texts that `styles` has for its kind."""
    coloured = []
    for part, piece in _pieces(text):
        before, after = styles[part]
        coloured.append(before + escape(piece) + after)
    return ''.join(coloured)


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """(part, text) from begin to end, active tags apart from the text around them."""
    for part, piece in _delimited(text):
        if part == 'html':
            for index, found in enumerate(_TAG.split(piece)):
                yield ('tag' if index % 2 else 'html'), found
        else:
            yield part, piece


def _delimited(text: str) -> Iterator[tuple[str, str]]:
    """(part, text) from begin to end; a delimiter belongs to the part that it opens or closes."""
    open_parts: list[str] = []
    position = start = 0
    while (delimiter := next_delimiter(text, position, len(text))) is not None:
        position = delimiter.end
        if delimiter.kind in _PARTS:
            yield (open_parts[-1] if open_parts else 'html'), text[start:delimiter.start]
            start = delimiter.start
            if delimiter.kind == 'comment':
                position = comment_end(text, delimiter.end, len(text)) or len(text)
                yield 'comment', text[start:position]
                start = position
            else:
                open_parts.append(_PARTS[delimiter.kind])
        elif open_parts:
            yield open_parts.pop(), text[start:delimiter.end]
            start = delimiter.end
    yield (open_parts[-1] if open_parts else 'html'), text[start:]
