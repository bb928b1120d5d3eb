"""The config of the site, as modules and tag libraries of 2.1 import it (reference 10).

Its names are looked up anew each time, for the server whose request or task is being worked on.
"""
import sys as _sys
import types as _types
from typing import Any as _Any

from spyce.runtime.context import getServer as _getServer


class _ConfigModule(_types.ModuleType):
    def __getattr__(self, name: str) -> _Any:
        if name.startswith('__'):  # Python asks every module for such names
            raise AttributeError(name)
        return getattr(_getServer().config, name)

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith('__'):
            raise AttributeError(f'spyceConfig.{name} cannot be set: the config of a site is read when it starts')
        super().__setattr__(name, value)


_sys.modules[__name__].__class__ = _ConfigModule
