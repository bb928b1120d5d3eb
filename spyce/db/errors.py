"""Errors of spyce.db itself; those of the database are SQLAlchemy's (sqlalchemy.exc)."""
from __future__ import annotations

from spyce.runtime.exceptions import SpyceError


class DatabaseError(SpyceError):
    """The database cannot be used here, or not in this way."""


class NoSuchTable(AttributeError):
    """The database has no table of that name; the text names those it has."""
