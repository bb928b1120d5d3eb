"""The examples of docs/manual/*.txt: code blocks with a caption.

    .. code-block:: spyce
       :caption: hello.spy

       [[= 1 + 1 ]]

    .. code-block:: text
       :caption: GET /hello.spy

       2

A caption that is a file name makes a file of the chapter's site; one that is a request (`GET /path?query`, `POST /path
body`, `PRESS label field=value`) says what the visitor of that site gets, white space aside. `...` in an answer
stands for anything. Requests are made in order, by one visitor. A code block without a caption that says `spyce` or
`python` is only compiled.
"""
from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

MANUAL = Path(__file__).parent.parent / 'docs' / 'manual'

REQUEST = re.compile(r'(GET|POST|PRESS) (\S.*)')

_BLOCK = re.compile(r'^(?P<indent> *)\.\. code-block:: (?P<language>\w+)\n'
                    r'(?P<options>(?:(?P=indent)   :[^\n]*\n)*)\n'
                    r'(?P<text>(?:(?:(?P=indent)   [^\n]*)?\n)+)', re.MULTILINE)
_CAPTION = re.compile(r':caption: (.*)')


@dataclass(frozen=True)
class Example:
    """One code block. line: of the document."""

    language: str
    caption: str
    text: str
    line: int

    @property
    def is_request(self) -> bool:
        return REQUEST.fullmatch(self.caption) is not None


def chapters() -> list[str]:
    """The documents, by name."""
    return sorted(file.stem for file in MANUAL.glob('*.txt'))


def examples(chapter: str) -> list[Example]:
    """The code blocks of a document, in order."""
    source = (MANUAL / f'{chapter}.txt').read_text('utf-8')
    found = []
    for match in _BLOCK.finditer(source + '\n'):
        caption = _CAPTION.search(match['options'])
        text = textwrap.dedent(match['text']).strip('\n') + '\n'
        found.append(Example(match['language'], caption[1].strip() if caption else '', text,
                             source.count('\n', 0, match.start()) + 1))
    return found
