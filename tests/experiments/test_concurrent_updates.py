"""Two requests at once never undo each other, and nothing acknowledged is lost: seen through a real server."""
from __future__ import annotations

import http.client
import random
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.experiments.server import SOAK, ServerProcess, Visitor, running

COUNT = "[[.import name=session]][[ session.put('n', session.get('n', 0) + 1) ]][[= session['n'] ]]"
READ = "[[.import name=session]][[= session.get('n', 0) ]]"
REQUESTS = 250 if SOAK else 50
KILLS = 20 if SOAK else 4

STORES = {
    'memory': 'import session\nsession_store = session.MemoryStore()\n',
    'dbm': 'import session\nsession_store = session.DbmStore("../sessions")\n',
}


def make_site(folder: Path, store: str) -> Path:
    root = folder / 'www'
    root.mkdir()
    (folder / 'sessions').mkdir()
    (root / 'count.spy').write_text(COUNT)
    (root / 'read.spy').write_text(READ)
    (root / 'spyceconf.py').write_text('from spyceconf import *\n' + STORES[store])
    return root


def count_at_once(server: ServerProcess, clients: int) -> int:
    """Let `clients` count at once on one session; what the session says at the end."""
    failures: list[object] = []

    def visit() -> None:
        with Visitor(server, first.cookie) as visitor:
            for _ in range(REQUESTS):
                status, body = visitor.get('/count.spy')
                if status != 200:
                    failures.append((status, body))

    with Visitor(server) as first:
        assert first.get('/count.spy') == (200, '1\n')
        run_at_once([visit] * clients)
        assert failures == []
        return int(first.get('/read.spy')[1]) - 1


def run_at_once(functions: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize('store', STORES)
def test_eight_threads_count_exactly(store: str, tmp_path: Path) -> None:
    with running(make_site(tmp_path, store), '--threads', '16') as server:
        assert count_at_once(server, 8) == 8 * REQUESTS


def test_four_processes_count_exactly(tmp_path: Path) -> None:
    with running(make_site(tmp_path, 'dbm'), '--workers', '4') as server:
        assert count_at_once(server, 4) == 4 * REQUESTS


class Counter:
    """A visitor who counts until the server dies, and remembers the last count that it acknowledged."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        with Visitor(server) as visitor:
            self.acknowledged = int(visitor.get('/count.spy')[1])
            self.cookie = visitor.cookie
        self.odd_answers: list[object] = []

    def count_until_dead(self) -> None:
        with Visitor(self.server, self.cookie) as visitor:
            try:
                while not self.odd_answers:
                    answer = visitor.get('/count.spy')
                    if answer[0] == 200:
                        self.acknowledged = int(answer[1])
                    else:
                        self.odd_answers.append(answer)
            except (OSError, http.client.HTTPException):
                pass  # the server has been killed

    def check(self) -> None:
        with Visitor(self.server, self.cookie) as visitor:
            stored = int(visitor.get('/read.spy')[1])
        assert self.odd_answers == []
        # The request that was under way may have been saved without its answer arriving.
        assert self.acknowledged <= stored <= self.acknowledged + 1
        self.acknowledged = stored


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    server = ServerProcess(make_site(tmp_path, 'dbm'))
    try:
        counters = [Counter(server) for _ in range(4)]
        for _ in range(KILLS):
            killer = threading.Timer(random.uniform(0.05, 0.4), server.kill)
            killer.start()
            run_at_once([counter.count_until_dead for counter in counters])
            killer.join()
            server.start()
            for counter in counters:
                counter.check()
    finally:
        server.stop()
