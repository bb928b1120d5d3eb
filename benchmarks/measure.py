"""Timing contests: the same work by several contestants, in turns, so that a noisy machine is unfair to none."""
from __future__ import annotations

import gc
import importlib.util
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

Work = Callable[[], object]

OURS = 'Spyce'
"""What the names of this engine's rows begin with."""

FLOOR = 'floor'
"""What the names of hand-written rows begin with."""


@dataclass(frozen=True)
class Size:
    """How much to measure. rounds: turns of each contestant; turn: seconds that a turn takes at least.

    sessions: how many are stored, one contest for each; peer_sessions: with how many of them peers take part.
    """

    name: str
    rounds: int
    turn: float
    sessions: tuple[int, ...]
    peer_sessions: int
    peers: bool = True


SIZES = {size.name: size for size in (
    Size('tiny', rounds=1, turn=0.0, sessions=(20,), peer_sessions=20),
    Size('check', rounds=15, turn=0.03, sessions=(1000,), peer_sessions=0, peers=False),
    Size('quick', rounds=9, turn=0.03, sessions=(1000,), peer_sessions=1000),
    Size('full', rounds=15, turn=0.1, sessions=(1000, 100_000, 1_000_000), peer_sessions=100_000),
)}


@dataclass
class Row:
    """One contestant. value: the median, less is better; spread: half the distance of the quartiles, as a part."""

    name: str
    value: float
    spread: float = 0.0


@dataclass(frozen=True)
class Goal:
    """`row` is to be at least that many times as good as `other`; without `other`, at most `at_most` of the unit."""

    row: str
    other: str = ''
    at_least: float = 0.0
    at_most: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """A goal beside what was measured."""

    goal: str
    figure: float
    reached: bool


@dataclass
class Table:
    """One contest.

    unit: 's', 'MB' or another; floor: the row that ratios are taken to; note: what a reader has to know; more: goals
    that are no comparison of two rows; series: what to plot, points by the name of the line.
    """

    key: str
    title: str
    rows: list[Row]
    floor: str
    goals: list[Goal] = field(default_factory=list)
    unit: str = 's'
    note: str = ''
    more: list[Verdict] = field(default_factory=list)
    series: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def row(self, name: str) -> Row | None:
        """The row of that name."""
        return next((row for row in self.rows if row.name == name), None)

    def times(self, name: str, other: str) -> float:
        """How many times as good one row is as another. Raises KeyError."""
        mine, theirs = self.row(name), self.row(other)
        if mine is None or theirs is None:
            raise KeyError(name if mine is None else other)
        return theirs.value / mine.value if mine.value else float('inf')

    def verdicts(self) -> list[Verdict]:
        """The goals whose rows were measured."""
        return [*filter(None, map(self._verdict, self.goals)), *self.more]

    def _verdict(self, goal: Goal) -> Verdict | None:
        row = self.row(goal.row)
        if row is None or (goal.other and self.row(goal.other) is None):
            return None
        if not goal.other:
            return Verdict(f'{goal.row}: under {goal.at_most:g} {self.unit}', row.value, row.value < goal.at_most)
        figure = self.times(goal.row, goal.other)
        return Verdict(f'{goal.row}: at least {goal.at_least:.3g} x {goal.other}', figure, figure >= goal.at_least)

    def as_json(self) -> dict[str, Any]:
        """All of it, for from_json() in another process."""
        return {**asdict(self), 'verdicts': [asdict(verdict) for verdict in self.verdicts()]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Table:
        """What as_json() gave."""
        known = {name: data[name] for name in ('key', 'title', 'floor', 'unit', 'note')}
        return cls(rows=[Row(**row) for row in data['rows']], goals=[Goal(**goal) for goal in data['goals']],
                   more=[Verdict(**verdict) for verdict in data['more']],
                   series={name: [(x, y) for x, y in points] for name, points in data['series'].items()}, **known)


def contest(key: str, title: str, contestants: Mapping[str, Work], floor: str, size: Size,
            goals: Iterable[Goal] = (), note: str = '') -> Table:
    """Let the contestants work in turns, size.rounds times each; values are seconds for one piece of work."""
    gc.collect()
    gc.freeze()  # what was stored for the contest is none of the collector's work during it
    try:
        repeats = {name: _repeats(work, size.turn) for name, work in contestants.items()}
        times: dict[str, list[float]] = {name: [] for name in contestants}
        for number in range(size.rounds):
            order = list(contestants)
            for name in order[number % len(order):] + order[:number % len(order)]:
                gc.collect()
                times[name].append(_turn(contestants[name], repeats[name]))
    finally:
        gc.unfreeze()
    return Table(key, title, [row(name, values) for name, values in times.items()], floor, list(goals), note=note)


def row(name: str, values: list[float]) -> Row:
    """The row of a contestant that got these values."""
    median = statistics.median(values)
    if len(values) < 4 or not median:
        return Row(name, median)
    low, _, high = statistics.quantiles(values, n=4)
    return Row(name, median, abs((high - low) / 2 / median))


def _repeats(work: Work, turn: float) -> int:
    """How often to do the work in one turn; the first time is for caches to fill."""
    work()
    repeats = 1
    while (spent := _turn(work, repeats) * repeats) < turn:
        repeats = max(repeats + 1, min(repeats * 10, int(repeats * turn / max(spent, 1e-7))))
    return repeats


def _turn(work: Work, repeats: int) -> float:
    numbers = range(repeats)
    start = time.perf_counter()
    for _ in numbers:
        work()
    return (time.perf_counter() - start) / repeats


def each_in_turn(measures: Mapping[str, Callable[[], float]], rounds: int) -> list[Row]:
    """The rows of contestants that measure themselves, in turns."""
    values: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            values[name].append(measure())
    return [row(name, found) for name, found in values.items()]


def same_output(outputs: Mapping[str, str | bytes]) -> None:
    """Check that contestants print the same, but for white space and spellings of quotes. Raises AssertionError."""
    texts = {name: _normal(text) for name, text in outputs.items()}
    first = next(iter(texts))
    for name, text in texts.items():
        if text != texts[first]:
            raise AssertionError(f'{name} does not print what {first} prints:\n{text[:800]}\n{texts[first][:800]}')


def _normal(text: str | bytes) -> str:
    if isinstance(text, bytes):
        text = text.decode()
    for quote in ('&#34;', '&quot;'):
        text = text.replace(quote, '"')
    for quote in ('&#39;', '&#x27;', '&#039;'):
        text = text.replace(quote, "'")
    return ''.join(text.split())


def is_installed(package: str) -> bool:
    """Whether a peer can take part."""
    return importlib.util.find_spec(package) is not None


def contestants_of(size: Size, makers: Iterable[tuple[str, Callable[[], Mapping[str, Any]]]]) -> dict[str, Any]:
    """What the makers give whose packages, named before them with blanks between, are installed; '' for none."""
    found: dict[str, Any] = {}
    for packages, make in makers:
        if not packages or (size.peers and all(map(is_installed, packages.split()))):
            found.update(make())
    return found
