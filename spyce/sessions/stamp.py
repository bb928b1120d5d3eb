"""One look at a folder that tells whether any file in it was made, removed or replaced since an earlier look."""
from __future__ import annotations

import os
import time

Stamp = tuple[int, int, int]

SETTLING = 3_000_000_000
"""Nanoseconds in which a folder may change twice and show one time: no file system counts coarser than two seconds."""


def stamp_of(folder: str) -> Stamp | None:
    """What stays the same as long as the path leads to this folder, with the same files under the same names.

    None where that cannot be said: the folder has changed just now, it is not there, or the platform does not tell.
    """
    if os.name != 'posix':
        return None  # st_ctime is when the folder was made
    now = time.time_ns()
    try:
        status = os.stat(folder)
    except OSError:
        return None
    changed = status.st_ctime_ns  # unlike the time of modification, nobody can set it
    return (status.st_dev, status.st_ino, changed) if 0 < changed < now - SETTLING else None
