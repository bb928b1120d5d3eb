"""From the path of a url to a file below root, or to nothing: the one place where a client's path meets the disk."""
from __future__ import annotations

import os
import re
import stat
from enum import Enum
from typing import TYPE_CHECKING

from spyce.runtime.paths import is_below, look_at

if TYPE_CHECKING:
    from spyce.config import Config

_UNSAFE = re.compile(r'[\x00-\x1f\x7f\\]|/[./]')
"""Control characters, backslashes; '/.': '.', '..' and hidden files; '//' within: '//host' in disguise."""

_HIDDEN = f'{os.sep}.'


class Kind(Enum):
    """What to do with a path."""

    PAGE = 'run the page'
    STATIC = 'send the file'
    ADD_SLASH = 'redirect to the folder'
    MISSING_PAGE = 'say that there is no such page'
    NOTHING = 'say that there is nothing'


Route = tuple[Kind, str, os.stat_result | None]
"""What to do, the real path of the file it is about, '' if there is none, and what is known of the file."""

NOTHING: Route = (Kind.NOTHING, '', None)


def route(path_info: str, root: str, config: Config) -> Route:
    """What the path of a url means. Raises nothing: a path that is not safe means nothing.

    path_info: as WSGI gives it, percent codes decoded once, bytes as latin-1; root: real path of the site's folder.
    """
    segments = _segments(path_info)
    if segments is None:
        return NOTHING
    is_folder = segments[-1] == ''
    names = segments[:-1] if is_folder else segments
    found = _real_below(root, root, names)
    if found is None:
        return NOTHING
    file, status = found
    if status is not None and stat.S_ISDIR(status.st_mode):
        if config.www_handlers.get('/') != 'directory':
            return NOTHING
        return _index(root, file, config) if is_folder else (Kind.ADD_SLASH, file, status)
    if is_folder:
        return NOTHING
    return _file(names[-1], file, status, config)


def _segments(path_info: str) -> list[str] | None:
    """The parts between slashes, '' at the end for a folder; None for a path that has no business here."""
    path = path_info
    if not path.isascii():
        try:
            path = path.encode('latin-1').decode('utf-8')
        except UnicodeError:
            return None
    if _UNSAFE.search(path) or not path.startswith('/'):
        return None
    return path[1:].split('/')


def _real_below(root: str, folder: str, names: list[str]) -> tuple[str, os.stat_result | None] | None:
    """The real path of folder/names, links followed, and what is known of it; None if that lies outside of root, or
    is hidden.

    root, folder: real paths, without links; names: not hidden ones.
    """
    real, status = look_at(folder, names)
    if not is_below(real, root) or _HIDDEN in real[len(root.rstrip(os.sep)):]:
        return None
    return real, status


def _index(root: str, folder: str, config: Config) -> Route:
    for name in config.indexFiles:
        found = _real_below(root, folder, [name])
        if found is not None and found[1] is not None and stat.S_ISREG(found[1].st_mode):
            return _file(name, *found, config)
    return NOTHING


def _file(name: str, file: str, status: os.stat_result | None, config: Config) -> Route:
    """The route to an existing or missing file; `name` is how the url calls it, links not followed."""
    if status is not None and not stat.S_ISREG(status.st_mode):
        return NOTHING
    handler = _handler(name, config)
    if handler == 'spyce':
        return Kind.MISSING_PAGE if status is None else Kind.PAGE, file, status
    # A link with a harmless name must not show the source of a page.
    if status is not None and handler == 'dump' and _handler(os.path.basename(file), config) == 'dump':
        return Kind.STATIC, file, status
    return NOTHING


def _handler(name: str, config: Config) -> str | None:
    handlers = config.www_handlers
    _, dot, ending = name.rpartition('.')
    if dot and ending.lower() in handlers:
        return handlers[ending.lower()]
    return handlers.get(None)
