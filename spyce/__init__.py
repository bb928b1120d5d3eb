"""Spyce: pages with Python in them, and sessions that lose nothing.

What programs use: make_app, render and render_string, and the test client (spyce.testing). What 2.1 pages and modules
use: getServer, getServerGlobals, SPYCE_GLOBALS, DEBUG, spyceFileHandler, spyceStringHandler.
"""
from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from spyce.runtime.context import getServer

if TYPE_CHECKING:
    import os

    from spyce.web.wsgi import Application

__version__ = '3.0.0'

MAX_STACK = 100
"""Pages within pages: includes, lambdas, parents and redirects go no deeper."""

WRAPPER_LIMIT = 32
"""Idle namespaces kept for each page; as many requests of one page as this run without building one."""

__all__ = ['DEBUG', 'MAX_STACK', 'SPYCE_GLOBALS', 'WRAPPER_LIMIT', 'getServer', 'getServerGlobals', 'make_app',
           'render', 'render_string', 'spyceFileHandler', 'spyceStringHandler']


def make_app(root: str | None = None, config: str | None = None, **options: Any) -> Application:
    """A WSGI application that serves the pages below `root`.

    root: folder of the pages, by default the current one; config: a config file, by default ROOT/spyceconf.py if it
    is there; options: config options by name, which win over the file.  Raises TypeError for an unknown option and
    spyce.config.ConfigError for a config that cannot be used.
    """
    from spyce.web.wsgi import make_app
    return make_app(root, config, **options)


def render(path: str | os.PathLike[str], /, *, root: str | os.PathLike[str] | None = None,
           config: str | os.PathLike[str] | None = None, **arguments: Any) -> str:
    """Run the page in the file `path`, and return its text.

    arguments: what the page sees under these names, as local variables; a name that it uses and did not get is a
    NameError at its line, and locals().get('name') asks for one.  root and config are not among them: they name the
    site to run the page in, as for make_app(). Without both it is the site of the request or scheduled task that
    this is called in, else that of the folder of the file. A relative path is below the root of the site if one is
    named or current, else below the current folder; an absolute one may lie anywhere, so the program has to choose it.

    The page sees a quiet request of its own: GET, no query, no cookies. Whatever it writes is in the text, also past
    a flush(). Headers, status and cookies that it sets go nowhere; its session is empty, and putting into it is an
    error, as is redirect.external(). A `db` of spyce.db is in the transaction of the caller, or in one of its own.
    Nothing of a page within which this is called changes. Safe to call from many threads.

    Raises what the page raises; PageSyntaxError, spyceNotFound or spyceForbidden if there is no such page to run;
    PathRefused for a relative path that leaves the site; TypeError for an argument that no variable can be called;
    SpyceError for a redirect; ConfigError.
    """
    from spyce.rendering import render_file
    return render_file(path, arguments, root, config)


def render_string(source: str, /, *, root: str | os.PathLike[str] | None = None,
                  config: str | os.PathLike[str] | None = None, **arguments: Any) -> str:
    """Run the text of a page, and return what it prints: render() for source that is in no file.

    It includes and imports as a page at the root of the site does. Without root and config, and outside of requests,
    the site is the current folder.
    """
    from spyce.rendering import render_source
    return render_source(source, arguments, root, config)


def getServerGlobals() -> dict[str, Any]:
    """The dictionary `globals` of the current server's configuration."""
    return getServer().globals


class _ServerGlobals:
    """2.1's SPYCE_GLOBALS: the globals of the current server, looked up at each use."""

    def __getitem__(self, name: str) -> Any:
        return getServerGlobals()[name]

    def __setitem__(self, name: str, value: Any) -> None:
        getServerGlobals()[name] = value

    def __contains__(self, name: object) -> bool:
        return name in getServerGlobals()

    def get(self, name: str, default: Any = None) -> Any:
        return getServerGlobals().get(name, default)


SPYCE_GLOBALS = _ServerGlobals()


def DEBUG(s: object) -> None:
    """Write a line to the log of pages."""
    logging.getLogger('spyce.page').debug('%s', s)


def spyceFileHandler(request: Any, response: Any, filename: str, sig: str = '', args: Any = None, kwargs: Any = None,
                     config: Any = None) -> int:
    """Answer a raw request with the page in a file; returns the status code (reference 2)."""
    return getServer(config).fileHandler(request, response, filename, sig, args, kwargs)


def spyceStringHandler(request: Any, response: Any, code: str, sig: str = '', args: Any = None, kwargs: Any = None,
                       config: Any = None) -> int:
    """Answer a raw request with page source; returns the status code (reference 2)."""
    return getServer(config).stringHandler(request, response, code, sig, args, kwargs)
