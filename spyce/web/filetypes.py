"""Which files may be sent at all, and as what."""
from __future__ import annotations

import os
from functools import lru_cache
from mimetypes import MimeTypes
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spyce.config import Config

NEVER = frozenset((
    'spy', 'spi', 'py', 'pyc', 'pyo', 'pyw', 'pyd', 'so', 'o',                     # code
    'db', 'db3', 'sqlite', 'sqlite3', 'dbm', 'dir', 'dat', 'pag', 'pickle', 'pkl',  # data
    'pem', 'key', 'p12', 'pfx', 'env', 'ini', 'cfg', 'conf', 'log',                # secrets
    'bak', 'orig', 'swp', 'swo', 'old', 'rej', 'save', 'tmp'))                     # left by an editor
"""File endings that are never sent, even if the mime option gives them a type."""

COMPRESSED = {'.gz': 'application/gzip', '.bz2': 'application/x-bzip2', '.xz': 'application/x-xz',
              '.tgz': 'application/gzip'}

NEWER_TYPES = {  # some Pythons do not know these yet
    '.avif': 'image/avif', '.ico': 'image/vnd.microsoft.icon', '.js': 'text/javascript', '.md': 'text/markdown',
    '.mjs': 'text/javascript', '.otf': 'font/otf', '.ttf': 'font/ttf', '.wasm': 'application/wasm',
    '.webmanifest': 'application/manifest+json', '.webp': 'image/webp', '.woff': 'font/woff', '.woff2': 'font/woff2',
}


@lru_cache(maxsize=1)
def _known_types() -> dict[str, str]:
    # Not the tables of the system: what is served must not depend on the machine.
    return {**MimeTypes(filenames=()).types_map[True], **NEWER_TYPES, **COMPRESSED}


def content_type(file: str, config: Config) -> str | None:
    """The content type of a file that may be sent; None for one that must not be, or whose type is not known."""
    name = os.path.basename(file).lower()
    if name.startswith(('.', '#', '~')) or name.endswith(('~', '#')) or _is_private(file, config):
        return None
    stem, ending = os.path.splitext(name)
    if ending[1:] in NEVER or (ending in COMPRESSED and os.path.splitext(stem)[1][1:] in NEVER):
        return None
    known = config.mime.get(ending) or _known_types().get(ending)
    if known is not None and known.startswith('text/') and 'charset' not in known:
        return f'{known}; charset={config.encoding}'
    return known


def _is_private(file: str, config: Config) -> bool:
    """Whether the file lies in a folder of the session store or of the site's own data."""
    store = config.sessions.session_store
    folders = (config.site_data, config.sessions.session_folder, getattr(store, 'folder', None))
    return any(file.startswith(os.path.join(os.path.realpath(folder), ''))
               for folder in folders if isinstance(folder, (str, os.PathLike)))
