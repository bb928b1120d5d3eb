"""Which file a url in a page means, and whether a page may read or run it.

The one place that decides: include, redirect.internal, error pages and parents all come here.
"""
from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Sequence
from functools import lru_cache

_UNSAFE = re.compile(r'[\x00-\x1f\x7f\\]')

_NO_NAMES = ('', os.curdir, os.pardir)

RUNNABLE = ('.spy', '.spi')

# Remembered: pages are run again and again.
split_path = lru_cache(maxsize=1000)(os.path.split)
is_absolute = lru_cache(maxsize=1000)(os.path.isabs)


class PathRefused(Exception):
    """A url in a page leads where pages must not reach. The text names the url as written, never a real path."""


_real_folders: dict[str, tuple[tuple[int, int], str]] = {}


def real_folder(folder: str) -> str:
    """os.path.realpath(folder), which is remembered as long as the same folder stands at both names."""
    try:
        status = os.stat(folder)
        known = _real_folders.get(folder)
        if known is not None and known[0] == (status.st_dev, status.st_ino):
            there = status if known[1] == folder else os.stat(known[1])
            if known[0] == (there.st_dev, there.st_ino):
                return known[1]
        real = os.path.realpath(folder)
    except OSError:
        return os.path.realpath(folder)
    _real_folders[folder] = ((status.st_dev, status.st_ino), real)
    return real


def real_file(file: str) -> str:
    """os.path.realpath(file) of an absolute path, by real_folder()."""
    return look_at_file(file)[0]


def look_at_file(file: str) -> tuple[str, os.stat_result | None]:
    """The same, and what is known of the file there, None if there is none."""
    folder, name = split_path(file)
    return look_at(real_folder(folder), (name,))


def look_at(folder: str, names: Sequence[str]) -> tuple[str, os.stat_result | None]:
    """The real path of folder/names, quick if there is no link on the way, and what is known of the file there, None
    if there is none. folder: a real path."""
    path, status = folder, None
    for name in names:
        path = _join(path, name)
        status = None if name in _NO_NAMES else _status(path, os.lstat)
        if status is None or stat.S_ISLNK(status.st_mode):
            path, status = os.path.realpath(os.path.join(folder, *names)), None
            break
    return path, status or _status(path, os.stat)


def _posix_join(folder: str, name: str) -> str:
    """os.path.join() for a name without slashes, below a folder without one at its end."""
    return f'{folder}/{name}' if folder != '/' else f'/{name}'


_join = _posix_join if os.name == 'posix' else os.path.join


def _status(path: str, look: Callable[[str], os.stat_result]) -> os.stat_result | None:
    try:
        return look(path)
    except (OSError, ValueError):
        return None


def is_below(path: str, folder: str) -> bool:
    """Whether the real path `path` is `folder` or lies below it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def url_to_file(url: str, root: str, current_file: str) -> str:
    """The real path that `url` means: below `root` with a leading slash, else beside `current_file`.

    Manual: include module; reference 5 (URL rule). Links are followed first, then the result must lie below `root`,
    or, for a file that itself lies outside of it, below that file's folder. Raises PathRefused.
    """
    return url_to_real(url, real_folder(root), os.path.dirname(real_file(current_file)))


def url_to_real(url: str, root: str, folder: str) -> str:
    """url_to_file() of a file in `folder`. root, folder: real paths. Raises PathRefused."""
    return look_at_url(url, root, folder)[0]


def look_at_url(url: str, root: str, folder: str) -> tuple[str, os.stat_result | None]:
    """The same, and what is known of the file there, None if there is none."""
    if not isinstance(url, str):
        raise TypeError(f'a url must be text, not {type(url).__name__}')
    if not url or _UNSAFE.search(url):
        raise PathRefused(f'{url!r} is not a usable path: it is empty, or has a backslash or a control character')
    path, status = look_at(root if url.startswith('/') else folder, url.lstrip('/').split('/'))
    if is_below(path, root) or (not is_below(folder, root) and is_below(path, folder)):
        return path, status
    raise PathRefused(f'{url!r} lies outside of the folder of the site')


def page_to_run(url: str, root: str, current_file: str) -> str:
    """The file of a page or page part that `url` means. Raises PathRefused if it is not a .spy or .spi file."""
    return runnable(url, url_to_file(url, root, current_file))


def runnable(url: str, path: str) -> str:
    """The file that `url` means. Raises PathRefused if it is not a .spy or .spi file."""
    if not path.endswith(RUNNABLE):
        raise PathRefused(f'{url!r} is not a page: only .spy and .spi files can be run')
    return path
