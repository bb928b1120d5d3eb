"""The files of a site that `spyce check` and `spyce migrate` look at, and how these say what they find."""
from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

PAGES = ('.spy', '.spi')
_SKIPPED = frozenset({'__pycache__', 'node_modules', 'site-packages'})


@dataclass(frozen=True, order=True)
class Finding:
    """What is found at one place of a file.

    :param file: its name, relative to the folder that was looked at.
    :param line: from 1.
    :param column: from 1, in characters.
    :param message: what it is, and what to do.
    :param failing: whether the site cannot run so; else it is a warning.
    """

    file: str
    line: int
    column: int
    message: str
    failing: bool = field(default=True, compare=False)

    def __str__(self) -> str:
        return f'{self.file}:{self.line}:{self.column}: {"" if self.failing else "warning: "}{self.message}'


def site_files(folder: str) -> Iterator[str]:
    """The pages (.spy, .spi) and Python files below a folder, by name.

    Links are not followed. Left out are names that begin with a dot, caches, and virtual environments.
    """
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith('.') and name not in _SKIPPED
                            and not os.path.exists(os.path.join(here, name, 'pyvenv.cfg')))
        for name in sorted(files):
            path = os.path.join(here, name)
            if name.endswith((*PAGES, '.py')) and not name.startswith('.') and not os.path.islink(path):
                yield path


def shown_name(file: str, folder: str) -> str:
    """The name of a file, relative to a folder, as text that any terminal takes."""
    name = os.fsencode(os.path.relpath(file, folder)).decode('utf-8', 'replace')
    return ''.join(char if char.isprintable() else '\ufffd' for char in name)


def is_page(file: str) -> bool:
    return file.endswith(PAGES)
