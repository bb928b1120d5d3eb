"""What a figure was measured on: without it, it says nothing."""
from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from datetime import datetime, timezone
from importlib import metadata

from benchmarks.client import CLIENT

PACKAGES = ('spyce-session', 'Werkzeug', 'MarkupSafe', 'waitress', 'gunicorn', 'granian', 'Jinja2', 'Mako', 'bottle',
            'Beaker', 'CherryPy', 'Flask', 'Flask-Session', 'cachelib', 'Django')


def facts() -> dict[str, str]:
    """Name and value of each fact."""
    versions = ', '.join(f'{name} {version}' for name, version in map(_version, PACKAGES) if version)
    return {
        'date': datetime.now(timezone.utc).strftime('%Y-%m-%d'),
        'commit': _commit(),
        'python': f'{platform.python_implementation()} {platform.python_version()}',
        'system': f'{platform.system()} {platform.release()} {platform.machine()}, {_file_system()}',
        'processor': f'{_processor()}, {os.cpu_count()} cores',
        'sqlite': sqlite3.sqlite_version,
        'client': CLIENT,
        'packages': versions,
    }


def _version(package: str) -> tuple[str, str]:
    try:
        return package, metadata.version(package)
    except metadata.PackageNotFoundError:
        return package, ''


def _commit() -> str:
    commit = _output('git', 'rev-parse', '--short', 'HEAD')
    changed = _output('git', 'status', '--porcelain', '--', 'spyce', 'modules', 'tags')
    return commit + (' and changes' if commit and changed else '')


def _processor() -> str:
    try:
        with open('/proc/cpuinfo') as file:
            return next(line.partition(':')[2].strip() for line in file if line.startswith('model name'))
    except (OSError, StopIteration):
        return platform.processor() or 'unknown processor'


def _file_system() -> str:
    from benchmarks.workplace import folder
    return _output('stat', '-f', '-c', '%T', str(folder())) or 'unknown file system'


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ''
