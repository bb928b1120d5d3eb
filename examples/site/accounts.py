"""Accounts: the validator of the login tags, and the handlers of signup.spy and account.spy."""
from contextlib import closing

from records import connect
from spyceException import CompoundHandlerError, HandlerError

from spyce.login import hash_password, verify_password

SHORTEST = 8


def check(login, password):
    """The validator: id of the user, or None. It takes as long for a name that does not exist."""
    with closing(connect()) as database:
        user = database.execute('SELECT * FROM users WHERE name = ?', (login,)).fetchone()
    right = verify_password(password, user['password'] if user else None)
    return user['id'] if user and right else None


def sign_up(api, name, password, again):
    """The handler of signup.spy."""
    name = name.strip()
    errors = CompoundHandlerError()
    if not name.isalnum() or len(name) > 30:
        errors.add(HandlerError('Name', 'use letters and digits, at most 30'))
    elif api.records.user_called(name):
        errors.add(HandlerError('Name', f'{name} is taken'))
    add_password_errors(errors, password, again)
    if errors:
        raise errors
    api.records.add_user(name, hash_password(password))
    api.session.flash(f'Welcome, {name}. Your account is made; log in to see your list.')
    api.redirect.external('todo.spy')


def change_password(api, old, password, again):
    """The handler of account.spy."""
    user = api.records.user(api.request.login_id())
    errors = CompoundHandlerError()
    if not verify_password(old, user['password']):
        errors.add(HandlerError('Old password', 'is not right'))
    add_password_errors(errors, password, again)
    if errors:
        raise errors
    api.records.set_password(user['id'], hash_password(password))
    api.session.flash('Your password is changed.')
    api.redirect.external('account.spy')


def add_password_errors(errors, password, again):
    if len(password) < SHORTEST:
        errors.add(HandlerError('Password', f'needs {SHORTEST} characters or more'))
    elif password != again:
        errors.add(HandlerError('Once more', 'is not the same'))
