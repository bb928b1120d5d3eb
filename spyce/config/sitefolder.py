"""The private folder of a site: where its sessions, locks and keys are unless the configuration says otherwise."""
from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import tempfile

from spyce.config.messages import ConfigError


def private_folder(root: str, configured: str | None = None) -> str:
    """Make, check and give the folder that belongs to the site in `root`, for this user alone.

    configured: the option site_data; else a folder below $XDG_STATE_HOME or ~/.local/state, or, for a user without
    a home that can be written to, below the folder for temporary files.
    Raises ConfigError if it cannot be made or is not this user's alone.
    """
    if configured is not None:
        return _made_private(configured)
    real = os.path.realpath(root)
    readable = re.sub(r'[^A-Za-z0-9_-]+', '-', os.path.basename(real)).strip('-') or 'site'
    name = f'{readable[:40]}-{hashlib.sha256(os.fsencode(real)).hexdigest()[:16]}'
    return _made_private(os.path.join(_state_folder(), name))


def _state_folder() -> str:
    """The folder of all of this user's sites."""
    state = os.environ.get('XDG_STATE_HOME', '')
    if not os.path.isabs(state):  # the XDG rules: a relative path is to be ignored
        home = os.path.expanduser('~')
        state = os.path.join(home, '.local', 'state') if os.path.isabs(home) else ''
    if state:
        folder = os.path.join(state, 'spyce')
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            if os.access(folder, os.W_OK | os.X_OK):
                return folder
        except OSError:
            pass  # a service user's home often does not exist or is not its own: the next place serves
    user = os.geteuid() if hasattr(os, 'geteuid') else 'user'
    return _made_private(os.path.join(tempfile.gettempdir(), f'spyce-{user}'))


def _made_private(folder: str) -> str:
    try:
        os.makedirs(os.path.dirname(folder), mode=0o700, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        status = os.lstat(folder)
    except OSError as error:
        raise ConfigError(f'cannot make the folder {folder} for the data of this site: {error.strerror}; '
                          'name another one with the option site_data') from error
    remedy = 'the data of this site may lie in it only if nobody else can; name another folder with site_data'
    if not stat.S_ISDIR(status.st_mode):
        raise ConfigError(f'{folder} is not a folder, or is a link: {remedy}')
    if hasattr(os, 'geteuid'):
        if status.st_uid != os.geteuid():
            raise ConfigError(f'{folder} belongs to another user: {remedy}')
        if status.st_mode & 0o077:
            raise ConfigError(f'{folder} is open to other users (mode {stat.S_IMODE(status.st_mode):o}): {remedy}, '
                              'or close it with chmod 700')
    return folder
