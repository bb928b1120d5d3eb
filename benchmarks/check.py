"""`make bench-check`: whether the ratios to hand-written code are still those of baseline.json.

After a change that is meant to move them: `python -m benchmarks --check --write`, and commit the file.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.measure import OURS, Table

BASELINE = Path(__file__).with_name('baseline.json')
LEFT = 2 / 3
"""What has to be left of a ratio: a loss of more than a third fails."""

NAMES = ('pages', 'compiling', 'stores', 'wsgi', 'contention', 'cleaning', 'footprint')
"""The tables that are checked: those that need no server, and little time."""

Ratios = dict[str, float]
Run = Callable[[str], list[Table]]


def ratios(tables: Iterable[Table]) -> Ratios:
    """How fast our rows are, as a part of the speed of the floor of their tables."""
    return {f'{table.key}: {row.name}': round(table.times(row.name, table.floor), 5)
            for table in tables for row in table.rows
            if row.name.startswith(OURS) and row.name != table.floor and row.value > 0}


def write(run: Run, facts: dict[str, str]) -> None:
    """Measure, and keep the ratios as those to come up to."""
    found: dict[str, Any] = {name: ratios(run(name)) for name in NAMES}
    BASELINE.write_text(json.dumps({'facts': facts, 'ratios': found}, indent=1) + '\n')
    print(f'written: {BASELINE}')


def check(run: Run) -> bool:
    """Measure and compare; a table in which something was lost is measured once more, as the machine is noisy."""
    known: dict[str, Ratios] = json.loads(BASELINE.read_text())['ratios']
    lost: list[str] = []
    for name, wanted in known.items():
        found = ratios(run(name))
        if _lost(found, wanted):
            again = ratios(run(name))
            found = {row: max(ratio, again.get(row, 0.0)) for row, ratio in found.items()}
        for row, ratio in wanted.items():
            now = found.get(row, 0.0)
            print(f'{row:62}{ratio:8.3f}{now:8.3f}{"" if now >= ratio * LEFT else "  LOST"}')
        lost += _lost(found, wanted)
    print(f'{len(lost)} ratios have lost more than a third' if lost else 'nothing has lost more than a third')
    return not lost


def _lost(found: Ratios, wanted: Ratios) -> list[str]:
    return [row for row, ratio in wanted.items() if found.get(row, 0.0) < ratio * LEFT]
