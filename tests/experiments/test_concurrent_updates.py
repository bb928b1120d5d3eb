"""Two requests at once never undo each other, and nothing acknowledged is lost: seen through a real server."""
from __future__ import annotations

import http.client
import random
import threading
import time
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
    first = Visitor(server)
    assert first.get('/count.spy') == (200, '1\n')
    failures: list[object] = []

    def visit() -> None:
        visitor = Visitor(server, first.cookie)
        for _ in range(REQUESTS):
            status, body = visitor.get('/count.spy')
            if status != 200:
                failures.append((status, body))
        visitor.close()

    threads = [threading.Thread(target=visit) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    total = int(first.get('/read.spy')[1]) - 1
    first.close()
    return total


@pytest.mark.parametrize('store', STORES)
def test_eight_threads_count_exactly(store: str, tmp_path: Path) -> None:
    with running(make_site(tmp_path, store), '--threads', '16') as server:
        assert count_at_once(server, 8) == 8 * REQUESTS


def test_four_processes_count_exactly(tmp_path: Path) -> None:
    with running(make_site(tmp_path, 'dbm'), '--workers', '4') as server:
        assert count_at_once(server, 4) == 4 * REQUESTS


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    server = ServerProcess(make_site(tmp_path, 'dbm'))
    visitors: list[Visitor] = []
    acknowledged: list[int] = []
    try:
        for _ in range(4):
            visitors.append(Visitor(server))
            visitors[-1].get('/count.spy')
            acknowledged.append(1)
        for _ in range(KILLS):
            threads = [threading.Thread(target=count_until_dead, args=(server, visitor.cookie, acknowledged, i))
                       for i, visitor in enumerate(visitors)]
            for thread in threads:
                thread.start()
            time.sleep(random.uniform(0.05, 0.4))
            server.kill()
            for thread in threads:
                thread.join()
            server.start()
            for i, visitor in enumerate(visitors):
                stored = int(Visitor(server, visitor.cookie).get('/read.spy')[1])
                # The request that was under way may have been saved without its answer arriving.
                assert acknowledged[i] <= stored <= acknowledged[i] + 1
                acknowledged[i] = stored
    finally:
        server.stop()


def count_until_dead(server: ServerProcess, cookie: str | None, acknowledged: list[int], i: int) -> None:
    visitor = Visitor(server, cookie)
    try:
        while True:
            status, body = visitor.get('/count.spy')
            assert status == 200
            acknowledged[i] = int(body)
    except (OSError, http.client.HTTPException, ValueError):
        visitor.close()
