"""The benchmarks run, and their contestants do the same work; how fast they are is not asked here."""
from __future__ import annotations

import importlib
import json
import sys
import xml.dom.minidom
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def in_the_source_tree(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The benchmarks are no part of the package: they run where the source is, in processes begun there."""
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv('PYTHONWARNINGS', 'ignore')  # some peers use what Python deprecates
    yield
    for name in [name for name in sys.modules if name.partition('.')[0] == 'benchmarks']:
        del sys.modules[name]


def module(name: str) -> Any:
    return importlib.import_module(f'benchmarks.{name}')


def run(name: str) -> Any:
    """The tables of that name in the smallest size, measured as the command measures them."""
    return module('__main__').run(name, 'tiny')


def table_of(**values: float) -> Any:
    measure = module('measure')
    return measure.Table('key', 'A table', [measure.Row(name, value) for name, value in values.items()], 'floor')


@pytest.mark.parametrize(('name', 'count'), [
    ('pages', 4), ('compiling', 1), ('stores', 4), ('wsgi', 3), ('contention', 1), ('cleaning', 1), ('footprint', 2),
    ('growth', 4)])
def test_each_table_can_be_measured(name: str, count: int) -> None:
    tables = run(name)
    assert len(tables) >= count
    for table in tables:
        assert any(row.name.startswith('Spyce') or table.series for row in table.rows)
        assert table.row(table.floor) is not None
        assert all(goal.row for goal in table.goals)


def test_stores_in_redis_do_the_same_work() -> None:
    tables = run('redisstores')
    if not tables:
        pytest.skip('redis-server or the package redis is not installed')
    assert [table.row('Spyce RedisStore') is not None for table in tables] == [True, True]


def test_stores_in_postgresql_do_the_same_work() -> None:
    tables = run('sqlstores')
    if not tables:
        pytest.skip('no PostgreSQL server answers, or the package psycopg is not installed')
    assert [table.row('Spyce SQLStore') is not None for table in tables] == [True, True]


def test_over_http_the_servers_that_are_installed_are_asked() -> None:
    (table,) = run('http')
    assert 'Spyce, waitress' in [row.name for row in table.rows]


def test_contestants_that_print_something_else_are_refused() -> None:
    same_output = module('measure').same_output
    same_output({'a': '<p> "x" </p>', 'b': b'<p>&#34;x&quot;</p>\n'})
    with pytest.raises(AssertionError, match='b does not print what a prints'):
        same_output({'a': '<p>1</p>', 'b': '<p>2</p>'})


def test_a_store_that_loses_a_change_is_refused() -> None:
    stores = module('stores')

    class Forgetful(stores.Dict):  # type: ignore[misc, name-defined]
        def change(self, sessionid: str) -> None:
            pass

    store = Forgetful()
    with pytest.raises(AssertionError, match='Forgetful: the session is'):
        stores.check_same('Forgetful', store, store.fill(1)[0])


def test_a_goal_says_whether_it_is_reached() -> None:
    measure = module('measure')
    table = table_of(floor=1.0, Spyce=2.0, Peer=10.0)
    table.goals = [measure.Goal('Spyce', 'Peer', 4), measure.Goal('Spyce', 'floor', 0.7),
                   measure.Goal('Spyce', at_most=3), measure.Goal('Spyce', 'not installed', 4)]
    assert [(verdict.figure, verdict.reached) for verdict in table.verdicts()] == [(5, True), (0.5, False), (2, True)]


def test_a_table_in_a_file_is_the_same_table() -> None:
    measure = module('measure')
    table = table_of(floor=1.0, Spyce=2.0)
    table.goals, table.series = [measure.Goal('Spyce', 'floor', 2)], {'line': [(1, 2.5)]}
    assert measure.Table.from_json(json.loads(json.dumps(table.as_json()))) == table


def test_tables_are_narrow_enough_for_a_readme() -> None:
    report = module('report')
    table = table_of(**{'floor': 1e-6, 'Spyce': 0.00234, 'A peer with a name of some length, and more': 12.5})
    table.title = 'word ' * 40
    table.note = 'word ' * 40
    assert max(map(len, report.table_text(table).splitlines())) <= 78


def test_the_pictures_are_xml_with_a_bar_for_each_row() -> None:
    picture = module('picture')
    facts = {'date': '2024-01-01', 'commit': 'abc', 'python': 'CPython', 'processor': 'one <fast>'}
    table = table_of(floor=1.0, Spyce=2.0, Peer=10.0)
    table.key, table.series = picture.SHOWN[0], {'line': [(10, 0.001), (1000, 0.2)]}
    bars = xml.dom.minidom.parseString(picture.speed([table], facts))
    assert [bar.getAttribute('class') for bar in bars.getElementsByTagName('rect')] == ['floor', 'spyce', 'peer']
    lines = xml.dom.minidom.parseString(picture.growth([table], facts))
    assert len(lines.getElementsByTagName('circle')) == 2


@pytest.mark.parametrize(('times', 'passes'), [([2.9], True), ([3.1, 2.9], True), ([3.1, 3.1], False)])
def test_the_check_fails_for_a_loss_of_more_than_a_third_twice(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: list[float], passes: bool) -> None:
    check = module('check')
    monkeypatch.setattr(check, 'BASELINE', tmp_path / 'baseline.json')
    monkeypatch.setattr(check, 'NAMES', ('pages',))
    check.write(lambda name: [table_of(floor=1.0, Spyce=2.0)], {})
    measured = iter(times)
    assert check.check(lambda name: [table_of(floor=1.0, Spyce=next(measured))]) is passes
    assert next(measured, None) is None


def test_the_baseline_in_the_repository_names_every_table_that_is_checked() -> None:
    check = module('check')
    assert tuple(json.loads(check.BASELINE.read_text())['ratios']) == check.NAMES
