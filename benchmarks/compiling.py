"""Compiling the small page, its include and its parent from source, nothing kept from before."""
from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measure import Goal, Size, Table, Work, contest, contestants_of
from benchmarks.sources import BOTTLE, JINJA, MAKO, SPYCE, write_spyce

FLOOR = 'floor: compile() of it by hand'
FILES = ('page', 'part', 'parent')


def tables(size: Size) -> list[Table]:
    """One table."""
    with tempfile.TemporaryDirectory() as folder:
        contestants = contestants_of(size, (
            ('', lambda: {FLOOR: _floor()}),
            ('', lambda: _spyce(Path(folder) / 'site')),
            ('jinja2', _jinja), ('mako', _mako), ('bottle', _bottle)))
        return [contest('compiling', 'Compiling that page, its include and its parent', contestants, FLOOR, size,
                        [Goal('Spyce', 'Jinja2', 1), Goal('Spyce', 'Mako', 1)],
                        'Spyce keeps the place of each character, so that errors and debuggers name line and column.')]


def _floor() -> Work:
    import inspect

    from benchmarks import sources
    source = inspect.getsource(sources.floor_page)
    return lambda: compile('from __future__ import annotations\n' + source, 'floor', 'exec')


def _spyce(folder: Path) -> Mapping[str, Work]:
    from spyce.config import load_config
    from spyce.runtime.server import spyceServer
    write_spyce(folder, escaping=True)
    server = spyceServer(load_config(os.fspath(folder)))
    files = [os.path.realpath(folder / name) for name in SPYCE if not name.startswith('table')]

    def compile_all() -> None:
        server.spyce_cache.clear()
        for file in files:
            server.load_page(file)

    return {'Spyce': compile_all}


def _jinja() -> Mapping[str, Work]:
    from jinja2 import Environment
    environment = Environment(autoescape=True)
    return {'Jinja2': lambda: [environment.from_string(JINJA[name]) for name in FILES]}


def _mako() -> Mapping[str, Work]:
    from mako.template import Template
    return {'Mako': lambda: [Template(MAKO[name], default_filters=['h']) for name in FILES]}


def _bottle() -> Mapping[str, Work]:
    from bottle import SimpleTemplate
    return {'Bottle SimpleTemplate': lambda: [SimpleTemplate(BOTTLE[name]).co for name in FILES]}
