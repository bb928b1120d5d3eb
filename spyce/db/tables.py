"""What can be asked of a table, a view or a join, under the names of 2.1 (manual: db, select variants)."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import sqlalchemy
from sqlalchemy import ColumnElement, Executable, FromClause, Select
from sqlalchemy.exc import MultipleResultsFound, NoResultFound
from sqlalchemy.orm import Session
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.selectable import SelectLabelStyle

from spyce.db.rows import add_row, row_class


class Source:
    """Rows that can be read.

    where: SQLAlchemy expressions over the columns, such as db.users.c.age > 17, all of which must hold; also
    sqlalchemy.text, but never plain text.  by: column=value, all of which must hold, None being NULL.
    order_by: a column, its name, an expression such as db.users.c.age.desc(), or a list of these.  limit, offset:
    numbers of rows.
    The methods raise TypeError for a column that is not there and for text as a condition.
    """

    def __init__(self, session: Callable[[], Session], name: str, source: FromClause,
                 columns: Sequence[ColumnElement[Any]]) -> None:
        """session: gives the session of the running transaction; columns: those of a row."""
        self._session = session
        self._name = name
        self._source = source
        self._columns = columns

    def __repr__(self) -> str:
        return f'<{self._name}>'

    @property
    def c(self) -> Any:
        """The columns, for expressions: db.users.c.name."""
        return self._source.c

    columns = c

    # -- reading -------------------------------------------------------------------------------------------------

    def select(self, *where: Any, order_by: Any = None, limit: int | None = None, offset: int | None = None,
               **by: Any) -> list[Any]:
        """The rows."""
        return list(self._rows(where, by, order_by, limit, offset))

    def selectfirst(self, *where: Any, order_by: Any = None, **by: Any) -> Any:
        """The first of the rows; None if there is none."""
        return next(iter(self._rows(where, by, order_by, 1)), None)

    def selectone(self, *where: Any, **by: Any) -> Any:
        """The only row. Raises sqlalchemy.exc.NoResultFound, MultipleResultsFound."""
        rows = list(self._rows(where, by, None, 2))
        if len(rows) == 1:
            return rows[0]
        if rows:
            raise MultipleResultsFound(f'{self._name}: more than one row fits {_shown(where, by)}')
        raise NoResultFound(f'{self._name}: no row fits {_shown(where, by)}')

    def count(self, *where: Any, **by: Any) -> int:
        """The number of rows."""
        statement = sqlalchemy.select(sqlalchemy.func.count()).select_from(self._source)
        return int(self._execute(statement.where(*self._where(where, by))).scalar_one())

    def select_by(self, *where: Any, **by: Any) -> list[Any]:
        """The rows; every keyword is a column."""
        return list(self._rows(where, by))

    def selectfirst_by(self, *where: Any, **by: Any) -> Any:
        """The first of the rows, None if there is none; every keyword is a column."""
        return next(iter(self._rows(where, by, None, 1)), None)

    get_by = selectfirst_by
    selectone_by = selectone
    count_by = count

    # -- statements ----------------------------------------------------------------------------------------------

    def _rows(self, where: Sequence[Any], by: dict[str, Any], order_by: Any = None, limit: int | None = None,
              offset: int | None = None) -> Iterable[Any]:
        statement = self._select().where(*self._where(where, by)).order_by(*self._order(order_by))
        if limit is not None:
            statement = statement.limit(limit)
        if offset is not None:
            statement = statement.offset(offset)
        return self._fetch(statement)

    def _select(self) -> Select[Any]:
        return sqlalchemy.select(*self._columns).select_from(self._source)

    def _fetch(self, statement: Select[Any]) -> Iterable[Any]:
        return list(self._execute(statement).all())

    def _execute(self, statement: Executable) -> Any:
        session = self._session()
        session.flush()  # here: SQLAlchemy does it by itself for some statements only
        return session.execute(statement)

    def _where(self, where: Sequence[Any], by: dict[str, Any]) -> list[Any]:
        for condition in where:
            if not isinstance(condition, ClauseElement):
                self._refuse('condition', condition)
        return [*where, *(self._column(name) == value for name, value in by.items())]

    def _order(self, order_by: Any) -> list[Any]:
        if order_by is None:
            return []
        wanted = order_by if isinstance(order_by, (list, tuple)) else [order_by]
        for item in wanted:
            if not isinstance(item, (str, ClauseElement)):
                self._refuse('order', item)
        return [self._column(item) if isinstance(item, str) else item for item in wanted]

    def _column(self, name: str) -> Any:
        found = [column for column in self._columns if getattr(column, 'key', None) == name]
        if len(found) == 1:
            return found[0]
        if found:
            raise TypeError(f'{self._name} has {len(found)} columns called {name!r}: say which, as in '
                            f'db.TABLE.c.{name} == value')
        known = ', '.join(str(column.key) for column in self._columns)
        raise TypeError(f'{self._name} has no column {name!r}; it has: {known}')

    def _refuse(self, what: str, value: object) -> NoReturn:
        raise TypeError(f'{self._name}: {value!r:.200} is no {what}: text and other values are not taken as SQL; '
                        'compare columns, as in db.TABLE.c.name == value, give column=value, or sqlalchemy.text(...)')


class View(Source):
    """A view, or a table without a primary key: its rows can only be read, as they cannot be told apart."""

    def __getattr__(self, name: str) -> Any:
        if name in ('get', 'insert', 'update', 'delete'):
            raise AttributeError(f'{self._name}.{name}: it has no primary key, so its rows can only be read; '
                                 'db.session takes statements of SQLAlchemy for it')
        raise AttributeError(f'{type(self).__name__} has no attribute {name!r}')


class Join(Source):
    """Two tables or joins side by side: a row has the columns of both (2.1: db.join)."""

    def __init__(self, session: Callable[[], Session], left: Source, right: Source, on: Any, isouter: bool,
                 labels: bool = False) -> None:
        """labels: call each column TABLE_COLUMN in rows; else only a repeated name gets a number."""
        self._parts = (left, right, on, isouter)
        super().__init__(session, f'{left._name} join {right._name}',
                         sqlalchemy.join(left._source, right._source, on, isouter=isouter),
                         [*left._columns, *right._columns])
        self._labels = labels

    def with_labels(self) -> Join:
        """The same with columns called TABLE_COLUMN in its rows."""
        return Join(self._session, *self._parts, labels=True)

    def _select(self) -> Select[Any]:
        statement = super()._select()
        if self._labels:
            return statement.set_label_style(SelectLabelStyle.LABEL_STYLE_TABLENAME_PLUS_COL)
        return statement


class Table(Source):
    """A table: its rows are objects whose attributes can be assigned to."""

    def __init__(self, session: Callable[[], Session], table: sqlalchemy.Table) -> None:
        super().__init__(session, table.name, table, list(table.c))
        self._keys = list(table.primary_key.columns)
        self._class = row_class(table)

    def get(self, id: Any) -> Any:
        """The row with that primary key, a tuple if it has several columns; None if there is none."""
        values = id if isinstance(id, tuple) else (id,)
        if len(values) != len(self._keys):
            raise TypeError(f'{self._name}.get(): the primary key is {", ".join(str(key.key) for key in self._keys)}')
        return self.selectfirst(*(key == value for key, value in zip(self._keys, values, strict=True)))

    def insert(self, **values: Any) -> Any:
        """A new row, with these values in its columns; it is written before the next select, flush or commit."""
        row = self._class()
        for name in values:
            self._column(name)
        for name, value in values.items():
            setattr(row, name, value)
        add_row(self._session(), row)
        return row

    def update(self, *where: Any, **values: Any) -> int:
        """Change all rows for which `where` holds, by one statement: column=value or an expression. How many."""
        self._need(where, 'update')
        for name in values:
            self._column(name)
        statement = sqlalchemy.update(self._class).where(*self._where(where, {})).values(**values)
        return int(self._execute(statement).rowcount)

    def delete(self, *where: Any, **by: Any) -> int:
        """Delete all rows for which the conditions hold, by one statement. How many."""
        self._need(where or by, 'delete')
        return int(self._execute(sqlalchemy.delete(self._class).where(*self._where(where, by))).rowcount)

    def _need(self, conditions: object, what: str) -> None:
        if not conditions:
            raise TypeError(f'{self._name}.{what}() without a condition would {what} every row; if that is meant, '
                            'give sqlalchemy.true()')

    def _select(self) -> Select[Any]:
        # What the database has now, also in rows that this request has read before.
        return sqlalchemy.select(self._class).execution_options(populate_existing=True)

    def _fetch(self, statement: Select[Any]) -> Iterable[Any]:
        return list(self._execute(statement).scalars().all())


def _shown(where: Sequence[Any], by: dict[str, Any]) -> str:
    """The conditions for an error text, without their values."""
    return ', '.join([*(str(condition) for condition in where), *(f'{name}=...' for name in by)]) or 'no condition'
