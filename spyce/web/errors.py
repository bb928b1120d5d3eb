"""What goes wrong with a request before, beside and around a page, and the short page that says so."""
from __future__ import annotations

from collections.abc import Iterable
from html import escape

_PAGES = {
    400: ('Bad request', 'The server could not understand this request.'),
    403: ('Forbidden', 'This page is not for you to see.'),
    404: ('Not found', 'There is no such page here.'),
    405: ('Method not allowed', 'This address does not answer requests of this kind.'),
    413: ('Too large', 'This request holds more than the server accepts.'),
    416: ('Range not satisfiable', 'The file does not have the part that was asked for.'),
    500: ('Server error', 'The server could not show this page. The reason is in its log.'),
    501: ('Not implemented', 'The server does not know this request method.'),
    503: ('Busy', 'The server cannot answer right now. Please try again in a moment.'),
}

_TEMPLATE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><h1>{title}</h1><p>{message}</p></body></html>
"""


def error_page(status: int, title: str | None = None, message: str | None = None) -> str:
    """A short HTML page for an HTTP status. It shows nothing of the request and nothing of the site.

    title, message: plain text (it is escaped here) instead of the usual words for that status.
    """
    usual_title, usual_message = _PAGES.get(status, ('Error', 'The server could not answer this request.'))
    title = escape(f'{status} {usual_title}' if title is None else title)
    return _TEMPLATE.format(title=title, message=escape(usual_message if message is None else message))


class RequestError(Exception):
    """A request that cannot be answered with a page; the visitor gets `http_status` and its short page.

    It may be raised while a page runs, by the first look at a form for example.
    """

    http_status = 400
    http_headers: Iterable[tuple[str, str]] = ()


class BadRequest(RequestError):
    """The request breaks the rules of HTTP: its body is shorter than it says, its form cannot be read, ..."""


class RequestTooLarge(RequestError):
    """The request is over one of the limits max_body_bytes, max_fields and max_file_bytes."""

    http_status = 413


class ServeError(Exception):
    """The server cannot start; the text says why and what to do."""


class ResponseError(Exception):
    """The page asked for something that is too late: the headers have been sent."""
