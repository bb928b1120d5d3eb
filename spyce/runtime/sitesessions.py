"""How the values that pages put into sessions become bytes.

A site's own classes have no importable name (imports.py). In a pickle they are named by their file below the root,
so that another process, or the same site at another place, finds them again.
"""
from __future__ import annotations

import io
import os
import pickle
import sys
from functools import reduce
from typing import TYPE_CHECKING, Any

from spyce.runtime.context import getServer
from spyce.runtime.imports import PREFIX
from spyce.sessions.values import is_plain

if TYPE_CHECKING:
    from spyce.runtime.server import spyceServer


class SitePickler(pickle.Pickler):
    """Pickles classes and functions of modules beside pages by their place in the site."""

    def __init__(self, file: io.BytesIO, root: str) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._root = root

    def reducer_override(self, obj: Any) -> Any:
        module = getattr(obj, '__module__', None)
        if not isinstance(module, str) or not module.startswith(PREFIX) or not hasattr(obj, '__qualname__'):
            return NotImplemented
        package, _, name = module.partition('.')
        folder = os.path.relpath(sys.modules[package].__path__[0], self._root)
        return find_in_site, (folder, name, obj.__qualname__)


def find_in_site(folder: str, module: str, qualname: str) -> Any:
    """The class or function `qualname` of a site's module; folder: relative to the root of the current server."""
    server = getServer()
    package = server.site_imports.package(os.path.join(os.path.realpath(server.config.root), folder))
    __import__(f'{package}.{module}')
    return reduce(getattr, qualname.split('.'), sys.modules[f'{package}.{module}'])


class SiteCodec:
    """Session values to bytes and back."""

    def __init__(self, server: spyceServer) -> None:
        self._root = os.path.realpath(server.config.root)

    def dumps(self, value: Any) -> bytes:
        """The pickle of a value. Raises what pickle raises."""
        if is_plain(value):
            return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        file = io.BytesIO()
        SitePickler(file, self._root).dump(value)
        return file.getvalue()

    loads = staticmethod(pickle.loads)
