"""A Spyce module: what the site keeps in its database, one SQLite file in the private folder of the site."""
import os
import sqlite3

from spyceModule import spyceModule

import spyce

SCHEMA = """
    CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, name TEXT UNIQUE COLLATE NOCASE, password TEXT);
    CREATE TABLE IF NOT EXISTS todos (id INTEGER PRIMARY KEY, owner INTEGER, text TEXT, done INTEGER DEFAULT 0);
    CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, name TEXT, address TEXT, day TEXT, cents INTEGER);
"""


def connect():
    """A connection to the database of the site that is being served."""
    database = sqlite3.connect(os.path.join(spyce.getServer().config.site_folder, 'demo.db'))
    database.row_factory = sqlite3.Row
    database.executescript(SCHEMA)
    return database


class records(spyceModule):
    """The records of the site; changes are kept if the page ends well."""

    def start(self):
        self._database = None

    def finish(self, theError=None):
        if self._database is not None:
            if theError is None:
                self._database.commit()
            self._database.close()

    def _run(self, statement, *values):
        if self._database is None:
            self._database = connect()
        return self._database.execute(statement, values)

    # users

    def user(self, user_id):
        return self._run('SELECT * FROM users WHERE id = ?', user_id).fetchone()

    def user_called(self, name):
        return self._run('SELECT * FROM users WHERE name = ?', name).fetchone()

    def add_user(self, name, password_hash):
        self._run('INSERT INTO users (name, password) VALUES (?, ?)', name, password_hash)

    def set_password(self, user_id, password_hash):
        self._run('UPDATE users SET password = ? WHERE id = ?', password_hash, user_id)

    # to-do lists; the owner is part of every condition, so that nobody changes the list of another

    def todos(self, owner):
        return self._run('SELECT * FROM todos WHERE owner = ? ORDER BY done, id', owner).fetchall()

    def add_todo(self, owner, text):
        self._run('INSERT INTO todos (owner, text) VALUES (?, ?)', owner, text)

    def toggle_todo(self, owner, todo_id):
        self._run('UPDATE todos SET done = 1 - done WHERE id = ? AND owner = ?', todo_id, owner)

    def remove_todo(self, owner, todo_id):
        self._run('DELETE FROM todos WHERE id = ? AND owner = ?', todo_id, owner)

    # orders

    def add_order(self, name, address, day, cents):
        """Returns the number of the order."""
        return self._run('INSERT INTO orders (name, address, day, cents) VALUES (?, ?, ?, ?)',
                         name, address, day, cents).lastrowid
