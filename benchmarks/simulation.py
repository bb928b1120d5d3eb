"""A hundred million sessions in a Redis cluster, on paper: python -m benchmarks.simulation [--small] [--seed N].

Memory, sessions by shard, waiting for locks, and waves of expiry. What is assumed was measured, here, on one server
(`--measure URL` measures it again); the rest is arithmetic where it is exact, and a sample where it is not. The same
seed gives the same figures.
"""
from __future__ import annotations

import argparse
import heapq
import math
import random
import time
from binascii import crc_hqx
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from string import ascii_letters, digits

ALPHABET = ascii_letters + digits + '-_'
TAG = 3
SLOTS = 16384


@dataclass(frozen=True)
class Measured:
    """One session of 10 items and 500 bytes in Redis 7.0, on 2026-11-23, one core of an Intel Xeon; --measure.

    entry_bytes: of memory for each; server_seconds: of the server's processor for a request that changes its session;
    expired_a_second: how many entries a server that has nothing else to do removes.
    """

    entry_bytes: float = 1411
    server_seconds: float = 27.6e-6
    expired_a_second: float = 46_000


@dataclass(frozen=True)
class Site:
    """What is assumed of the site.

    pages_a_day: by a visitor, each with `parallel` requests at once that use the session for `page_seconds` each;
    idle: seconds without use after which a session ends; wave: sessions that one mail brings, within wave_minutes.
    """

    sessions: int = 100_000_000
    shards: int = 64
    pages_a_day: float = 10
    peak: float = 3.0
    parallel: int = 3
    page_seconds: float = 0.02
    idle: float = 86_400.0
    wave: int = 10_000_000
    wave_minutes: float = 30.0
    sample: int = 200_000


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.simulation', description=__doc__)
    parser.add_argument('--small', action='store_true', help='a hundredth of the sample')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--measure', metavar='URL', help='measure the assumptions on this Redis, in an empty database')
    options = parser.parse_args()
    if options.measure:
        print(measure(options.measure))
        return
    site = Site(sample=2_000) if options.small else Site()
    print('\n'.join(report(site, Measured(), random.Random(options.seed))))


def report(site: Site, measured: Measured, chance: random.Random) -> list[str]:
    """The figures as lines of text."""
    held = by_shard(site, chance)
    requests = site.sessions * site.pages_a_day * site.parallel / 86_400 * site.peak
    waits = waiting(site, chance)
    ends = expiry(site, chance)
    busiest = max(held) / site.sessions
    worst = max(ends) / sum(ends) * site.wave / 60  # a second, in the worst minute
    return [
        f'{site.sessions:,} sessions, {site.shards} shards',
        '',
        'Memory',
        f'  all shards                {site.sessions * measured.entry_bytes / 1e9:10.1f} GB',
        f'  fullest shard             {max(held) * measured.entry_bytes / 1e9:10.2f} GB, with {max(held):,} sessions',
        f'  fullest above the mean    {max(held) / (site.sessions / site.shards) - 1:10.2%}',
        '',
        'Requests that change their session',
        f'  at the peak               {requests:10,.0f} a second',
        f'  load of the busiest shard {requests * busiest * measured.server_seconds:10.1%} of one processor',
        '',
        f'Locks: {site.parallel} requests of a page at once, each {site.page_seconds * 1000:g} ms',
        f'  requests that wait        {waits.share:10.1%}',
        f'  they wait                 {waits.mean * 1000:10.1f} ms, the longest {waits.longest * 1000:.0f} ms',
        f'  woken                     {requests * waits.share:10,.0f} a second, all shards',
        '',
        f'Expiry of {site.wave:,} sessions that began within {site.wave_minutes:g} minutes',
        f'  in the worst minute       {worst:10,.0f} a second, all shards',
        f'  what a shard removes      {measured.expired_a_second:10,.0f} a second, if it does nothing else',
        f'  the worst minute takes    {worst / site.shards / measured.expired_a_second:10.2%} of that',
    ]


# -- sessions by shard ---------------------------------------------------------------------------------------------

def slot(tag: bytes) -> int:
    """The slot of a Redis cluster that a hash tag means: CRC16 (XMODEM) modulo 16384."""
    return crc_hqx(tag, 0) % SLOTS


def tags_by_shard(shards: int) -> list[int]:
    """How many of the tags lie in each shard, when the slots are dealt out in equal ranges, as clusters do."""
    counted = Counter(slot(''.join(tag).encode()) * shards // SLOTS for tag in product(ALPHABET, repeat=TAG))
    return [counted[shard] for shard in range(shards)]


def by_shard(site: Site, chance: random.Random) -> list[int]:
    """The sessions of each shard. The shares of tags are exact; how the ids fall is the normal limit of chance."""
    tags = tags_by_shard(site.shards)
    shares = [count / sum(tags) for count in tags]
    return [round(chance.gauss(site.sessions * share, math.sqrt(site.sessions * share * (1 - share))))
            for share in shares]


# -- locks -----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Waits:
    """share: of the requests that wait for the lock of their session; mean, longest: seconds, of those that wait."""

    share: float
    mean: float
    longest: float


def waiting(site: Site, chance: random.Random) -> Waits:
    """Requests of the sample's sessions at the busiest hour, one after the other for each session."""
    rate = site.pages_a_day / 86_400 * site.peak
    waits: list[float] = []
    count = 0
    for _ in range(site.sample):
        free = 0.0
        for arrived in _arrivals(rate, site, chance, 3600.0):
            count += 1
            if free > arrived:
                waits.append(free - arrived)
            free = max(free, arrived) + chance.expovariate(1 / site.page_seconds)
    return Waits(len(waits) / max(count, 1), sum(waits) / max(len(waits), 1), max(waits, default=0.0))


def _arrivals(rate: float, site: Site, chance: random.Random, seconds: float) -> Iterator[float]:
    """Times at which requests of one session come: pages by chance, the requests of each page within 50 ms."""
    pages: list[float] = []
    at = chance.expovariate(rate)
    while at < seconds:
        pages += [at + chance.uniform(0, 0.05) for _ in range(site.parallel)]
        at += chance.expovariate(rate)
    heapq.heapify(pages)
    while pages:
        yield heapq.heappop(pages)


# -- expiry ----------------------------------------------------------------------------------------------------------

SLIDE = 10
"""The expiry of a session is moved when it would move by this part of the idle time (sessions/link.py)."""


def expiry(site: Site, chance: random.Random, minutes: int = 4 * 1440) -> Sequence[int]:
    """How many of the wave's sessions, of the sample, end in each minute after its beginning."""
    ends = [0] * minutes
    for _ in range(site.sample):
        at = chance.uniform(0, site.wave_minutes * 60)
        expires = at + site.idle
        for _ in range(_pages_of_a_visit(chance)):
            at += chance.expovariate(1 / 60)  # a page a minute
            if at + site.idle - expires >= site.idle / SLIDE:
                expires = at + site.idle
        ends[min(int(expires / 60), minutes - 1)] += 1
    return ends


def _pages_of_a_visit(chance: random.Random) -> int:
    """Half of those whom a mail brings look at one page; the others at more, with a long tail."""
    return 0 if chance.random() < 0.5 else min(int(chance.paretovariate(1.2)), 500)


# -- the assumptions -------------------------------------------------------------------------------------------------

def measure(url: str, count: int = 20_000) -> Measured:
    """Measure on a Redis server. Everything in its database is removed. Raises ValueError if it is not empty."""
    import redis

    from benchmarks.stores import Spyce
    from spyce.sessions import RedisStore
    client = redis.Redis.from_url(url)
    if client.dbsize():
        raise ValueError('the database is not empty: name another one')
    try:
        before = client.info('memory')['used_memory']
        site = Spyce(RedisStore(url, prefix='m:'))
        ids = site.fill(count)
        entry_bytes = (client.info('memory')['used_memory'] - before) / count
        client.config_resetstat()
        for sessionid in ids[:count // 4]:
            site.change(sessionid)
        scripts = client.info('commandstats')['cmdstat_evalsha']
        with client.pipeline(transaction=False) as pipe:
            for key in client.scan_iter(count=1000):
                pipe.pexpire(key, 1)
            start, left = time.perf_counter(), client.dbsize()
            pipe.execute()
        while client.dbsize():
            time.sleep(0.01)
        return Measured(round(entry_bytes), scripts['usec'] / 1e6 / (count // 4),
                        round(left / (time.perf_counter() - start)))
    finally:
        client.flushdb()


if __name__ == '__main__':
    main()
