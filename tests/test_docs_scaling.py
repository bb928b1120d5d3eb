"""docs/scaling.txt: its stores can be opened, its options exist, and its figures are those of the simulation."""
from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from benchmarks.simulation import Measured, Site, report
from spyce.config.options import default_of
from spyce.sessions import open_store

TEXT = (Path(__file__).parent.parent / 'docs/scaling.txt').read_text()
URLS = [url.rstrip('.') for url in re.findall(r"session_store = '([^']+)'|SPYCE_SESSION_STORE=(\S+)", TEXT)
        for url in url if url]


@pytest.mark.parametrize('url', URLS)
def test_its_stores_can_be_opened(url):
    store = open_store(url)
    assert 'password' not in repr(store)
    store.close()


def test_there_are_examples_of_redis_and_of_databases():
    kinds = {url.partition(':')[0] for url in URLS}
    assert kinds >= {'redis', 'rediss', 'redis+sentinel', 'redis+cluster', 'postgresql', 'mariadb'}


def test_its_options_exist():
    named = set(re.findall(r'\b(?:session|site|health|metrics)_(?!store\.)[a-z_]+\b', TEXT))
    for name in named:
        default_of(name)  # KeyError if there is none
    assert named


def test_its_figures_are_those_of_the_simulation():
    told = '\n'.join(report(Site(sample=2_000), Measured(), random.Random(1)))  # of these, none is of the sample
    peak = re.search(r'at the peak +([\d,]+) a second', told)
    memory = re.search(r'all shards +(\d+)\.\d GB', told)
    fullest = re.search(r'fullest shard +(\d\.\d)', told)
    assert peak and memory and fullest
    thousands = int(peak[1].replace(',', '')) // 1000
    assert f'100 million   {thousands},000 a second' in TEXT
    assert f'Redis cluster, {memory[1]} GB' in TEXT
    assert f'fullest has {fullest[1]} GB' in TEXT
