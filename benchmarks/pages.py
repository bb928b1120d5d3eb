"""Pages: the 1000 x 10 table and a small page, with escaping on for all and off for all."""
from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import sources
from benchmarks.measure import Goal, Size, Table, contest, contestants_of, same_output
from benchmarks.sources import Render

FLOOR = 'floor: list and join'
MAKERS: tuple[tuple[str, str, Callable[[str, bool, Path], Render]], ...] = (
    ('', FLOOR, sources.floor),
    ('', 'Spyce', sources.spyce_page),
    ('jinja2', 'Jinja2', sources.jinja_page),
    ('mako', 'Mako', sources.mako_page),
    ('bottle', 'Bottle SimpleTemplate', sources.bottle_page),
)
GOALS = [Goal('Spyce', 'Jinja2', 4), Goal('Spyce', 'Mako', 4), Goal('Spyce', 'Bottle SimpleTemplate', 2),
         Goal('Spyce', FLOOR, 1 / 1.5)]
TITLES = {'table': 'A table of 1000 x 10 cells', 'page': 'Page: 15 expressions, a loop, include, parent'}
NOTE = ('The floor escapes with html.escape(); Jinja2 and Mako with markupsafe.escape(), in C; Bottle in Python, '
        'replacing one character after the other; Spyce with the function in C that markupsafe.escape() calls.')


def tables(size: Size) -> list[Table]:
    """Four tables."""
    return [_table(page, escaping, size) for page in TITLES for escaping in (True, False)]


def _table(page: str, escaping: bool, size: Size) -> Table:
    with tempfile.TemporaryDirectory() as folder:
        contestants = contestants_of(size, (
            (package, partial(_one, name, make, page, escaping, Path(folder))) for package, name, make in MAKERS))
        same_output({name: render() for name, render in contestants.items()})
        state = 'on' if escaping else 'off'
        return contest(f'{page}-escaping-{state}', f'{TITLES[page]}, escaping {state}', contestants, FLOOR, size, GOALS,
                       NOTE if escaping else '')


def _one(name: str, make: Callable[[str, bool, Path], Render], page: str, escaping: bool,
         folder: Path) -> dict[str, Render]:
    return {name: make(page, escaping, folder / name.partition(' ')[0].strip(':'))}
