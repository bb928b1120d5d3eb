"""Name and password as a login form sends them: looked at before the page and its handlers run."""
from __future__ import annotations

import logging
import math
from typing import Any

from spyce.login.origin import is_from_here
from spyce.login.record import User
from spyce.login.request import RequestLogin, request_login, request_session
from spyce.login.validators import checked_user, find_validator

log = logging.getLogger('spyce.login')

NAME_FIELD = '_spy_login_user'
PASSWORD_FIELD = '_spy_login_password'
REMEMBER_FIELD = '_spy_login_rememberme'

LONGEST_NAME = 1000
LONGEST_PASSWORD = 10_000
"""Characters; what is longer is wrong, without asking the validator."""

ENGINE_FIELDS = ('_spy', '_submit')
"""What the names of the engine's own fields begin with: credentials, tokens, buttons with handlers."""

MOST_FIELDS = 100
MOST_TEXT = 65536
"""Of a form that a login has interrupted, what goes through the login form: fields, and characters in them."""

WRONG = 'Name and password do not fit.'
FOREIGN = 'This login came from another site and was refused. Please log in here.'


def attempt(api: Any, validator_name: str | None) -> None:
    """Log in with what the request has posted; nothing if it posts no name and password.

    One attempt a request: of several login tags the first one counts. Why it failed is the message of the request's
    login. Raises SpyceError for a validator that is missing or gives no id, and what it raises itself.
    """
    request = api.getRequest()
    if request.method() != 'POST':
        return
    login = request_login(api)
    form = dict(reversed(request.form()))  # the first value of each name
    name, password = form.get(NAME_FIELD, ''), form.get(PASSWORD_FIELD, '')
    if login.was_attempted or not (name or password):
        return
    login.was_attempted = True
    login.name = name[:LONGEST_NAME]
    if is_from_here(request) is False:
        log.warning('a login form of another site was refused')
        login.message = FOREIGN
        return
    user = _checked(api, login, validator_name, name, password)
    if user is not None:
        login.start(user, bool(form.get(REMEMBER_FIELD)), request_session(api))
        log.info('user %r has logged in', user)


def _checked(api: Any, login: RequestLogin, validator_name: str | None, name: str, password: str) -> User | None:
    """The user that the validator knows by this name and password; None, and a message, if there is none."""
    validator = find_validator(api, validator_name)
    throttle, address = api.getServer().logins.throttle, api.getRequest().remote_addr
    wait = throttle.attempt(name, address)
    if wait:
        log.warning('too many failed logins from %r or for one name: an attempt was not looked at', address)
        login.message = f'There were too many attempts. Please try again in {math.ceil(wait / 60)} minutes.'
        api.getResponse().setReturnCode(429)
        api.getResponse().addHeader('Retry-After', str(math.ceil(wait)), replace=1)
        return None
    is_possible = len(name) <= LONGEST_NAME and len(password) <= LONGEST_PASSWORD
    user = checked_user(validator(name, password), validator) if is_possible else None
    if user is None:
        log.info('a login from %r has failed', address)
        login.message = WRONG
    else:
        throttle.succeeded(name, address)
    return user


def interrupted_fields(api: Any) -> list[tuple[str, str]]:
    """The fields of a form that was sent when a login had become necessary: the login form sends them again.

    Only those of a form that the browser says is this site's: a stranger's page could have its own form sent so, in
    the name of who logs in. Never the engine's fields, nor files; none at all if there are too many.
    """
    request = api.getRequest()
    if request.method() != 'POST' or not is_from_here(request):
        return []
    fields = [(name, value) for name, value in request.form() if not name.startswith(ENGINE_FIELDS)]
    is_small = len(fields) <= MOST_FIELDS and sum(len(name) + len(value) for name, value in fields) <= MOST_TEXT
    return fields if is_small else []
