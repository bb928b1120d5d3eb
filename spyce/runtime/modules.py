"""Spyce modules: finding their file, loading their class, reaching them by attribute."""
from __future__ import annotations

import functools
import importlib
import os
from typing import TYPE_CHECKING, Any

from spyce import legacy
from spyce.runtime.exceptions import SpyceError

if TYPE_CHECKING:
    from spyce.runtime.server import spyceServer
    from spyce.runtime.wrapper import spyceWrapper

DEFAULT_MODULES = ('request', 'response', 'stdout', 'error')

CONTRIB_MODULES = frozenset({'automaton', 'etag', 'mail', 'session1', 'template', 'toc'})
"""Those of spyce.modules.contrib. Unlike the engine's own, a site's file of the same name replaces them."""


class ModuleNotFound(SpyceError, ImportError):
    """No file, or no class of that name in it, for a module that a page imports."""


def load_module_class(server: spyceServer, name: str, file: str | None = None,
                      rel_file: str | None = None) -> type[Any]:
    """The class of a Spyce module.

    name: of the class, and of its file unless `file` is given; file: path of the file, relative to the importing
    file or to a folder of config.path; rel_file: the importing file.  The engine's own modules are found first,
    then the folder of the importing file, then config.path (reference 6.4), contributed modules last.
    Raises ModuleNotFound.
    """
    if file is None and is_standard(name):
        return standard_class(name)
    path = find_file(server, file or name, rel_file)
    if path is None and file is None and name in CONTRIB_MODULES:
        return getattr(importlib.import_module(f'spyce.modules.contrib.{name}'), name)  # type: ignore[no-any-return]
    if path is None:
        where = f' (from {file})' if file else ''
        raise ModuleNotFound(f'cannot find a Spyce module {name!r}{where}: no such file beside the page or on the '
                             "config's path")
    module = server.site_imports.load(path, server.config.check_mtime)
    cls = getattr(module, name, None)
    if cls is None:
        raise ModuleNotFound(f'{os.path.basename(path)} has no class {name!r}: a Spyce module is a class of the name '
                             'under which it is imported')
    if isinstance(cls, type):
        cls.__file__ = path  # type: ignore[attr-defined]  # recorded case module-file-attribute
    return cls  # type: ignore[no-any-return]


def module_variable(server: spyceServer, module: str, name: str) -> Any:
    """What a module of the engine, or a file on config.path, has under a name. Raises ModuleNotFound."""
    if is_standard(module):
        found: Any = importlib.import_module(f'spyce.modules.{module}')
    else:
        path = find_file(server, module, None)
        if path is None:
            raise ModuleNotFound(f"cannot find {module}.py on the config's path")
        found = server.site_imports.load(path, server.config.check_mtime)
    try:
        return getattr(found, name)
    except AttributeError:
        raise ModuleNotFound(f'module {module!r} has no {name!r}') from None


@functools.cache
def standard_class(name: str) -> type[Any]:
    """The class of a module of the engine."""
    return getattr(importlib.import_module(f'spyce.modules.{name}'), name)  # type: ignore[no-any-return]


@functools.cache
def default_classes() -> tuple[tuple[str, type[Any]], ...]:
    """The modules that every page has, with their classes."""
    return tuple((name, standard_class(name)) for name in DEFAULT_MODULES)


def is_standard(name: str) -> bool:
    """Whether `name` is a module of the engine, which a site's file of that name does not replace."""
    return legacy.is_module_name(name)


def find_file(server: spyceServer, name: str, rel_file: str | None, ending: str = '.py') -> str | None:
    """A file in the folder of `rel_file`, in one of config.path, or at the root, in this order (reference 6.4)."""
    if not name.endswith(ending):
        name += ending
    folders = [os.path.dirname(rel_file)] if rel_file else []
    for folder in [*folders, *server.config.path, server.config.root]:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path
    return None


class moduleFinder:
    """Modules as attributes, loaded and started when first asked for: the `api` of handlers (reference 6.4)."""

    def __init__(self, wrapper: spyceWrapper) -> None:
        self._wrapper = wrapper

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(name)
        if name == 'db':
            return self._wrapper.getServer().config.db
        try:
            return self._wrapper.getModule(name)
        except ModuleNotFound as error:
            raise AttributeError(str(error)) from error

    def breakpoint(self) -> None:
        """Stop in the debugger, at the terminal of the server."""
        import pdb  # noqa: T100
        import sys

        from spyce.runtime.stdout import real_stdout
        pdb.Pdb(stdout=real_stdout()).set_trace(sys._getframe(1))
