"""The log as the terminal of `spyce serve` and `spyce render` shows it."""
from __future__ import annotations

import logging
import sys
from typing import Any


class ErrorFormatter(logging.Formatter):
    """Formats log records as logging.Formatter does, but for errors of pages: these as error_text() shows them.

    Other handlers of the same record are not touched: they have the standard traceback.  colours: whether to colour
    them; needs rich.
    """

    def __init__(self, format: str, root: str = '', colours: bool = False) -> None:
        super().__init__(format)
        self._root = root
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        # logging keeps the text of an exception in the record, for all handlers: theirs is the standard one.
        kept, record.exc_text = record.exc_text, None
        try:
            return super().format(record)
        finally:
            record.exc_text = kept

    def formatException(self, ei: Any) -> str:
        usual = super().formatException(ei)
        if ei[1] is None:
            return usual
        from spyce.runtime.errortext import logged_error  # when there is an error: it takes a while to import
        return logged_error(ei[1], usual, self._root, self._colours)


def log_to_terminal(root: str, format: str) -> None:
    """Let the log that goes to stderr show errors of pages as error_text() does.

    root: folder of the site; format: of a record, as for logging.Formatter.
    """
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler and handler.stream is sys.stderr:
            handler.setFormatter(ErrorFormatter(format, root, _can_colour(handler.stream)))


def _can_colour(stream: Any) -> bool:
    if not stream.isatty():
        return False
    try:
        import rich  # noqa: F401
    except ImportError:
        return False
    return True
