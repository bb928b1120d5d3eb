"""Source text of a page, as it comes from a file or a string."""

from dataclasses import dataclass

from spyce.page.errors import PageSyntaxError

_BOM = '\ufeff'


@dataclass(frozen=True)
class PageSource:
    """Decoded source text.

    :param text: the text, with any line ends.
    :param file: the file that it came from, or a name for it; shown in errors and tracebacks.
    :param first_line: number of its first line in that file.
    :param first_column: column (from 1) of its first character in that line.
    """

    text: str
    file: str
    first_line: int = 1
    first_column: int = 1


def decode_source(data: bytes, encoding: str, file: str) -> str:
    """Decode the bytes of a page; a byte order mark is accepted and dropped.

    :raises PageSyntaxError: at the first byte that is not text in that encoding.
    :raises LookupError: if there is no such encoding.
    """
    try:
        return data.decode(encoding).removeprefix(_BOM)
    except UnicodeDecodeError as error:
        before = data[:error.start].decode(encoding, 'replace').removeprefix(_BOM)
        line_start = before.rfind('\n') + 1
        raise PageSyntaxError(
            f'byte 0x{data[error.start]:02x} is not {encoding}: save the page as {encoding}, '
            'or set the encoding in the config',
            file, before.count('\n') + 1, len(before) - line_start + 1) from error


def normalize_newlines(text: str) -> str:
    """CRLF and CR become LF (recorded case lex-crlf)."""
    return text.replace('\r\n', '\n').replace('\r', '\n') if '\r' in text else text
