"""The tables as pictures: SVG, made by hand, readable on a light and on a dark page."""
from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from xml.sax.saxutils import escape

from benchmarks.measure import FLOOR, OURS, Row, Table
from benchmarks.report import amount

SHOWN = ('table-escaping-on', 'page-escaping-on', 'table-escaping-off', 'page-escaping-off', 'compiling', 'contention',
         'session-change-disk-1000', 'session-change-disk-100000', 'session-read-disk-100000',
         'session-change-memory-100000', 'session-change-redis', 'session-change-sql', 'request-memory', 'request-disk',
         'http')
"""Keys of the tables in the picture of speed, in this order."""

STYLE = '''
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 13px } .small { font-size: 11px; fill: #57606a } .end { text-anchor: end }
.middle { text-anchor: middle } .line { fill: none; stroke-width: 2 } .grid { stroke: #d0d7de; stroke-width: 1 }
.spyce { fill: #b8432f } .floor { fill: #8c959f } .peer { fill: #6f94c2 }
.line.l0 { stroke: #b8432f } .line.l1 { stroke: #3f76b5 } .dot.l0 { fill: #b8432f } .dot.l1 { fill: #3f76b5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9198a1 } .grid { stroke: #3d444d }
  .spyce { fill: #e5735c } .floor { fill: #656c76 } .peer { fill: #5a82b5 }
  .line.l0 { stroke: #e5735c } .line.l1 { stroke: #79a8e0 } .dot.l0 { fill: #e5735c } .dot.l1 { fill: #79a8e0 }
}
'''

COLUMN, GAP = 460, 20
BAR_LEFT, BAR_WIDTH, LINE = 200, 130, 18
PLOT_HEIGHT = 190


def speed(tables: Sequence[Table], facts: Mapping[str, str]) -> str:
    """Bars: the times of each contestant, for each of the tables SHOWN."""
    by_key = {table.key: table for table in tables}
    return _two_columns([(_bars_height(table), _bars(table)) for table in map(by_key.get, SHOWN) if table],
                        'Time taken, as a multiple of hand-written code (grey): shorter is better', facts)


def growth(tables: Sequence[Table], facts: Mapping[str, str]) -> str:
    """Lines: the tables that have series, with logarithms on both axes."""
    return _two_columns([(PLOT_HEIGHT + 60, _plot(table)) for table in tables if table.series],
                        'Growth; both axes are logarithmic', facts)


Panel = tuple[int, Callable[[int, int], str]]


def _two_columns(panels: Sequence[Panel], title: str, facts: Mapping[str, str]) -> str:
    bottoms, drawn = [40, 40], []
    for height, draw in panels:
        column = bottoms.index(min(bottoms))
        drawn.append(draw(column * (COLUMN + GAP) + 10, bottoms[column]))
        bottoms[column] += height
    width, height = 2 * COLUMN + GAP + 20, max(bottoms) + 26
    foot = f'{facts["date"]}, {facts["commit"]}, {facts["python"]}, {facts["processor"]}. Repeat it: make bench'
    return '\n'.join((
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(title)}">', f'<style>{STYLE}</style>', _text(10, 22, title, 'title'),
        *drawn, _text(10, height - 10, foot, 'small'), '</svg>\n'))


def _bars_height(table: Table) -> int:
    return 46 + LINE * len(table.rows)


def _bars(table: Table) -> Callable[[int, int], str]:
    floor = table.row(table.floor)
    assert floor is not None
    longest = max(row.value for row in table.rows)

    def bar(row: Row, left: int, top: int) -> str:
        kind = OURS if row.name.startswith(OURS) else FLOOR if row.name.startswith(FLOOR) else 'peer'
        width = max(1.0, row.value / longest * BAR_WIDTH)
        label = f'{row.value / floor.value:.1f}\N{MULTIPLICATION SIGN}'
        return '\n'.join((
            _text(left + BAR_LEFT - 8, top + 13, row.name.removeprefix(f'{FLOOR}: ')[:34], 'end'),
            f'<rect class="{kind.lower()}" x="{left + BAR_LEFT}" y="{top + 3}" width="{width:.1f}" height="12"/>',
            _text(round(left + BAR_LEFT + width + 6), top + 13, f'{label} ({amount(row.value, table.unit)})', 'small')))

    return lambda left, top: '\n'.join((
        _text(left, top + 16, table.title, 'title'),
        *(bar(row, left, top + 24 + number * LINE) for number, row in enumerate(table.rows))))


def _plot(table: Table) -> Callable[[int, int], str]:
    points = [point for line in table.series.values() for point in line if point[1] > 0]
    if not points:
        return lambda left, top: _text(left, top + 16, table.title, 'title')
    (least_x, most_x), (least_y, most_y) = (_decades([point[axis] for point in points]) for axis in (0, 1))

    def draw(left: int, top: int) -> str:
        x0, x1, y0, y1 = left + 70, left + COLUMN - 50, top + PLOT_HEIGHT, top + 30

        def place(x: float, y: float) -> tuple[float, float]:
            return (x0 + (math.log10(x) - least_x) / (most_x - least_x) * (x1 - x0),
                    y0 - (math.log10(y) - least_y) / (most_y - least_y) * (y0 - y1))

        parts = [_text(left, top + 16, table.title, 'title')]
        for power in range(least_y, most_y + 1):
            y = place(10.0 ** least_x, 10.0 ** power)[1]
            parts += [f'<path class="grid" d="M{x0} {y:.1f}H{x1}"/>',
                      _text(x0 - 6, round(y + 4), amount(10.0 ** power, table.unit), 'small end')]
        for power in range(least_x, most_x + 1):
            x = place(10.0 ** power, 10.0 ** least_y)[0]
            parts.append(_text(round(x), y0 + 16, f'{10 ** power:,}', 'small middle'))
        for number, (name, line) in enumerate(table.series.items()):
            places = [place(x, y) for x, y in line if y > 0]
            if not places:
                continue
            way = 'L'.join(f'{x:.1f} {y:.1f}' for x, y in places)
            parts.append(f'<path class="line l{number}" d="M{way}"/>')
            parts += [f'<circle class="dot l{number}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places]
            parts.append(_text(round(places[-1][0] + 6), round(places[-1][1] + 4), name, 'small'))
        return '\n'.join(parts)

    return draw


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """The powers of ten between which the values lie."""
    least, most = math.floor(math.log10(min(values)) + 1e-9), math.ceil(math.log10(max(values)) - 1e-9)
    return least, max(most, least + 1)


def _text(x: int, y: int, text: str, kind: str) -> str:
    return f'<text x="{x}" y="{y}" class="{kind}">{escape(text)}</text>'
