"""RedisStore in a cluster of two nodes: sessions are on both, and exact while their slots move to the other one."""
from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.redis_server import PrivateServer, RedisStore, redis

from ..conftest import Site

SLOTS = 16384


class Cluster:
    """Two nodes, each with half of the slots."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.clients: list[Any] = []
        self.ports: list[int] = []
        for number in range(2):
            own = folder / str(number)
            own.mkdir()
            server = PrivateServer(own, '--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1')
            stack.callback(server.kill)
            client = server.client()
            stack.callback(client.close)
            client.execute_command('CLUSTER', 'SET-CONFIG-EPOCH', number + 1)
            client.execute_command('CLUSTER', 'ADDSLOTS', *range(number * SLOTS // 2, (number + 1) * SLOTS // 2))
            self.clients.append(client)
            self.ports.append(server.port)
        self.names = [client.execute_command('CLUSTER', 'MYID').decode() for client in self.clients]
        self.clients[0].execute_command('CLUSTER', 'MEET', '127.0.0.1', self.ports[1])
        deadline = time.monotonic() + 30
        while not all(client.cluster('INFO')['cluster_state'] == 'ok' and client.cluster('INFO')[
                'cluster_known_nodes'] == '2' for client in self.clients):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def move(self, slot: int) -> None:
        """Its keys one after the other, so that clients are sent to and fro meanwhile."""
        source = int(slot >= SLOTS // 2)
        here, there = self.clients[source], self.clients[1 - source]
        there.execute_command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', self.names[source])
        here.execute_command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', self.names[1 - source])
        while keys := here.execute_command('CLUSTER', 'GETKEYSINSLOT', slot, 1):
            here.execute_command('MIGRATE', '127.0.0.1', self.ports[1 - source], keys[0], 0, 5000)
            time.sleep(0.02)
        for client in there, here:
            client.execute_command('CLUSTER', 'SETSLOT', slot, 'NODE', self.names[1 - source])


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with ExitStack() as stack:
        yield Cluster(tmp_path, stack)


@pytest.mark.filterwarnings('ignore:unclosed <socket:ResourceWarning')  # redis-py leaves some behind when slots move
def test_sessions_are_exact_while_their_slots_move(cluster: Cluster) -> None:
    site, other = (Site(RedisStore(f'redis+cluster://127.0.0.1:{port}'), time.time,  # type: ignore[arg-type]
                        session_index='user') for port in cluster.ports)
    ids = [site.visit(n=0, user='ada') for _ in range(20)]
    assert all(client.dbsize() for client in cluster.clients)
    are_moved = threading.Event()
    rounds = [0, 0]

    def count(number: int, place: Site) -> None:
        while not (rounds[number] and are_moved.is_set()):
            for sessionid in ids:
                session = place.request(sessionid)
                session['n'] += 1
                session.finish()
            rounds[number] += 1

    threads = [threading.Thread(target=count, args=(number, place)) for number, place in enumerate((site, other))]
    for thread in threads:
        thread.start()
    for slot in {redis.crc.key_slot(site.store._key(sessionid).encode())  # type: ignore[attr-defined]
                 for sessionid in ids}:
        cluster.move(slot)
    are_moved.set()
    for thread in threads:
        thread.join()
    assert [site.stored(sessionid)['n'] for sessionid in ids] == [sum(rounds)] * len(ids)
    assert {info.id for info in other.manager.find('ada')} == set(site.store.list()) == set(ids)
    del site, other, threads
    gc.collect()  # here, where the warnings are expected
