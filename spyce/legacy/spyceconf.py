"""The defaults of all options, for `from spyceconf import *` at the top of a site's config file (reference 10).

Each import gets fresh values, so that one site's `path.append(...)` does not reach another's.
"""
from __future__ import annotations

import os
import sys
from typing import Any

from spyce.config.loading import spyceconf_default
from spyce.config.options import OPTIONS
from spyce.config.sessions import SESSION_OPTIONS
from spyce.login.files import FileStorage
from spyce.login.storage import SessionStorage
from spyce.login.validators import nevervalidator, testvalidator

_COMPUTED = ('threads', 'max_file_bytes')  # follow other options unless the site sets them

SPYCE_HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The folder of the engine."""

_OPTIONS = [name for name in (*OPTIONS, *SESSION_OPTIONS) if name not in _COMPUTED]

__all__ = ['FileStorage', 'SPYCE_HOME', 'SessionStorage', 'nevervalidator', 'os', 'sys', 'testvalidator', *_OPTIONS]


def __getattr__(name: str) -> Any:
    if name in _OPTIONS:
        return spyceconf_default(name)
    raise AttributeError(f'module spyceconf has no {name!r}')
