"""What is known of an exception: the chain it ends, its frames, their source, and which of them are the site's."""
from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from types import CodeType, FrameType, TracebackType
from typing import Any

from spyce.page import PageSyntaxError
from spyce.runtime.exceptions import SpyceError
from spyce.runtime.imports import PREFIX

MAX_CHAIN = 10
MAX_MEMBERS = 20
MAX_FRAMES = 60
"""Of one exception; those in the middle of a deeper one (endless recursion) are left out."""

_SITE_NAMES = (PREFIX, 'spyceConfig')
_MACHINERY = ('spyce', 'importlib')
_LIBRARIES = ('site-packages', 'dist-packages')


class Kind(Enum):
    """Whose code a frame runs. ENGINE: Spyce, Python's import, and what hides itself with `__traceback_hide__`."""

    PAGE = 'page'
    SITE = 'site'
    LIBRARY = 'library'
    ENGINE = 'engine'


@dataclass(frozen=True)
class Frame:
    """One call on the way to an exception.

    file: real name of the source file; line: from 1.  function: '' for the body of a page, and for a place that no code
    has run at.  span: (begin, end) of the failing expression in the line, in characters from 0; None if it is not
    known (Python 3.10).  names: local names; empty but in frames of pages and the site.
    """

    kind: Kind
    file: str
    line: int
    function: str = ''
    span: tuple[int, int] | None = None
    names: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The line, without its line end; '' if the source cannot be had."""
        lines = self.around(0)
        return lines[0][1] if lines else ''

    def around(self, count: int) -> list[tuple[int, str]]:
        """(number, text) of the line and of `count` lines before and after it."""
        lines = source_lines(self.file)
        first = max(self.line - count, 1)
        return [(number, lines[number - 1].rstrip('\r\n'))
                for number in range(first, min(self.line + count, len(lines)) + 1)]


@dataclass(frozen=True)
class Failure:
    """An exception.

    kind: name of its class; message: its text and notes.  frames: the oldest first.  left_out: how many frames are
    missing in the middle.  link: how it led to the exception before it in the chain: 'cause', 'context', or '' for the
    first.  members: of an exception group.
    """

    exception: BaseException
    kind: str
    message: str
    frames: tuple[Frame, ...]
    left_out: int = 0
    link: str = ''
    members: tuple[Failure, ...] = ()

    @property
    def own(self) -> Frame | None:
        """The frame to look at first: the innermost of a page, else of the site, else of a library."""
        for kind in (Kind.PAGE, Kind.SITE, Kind.LIBRARY):
            for frame in reversed(self.frames):
                if frame.kind is kind:
                    return frame
        return None


def examine(exception: BaseException, root: str) -> list[Failure]:
    """The exception, then those that led to it, the latest first; root: folder of the site."""
    chain: list[Failure] = []
    seen: set[int] = set()
    current: BaseException | None = exception
    link = ''
    while current is not None and id(current) not in seen and len(chain) < MAX_CHAIN:
        seen.add(id(current))
        chain.append(_failure(current, link, root))
        if isinstance(current, PageSyntaxError):  # its cause lies in the generated text
            break
        if current.__cause__ is not None:
            current, link = current.__cause__, 'cause'
        else:
            current, link = (None if current.__suppress_context__ else current.__context__), 'context'
    return chain


def _failure(exception: BaseException, link: str, root: str, depth: int = 0) -> Failure:
    linecache.checkcache()
    frames = _frames(exception.__traceback__, os.path.join(os.path.realpath(root), '')) + _places(exception)
    left_out = max(len(frames) - MAX_FRAMES, 0)
    if left_out:
        frames = frames[:MAX_FRAMES // 2] + frames[-MAX_FRAMES // 2:]
    members = getattr(exception, 'exceptions', ()) if _is_group(exception) and depth < 3 else ()
    return Failure(exception, _class_name(exception), _message(exception), tuple(frames), left_out, link,
                   tuple(_failure(each, '', root, depth + 1) for each in members[:MAX_MEMBERS]))


def _is_group(exception: BaseException) -> bool:
    return sys.version_info >= (3, 11) and isinstance(exception, BaseExceptionGroup)  # noqa: F821  looked at by version


def _class_name(exception: BaseException) -> str:
    if isinstance(exception, PageSyntaxError):
        return 'Spyce syntax error'
    cls = type(exception)
    module = str(cls.__module__)
    if module in ('builtins', '__main__', 'spyce_page') or module.startswith('spyce.'):
        return cls.__qualname__
    if module.startswith(PREFIX):
        module = module.partition('.')[2]
    return f'{module}.{cls.__qualname__}'


def _message(exception: BaseException) -> str:
    """The text of an exception and its notes. It may be anybody's class, so that anything may go wrong here."""
    try:
        # Their text would name the line again.
        text = exception.msg if isinstance(exception, SyntaxError) else str(exception)
        return '\n'.join([str(text), *(str(note) for note in getattr(exception, '__notes__', ()))])
    except Exception as error:
        return f'(its text cannot be had: str() raised {type(error).__name__})'


def _frames(trace: TracebackType | None, root: str) -> list[Frame]:
    frames = []
    while trace is not None:
        frames.append(_frame(trace, root))
        trace = trace.tb_next
    return frames


def _frame(trace: TracebackType, root: str) -> Frame:
    frame, code = trace.tb_frame, trace.tb_frame.f_code
    kind = _kind(frame, root)
    file, line = code.co_filename, trace.tb_lineno
    locate = frame.f_globals.get('_spyceLocate')
    if locate is not None:
        file, line = locate(file, line)
    function = '' if kind is Kind.PAGE and code.co_name == 'spyceProcess' else code.co_name
    names = dict(frame.f_locals) if kind in (Kind.PAGE, Kind.SITE) else {}
    return Frame(kind, file, line, function, _span(code, trace.tb_lasti, file, line), names)


def _kind(frame: FrameType, root: str) -> Kind:
    module = str(frame.f_globals.get('__name__', ''))
    file = frame.f_code.co_filename
    if module.partition('.')[0] in _MACHINERY or file.startswith('<frozen importlib') or \
            '__traceback_hide__' in frame.f_locals:
        return Kind.ENGINE
    if '_spyceLocate' in frame.f_globals:
        return Kind.PAGE
    if module.startswith(_SITE_NAMES):
        return Kind.SITE
    below = root != os.sep and file.startswith(root) and not any(name in file for name in _LIBRARIES)
    return Kind.SITE if below else Kind.LIBRARY


def _span(code: CodeType, instruction: int, file: str, line: int) -> tuple[int, int] | None:
    if sys.version_info < (3, 11) or instruction < 0:
        return None
    first, last, begin, end = next(islice(code.co_positions(), instruction // 2, None), (None,) * 4)
    lines = source_lines(file)
    if first is None or begin is None or end is None or not 0 < line <= len(lines):
        return None
    text = lines[line - 1].rstrip()
    start = _characters(text, begin)
    stop = _characters(text, end) if first == last else len(text)
    return (start, stop) if start < stop else None


def _characters(text: str, bytes_before: int) -> int:
    return len(text.encode()[:bytes_before].decode(errors='ignore'))


def _places(exception: BaseException) -> list[Frame]:
    """Places that an exception names and that no code has run at: a line that cannot be compiled, a directive."""
    places = []
    if isinstance(exception, SpyceError) and hasattr(exception, 'place'):  # where the page asks for what is missing
        places.append(Frame(Kind.PAGE, *exception.place))
    if isinstance(exception, SyntaxError) and exception.filename:
        kind = Kind.PAGE if isinstance(exception, PageSyntaxError) else Kind.SITE
        start = (exception.offset or 0) - 1
        end = exception.end_offset if exception.end_lineno == exception.lineno else None
        span = None if start < 0 else (start, max((end or 0) - 1, start + 1))
        places.append(Frame(kind, exception.filename, exception.lineno or 1, span=span))
    return places


def source_lines(file: str) -> list[str]:
    """The lines of a source file; none if it cannot be read."""
    lines = linecache.getlines(file)
    if not lines and os.path.isfile(file):  # a page that is not UTF-8: its bytes then, as well as they can be shown
        try:
            with open(file, encoding='latin-1') as stream:
                return stream.readlines()
        except OSError:
            return []
    return lines


def short_name(file: str, root: str) -> str:
    """The name of a file, without the folder that says nothing: the root, or where modules are imported from."""
    folders = [os.path.realpath(root)] if root else []
    for folder in [*folders, *sorted(filter(os.path.isabs, sys.path), key=len, reverse=True)]:
        prefix = os.path.join(folder, '')
        if prefix != os.sep and file.startswith(prefix):
            return file[len(prefix):]
    return file
