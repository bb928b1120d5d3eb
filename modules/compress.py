"""The module `compress`: smaller pages (manual: compress module)."""
from __future__ import annotations

import gzip
import re
from typing import Any

from spyce.modules.response import Filter
from werkzeug.http import parse_accept_header

from spyce.legacy.spyceModule import spyceModule
from spyce.runtime.escaping import text

LEVEL = 95
"""The place of white-space compaction in the chain of filters: after all that makes text."""

DEFAULT_GZIP_LEVEL = 6


class compress(spyceModule):
    """`[[.import name=compress args="gzip=9, spaces=1"]]`: less white space, and gzip for browsers that take it."""

    def start(self) -> None:
        self._spaces: _SpaceFilter | None = None

    def finish(self, theError: Any = None) -> None:
        """Compaction ends with the page; gzip counts for the whole response."""
        if self._spaces is not None:
            self._spaces.on = False

    def init(self, gzip: int | None = None, spaces: object = None) -> None:
        """gzip: level from 1 (fast) to 9 (small), 0 or None for none; spaces: whether to compact white space."""
        if gzip:
            self.gzip(gzip)
        if spaces:
            self.spaces(spaces)

    def gzip(self, level: int | None = DEFAULT_GZIP_LEVEL) -> None:
        """Send the body gzipped, if the browser takes that and the page is not flushed before its end.

        level: from 1 (fast) to 9 (small); 0 or None turns it off again. Raises ValueError for other levels.
        """
        if level and not 1 <= level <= 9:
            raise ValueError(f'compress.gzip(level): 1 to 9, or 0 for none; not {level!r}')
        encoders = self._api.getResponse().body_encoders
        encoders[:] = [encoder for encoder in encoders if not isinstance(encoder, _GzipEncoder)]
        if level:
            accepted = _accepts_gzip(self._api.getRequest().getHeader('Accept-Encoding'))
            encoders.append(_GzipEncoder(self._api.getResponse(), int(level), accepted))

    def spaces(self, on: object = 1) -> None:
        """Compact white space from here on, or stop to: runs of blanks become one, empty lines and indentation go.

        The contents of pre, textarea, script and style stay as they are.
        """
        if self._spaces is None:
            self._spaces = _SpaceFilter()
            self._api.output.add_filter(LEVEL, self._spaces)
        self._spaces.on = bool(on)


def _accepts_gzip(header: str | None) -> bool:
    return parse_accept_header(header).quality('gzip') > 0


class _GzipEncoder:
    """Called with the complete body, before the headers leave."""

    def __init__(self, response: Any, level: int, accepted: bool) -> None:
        self._response = response
        self._level = level
        self._accepted = accepted

    def __call__(self, body: bytes) -> bytes:
        self._response.addHeader('Vary', 'Accept-Encoding')
        if not (body and self._accepted):
            return body
        self._response.addHeader('Content-Encoding', 'gzip')
        return gzip.compress(body, self._level, mtime=0)


class _SpaceFilter(Filter):  # type: ignore[misc, unused-ignore]  # untyped in checks of the source tree
    """Compacts text as it passes; what one fragment ends with counts for the next."""

    _PIECE = re.compile(r'<(?P<slash>/?)(?P<tag>pre|textarea|script|style)\b|[ \t\r\n\f\v]+', re.IGNORECASE)

    def __init__(self) -> None:
        self.on = True
        self._verbatim: str | None = None  # the element whose contents are being kept
        self._last = ''  # what white space the output so far ends with: '', ' ' or a newline

    def _compact(self, s: object) -> str:
        s = text(s)
        if not s:
            return s
        compacted = self._PIECE.sub(self._piece, s) if self.on else s
        if not self.on or s[-1].strip():
            self._last = ''
        return compacted

    def _piece(self, match: re.Match[str]) -> str:
        if match['tag']:
            self._element(match['tag'].lower(), closing=bool(match['slash']))
        if match['tag'] or self._verbatim:
            return match[0]
        run = '\n' if '\n' in match[0] else ' '
        before = self._last if match.start() == 0 else ''
        if before in (run, '\n'):
            return ''
        self._last = run
        return run

    def _element(self, tag: str, closing: bool) -> None:
        if closing and tag == self._verbatim:
            self._verbatim = None
        elif not closing and self._verbatim is None:
            self._verbatim = tag

    def staticImpl(self, s: str, *args: Any, **kwargs: Any) -> str:
        return self._compact(s)

    def dynamicImpl(self, s: str, *args: Any, **kwargs: Any) -> str:
        return self._compact(s)

    def exprImpl(self, o: Any, *args: Any, **kwargs: Any) -> str:
        return self._compact(o)

    def clearImpl(self) -> None:
        self._verbatim, self._last = None, ''
