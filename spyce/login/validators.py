"""Validators: functions (login, password) -> id of the user, or None, that a site writes (manual: core tags)."""
from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from spyce.login.record import User, is_user
from spyce.runtime.exceptions import SpyceError

Validator = Callable[[str, str], Any]

_NAME = re.compile(r'[^\W\d]\w*(\.[^\W\d]\w*)+')


def nevervalidator(login: str, password: str) -> None:
    """Lets nobody in."""


def testvalidator(login: str, password: str) -> int | None:
    """For trying out only: lets in `spyce` with the password `spyce`, as user 2 (reference 10)."""
    return 2 if (login, password) == ('spyce', 'spyce') else None


def is_validator_name(name: str) -> bool:
    """Whether the text can name a function of a Python module."""
    return _NAME.fullmatch(name) is not None and not name.startswith('self.')


def find_validator(api: Any, name: str | None) -> Validator:
    """The validator of a login tag: the function MODULE.NAME, imported as the page's own code would import it, or
    without a name that of the config. Raises SpyceError if there is none."""
    if name is None:
        configured: Validator | None = api.getServer().config.login_defaultvalidator
        if configured is None:
            raise SpyceError('nobody can log in: the page names no validator, and the config none for all pages. Write '
                             'validator="MODULE.FUNCTION" into the login tag, or login_defaultvalidator = FUNCTION '
                             'into the config: a function (login, password) that gives the id of the user, or None')
        return configured
    module_name, _, function_name = name.rpartition('.')
    site_import = api.getServer().site_imports.builtins_for(os.path.dirname(api.getFilename()))['__import__']
    validator = getattr(site_import(module_name, fromlist=(function_name,)), function_name, None)
    if not callable(validator):
        raise SpyceError(f'validator="{name}": the module {module_name} has no function {function_name}')
    return validator  # type: ignore[no-any-return]


def checked_user(value: object, validator: Validator) -> User | None:
    """What a validator has given, as an id; None and False let nobody in. Raises SpyceError for anything else."""
    if value is None or value is False:
        return None
    if not is_user(value) or value == '':
        name = getattr(validator, '__qualname__', repr(validator))
        gave = "''" if value == '' else f'a {type(value).__name__}'
        raise SpyceError(f'the validator {name} gave {gave}; it gives the id of the user, which is a str or an int, or '
                         'None')
    return value  # type: ignore[return-value]  # is_user() has said so
