"""What a page error is for pages and modules: the object that they get."""
from __future__ import annotations

import builtins
import linecache
import os
import traceback
from functools import cached_property
from types import TracebackType

TracebackEntry = tuple[str, int, str, str]

ENGINE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class spyceRuntimeException(Exception):
    """An exception of a page with what is known of it: the object that modules' finish() gets (reference 3).

    Its texts are made when somebody asks for them: each of the pages around the one that failed has such an object,
    and of a hundred pages within each other none may want to know.
    """

    def __init__(self, exception: BaseException) -> None:
        super().__init__(str(exception))
        self.exception = exception
        self.type = type(exception)
        self._trace = exception.__traceback__  # as far as this page: those around it make it longer

    @cached_property
    def msg(self) -> builtins.str:
        """Class and message of the exception, as the last lines of its usual traceback have them."""
        return ''.join(traceback.format_exception_only(self.type, self.exception))

    @cached_property
    def traceback(self) -> list[TracebackEntry]:
        """(file, line, function, text) of each frame, the oldest first."""
        entries = page_traceback(self._trace)
        exception = self.exception
        if hasattr(exception, 'place'):  # where the page asks for what is missing
            entries.append((*exception.place, '', ''))
        if isinstance(exception, SyntaxError) and exception.filename:
            entries.append((exception.filename, exception.lineno or 1, '', (exception.text or '').strip()))
        return entries

    @cached_property
    def file(self) -> builtins.str:
        """Where it was raised."""
        return self.traceback[-1][0] if self.traceback else ''

    @cached_property
    def str(self) -> builtins.str:
        """The usual traceback, the engine's frames included."""
        return ''.join(traceback.format_exception(self.type, self.exception, self._trace))

    def __str__(self) -> builtins.str:
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
