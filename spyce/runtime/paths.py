"""Which file a url in a page means, and whether a page may read or run it.

The one place that decides: include, redirect.internal, error pages and parents all come here.
"""
from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Sequence

_UNSAFE = re.compile(r'[\x00-\x1f\x7f\\]')

_NO_NAMES = ('', os.curdir, os.pardir)

RUNNABLE = ('.spy', '.spi')


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
    folder, name = os.path.split(file)
    return real_path(real_folder(folder), [name])[0]


def real_path(folder: str, names: Sequence[str]) -> tuple[str, int]:
    """The real path of folder/names, quick if there is no link on the way, and its st_mode, 0 if nothing is there.

    folder: a real path.
    """
    path, mode = folder, 0
    for name in names:
        path = os.path.join(path, name)
        mode = 0 if name in _NO_NAMES else _mode(path, os.lstat)
        if mode == 0 or stat.S_ISLNK(mode):
            path, mode = os.path.realpath(os.path.join(folder, *names)), 0
            break
    return path, mode or _mode(path, os.stat)


def _mode(path: str, look: Callable[[str], os.stat_result]) -> int:
    try:
        return look(path).st_mode
    except (OSError, ValueError):
        return 0


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
    if not isinstance(url, str):
        raise TypeError(f'a url must be text, not {type(url).__name__}')
    if not url or _UNSAFE.search(url):
        raise PathRefused(f'{url!r} is not a usable path: it is empty, or has a backslash or a control character')
    path, _ = real_path(root if url.startswith('/') else folder, url.lstrip('/').split('/'))
    if is_below(path, root) or (not is_below(folder, root) and is_below(path, folder)):
        return path
    raise PathRefused(f'{url!r} lies outside of the folder of the site')


def page_to_run(url: str, root: str, current_file: str) -> str:
    """The file of a page or page part that `url` means. Raises PathRefused if it is not a .spy or .spi file."""
    return runnable(url, url_to_file(url, root, current_file))


def runnable(url: str, path: str) -> str:
    """The file that `url` means. Raises PathRefused if it is not a .spy or .spi file."""
    if not path.endswith(RUNNABLE):
        raise PathRefused(f'{url!r} is not a page: only .spy and .spi files can be run')
    return path
