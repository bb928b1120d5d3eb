"""The command: python -m benchmarks [--quick] [TABLE ...]; --check compares with baseline.json."""
from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import check, picture
from benchmarks.machine import facts
from benchmarks.measure import SIZES, Table
from benchmarks.report import facts_text, table_text

NAMES = ('pages', 'compiling', 'stores', 'redisstores', 'sqlstores', 'wsgi', 'http', 'contention', 'cleaning',
         'footprint', 'growth')
HERE = Path(__file__).parent
DOCS = HERE.parent / 'docs'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say. The status is 1 if --check has found a loss."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__)
    parser.add_argument('tables', nargs='*', choices=[*NAMES, []], metavar='TABLE', help=', '.join(NAMES))
    parser.add_argument('--quick', action='store_true', help='a small size, for daily use')
    parser.add_argument('--check', action='store_true', help='compare with baseline.json; status 1 for a loss')
    parser.add_argument('--write', action='store_true', help='keep what was measured: docs/speed.txt and the pictures, '
                                                             'or with --check baseline.json')
    parser.add_argument('--size', choices=SIZES, help=argparse.SUPPRESS)
    parser.add_argument('--output', help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.output:
        _run_here(options.tables, options.size, Path(options.output))
        return 0
    if options.check:
        if options.write:
            check.write(lambda name: run(name, 'check'), facts())
            return 0
        return 0 if check.check(lambda name: run(name, 'check')) else 1
    _measure(options.tables or NAMES, options.size or ('quick' if options.quick else 'full'), options.write)
    return 0


def _measure(names: Sequence[str], size: str, write: bool) -> None:
    known = facts()
    print(facts_text(known), flush=True)
    found: list[Table] = []
    for name in names:
        start = time.perf_counter()
        tables = run(name, size)
        for table in tables:
            print('\n' + table_text(table), flush=True)
        print(f'\n[{name}: {time.perf_counter() - start:.0f} s]', file=sys.stderr, flush=True)
        found += tables
    verdicts = [verdict for table in found for verdict in table.verdicts()]
    reached = f'{sum(verdict.reached for verdict in verdicts)} of {len(verdicts)} goals reached'
    print(f'\n{reached}')
    if write:
        (DOCS / 'speed.txt').write_text('\n\n'.join((facts_text(known), *map(table_text, found), reached)) + '\n')
        (DOCS / 'speed.svg').write_text(picture.speed(found, known))
        if any(table.series for table in found):
            (DOCS / 'growth.svg').write_text(picture.growth(found, known))


def run(name: str, size: str) -> list[Table]:
    """The tables of that name, measured in a process of their own: what one leaves in memory slows no other."""
    with tempfile.NamedTemporaryFile('r', suffix='.json') as file:
        subprocess.run([sys.executable, '-m', 'benchmarks', name, '--size', size, '--output', file.name], check=True,
                       cwd=HERE.parent)
        return [Table.from_json(table) for table in json.load(file)]


def _run_here(names: Sequence[str], size: str, output: Path) -> None:
    tables = [table for name in names
              for table in importlib.import_module(f'benchmarks.{name}').tables(SIZES[size])]
    output.write_text(json.dumps([table.as_json() for table in tables]))


if __name__ == '__main__':
    sys.exit(main())
