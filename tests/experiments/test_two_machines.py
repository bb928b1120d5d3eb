"""Two machines that share nothing but the store: exact, while workers die or stand still, and the store goes away."""
from __future__ import annotations

import os
import random
import secrets
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.experiments.crowd import Crowd, report
from tests.experiments.server import SOAK, ServerProcess, Visitor, running
from tests.experiments.shop import make_shop

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='finds the workers in /proc')

LEASE = 1.0
OUTAGE = 0.5
LONGEST_ANSWER = 12.0
"""Seconds: the time-outs of a store (2 to connect, 5 for an answer), once more, and a busy machine."""
EACH = 250 if SOAK else 15
CLIENTS = 16
REQUESTS = 10_000 if SOAK else 600

Trouble = Callable[[], None]

CONFIG = """
debug = True
site_data = '../data'
site_key = 'one secret for all machines, of 32 letters'
"""
COUNT = '[[.import name=session]][[= session.incr("n") ]]'


@contextmanager
def redis_store(folder: Path) -> Iterator[tuple[str, Trouble]]:
    """What a config says of a private Redis server that keeps all that it has answered, and how to restart it."""
    from tests.redis_server import PrivateServer
    server = PrivateServer(folder, '--appendonly', 'yes', '--appendfsync', 'always')

    def restart() -> None:
        server.kill()
        time.sleep(OUTAGE)
        server.start()

    try:
        yield f'session.open_store({server.url!r}, lease={LEASE})', restart
    finally:
        server.kill()


@contextmanager
def postgresql_store(folder: Path) -> Iterator[tuple[str, Trouble]]:
    """The same for tables of their own in a PostgreSQL server; its connections are terminated."""
    from tests.sql_servers import execute, url_of
    url, table = url_of('postgresql'), f'machines_{secrets.token_hex(4)}'

    def terminate() -> None:
        until = time.monotonic() + OUTAGE
        while time.monotonic() < until:
            with suppress(Exception):  # its own connection may be among them
                execute(url, 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() '
                             f"AND query LIKE '%%{table}%%'")
            time.sleep(0.05)

    try:
        yield f'session.open_store({url!r}, lease={LEASE}, table={table!r})', terminate
    finally:
        for name in (f'{table}_ids', f'{table}_meta', table):
            execute(url, f'DROP TABLE IF EXISTS {name}')


STORES = {'redis': redis_store, 'postgresql': postgresql_store}


@pytest.fixture(params=STORES)
def store(request: Any, tmp_path: Path) -> Iterator[tuple[str, Trouble]]:
    (tmp_path / 'store').mkdir()
    with STORES[request.param](tmp_path / 'store') as found:
        yield found


@contextmanager
def two_machines(folder: Path, store: str) -> Iterator[list[ServerProcess]]:
    """Each with pages, data and a log of its own."""
    with ExitStack() as stack:
        machines = []
        for name in ('one', 'two'):
            root = make_shop(folder / name, store)
            (root / 'count.spy').write_text(COUNT)
            with (root / 'spyceconf.py').open('a') as config:
                config.write(CONFIG)
            machines.append(stack.enter_context(running(root, '--workers', '2')))
        yield machines


def pause_a_worker(machines: list[ServerProcess]) -> None:
    """Let it stand still for longer than a lease."""
    workers = [worker for machine in machines for worker in machine.workers()]
    if workers:
        worker = random.choice(workers)
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGSTOP)
            time.sleep(LEASE * 1.5)
            os.kill(worker, signal.SIGCONT)


def test_sixteen_clients_on_one_session_are_counted_exactly(store: tuple[str, Trouble], tmp_path: Path) -> None:
    with two_machines(tmp_path, store[0]) as machines:
        with Visitor(machines[0]) as first:
            assert first.get('/count.spy') == (200, '1\n')
            cookie = first.cookie
        counted: list[int] = []

        def be_client(number: int) -> None:
            with Visitor(machines[number % 2], cookie) as visitor:
                for _ in range(EACH):
                    while True:
                        status, body = visitor.get('/count.spy')
                        if status == 200:
                            break
                        assert status == 503  # too many wait, or for too long: nothing was done
                    counted.append(int(body))

        clients = [threading.Thread(target=be_client, args=(number,)) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert sorted(counted) == list(range(2, 2 + CLIENTS * EACH))


def test_workers_that_start_while_the_store_is_away_serve_what_needs_no_session(tmp_path: Path) -> None:
    """And all else when it is back, without a restart."""
    from tests.redis_server import PrivateServer
    (tmp_path / 'store').mkdir()
    store = PrivateServer(tmp_path / 'store', '--appendonly', 'yes', '--appendfsync', 'always')
    root = make_shop(tmp_path / 'one', f'session.open_store({store.url!r})')
    (root / 'count.spy').write_text(COUNT)
    (root / 'plain.spy').write_text('plain')
    try:
        with running(root, '--workers', '2') as machine:
            with Visitor(machine) as visitor:
                assert visitor.get('/count.spy') == (200, '1\n')
                cookie = visitor.cookie
            old = machine.workers()
            store.kill()
            for worker in old:
                os.kill(worker, signal.SIGKILL)
            deadline = time.monotonic() + 30
            while len(set(machine.workers()) - set(old)) < 2:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            with Visitor(machine, cookie) as visitor:
                assert visitor.get('/plain.spy') == (200, 'plain\n')
                assert visitor.get('/count.spy')[0] == 503
            store.start()
            with Visitor(machine, cookie) as visitor:
                assert visitor.get('/count.spy') == (200, '2\n')
    finally:
        store.kill()


def test_every_history_has_an_explanation(store: tuple[str, Trouble], tmp_path: Path) -> None:
    store_in_config, trouble = store
    with two_machines(tmp_path, store_in_config) as machines:
        crowd = Crowd(*machines, lease=LEASE, requests=REQUESTS)
        crowd.run(crowd.kill_a_worker, trouble, lambda: pause_a_worker(machines))
        assert crowd.surprises == []
        during = Counter(crowd.outcomes)
        time.sleep(LEASE + 0.5)
        crowd.count_once_in_each_session()
        after = crowd.outcomes - during
        assert after['count', 'refused'] == 0, 'a lock was left behind'
        assert after['count', 'unknown'] == 0, 'a machine did not find the store again, or is not there any more'
        assert crowd.longest < LONGEST_ANSWER
    assert crowd.find_contradiction() is None
    report(crowd, during)
