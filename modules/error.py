"""The module `error`: what to show when the page fails (manual: error module).

Also the handlers that configs name: `import error; errorhandler = error.serverHandler`.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spyce.legacy.spyceModule import spyceModule
from spyce.page import PageSyntaxError
from spyce.runtime.errors import TracebackEntry, spyceRuntimeException
from spyce.runtime.exceptions import spyceNotFound

defaultErrorTemplate = '[[= error.page() ]]'


class error(spyceModule):
    """The error of the page, and what handles it: a function, page source, or another page."""

    _error: spyceRuntimeException | None = None
    _handler: Callable[[Any], object] | None = None

    # -- choosing a handler ------------------------------------------------------------------------------------

    def setHandler(self, fn: Callable[[Any], object]) -> None:
        """Call `fn(error)` when the page fails."""
        self._handler = fn

    def setStringHandler(self, source: str) -> None:
        """Run this page source when the page fails."""
        self._handler = lambda _: self._api.run_instead(self._load(source))

    def _load(self, source: str) -> Any:
        return self._api.getServer().load_string(source, beside=self._api.getFilename())

    def setFileHandler(self, url: str) -> None:
        """Run the page at `url` when the page fails; relative to this page, or to the root.

        Raises PathRefused for what is not a page below the root.
        """
        file = self._api.page_of(url)
        self._handler = lambda _: self._api.run_instead(self._api.getServer().load_page(file))

    def getHandler(self) -> Callable[[Any], object]:
        """The function that handles an error."""
        return self._handler or self._default_handler

    def _default_handler(self, _: Any) -> None:
        kind, template = self._api.getPageError()
        if kind == 'file':
            self.setFileHandler(template)
        else:
            self.setStringHandler(template)
        self.getHandler()(self)

    def _run_handler(self, failure: spyceRuntimeException) -> None:
        """Show the error; called when the modules of the page are finished, with output and headers cleared."""
        self._error = failure
        self.getHandler()(self)

    # -- about the error ---------------------------------------------------------------------------------------

    def isError(self) -> bool:
        """Whether an error is being handled."""
        return self._error is not None

    def getMessage(self) -> str | None:
        """Type and text of the error; None without one, as all that follow."""
        return self._error.msg if self._error else None

    def getType(self) -> type[BaseException] | None:
        """Class of the error."""
        return self._error.type if self._error else None

    def getFile(self) -> str | None:
        """File in which it was raised."""
        return self._error.file if self._error else None

    def getTraceback(self) -> list[TracebackEntry] | None:
        """(file, line, function, text) of each frame, the oldest first."""
        return self._error.traceback if self._error else None

    def getString(self) -> str | None:
        """The whole traceback as text."""
        return self._error.str if self._error else None

    def page(self) -> str:
        """The default error page: full with `debug = True`, else without any detail."""
        assert self._error is not None
        return self._api.getServer().plain_error_page(  # type: ignore[no-any-return]
            self._error.exception, self._api.getRequest())

    def __repr__(self) -> str:
        return f'error: {self.getMessage()}'


def serverHandler(theServer: Any, theRequest: Any, theResponse: Any, theError: BaseException) -> None:
    """Answer for a page that cannot be run: missing, forbidden, or it does not compile. The default errorhandler."""
    if isinstance(theError, PageSyntaxError):
        status = 500
        text = theServer.plain_error_page(theError, theRequest)
    else:
        status = 404 if isinstance(theError, spyceNotFound) else 403
        text = theServer.short_error_page(status, theError)
    theResponse.setReturnCode(status)
    theResponse.write(text)
