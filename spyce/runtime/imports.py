"""`import x` in pages, Spyce modules and config files: modules beside the page, without touching sys.path.

Each folder that a server imports from is a synthetic package of its own name, private to the server, whose __path__
is that folder; so the import system's own machinery finds, caches and nests modules, two servers in one process have
their own, and no bare name in sys.modules is claimed. A page and a site module reach them through a `__import__` in
their `__builtins__`, which looks there first.
"""
from __future__ import annotations

import builtins
import importlib
import importlib.machinery
import itertools
import os
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

from spyce import legacy

PREFIX = 'spyce_site_'
SIGNATURE = '_spyceSignature'

_numbers = itertools.count(1)
_imports: weakref.WeakValueDictionary[str, SiteImports] = weakref.WeakValueDictionary()

Signature = tuple[int, int, int]


def file_signature(path: str) -> Signature:
    """What changes when a file is edited: modification time (ns), size, inode. Raises OSError."""
    status = os.stat(path)
    return status.st_mtime_ns, status.st_size, status.st_ino


def _is_ready(module: types.ModuleType, path: str, check: bool) -> bool:
    """Whether the module is complete and, if that is to be checked, as its file is now."""
    signature = module.__dict__.get(SIGNATURE)
    return signature is not None and (not check or signature == file_signature(path))


class SiteLoader(SourceFileLoader):
    """Runs a site's module with the site's own `__import__`."""

    def __init__(self, fullname: str, path: str, imports: SiteImports) -> None:
        super().__init__(fullname, path)
        self._imports = imports

    def exec_module(self, module: types.ModuleType) -> None:
        # Not the module's own folder: a package's modules import what stands beside the package.
        folder = sys.modules[module.__name__.partition('.')[0]].__path__[0]
        module.__dict__['__builtins__'] = self._imports.builtins_for(folder)
        signature = file_signature(self.path)
        super().exec_module(module)
        module.__dict__[SIGNATURE] = signature  # at the end: it also says that the module is complete

    def get_code(self, fullname: str) -> types.CodeType:
        # No .pyc: it is keyed by whole seconds, which misses an edit, and would litter the folder of the pages.
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class SiteFinder:
    """Finds modules below the synthetic packages."""

    @staticmethod
    def find_spec(fullname: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if not fullname.startswith(PREFIX) or path is None:
            return None
        imports = _imports.get(fullname.partition('.')[0])
        if imports is None:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = SiteLoader(fullname, spec.loader.path, imports)
        return spec


class SiteImports:
    """The modules of one server's site. They stay until the process ends, as Python's own do, and this object too."""

    def __init__(self, search: Callable[[], Iterable[str]]) -> None:
        """`search` gives the folders that every page of the site may import from, after its own. It is kept, so it must
        not hold the server."""
        self._search = search
        self._packages: dict[str, str] = {}  # real folder -> name of its synthetic package
        self._found: dict[tuple[str, str], str | None] = {}  # (importing folder, name) -> package that has it
        self._builtins: dict[str, dict[str, Any]] = {}
        self._loading = threading.RLock()
        if SiteFinder not in sys.meta_path:
            sys.meta_path.insert(0, SiteFinder)
        weakref.finalize(self, _forget_packages, self._packages)

    def package(self, folder: str) -> str:
        """The name of the synthetic package for a folder."""
        folder = os.path.realpath(folder)
        name = self._packages.get(folder)
        if name is None:
            name = f'{PREFIX}{next(_numbers)}'
            package = types.ModuleType(name, f'modules in {folder}')
            package.__path__ = [folder]
            package.__spec__ = ModuleSpec(name, None, is_package=True)
            sys.modules[name] = package
            _imports[name] = self
            name = self._packages.setdefault(folder, name)
        return name

    def load(self, path: str, check: bool = True) -> types.ModuleType:
        """The module in the file `path`, run once; with `check`, run anew if the file has changed since."""
        path = os.path.realpath(path)
        fullname = self._name_for(path)
        module = sys.modules.get(fullname)
        if module is not None and _is_ready(module, path, check):
            return module
        with self._loading:
            module = sys.modules.get(fullname)
            if module is None:
                return self._run(fullname, path)
            if SIGNATURE not in module.__dict__:
                return importlib.import_module(fullname)  # waits while an import statement elsewhere runs it
            if not _is_ready(module, path, check):
                return self._run_anew(fullname, path)
            return module

    def _name_for(self, path: str) -> str:
        folder, base = os.path.split(path)
        stem = os.path.splitext(base)[0].replace('.', '_')
        fullname = f'{self.package(folder)}.{stem}'
        known = sys.modules.get(fullname)
        if known is not None and getattr(known, '__file__', path) != path:  # a package has this name
            return f'{fullname}__module'
        return fullname

    def _run(self, fullname: str, path: str) -> types.ModuleType:
        """Run a module for the first time: as an import statement would, so that circular imports work."""
        if PathFinder.find_spec(fullname, [os.path.dirname(path)]) is not None:
            module = importlib.import_module(fullname)
            if getattr(module, '__file__', path) == path:
                return module
            fullname = f'{fullname}__module'
        return self._run_anew(fullname, path)

    def _run_anew(self, fullname: str, path: str) -> types.ModuleType:
        """Run the file and put the result in the place of what was there; others see the old one until then."""
        spec = spec_from_file_location(fullname, path, loader=SiteLoader(fullname, path, self))
        assert spec is not None and spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[fullname] = module
        return module

    def builtins_for(self, folder: str) -> dict[str, Any]:
        """The builtins of code in `folder`: Python's, with an __import__ that sees the site."""
        names = self._builtins.get(folder)
        if names is None:
            names = dict(vars(builtins), __import__=self._importer(folder))
            self._builtins[folder] = names
        return names

    def _importer(self, folder: str) -> Callable[..., types.ModuleType]:
        found = self._found
        original = builtins.__import__

        def site_import(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (),
                        level: int = 0) -> types.ModuleType:
            if level:
                return original(name, globals, locals, fromlist, level)
            top = name.partition('.')[0]
            try:
                package = found[folder, top]
            except KeyError:
                package = found[folder, top] = self._locate(folder, top)
            if package is None:
                try:
                    return original(name, globals, locals, fromlist, 0)
                except ModuleNotFoundError as error:
                    package = self._locate(folder, top) if error.name == top else None
                    if package is None:
                        raise
                    found[folder, top] = package
            if fromlist:
                return original(f'{package}.{name}', globals, locals, fromlist, 0)
            importlib.import_module(f'{package}.{name}')
            return sys.modules[f'{package}.{top}']

        return site_import

    def _locate(self, folder: str, name: str) -> str | None:
        """The package that has module `name`, seen from `folder`; None if it is none of the site's."""
        if name == 'spyce':
            return None
        if legacy.is_legacy_name(name):
            return 'spyce.modules' if legacy.is_module_name(name) else 'spyce.legacy'
        for candidate in (folder, *self._search()):
            spec = PathFinder.find_spec(name, [candidate])
            if spec is not None and spec.origin is not None and spec.loader is not None:
                return self.package(candidate)
        return None


def _forget_packages(packages: dict[str, str]) -> None:
    """No module was loaded in the end: some could not be."""
    prefixes = tuple(f'{name}.' for name in packages.values())
    names = set(packages.values())
    for name in list(sys.modules):  # a copy: other threads import meanwhile
        if name in names or name.startswith(prefixes):
            sys.modules.pop(name, None)
