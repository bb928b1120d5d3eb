"""What can go wrong with a session: one family of errors."""
from __future__ import annotations


class SessionError(Exception):
    """Base of all errors of sessions; the text says what is wrong and what to do."""


class SessionNotFoundError(SessionError):
    """A store does not know this session id (2.1 contract of stores)."""


class SessionLocked(SessionError):
    """The session is in use by another request for too long, or too many requests wait for it; answer 503.

    retry_after: seconds after which another attempt makes sense.
    """

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SessionChanged(SessionError):
    """The lock mode was raised after a read, and another request changed the session in between."""


class SessionReadOnly(SessionError):
    """A change of a session that may only be read: by mode, or because it was saved and released already."""


class SessionValueError(SessionError):
    """A value that the store cannot keep."""


class SessionTooLarge(SessionError):
    """The session is larger than session_max_bytes."""


class StoreError(SessionError):
    """The place where a store keeps its sessions cannot be used.

    is_taken: it can, and another request has the session there since the lease of this one was lost.
    """

    def __init__(self, message: str, is_taken: bool = False) -> None:
        super().__init__(message)
        self.is_taken = is_taken
