"""Plain texts, which are read beside the code, as parts of the manual: made into reStructuredText."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_ENDS = {'sessions': ('docs/sessions.txt', '1. The promises\n-'), 'differences': ('CHANGES.txt', 'The first version')}
"""Document -> the text at its end, and with what of it to begin: its title and contents are left out."""

_EXAMPLE = re.compile(r'Example (?P<kind>\w+) (?P<name>\S+):(?P<about>.*)')
_LANGUAGES = {'page': 'spyce', 'lines': 'none'}
_RULE = re.compile(r'-{3,}')
_ROW = re.compile(r' {4}(?P<name>\w+) {2,}(?P<text>\S.*)')
_INDENT = ' ' * 4


def include_plain_text(app: Any, document: str, source: list[str]) -> None:
    """What Sphinx calls before it reads a document: some end with a plain text."""
    if document in _ENDS:
        name, first = _ENDS[document]
        file = Path(__file__).parents[2] / name
        app.env.note_dependency(str(file))
        text = file.read_text('utf-8')
        source[0] += '\n' + markup(text[text.index(first):])


def markup(text: str) -> str:
    """A plain text with markup. Titles are underlined, lists have dashes, and what is indented stays as it is."""
    lines = text.splitlines()
    done: list[str] = []
    before = '::'
    while lines:
        if len(lines) > 1 and _RULE.fullmatch(lines[1]):
            done += [lines.pop(0), lines.pop(0)]
        elif lines[0].startswith(_INDENT):
            block = _taken(lines, lambda line: not line or line.startswith(_INDENT))
            done += [before, '', *block, '']
            before = '::'
        else:
            paragraph = _taken(lines, bool) or [lines.pop(0)]
            example = _EXAMPLE.fullmatch(paragraph[0])
            if example is None:
                done += [*_paragraph(paragraph), '']
                continue
            done += [example['about'].strip(), '']
            before = f'.. code-block:: {_LANGUAGES.get(example["kind"], "python")}\n    :caption: {example["name"]}'
    return '\n'.join(done)


def _taken(lines: list[str], wanted: Any) -> list[str]:
    """The first lines that are wanted, taken away."""
    taken = []
    while lines and wanted(lines[0]):
        taken.append(lines.pop(0))
    return taken


def _paragraph(lines: list[str]) -> list[str]:
    """A paragraph; indented lines below a line of it are rows `name  text`, or text and then names of tests."""
    done: list[str] = []
    if len(lines) > 1 and lines[1].startswith('- ') and not lines[0].startswith('- '):
        done += [f'**{_escaped(lines.pop(0))}**', '']
    while lines:
        head = [_escaped(line) for line in _taken(lines, lambda line: not line.startswith(_INDENT))]
        below = _taken(lines, lambda line: line.startswith(_INDENT))
        done += [f'**{" ".join(head)}**'] if below else head
        if below and _ROW.match(below[0]):
            rows = [(_ROW.match(line), _escaped(line.strip())) for line in below]
            done += ['', *(f':{row["name"]}: {_escaped(row["text"])}' if row else _INDENT + text for row, text in rows)]
        elif below:
            tests = [line.strip() for line in below if line.startswith(' ' * 10)]
            texts = [line.strip() for line in below if not line.startswith(' ' * 10)]
            done += ['', *(f'    {_escaped(text)}' for text in texts), '', *(f'    | ``{test}``' for test in tests), '']
    return done


def _escaped(text: str) -> str:
    """Text without markup: `x` is code."""
    pieces = text.split('`')
    if len(pieces) % 2 == 0:
        return re.sub(r'([\\*_|:`])', r'\\\1', text)
    return ''.join(f'``{piece}``' if number % 2 else re.sub(r'([\\*_|:])', r'\\\1', piece)
                   for number, piece in enumerate(pieces))
