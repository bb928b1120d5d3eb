"""One uploaded file, with the surface that pages know from Python 2's cgi.FieldStorage."""
from __future__ import annotations

from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING

from werkzeug.http import parse_options_header

from spyce.web.errors import RequestTooLarge

if TYPE_CHECKING:
    from werkzeug.datastructures import FileStorage

IN_MEMORY = 512 * 1024
"""Bytes of an uploaded file that are kept in memory; a larger one goes to a temporary file."""


class Upload:
    """An uploaded file (manual: request.file; recorded case request-file).

    name: of the form field.  filename: as the browser gave it; never use it as a path unchecked.  type: content
    type without options, type_options the options.  file: binary file object, can seek, closed when the request
    ends.  value: the whole content.  headers: those of this part of the form.
    """

    def __init__(self, name: str, storage: FileStorage) -> None:
        self.name = name
        self.filename = storage.filename or ''
        self.file: IO[bytes] = storage.stream
        self.headers = storage.headers
        self.type, self.type_options = parse_options_header(storage.headers.get('Content-Type', 'text/plain'))
        self.disposition, self.disposition_options = parse_options_header(
            storage.headers.get('Content-Disposition', 'form-data'))

    @property
    def value(self) -> bytes:
        """The whole content. The position in `file` stays as it is."""
        position = self.file.tell()
        self.file.seek(0)
        try:
            return self.file.read()
        finally:
            self.file.seek(position)

    def __repr__(self) -> str:
        return f'<Upload {self.name!r}, file {self.filename!r}>'


class _LimitedFile(SpooledTemporaryFile[bytes]):
    """A temporary file that refuses to grow beyond a limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(max_size=IN_MEMORY)
        self._room = limit

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._room -= len(data)
        if self._room < 0:
            raise RequestTooLarge('an uploaded file is larger than max_file_bytes')
        return super().write(data)

    # Python 3.10 lacks these three, and zipfile and csv ask for them.
    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True


def limited_files(limit: int, opened: list[IO[bytes]]) -> Callable[..., IO[bytes]]:
    """A factory of temporary files of at most `limit` bytes each; `opened` collects them, to be closed later."""
    def make(*args: object, **kwargs: object) -> IO[bytes]:
        file = _LimitedFile(limit)
        opened.append(file)
        return file
    return make
