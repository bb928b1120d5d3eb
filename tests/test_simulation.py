"""The simulation of a hundred million sessions: its parts against what is known, and the same figures each time."""
from __future__ import annotations

import random
import re
from statistics import mean

import pytest

from benchmarks.simulation import Measured, Site, by_shard, expiry, report, slot, tags_by_shard, waiting
from spyce.sessions.ids import new_id

SMALL = Site(sample=2_000)


def test_the_same_seed_gives_the_same_figures():
    first, again, other = (report(SMALL, Measured(), random.Random(seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_slots_are_those_of_the_cluster_specification():
    assert slot(b'123456789') == 0x31c3 % 16384


def test_tags_are_what_ids_begin_with():
    assert re.fullmatch('[A-Za-z0-9_-]{43}', new_id())
    assert sum(tags_by_shard(64)) == 64 ** 3


def test_every_shard_has_its_share():
    held = by_shard(Site(), random.Random(1))
    assert sum(held) == pytest.approx(Site.sessions, rel=1e-3)
    share = Site.sessions / Site.shards
    assert all(abs(count / share - 1) < 0.05 for count in held)


def test_a_sample_of_ids_falls_as_the_shares_of_tags_say():
    shards, count = 16, 64_000
    tags = tags_by_shard(shards)
    chance = random.Random(7)
    fallen = [0] * shards
    for _ in range(count):
        tag = ''.join(chance.choices('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', k=3))
        fallen[slot(tag.encode()) * shards // 16384] += 1
    expected = [count * number / sum(tags) for number in tags]
    chi_square = sum((seen - wanted) ** 2 / wanted for seen, wanted in zip(fallen, expected, strict=True))
    assert chi_square < 37.7  # 15 degrees of freedom, one time in a thousand by chance


def test_waiting_is_as_in_a_queue_with_one_server():
    busy = Site(pages_a_day=86_400 * 2, peak=1, parallel=1, page_seconds=0.2, sample=20)
    waits = waiting(busy, random.Random(3))
    assert waits.share == pytest.approx(0.4, abs=0.02)  # M/M/1: as often as the server is busy
    assert waits.mean == pytest.approx(0.2 / (1 - 0.4), rel=0.1)


def test_nobody_waits_whose_pages_have_one_request_and_time_between_them():
    waits = waiting(Site(parallel=1, page_seconds=0.001, sample=500), random.Random(3))
    assert waits.share < 0.01


def test_sessions_of_one_look_end_after_their_idle_time_and_all_end():
    site = Site(sample=4_000, wave_minutes=10)
    ends = expiry(site, random.Random(5))
    assert sum(ends) == site.sample
    day = int(site.idle / 60)
    assert not any(ends[:day])
    assert mean(ends[day:day + 10]) * 10 > site.sample / 2
