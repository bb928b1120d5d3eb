"""What a page error is made of, and the pages that show it."""
from __future__ import annotations

import linecache
import os
import traceback
from html import escape
from types import TracebackType

TracebackEntry = tuple[str, int, str, str]

ENGINE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class spyceRuntimeException(Exception):
    """An exception of a page with what is known of it: the object that modules' finish() gets (reference 3)."""

    def __init__(self, exception: BaseException) -> None:
        super().__init__(str(exception))
        self.exception = exception
        self.type = type(exception)
        self.msg = ''.join(traceback.format_exception_only(self.type, exception))
        self.traceback = page_traceback(exception.__traceback__)
        if hasattr(exception, 'place'):  # where the page asks for what is missing
            self.traceback.append((*exception.place, '', ''))
        if isinstance(exception, SyntaxError) and exception.filename:
            self.traceback.append((exception.filename, exception.lineno or 1, '', (exception.text or '').strip()))
        self.file = self.traceback[-1][0] if self.traceback else ''
        self.str = ''.join(traceback.format_exception(exception))

    def __str__(self) -> str:
        return self.msg.strip()


def page_traceback(trace: TracebackType | None) -> list[TracebackEntry]:
    """(file, line, function, text) of each frame, the oldest first, without the engine's own frames at the start."""
    linecache.checkcache()
    entries: list[TracebackEntry] = []
    for frame, line in traceback.walk_tb(trace):
        file = frame.f_code.co_filename
        locate = frame.f_globals.get('_spyceLocate')
        if locate is not None:
            file, line = locate(file, line)
        if entries or not file.startswith(ENGINE):
            entries.append((file, line, frame.f_code.co_name, linecache.getline(file, line).strip()))
    while len(entries) > 1 and entries[-1][0].startswith(ENGINE):
        entries.pop()
    return entries


_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;margin:3em auto;max-width:60em;padding:0 1em;color:#222}}
pre{{background:#f4f4f4;padding:1em;overflow:auto}}th{{text-align:left;vertical-align:top;padding-right:1em}}</style>
</head><body>
<h1>{title}</h1>
{body}
</body></html>
"""


def full_error_page(error: spyceRuntimeException, root: str) -> str:
    """The error page with message and stack, newest first, as 2.1 showed it; for debug = True only."""
    stack = '\n'.join(f'{_shorten(file, root)}:{line}{", in " + function if function else ""}\n    {text}'
                      for file, line, function, text in reversed(error.traceback))
    title = escape(f'Spyce exception: {error.msg.strip()}')
    body = (f'<table><tr><th>File<td>{escape(_shorten(error.file, root))}'
            f'<tr><th>Message<td><pre>{escape(error.msg.strip())}</pre></table>\n'
            f'<h2>Stack</h2>\n<pre>{escape(stack)}</pre>')
    return _PAGE.format(title=title, body=body)


def syntax_error_page(message: str) -> str:
    """The page for a page that does not compile; for debug = True only."""
    return _PAGE.format(title='Spyce syntax error', body=f'<pre>{escape(message)}</pre>')


def _shorten(file: str, root: str) -> str:
    root = os.path.join(os.path.realpath(root), '')
    return file[len(root):] if file.startswith(root) else file
