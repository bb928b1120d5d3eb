"""What a page error is for pages and modules: the object that they get."""
from __future__ import annotations

import linecache
import os
import traceback
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
