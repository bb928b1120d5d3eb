"""Tables as plain text, narrow enough for a README."""
from __future__ import annotations

import textwrap
from collections.abc import Mapping

from benchmarks.measure import Table

WIDTH = 78
NAME = 46
SCALES = ((1.0, 's'), (1e-3, 'ms'), (1e-6, 'us'))


def facts_text(facts: Mapping[str, str]) -> str:
    """The machine, a fact a line."""
    return '\n'.join(textwrap.fill(f'{name}: {value}', WIDTH, subsequent_indent='    ')
                     for name, value in facts.items())


def table_text(table: Table) -> str:
    """Title, a line for each contestant, a line for each goal."""
    floor = table.row(table.floor)
    lines = [*textwrap.wrap(table.title, WIDTH), f'{"":{NAME}}{"time" if table.unit == "s" else "":>10}'
                                                 f'{"x floor" if floor else "":>12}{"spread":>8}']
    for row in table.rows:
        ratio = f'{row.value / floor.value:.2f}' if floor and floor.value else ''
        spread = f'{row.spread:.0%}' if row.spread else ''
        lines.append(f'  {row.name:{NAME - 2}}{amount(row.value, table.unit):>10}{ratio:>12}{spread:>8}'.rstrip())
    for verdict in table.verdicts():
        goal = textwrap.wrap(verdict.goal, 54, initial_indent='  goal: ', subsequent_indent='        ')
        figure = amount(verdict.figure, table.unit) if 'under' in verdict.goal else f'{verdict.figure:.2f}'
        lines += goal[:-1]
        lines.append(f'{goal[-1]:56}{figure:>10}  {"reached" if verdict.reached else "NOT REACHED"}')
    if table.note:
        lines += textwrap.wrap(table.note, WIDTH - 2, initial_indent='  ', subsequent_indent='  ')
    return '\n'.join(lines)


def amount(value: float, unit: str) -> str:
    """A figure with its unit, in three digits or so: '4.72 ms'."""
    if unit == 's':
        scale, unit = next(((scale, name) for scale, name in SCALES if abs(value) >= scale), SCALES[-1])
        value /= scale
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f'{value:,.{digits}f} {unit}'
