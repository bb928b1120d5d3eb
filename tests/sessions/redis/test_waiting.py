"""RedisStore: who waits for a session is woken, and has a connection of his own."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from tests.redis_server import RedisStore, redis
from tests.remote_stores import Place

from ..conftest import Clock, Site, Waiters


def test_who_waits_is_woken_long_before_he_would_look_again(make_store: Callable[..., RedisStore], clock: Clock,
                                                            waiters: Waiters) -> None:
    here, there = Site(make_store(), clock), Site(make_store(), clock)
    sessionid = here.visit(n=1)
    for _ in range(3):
        holder = here.request(sessionid)
        assert holder['n'] == 1
        waited: list[float] = []

        def wait(waited: list[float] = waited) -> None:
            assert there.visit(sessionid, m=1) == sessionid
            waited.append(time.monotonic())

        thread = threading.Thread(target=wait)
        thread.start()
        waiters.expect()
        freed = time.monotonic()
        holder.finish()
        thread.join(10)
        assert waited[0] - freed < 1


@pytest.mark.parametrize('how', ['regenerate', 'invalidate'])
def test_all_who_wait_are_woken_when_the_id_means_nothing_any_more(make_store: Callable[..., RedisStore],
                                                                   clock: Clock, waiters: Waiters, how: str) -> None:
    sites = [Site(make_store(), clock) for _ in range(5)]
    sessionid = sites[0].visit(n=1)
    holder = sites[0].request(sessionid)
    assert holder['n'] == 1
    threads = [threading.Thread(target=lambda site=site: site.request(sessionid).get('n')) for site in sites[1:]]
    for thread in threads:
        thread.start()
    waiters.expect(4)
    getattr(holder, how)()
    holder.finish()
    begun = time.monotonic()
    for thread in threads:
        thread.join(10)
    assert time.monotonic() - begun < 1  # who is not woken looks after 2 seconds


def test_an_answer_may_take_less_time_than_the_wait_for_a_lock(make_store: Callable[..., RedisStore],
                                                               clock: Clock) -> None:
    here, there = Site(make_store(), clock), Site(make_store(timeout=0.5), clock)
    sessionid = here.visit(n=1)
    holder = here.request(sessionid)
    assert holder['n'] == 1
    thread = threading.Timer(0.8, holder.finish)
    thread.start()
    assert there.visit(sessionid, n=2) == sessionid
    thread.join()


def test_however_many_threads_wait_there_is_a_connection_for_the_holders(make_store: Callable[..., RedisStore],
                                                                        clock: Clock, waiters: Waiters) -> None:
    here, there = Site(make_store(), clock), Site(make_store(), clock)
    ids = [here.visit(n=number) for number in range(120)]
    holders = [here.request(sessionid) for sessionid in ids]
    assert [holder['n'] for holder in holders] == list(range(120))
    threads = [threading.Thread(target=there.visit, args=(sessionid,), kwargs={'m': 1}) for sessionid in ids]
    for thread in threads:
        thread.start()
    waiters.expect(120)
    for holder in holders:
        holder.finish()
    for thread in threads:
        thread.join(20)
    assert [there.stored(sessionid) for sessionid in ids] == [{'n': number, 'm': 1} for number in range(120)]


def test_a_client_of_the_site_s_own(place: Place, clock: Clock) -> None:
    client = redis.Redis.from_url(place.url, socket_timeout=0.5)
    site, other = (Site(RedisStore(client=client, prefix=place.name, clock=clock), clock) for _ in range(2))
    sessionid = site.visit(n=1)
    holder = site.request(sessionid)
    assert holder['n'] == 1
    thread = threading.Timer(0.8, holder.finish)
    thread.start()
    assert other.visit(sessionid, n=2) == sessionid
    thread.join()
    assert repr(site.store) == "RedisStore('Redis')"
    site.store.close()
    assert site.stored(sessionid) == {'n': 2}
    site.store.close()
    other.store.close()
