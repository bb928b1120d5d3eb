"""Rows of a table as objects: a class for each table, mapped by SQLAlchemy."""
from __future__ import annotations

from typing import Any

import sqlalchemy
from sqlalchemy.orm import Session, object_session, registry

from spyce.db.errors import DatabaseError


def row_class(table: sqlalchemy.Table) -> type[Any]:
    """A class whose objects are rows of `table`: a column is an attribute, and assigning to it changes the row."""
    columns = table.c.keys()
    keys_of_table = table.primary_key.columns.keys()

    def set_column(row: Any, name: str, value: Any) -> None:
        if name in columns:
            if sqlalchemy.inspect(row).detached:
                raise DatabaseError(f'{row!r}.{name} = ...: the transaction that this row was read in is over, and '
                                    'the change would be lost; read the row again')
        elif not name.startswith('_sa_'):  # SQLAlchemy's own
            raise AttributeError(f'the table {table.name} has no column {name!r}; it has: {", ".join(columns)}')
        object.__setattr__(row, name, value)

    def show(row: Any) -> str:
        keys = ', '.join(f'{name}={row.__dict__.get(name)!r}' for name in keys_of_table)  # asks the database nothing
        return f'<{table.name} {keys}>'

    # Of the other columns nothing is shown: rows get into logs and error pages.
    members: dict[str, Any] = {'__setattr__': set_column, '__repr__': show}
    if 'delete' not in columns:
        members['delete'] = _delete
    made = type(f'Mapped{table.name.capitalize()}', (), members)
    registry().map_imperatively(made, table)
    return made


def _delete(row: Any) -> None:
    """Delete this row from its table."""
    session = object_session(row)
    if session is None:
        raise DatabaseError(f'{row!r}.delete(): the transaction that this row was read in is over; read it again')
    delete_row(session, row)


def add_row(session: Session, row: Any) -> None:
    """Have a new row inserted, after what came before it in the page.

    SQLAlchemy orders what it writes by relations that these classes do not have; so rows of another table, and
    deletions, go to the database first.
    """
    if session.deleted or any(type(other) is not type(row) for other in session.new):
        session.flush()
    session.add(row)


def delete_row(session: Session, row: Any) -> None:
    """Have a row deleted, after what came before it in the page."""
    if row in session.new:
        session.expunge(row)
        return
    if session.new or any(type(other) is not type(row) for other in session.deleted):
        session.flush()
    session.delete(row)
