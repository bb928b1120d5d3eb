"""The module `response`: what the page sends (manual: response module)."""
from __future__ import annotations

import os
import time
from typing import Any, NoReturn

from spyce.legacy.spyceModule import spyceModule
from spyce.runtime.exceptions import SpyceError, spyceDone


class response(spyceModule):
    """Output, headers and status of the response. Header calls after the headers went out raise."""

    @property
    def _raw(self) -> Any:
        return self._api.getResponse()

    # -- body --------------------------------------------------------------------------------------------------

    def write(self, s: str) -> None:
        """Print text."""
        self._api.output.write(s)

    def writeln(self, s: str) -> None:
        """Print text and a newline."""
        self._api.output.write(f'{s}\n')

    def writeStatic(self, s: str) -> None:
        """Print text as if it stood in the page."""
        self._api.output.writeStatic(s)

    def writeExpr(self, o: object, **kwargs: Any) -> None:
        """Print a value as an expression tag does; keyword arguments reach the transforms."""
        self._api.output.writeExpr(o, **kwargs)

    def clear(self) -> None:
        """Drop the output that was not yet sent."""
        self._api.output.clear()

    def flush(self, stopFlag: int = 0) -> None:
        """Send the headers, and the output so far. The session is saved and released first.

        Nothing is sent from a page with a parent template, whose output comes after the parent's.
        """
        if not self._api.output.is_surrounded:
            self._api.output.flush(stopFlag)

    def unbuffer(self) -> None:
        """Send the headers now and all output at once from now on."""
        if self._api.output.is_surrounded:
            raise SpyceError('response.unbuffer() on a page with a parent template: the parent surrounds the page, so '
                             'nothing can be sent before the page has ended')
        self._api.output.unbuffer()

    def end(self) -> NoReturn:
        """End the page here; what was printed stays."""
        raise spyceDone

    def isCancelled(self) -> bool:
        """Whether the client has gone away."""
        return bool(self._raw.isCancelled)

    # -- head --------------------------------------------------------------------------------------------------

    def setContentType(self, content_type: str) -> None:
        """Set the content type. Raises ValueError for control characters."""
        self._raw.setContentType(content_type)

    def setReturnCode(self, code: int | str) -> None:
        """Set the status, a number or a numeric string (recorded case response-return-code)."""
        self._raw.setReturnCode(code)

    def addHeader(self, type: str, data: str, replace: int = 0) -> None:
        """Add a header; with `replace`, in place of those of that name.

        Raises ValueError for a colon in the name, and for control characters.
        """
        self._raw.addHeader(type, data, replace)

    def clearHeaders(self) -> None:
        """Drop the headers that were added."""
        self._raw.clearHeaders()

    def timestamp(self, thetime: float | str | None = None) -> None:
        """Set the Date header. thetime: seconds since the epoch, a ready date, or None for now."""
        self.addHeader('Date', _date(thetime), replace=1)

    def expires(self, thetime: float | str | None = None) -> None:
        """Set the Expires header; thetime as in timestamp()."""
        self.addHeader('Expires', _date(thetime), replace=1)

    def expiresRel(self, secs: float = 0) -> None:
        """Set the Expires header to `secs` seconds from now."""
        self.expires(time.time() + secs)

    def lastModified(self, thetime: float | str | None = -1) -> None:
        """Set the Last-Modified header; thetime as in timestamp(), or -1 for the time the page's file changed."""
        if thetime == -1:
            thetime = os.path.getctime(self._api.getFilename())
        self.addHeader('Last-Modified', _date(thetime), replace=1)

    def uncacheable(self) -> None:
        """Forbid caches to keep the response."""
        self.addHeader('Cache-Control', 'no-store, no-cache, must-revalidate', replace=1)
        self.addHeader('Pragma', 'no-cache', replace=1)

    # -- filters -----------------------------------------------------------------------------------------------

    def addFilter(self, level: int, filter: Any) -> Any:
        """Put a filter into the path of the output; low levels come first (reference 4).

        It takes the place of the one that was added at its level before, which is returned; None only takes that away.
        """
        return self._api.output.replace_filter(level, filter)

    def clearFilters(self) -> None:
        """Take all filters away."""
        self._api.output.clear_filters()

    def __repr__(self) -> str:
        return f'returncode: {self._raw.returncode}, headers: {self._raw.headers}'

    def __getattr__(self, name: str) -> Any:
        if name.startswith('RETURN_'):
            return getattr(self._raw, name)
        raise AttributeError(f'response has no {name!r}')


class Filter:
    """A filter of the output, to derive from: the hooks *Impl change what passes (reference 4)."""

    next: Any = None

    def setNext(self, filter: Any) -> None:
        """Set the filter that follows."""
        self.next = filter

    def write(self, s: str, *args: Any, **kwargs: Any) -> None:
        """Output of code."""
        self.next.write(self.dynamicImpl(s, *args, **kwargs))

    def writeStatic(self, s: str, *args: Any, **kwargs: Any) -> None:
        """Text of the page."""
        self.next.writeStatic(self.staticImpl(s, *args, **kwargs))

    def writeExpr(self, o: Any, *args: Any, **kwargs: Any) -> None:
        """Value of an expression tag."""
        self.next.writeExpr(self.exprImpl(o, *args, **kwargs), **kwargs)

    def flush(self, stopFlag: int = 0) -> None:
        """Pass on what was held back."""
        self.flushImpl()
        self.next.flush(stopFlag)

    def clear(self) -> None:
        """Drop what was held back."""
        self.clearImpl()
        self.next.clear()

    def dynamicImpl(self, s: str, *args: Any, **kwargs: Any) -> str:
        return s

    def staticImpl(self, s: str, *args: Any, **kwargs: Any) -> str:
        return s

    def exprImpl(self, o: Any, *args: Any, **kwargs: Any) -> Any:
        return o

    def flushImpl(self) -> None:
        pass

    def clearImpl(self) -> None:
        pass


def _date(value: float | str | None) -> str:
    if isinstance(value, str):
        return value
    from werkzeug.http import http_date  # when it is needed: Werkzeug takes a while to import
    return http_date(time.time() if value is None else value)
