"""Tables of a database by their names, as the `db` of 2.1 gave them (manual: db), over SQLAlchemy 2.

    from spyce.db import open_db                       # in spyceconf.py
    db = open_db('sqlite:///site.db')                  # a relative file is beside the config

Then, in pages, handlers (api.db) and modules:

    [[ for user in db.users.select(city='Bern', order_by='name'): { ]] [[= user.name ]] [[ } ]]
    user = db.users.get(7)                 user.email = 'new@a.example'
    db.users.insert(name='x', email='y')   user.delete()

One transaction lasts from the first use in a request to its end: it is committed before the response leaves, so that
a commit that fails is an error page, and rolled back if the page fails. db.flush() commits what was done so far, as
pages of 2.1 expect; it is not needed at the end of a page. (After response.flush() the visitor has the status
already: an error of the commit then stands at the end of what was sent.) The connection goes back to its pool with
the request.

Of two requests that read a row and assign to the same column, the later one wins; to count, let the database do it:

    db.pages.update(db.pages.c.id == 7, visits=db.pages.c.visits + 1)

Outside of requests (a scheduled task, a program):

    with db.transaction():
        db.visits.delete(db.visits.c.day < limit)

Values are always bound parameters. Text is never taken as SQL, except where it says sqlalchemy.text(...).
"""
from __future__ import annotations

try:
    import sqlalchemy
except ModuleNotFoundError as error:
    if error.name != 'sqlalchemy':
        raise
    raise ImportError("spyce.db needs SQLAlchemy, which is not installed: pip install 'spyce-session[sql]'") from None

if int(sqlalchemy.__version__.partition('.')[0]) < 2:
    raise ImportError(f'spyce.db needs SQLAlchemy 2, and {sqlalchemy.__version__} is installed: '
                      "pip install --upgrade 'spyce-session[sql]'")

from spyce.db.database import Database, open_db  # noqa: E402
from spyce.db.errors import DatabaseError, NoSuchTable  # noqa: E402

__all__ = ['Database', 'DatabaseError', 'NoSuchTable', 'open_db']
