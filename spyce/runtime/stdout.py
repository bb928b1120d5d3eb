"""One sys.stdout for the process, which sends each print to the page whose code is running (decisions: print).

It is installed when the first server starts. Outside of a request it passes everything to the stdout that was there.
"""
from __future__ import annotations

import sys
from typing import Any, TextIO

from spyce.runtime.context import current_output


class DispatchingStdout:
    """A text stream: writes go to the output of the current request, everything else to the stream beneath."""

    def __init__(self, beneath: TextIO) -> None:
        self._beneath = beneath

    def write(self, s: str) -> int:
        output = current_output.get()
        if output is None:
            return self._beneath.write(s)
        if not isinstance(s, str):
            raise TypeError(f'write() argument must be str, not {type(s).__name__}')
        if output.redirected is not None:
            output.redirected.write(s)
        else:
            output.write(s)
        return len(s)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        # print(..., flush=True) in a page must not send the headers; response.flush() does that.
        if current_output.get() is None:
            self._beneath.flush()

    def isatty(self) -> bool:
        return current_output.get() is None and self._beneath.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._beneath, name)


def install_stdout() -> None:
    """Put the dispatching stream in front of sys.stdout, once; again if somebody replaced it meanwhile."""
    if not isinstance(sys.stdout, DispatchingStdout):
        sys.stdout = DispatchingStdout(sys.stdout)


def real_stdout() -> TextIO:
    """The stdout of the process."""
    stream = sys.stdout
    return stream._beneath if isinstance(stream, DispatchingStdout) else stream
