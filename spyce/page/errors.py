"""What is raised when a page cannot be compiled."""

import os


class PageSyntaxError(SyntaxError):
    """A page that cannot be compiled: what is wrong, and where.

    It is a SyntaxError, so a traceback shows file, line and caret of the page.  str() has the shape of Spyce 2.1
    (recorded cases lex-stray-close, lex-unknown-directive).

    :param message: what is wrong, and what to do.
    :param file: the page's file.
    :param line: line in that file, from 1.
    :param column: column in that line, from 1, in characters.
    :param text: the source line, without its line end; None where it is not known.
    """

    def __init__(self, message: str, file: str, line: int, column: int, text: str | None = None) -> None:
        super().__init__(message, (file, line, column, text, line, column + 1))
        self.message = message
        self.file = file
        self.line = line
        self.column = column

    def __str__(self) -> str:
        return f'Spyce syntax error at {os.path.basename(self.file)}:{self.line} - {self.message}'

    def __reduce__(self) -> tuple[type, tuple[str, str, int, int, str | None]]:
        return type(self), (self.message, self.file, self.line, self.column, self.text)


class PlacedError(Exception):
    """A fault at an offset of the book (see book.py); compile_page makes a PageSyntaxError of it."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
