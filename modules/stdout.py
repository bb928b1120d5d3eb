"""The module `stdout`: capturing what a page prints (manual: stdout module)."""
from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from spyce.legacy.spyceModule import spyceModule
from spyce.runtime.stdout import real_stdout


class stdout(spyceModule):
    """Output of the page; captures nest (recorded cases stdout-*)."""

    _files: tuple[tuple[int, Any], ...] = ()  # the depth of a capture, and what is to get its text

    @property
    def stdout(self) -> Any:
        """The stdout of the process, not of the page."""
        return real_stdout()

    def push(self, file: Any = None) -> None:
        """Start to capture the output.

        file: an object with write(), or a file name, relative to the page, that is also given the text at the end of
        the capture.
        """
        if isinstance(file, str):
            file = os.path.join(os.path.dirname(self._api.getStack()[-1]), file)
        self._api.output.push()
        self._files = (*self._files_below(self._api.output.depth), (self._api.output.depth, file))

    def pop(self) -> str:
        """End the capture that began last, and return its text. Raises IndexError if there is none."""
        depth = self._api.output.depth
        text: str = self._api.output.pop()
        file = dict(self._files).get(depth)
        self._files = self._files_below(depth)
        if isinstance(file, str):
            with open(file, 'w', encoding='utf-8') as stream:
                stream.write(text)
        elif file is not None:
            file.write(text)
        return text

    def _files_below(self, depth: int) -> tuple[tuple[int, Any], ...]:
        """Those of the captures around; some deeper ones may have been dropped."""
        return tuple(entry for entry in self._files if entry[0] < depth)

    def capture(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> tuple[Any, str]:
        """Call a function and capture what it prints: (its result, its output).

        If it raises, the capture ends and its text is lost.
        """
        result: tuple[Any, str] = self._api.output.capture(function, *args, **kwargs)
        return result

    def __repr__(self) -> str:
        return f'captures: {self._api.output.depth}'
