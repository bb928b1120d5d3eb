"""Notices changed files of a site, for `spyce serve --dev`.

By looking at them twice a second: it needs nothing installed, sees every kind of change on every kind of file system
(network mounts and containers' too, where a kernel tells nothing), and the files of a site are few. When they are
many it looks less often, so that it takes a tenth of one processor at most.
"""
from __future__ import annotations

import logging
import os
import sys
import sysconfig
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from spyce.page import Signature

log = logging.getLogger('spyce.dev')

PAUSE = 0.5
"""Seconds between two looks, at least."""

MAX_FILES = 20_000

_EDITED = ('.spy', '.spi', '.py', '.html', '.htm', '.css', '.js', '.mjs')
"""Endings of files that people write, and that a change of is always a change."""

_NEVER_ENTERED = ('__pycache__', 'node_modules')
_LIBRARIES = ('site-packages', 'dist-packages')

Snapshot = dict[str, Signature]


class Activity:
    """When requests were being answered: what the site itself writes meanwhile is no edit."""

    _SLACK = 0.05  # clocks of file systems are coarse

    def __init__(self) -> None:
        self._running: dict[int, float] = {}
        self._past: deque[tuple[float, float]] = deque(maxlen=1000)
        self._lock = threading.Lock()

    @contextmanager
    def request(self) -> Iterator[None]:
        """While the block runs, a request is being answered."""
        begin, mark = time.time(), threading.get_ident()
        with self._lock:
            self._running[mark] = begin
        try:
            yield
        finally:
            with self._lock:
                del self._running[mark]
                self._past.append((begin, time.time()))

    def covers(self, moment: float) -> bool:
        """Whether a request was being answered at this time (seconds since the epoch)."""
        with self._lock:
            return any(begin - self._SLACK <= moment for begin in self._running.values()) or any(
                begin - self._SLACK <= moment <= end + self._SLACK for begin, end in self._past)


class Watcher:
    """The files of a site and what happens to them.

    root: folder of the site.  activity: when the site itself may have written.  The first look is taken here: what
    changes from now on is seen.
    """

    def __init__(self, root: str, activity: Activity) -> None:
        self._root = os.path.realpath(root)
        self._folders = [self._root]
        self._files: list[str] = []
        self._modules: list[str] = []
        self._modules_known = 0
        self._activity = activity
        self._is_shown: Callable[[str], bool] = lambda file: False
        self._private: tuple[str, ...] = ()
        self._seen = self._below_folders()
        self._single: dict[str, Signature | None] = {}
        self.pause = PAUSE

    def watch(self, folders: list[str], files: list[str], private: list[str], is_shown: Callable[[str], bool]) -> None:
        """Look at more than source below the root, once the configuration is known.

        folders: with all in them; files: single ones.  private: folders not to be entered, since the engine writes
        there.  is_shown: whether a file with another ending than those of source is one that browsers may get.
        """
        before = self._seen
        self._folders += [os.path.realpath(folder) for folder in folders]
        self._files += files
        self._private = tuple(os.path.realpath(folder) for folder in private)
        self._is_shown = is_shown
        now = self._below_folders()
        if len(now) >= MAX_FILES:
            log.warning('the site has more than %s files: changes of the others are not noticed', MAX_FILES)
        # What is looked at only from now on has not changed; source below the root may have, since the first look.
        self._seen = {name: signature for name, signature in now.items()
                      if not (name.endswith(_EDITED) and name.startswith(os.path.join(self._root, '')))}
        self._seen.update((name, signature) for name, signature in before.items() if not self._is_private(name))
        self._single = self._single_files()

    def changes(self) -> list[str]:
        """The files that were changed, made or removed since the last call, sorted."""
        begin = time.monotonic()
        before, self._seen = self._seen, self._below_folders()
        single, self._single = self._single, self._single_files()
        self.pause = max(PAUSE, 10 * (time.monotonic() - begin))
        now = self._seen
        names = {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)
                 and (name.endswith(_EDITED) or not self._written_by_site(now.get(name)))}
        # A module that has only now been imported has not changed.
        names.update(name for name, signature in self._single.items() if single.get(name, signature) != signature)
        return sorted(names)

    def _written_by_site(self, signature: Signature | None) -> bool:
        return signature is not None and self._activity.covers(signature.mtime_ns / 1e9)

    def _below_folders(self) -> Snapshot:
        found: Snapshot = {}
        entered: set[tuple[int, int]] = set()
        for folder in self._folders:
            self._look_into(folder, found, entered)
        return found

    def _single_files(self) -> dict[str, Signature | None]:
        found: dict[str, Signature | None] = {}
        for file in [*self._files, *self._loaded_modules()]:
            try:
                found[file] = Signature.of(os.stat(file))
            except OSError:
                found[file] = None  # not there, which is a state of a file too
        return found

    def _look_into(self, folder: str, found: Snapshot, entered: set[tuple[int, int]]) -> None:
        try:
            status = os.stat(folder)
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            return
        names = {entry.name for entry in entries}
        if (status.st_dev, status.st_ino) in entered or 'pyvenv.cfg' in names or self._is_private(folder):
            return
        entered.add((status.st_dev, status.st_ino))
        for entry in entries:
            if entry.name.startswith('.') or entry.name in _NEVER_ENTERED:
                continue
            try:
                if entry.is_dir():
                    self._look_into(entry.path, found, entered)
                elif len(found) < MAX_FILES and (entry.name.endswith(_EDITED) or self._is_shown(entry.path)):
                    found[entry.path] = Signature.of(os.stat(entry.path))
            except OSError:
                continue

    def _is_private(self, path: str) -> bool:
        return any(path == folder or path.startswith(os.path.join(folder, '')) for folder in self._private)

    def _loaded_modules(self) -> list[str]:
        """Files of the modules that run here and belong to no library."""
        if len(sys.modules) != self._modules_known:
            self._modules_known = len(sys.modules)
            paths = sysconfig.get_paths()
            libraries = (paths['stdlib'], paths['platstdlib'])
            files = [getattr(module, '__file__', None) for module in list(sys.modules.values())]
            self._modules = [file for file in files if isinstance(file, str) and file.endswith('.py')
                             and not file.startswith(libraries) and not any(name in file for name in _LIBRARIES)]
        return self._modules
