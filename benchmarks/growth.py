"""How time and memory grow: with the sessions stored, with threads, with the length of a page."""
from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import apps, workplace
from benchmarks.footprint import MEBIBYTE, _private
from benchmarks.measure import Row, Size, Table, Verdict, contest
from benchmarks.wsgi import Visitors

SECONDS = 1.0
ALLOWANCE = 1.5
"""How much more than in proportion a figure may grow, since the machine is noisy and memory has caches."""

POINTS = {'tiny': ((10, 20), (1, 2), (10, 20)),
          'full': ((1000, 10_000, 100_000, 1_000_000), (1, 2, 4, 8, 16, 32, 64), (10, 100, 1000, 10_000))}
QUICK = ((1000, 10_000), (1, 8, 64), (10, 100, 1000))

Points = list[tuple[float, float]]


def tables(size: Size) -> list[Table]:
    """One for each of the three."""
    sessions, threads, lines = POINTS.get(size.name, QUICK)
    return [*_by_sessions(sessions, size), _by_threads(threads, size), _by_lines(lines, size)]


def _by_sessions(counts: tuple[int, ...], size: Size) -> Iterator[Table]:
    times: dict[str, Points] = {}
    sizes: dict[str, Points] = {}
    for kind in ('memory', 'disk'):
        found = [_in_process(kind, count, size) for count in counts]
        times[kind] = [(count, seconds) for count, (seconds, _) in zip(counts, found, strict=True)]
        sizes[kind] = [(count, taken) for count, (_, taken) in zip(counts, found, strict=True)]
    yield _table('growth-sessions', 'A request that changes its session, by sessions stored', times, 'sessions', 's',
                 [_no_worse(f'time {kind}, from fewest to most', points, power=0.2) for kind, points in times.items()])
    yield _table('growth-bytes', 'What the sessions take, in memory or on disk', sizes, 'sessions', 'MB',
                 [_no_worse(f'size {kind}, from fewest to most', points, power=1) for kind, points in sizes.items()])


def _in_process(kind: str, count: int, size: Size) -> tuple[float, float]:
    """Seconds for a request and megabytes for the sessions, measured in a process of its own."""
    done = subprocess.run([sys.executable, '-m', 'benchmarks.growth', kind, str(count), str(size.turn * 20)],
                          check=True, stdout=subprocess.PIPE, text=True)
    seconds, taken = json.loads(done.stdout)
    return seconds, taken


def main(kind: str, count: str, seconds: str) -> None:
    """That process: prints both figures."""
    from benchmarks.stores import Spyce
    from spyce.sessions import DbmStore, MemoryStore
    with tempfile.TemporaryDirectory(dir=workplace.folder()) as folder:
        store: Any = MemoryStore() if kind == 'memory' else DbmStore(folder)
        contestant = Spyce(store)
        contestant.fill(1)
        before = _private_here()
        ids = contestant.fill(int(count))
        store.close()  # SQLite moves its log into the file then; the store opens it again
        taken = _private_here() - before if kind == 'memory' else sum(
            file.stat().st_size for file in Path(store.folder).iterdir()) / MEBIBYTE
        following = itertools.cycle(random.Random(1).sample(ids, len(ids))).__next__
        done, start = 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < float(seconds) or not done:
            for _ in range(50):
                contestant.change(following())
            done += 50
        print(json.dumps([spent / done, taken]))


def _private_here() -> float:
    import os
    return _private(os.getpid()) if os.path.exists('/proc/self/smaps_rollup') else 0.0


def _by_threads(counts: tuple[int, ...], size: Size) -> Table:
    with tempfile.TemporaryDirectory(dir=workplace.folder()) as folder:
        found: dict[str, Points] = {}
        for kind in ('memory', 'disk'):
            application = apps.spyce(kind, Path(folder) / kind)
            visitors = [Visitors(application, 20 if size.turn else 1) for _ in range(max(counts))]
            seconds = SECONDS if size.turn else 0.0
            found[kind] = [(count, _at_once(visitors[:count], seconds)) for count in counts]
    return _table('growth-threads', 'A whole request in process, by threads at once', found, 'threads', 's',
                  [_no_worse(f'time {kind}, from one thread to most', points, power=0.0, allowance=2)
                   for kind, points in found.items()])


def _at_once(visitors: list[Visitors], seconds: float) -> float:
    """Seconds for a request, while each of these has a thread that makes requests all the time."""
    counts: list[int] = []
    end = time.perf_counter() + seconds

    def browse(visitor: Visitors) -> None:
        done = 0
        while not done or time.perf_counter() < end:
            visitor.visit()
            done += 1
        counts.append(done)

    threads = [threading.Thread(target=browse, args=(visitor,)) for visitor in visitors]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - start) / sum(counts)


def _by_lines(counts: tuple[int, ...], size: Size) -> Table:
    import spyce
    with tempfile.TemporaryDirectory(dir=workplace.folder()) as folder:
        works = {}
        for count in counts:
            page = Path(folder) / f'{count}.spy'
            page.write_text('<p>Line [[= name ]] of the page.</p>\n' * count)
            works[count] = lambda page=page: spyce.render(str(page), root=folder, name='one')
            assert works[count]().count('\n') == count
        timed = contest('', '', {str(count): work for count, work in works.items()}, str(counts[0]), size)
    points: Points = [(int(row.name), row.value) for row in timed.rows]
    return _table('growth-lines', 'Rendering a page, by its lines', {'page': points}, 'lines', 's',
                  [_no_worse('time, from shortest to longest', points, power=1)])


def _table(key: str, title: str, series: dict[str, Points], what: str, unit: str, more: list[Verdict]) -> Table:
    rows = [Row(f'{name}, {x:,.0f} {what}', y) for name, points in series.items() for x, y in points]
    return Table(key, title, rows, rows[0].name, unit=unit, more=more, series=series)


def _no_worse(what: str, points: Points, power: float, allowance: float = ALLOWANCE) -> Verdict:
    """Whether the last figure is to the first at most what the power of x says, with some allowance."""
    (first_x, first), (last_x, last) = points[0], points[-1]
    allowed = (last_x / first_x) ** power * allowance
    figure = last / first if first > 0 else 0.0
    return Verdict(f'{what}: grows at most {allowed:,.3g} times', figure, figure <= allowed)


if __name__ == '__main__':
    main(*sys.argv[1:])
