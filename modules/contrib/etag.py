"""The module `etag`: a page that a browser already has is not sent again (manual: etag module)."""
from __future__ import annotations

from typing import Any

from werkzeug.http import generate_etag, parse_etags, quote_etag, unquote_etag

from spyce.legacy.spyceModule import spyceModule

OF_THE_BODY = ('content-encoding', 'content-language', 'content-range', 'last-modified')
"""Headers that say something of a body: an answer without one does not have them (RFC 9110, 15.4.5)."""


class etag(spyceModule):
    """`[[.import name=etag]]`: the response to GET and HEAD has an ETag; if the browser's is the same, it is a 304.

    2.1 made the tag in a filter at level 94, before compression (reference 4). Here it is made of the bytes that leave,
    so that the compressed and the plain body have tags of their own. A page that was flushed gets none.
    """

    def start(self) -> None:
        request, response = self._api.getRequest(), self._api.getResponse()
        if response.headers_sent or 'etag' in request.state:  # an included page may import it, too
            return
        request.state['etag'] = True
        # Added at the end of the page, so that it sees what compression has made of the body.
        response.before_send(lambda: response.body_encoders.append(_Tagger(request, response)))


class _Tagger:
    """Called with the complete body, before the headers leave."""

    def __init__(self, request: Any, response: Any) -> None:
        self._request = request
        self._response = response

    def __call__(self, body: bytes) -> bytes:
        if self._response.returncode != 200 or self._request.method() not in ('GET', 'HEAD'):
            return body
        tag = self._own_tag()
        if tag is None:
            tag = generate_etag(body)
            self._response.addHeader('ETag', quote_etag(tag))
        if not parse_etags(self._request.getHeader('If-None-Match')).contains_weak(tag):
            return body
        self._response.setReturnCode(304)
        self._response.headers = [header for header in self._response.headers if header[0].lower() not in OF_THE_BODY]
        return b''

    def _own_tag(self) -> str | None:
        """The tag that the page has set itself, which then counts."""
        own = [value for name, value in self._response.headers if name.lower() == 'etag']
        return unquote_etag(own[-1])[0] if own else None
