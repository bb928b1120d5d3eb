"""An error as text: for the terminal of `spyce serve` and `spyce render`, and for copying from the error page."""
from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Callable, Iterator

from spyce.runtime.askedfor import AskedFor
from spyce.runtime.frames import Failure, Frame, Kind, examine, short_name
from spyce.runtime.values import Secrets

Piece = tuple[str, str]
"""Text and its style, in the words of rich; '' for plain."""

LINKS = {'cause': 'It was caused by:', 'context': 'While this one was being handled:'}

_CONTROLS = re.compile(r'[\x00-\x08\x0b-\x1f\x7f-\x9f]')


def error_text(chain: list[Failure], root: str, secrets: Secrets | None = None) -> str:
    """An error as plain text: the page's own line first, then the way to it, newest first, without the engine.

    secrets: what is not to be shown, by default what AskedFor().secrets() finds.
    """
    return ''.join(text for text, _ in _pieces(chain, root, secrets or AskedFor().secrets(chain)))


def _pieces(chain: list[Failure], root: str, secrets: Secrets) -> Iterator[Piece]:
    for failure in chain:
        if failure.link:
            yield f'\n{LINKS[failure.link]}\n', 'dim'
        yield from _failure(failure, root, secrets, '')


def _failure(failure: Failure, root: str, secrets: Secrets, margin: str) -> Iterator[Piece]:
    message = _printable(secrets.hide(failure.message)).replace('\n', f'\n{margin}')
    yield f'{margin}{failure.kind}', 'bold red'
    yield (': ' if message else '') + message + '\n', 'bold'
    own = failure.own
    if own is not None:
        yield from _frame(own, root, secrets, margin, around=2)
    others = [frame for frame in reversed(failure.frames) if frame is not own and frame.kind is not Kind.ENGINE]
    if others:
        yield f'{margin}  The whole way, newest first:\n', 'dim'
    for frame in others:
        yield from _frame(frame, root, secrets, margin, around=0)
    if failure.left_out:
        yield f'{margin}  ({failure.left_out} calls in the middle are left out)\n', 'dim'
    for number, member in enumerate(failure.members, 1):
        yield f'{margin}  {number} of {len(failure.members)} in the group:\n', 'dim'
        yield from _failure(member, root, secrets, f'{margin}    ')


def _frame(frame: Frame, root: str, secrets: Secrets, margin: str, around: int) -> Iterator[Piece]:
    style = 'bold cyan' if frame.kind is Kind.PAGE else 'cyan' if frame.kind is Kind.SITE else 'dim'
    # In the words of Python's own tracebacks: editors and terminals make links of them.
    yield f'{margin}  File "{short_name(frame.file, root)}", line {frame.line}', style
    yield f', in {frame.function}\n' if frame.function else '\n', ''
    lines = frame.around(around)
    width = len(str(lines[-1][0])) if lines else 0
    for number, text in lines:
        hit = number == frame.line
        carets = ''
        if hit and frame.span is not None:
            *parts, carets = marked_line(text, frame.span, secrets.hide_code)
            text = ''.join(parts)
        else:
            text = secrets.hide_code(text)
        yield f'{margin}    {">" if hit else " "} {number:>{width}} | {_printable(text)}\n', '' if hit else 'dim'
        if carets:
            yield f'{margin}      {" " * width} | {carets}\n', 'bold red'


def marked_line(text: str, span: tuple[int, int], hide: Callable[[str], str]) -> tuple[str, str, str, str]:
    """What stands before, in and behind text[begin:end], without secrets, and a line with carets to be set below."""
    before, marked, after = hide(text[:span[0]]), hide(text[span[0]:span[1]]), hide(text[span[1]:])
    blanks = ''.join('\t' if char == '\t' else ' ' * _width(char) for char in before)
    return before, marked, after, blanks + '^' * max(sum(map(_width, marked)), 1)


def _width(char: str) -> int:
    """Columns of a terminal that a character takes."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in 'WF' else 1


def _printable(text: str) -> str:
    """Without what would steer a terminal: the text of an error may be a visitor's."""
    return _CONTROLS.sub(lambda match: repr(match.group())[1:-1], text)


def logged_error(exception: BaseException, traceback: str, root: str, colours: bool) -> str:
    """What a log shows of an exception: of one in a page error_text(), else its usual traceback.

    traceback: the usual one; colours: whether to colour the text; needs rich.
    """
    chain = examine(exception, root)
    secrets = AskedFor().secrets(chain)
    if not any(frame.kind is Kind.PAGE for failure in chain for frame in failure.frames):
        return secrets.hide_code(traceback)
    if not colours:
        return error_text(chain, root, secrets).rstrip()
    return _coloured(list(_pieces(chain, root, secrets))).rstrip()


def _coloured(pieces: list[Piece]) -> str:
    from rich.console import Console
    from rich.text import Text
    target = io.StringIO()
    console = Console(file=target, force_terminal=True, soft_wrap=True, highlight=False, emoji=False, markup=False)
    console.print(Text.assemble(*pieces), end='')
    return target.getvalue()
