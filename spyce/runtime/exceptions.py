"""The exceptions that steer a page, and the family that the engine's own errors belong to."""
from __future__ import annotations


class SpyceError(Exception):
    """An error that the engine itself reports; its text says what is wrong and what to do.

    place: (file, line) in a page, for an error that no line of running code raises.
    """

    place: tuple[str, int]


class spyceDone(BaseException):
    """Ends the page quietly and keeps its output; response.end() raises it (manual: exceptions).

    Derives from BaseException so that a page's `except Exception` cannot swallow it.
    """


class spyceRedirect(BaseException):
    """Ends the page and runs another one instead; redirect.internal() raises it."""

    def __init__(self, filename: str) -> None:
        """filename: absolute name of the page to run."""
        super().__init__(filename)
        self.filename = filename


class spyceNotFound(SpyceError):
    """A page that is to run is not there; `file` is its absolute name, not to be shown to visitors."""

    def __init__(self, file: str) -> None:
        super().__init__(f'{file}: there is no such file')
        self.file = file


class spyceForbidden(SpyceError):
    """A page that is to run may not be read; `file` is its absolute name, not to be shown to visitors."""

    def __init__(self, file: str, reason: str = 'the server may not read this file') -> None:
        """file: as above, or what a page wrote in its place; reason: why not."""
        super().__init__(f'{file}: {reason}')
        self.file = file


class HandlerError(Exception):
    """What an active handler raises to show a message beside the form (manual: active handlers)."""

    def __init__(self, element: str | None, description: str) -> None:
        """element: name of the form field the message is about, or None; description: text for the visitor."""
        super().__init__(element, description)
        self.element = element
        self.description = description

    def __str__(self) -> str:
        return f'{self.element}: {self.description}' if self.element else str(self.description)


class CompoundHandlerError(Exception):
    """Several HandlerErrors, shown together; true once it has one.

        errors = CompoundHandlerError()
        if not name: errors.add(HandlerError('name', 'please give a name'))
        if errors: raise errors
    """

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[HandlerError] = []

    def add(self, error: HandlerError | CompoundHandlerError) -> None:
        """Add one error, or those of another CompoundHandlerError (recorded case handler-compound-error-b)."""
        self.errors += error.errors if isinstance(error, CompoundHandlerError) else [error]

    def __bool__(self) -> bool:
        return bool(self.errors)

    def __str__(self) -> str:
        return '\n'.join(str(error) for error in self.errors)
