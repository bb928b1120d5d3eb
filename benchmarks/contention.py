"""Sixteen clients that count in one session at once. The count must be exact, or there is no figure."""
from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import workplace
from benchmarks.measure import Goal, Size, Table, contestants_of, each_in_turn
from benchmarks.stores import CherryPy, Spyce, Sqlite

CLIENTS = 16
PROCESSES = 4
FEW = 6
FLOOR = 'floor: sqlite3 WAL, one client, no lock'
THREADS = 'Spyce DbmStore, 16 threads'
TOGETHER = 'Spyce DbmStore, 4 processes'

Measure = Callable[[], float]


def tables(size: Size) -> list[Table]:
    """One table."""
    each, rounds = {'tiny': (2, 1), 'full': (250, 9)}.get(size.name, (60, 5))
    with tempfile.TemporaryDirectory(dir=workplace.folder()) as name:
        folder = Path(name)
        measures = contestants_of(size, (
            ('', lambda: {FLOOR: partial(_alone, Sqlite(folder), each * CLIENTS)}),
            ('', lambda: _spyce(folder, each)),
            ('cherrypy', lambda: {'CherryPy memory, 16 threads': partial(_threads, CherryPy('memory', folder), each)}),
            # Those who wait look again ten times a second: so many changes only, or it takes all the time.
            ('cherrypy', lambda: {'CherryPy file, 16 threads': partial(_threads, CherryPy('file', folder),
                                                                       min(each, FEW))})))
        rows = each_in_turn(measures, rounds)
    return [Table('contention', f'{CLIENTS} clients on one session, exact', rows, FLOOR,
                  [Goal(THREADS, FLOOR, 0.5), Goal(TOGETHER, FLOOR, 0.5)],
                  note='Time for one change of the session. The floor is one client alone, so it need not wait. The '
                  'processes have four threads each.')]


def _spyce(folder: Path, each: int) -> dict[str, Measure]:
    store = _store(folder)
    return {THREADS: partial(_threads, store, each), TOGETHER: partial(_processes, store, folder, each)}


def _store(folder: Path) -> Spyce:
    """With places to wait for all the clients."""
    from spyce.sessions import DbmStore
    return Spyce(DbmStore(folder), threads=CLIENTS, session_lock_waiters=CLIENTS)


def _alone(store: Any, changes: int) -> float:
    (sessionid,) = store.fill(1)
    start = time.perf_counter()
    for _ in range(changes):
        store.change(sessionid)
    return (time.perf_counter() - start) / changes


def _threads(store: Any, each: int, clients: int = CLIENTS) -> float:
    """Seconds for one change."""
    sessionid = store.fill(1)[0]
    before = store.items(sessionid)['visits']
    start = time.perf_counter()
    _change_at_once(store, sessionid, each, clients)
    taken = time.perf_counter() - start
    _check_count(store, sessionid, before + each * clients)
    return taken / (each * clients)


def _change_at_once(store: Any, sessionid: str, each: int, clients: int) -> None:
    def client() -> None:
        for _ in range(each):
            store.change(sessionid)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _check_count(store: Any, sessionid: str, wanted: int) -> None:
    found = store.items(sessionid)['visits']
    if found != wanted:
        raise AssertionError(f'{type(store).__name__}: {found} changes are there of {wanted}')


def _processes(store: Any, folder: Path, each: int) -> float:
    """The same with processes, which begin together when all are there."""
    sessionid = store.fill(1)[0]
    before = store.items(sessionid)['visits']
    command = [sys.executable, '-m', 'benchmarks.contention', str(folder), sessionid, str(each)]
    clients = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
               for _ in range(PROCESSES)]
    for client in clients:
        assert client.stdout is not None
        client.stdout.readline()
    start = time.perf_counter()
    for client in clients:
        assert client.stdin is not None
        client.stdin.write('go\n')
        client.stdin.flush()
    ends = [float(client.communicate()[0]) for client in clients]
    _check_count(store, sessionid, before + each * CLIENTS)
    return (max(ends) - start) / (each * CLIENTS)


def main(folder: str, sessionid: str, each: str) -> None:
    """One of the processes: says that it is ready, waits for a line, prints when it was done."""
    store = _store(Path(folder))
    store.items(sessionid)
    print('ready', flush=True)
    sys.stdin.readline()
    _change_at_once(store, sessionid, int(each), CLIENTS // PROCESSES)
    print(time.perf_counter())  # of the same clock in all processes, on Linux


if __name__ == '__main__':
    main(*sys.argv[1:])
