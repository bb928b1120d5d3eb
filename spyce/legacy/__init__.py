"""The import names of 2.1: `from spyceModule import spyceModule` or `import session` in a site's own modules.

A finder at the end of sys.meta_path serves a fixed list of names. Each is the module of this package, or of
spyce.modules, itself: `import session` and `spyce.modules.session` are one object. For plain Python code an installed
top-level module of the same name comes first, as it is found earlier; code of a site gets these names always.
"""
from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

LIBRARY_NAMES = frozenset({'spyceModule', 'spyceLock', 'spyceException', 'spyceTag', 'spyceUtil', 'spyceconf',
                           'spyceConfig', 'scheduler'})

MODULE_NAMES = frozenset({'session', 'cookie', 'error', 'include', 'pool', 'redirect', 'request', 'response', 'stdout',
                          'transform', 'compress', 'spylambda', 'taglib'})


def is_module_name(name: str) -> bool:
    """Whether `name` is one of the engine's Spyce modules, of spyce.modules."""
    return name in MODULE_NAMES


def is_legacy_name(name: str) -> bool:
    """Whether `name` is served here, so that a site's own file of that name does not replace it."""
    return name in MODULE_NAMES or name in LIBRARY_NAMES


def install() -> None:
    """Make the names importable in this process. Calling it again changes nothing."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


class _Finder(MetaPathFinder):
    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        if path is not None or not is_legacy_name(fullname):
            return None
        package = 'spyce.modules' if is_module_name(fullname) else 'spyce.legacy'
        return ModuleSpec(fullname, _AliasLoader(f'{package}.{fullname}'), origin=f'{package}.{fullname}')


class _AliasLoader(Loader):
    """Loads an existing module under a second name; its __name__ and __spec__ stay as they are."""

    def __init__(self, target: str) -> None:
        self._target = target

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Placeholder(spec.name, importlib.import_module(self._target))

    def exec_module(self, module: ModuleType) -> None:
        # The import system hands out what stands in sys.modules afterwards.
        sys.modules[module.__name__] = sys.modules[self._target]


class _Placeholder(ModuleType):
    """Stands in sys.modules for the moment between creating and executing, when another thread may pick it up."""

    def __init__(self, name: str, real: ModuleType) -> None:
        super().__init__(name)
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)
