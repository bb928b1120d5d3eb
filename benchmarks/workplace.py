"""Where contestants keep their files: one folder for a process, so that all are on the same file system."""
from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path


@functools.cache
def folder() -> Path:
    """A folder that goes with the process."""
    path = Path(tempfile.mkdtemp(prefix='spyce-bench-'))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path
