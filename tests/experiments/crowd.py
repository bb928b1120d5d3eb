"""Many visitors of one or several servers, what they saw of their sessions, and what a session must do."""
from __future__ import annotations

import http.client
import itertools
import json
import math
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tests.experiments.linearize import find_contradiction
from tests.experiments.server import SOAK, ServerProcess, Visitor
from tests.experiments.shop import PAGE_OF

REQUESTS = 100_000 if SOAK else 1_000
KILLS = 100 if SOAK else 4
CLIENTS = 16
SESSIONS = 200 if SOAK else 20
BUSY_SESSIONS = SESSIONS // 10
"""Half of the requests go to these."""
OLD_IDS = 0.05
"""This part of the requests sends some id that the session had at some time, not the newest."""
ON_THE_WAY = 0.1
"""Seconds: what a worker has sent to the server of a store is done even if the worker was killed since."""

WEIGHTS = {'count': 20, 'incr': 15, 'read': 15, 'put': 12, 'merge put': 10, 'delete': 6, 'merge delete': 6, 'fail': 4,
           'rollback': 4, 'regenerate': 4, 'invalidate': 1.5, 'hold': 0.7}


# What a client did, and what it saw

@dataclass
class Operation:
    """One request of one client to one session.

    outcome: 'seen' (the session was there; `answer`), 'none' (it was not), 'error' (the page failed, as it should),
    'unknown' (the connection broke: the worker is dead, so nothing happens after `returned`), 'refused' (503).
    lease: seconds after which it may have lost its lock.
    """

    do: str
    sent_id: str
    key: str
    value: str
    invoked: float
    returned: float = 0
    outcome: str = 'unknown'
    answer: Any = None
    lease: float = math.inf

    @property
    def is_without_lock(self) -> bool:
        """Whether others may have changed or ended the session between what it read and what it put."""
        return PAGE_OF.get(self.do) == 'merge' or self.returned - self.invoked > self.lease


@dataclass
class Life:
    """A session from login to its end, with all that clients did to it. ids: those that clients know, newest last."""

    name: str
    ids: list[str]
    history: list[Operation] = field(default_factory=list)


# What a session must do

class State(NamedTuple):
    """A session between two operations. retired: ids it had, each with the time its regenerate() returned."""

    items: frozenset[tuple[str, Any]]
    current_id: str
    retired: frozenset[tuple[str, float]] = frozenset()
    ended: float | None = None  # when the invalidate() that ended it returned


def step(state: State, operation: Operation) -> Iterator[State]:
    """The states that `operation` may lead to; none if its client could not have seen what it saw."""
    visible = is_visible(state, operation)
    if operation.outcome == 'none':
        if state.ended is not None or operation.sent_id != state.current_id:
            yield state
    elif operation.outcome == 'unknown':
        yield state
        if visible:
            yield effect(state, operation)[1]
    elif visible:
        answer, after = effect(state, operation)
        if operation.outcome == 'error' or answer == operation.answer:
            yield after
    elif state.ended is not None and operation.invoked < state.ended and operation.is_without_lock:
        yield state  # it read the session, then another request ended it: nothing is revived


def is_visible(state: State, operation: Operation) -> bool:
    """Whether the id sent leads to the session: the current one, or one replaced while the request was under way."""
    if state.ended is not None:
        return False
    return operation.sent_id == state.current_id or any(
        operation.sent_id == retired_id and operation.invoked < returned for retired_id, returned in state.retired)


def effect(state: State, operation: Operation) -> tuple[Any, State]:
    """(answer, state after it) of an operation on a session that is there."""
    items = dict(state.items)
    if operation.do in ('count', 'incr', 'hold', 'fail'):
        answer = items['n'] = items.get('n', 0) + 1
    elif operation.do in ('put', 'merge put'):
        answer = items.get(operation.key) if operation.do == 'put' else None
        items[operation.key] = operation.value
    elif operation.do in ('delete', 'merge delete'):
        answer = items.pop(operation.key, None)
        answer = answer if operation.do == 'delete' else None
    elif operation.do == 'read':
        answer = items
    elif operation.do == 'rollback':
        answer = None
    elif operation.do == 'regenerate' and operation.answer == '' and operation.sent_id != state.current_id:
        answer = ''  # another request had replaced the id it came with: the session is not its own to renew
    elif operation.do == 'regenerate':
        new_id = operation.answer or f'never seen, of {operation.invoked}'
        return new_id, state._replace(current_id=new_id,
                                      retired=state.retired | {(state.current_id, operation.returned)})
    else:
        assert operation.do == 'invalidate'
        return None, state._replace(ended=operation.returned)
    return answer, state._replace(items=frozenset(items.items()))


# The clients

class Crowd:
    """Clients that use SESSIONS browsers, each shared by all of them, as tabs share one.

    servers: each request goes to any of them; lease: None if the store is a part of each worker, else for how many
    seconds one has the lock of a session. What was answered with 503 may then have been done nevertheless, as when the
    answer of the store was lost; unless the server, whose debug is on, says that the session was in use.
    """

    def __init__(self, *servers: ServerProcess, lease: float | None = None, requests: int = REQUESTS) -> None:
        self.servers = servers
        self.requests = requests
        self.lease = lease
        self.longest = 0.0  # seconds that an answer took
        self.lives: list[Life] = []
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.surprises: list[object] = []
        self.done = 0
        self._browsers: list[Life | None] = [None] * SESSIONS
        self._logging_in = [threading.Lock() for _ in range(SESSIONS)]
        self._mutex = threading.Lock()
        self._serial = itertools.count()

    def kill_a_worker(self) -> None:
        """As kill -9 does."""
        workers = [worker for server in self.servers for worker in server.workers()]
        if workers:
            os.kill(random.choice(workers), signal.SIGKILL)

    def run(self, *troubles: Callable[[], None]) -> None:
        """Let the clients make all requests, and make trouble now and then: each in its turn, KILLS times in all."""
        clients = [threading.Thread(target=self._be_client) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        for kill in range(KILLS):
            while self.done < self.requests * (kill + 0.5) / KILLS and any(client.is_alive() for client in clients):
                time.sleep(0.005)
            troubles[kill % len(troubles)]()
        for client in clients:
            client.join()

    def count_once_in_each_session(self) -> None:
        """One more request for every session there ever was."""
        for life in self.lives:
            with Visitor(random.choice(self.servers)) as visitor:
                self._act(visitor, life, 'count', old_ids=0)

    def find_contradiction(self) -> str | None:
        """What of all that clients saw has no explanation; None if there is nothing."""
        for life in self.lives:
            contradiction = find_contradiction(life.history, State(frozenset(), life.ids[0]), step)
            if contradiction is not None:
                return f'{life.name}: {contradiction}'
        return None

    def _be_client(self) -> None:
        visitors = [Visitor(server) for server in self.servers]
        try:
            while not self.surprises:
                visitor = random.choice(visitors)
                with self._mutex:
                    if self.done == self.requests:
                        break
                    self.done += 1
                number = random.randrange(random.choice((BUSY_SESSIONS, SESSIONS)))
                with self._logging_in[number]:
                    life = self._browsers[number]
                    if life is None:
                        self._browsers[number] = self._log_in(visitor)
                        continue
                do, = random.choices(list(WEIGHTS), list(WEIGHTS.values()))
                if not self._act(visitor, life, do) and self._browsers[number] is life:
                    self._browsers[number] = None
        except Exception as error:
            self.surprises.append(error)
        finally:
            for visitor in visitors:
                visitor.close()

    def _log_in(self, visitor: Visitor) -> Life | None:
        name = f'life {next(self._serial)}'
        answer = self._get(visitor, 'login', None, {'life': name})
        self.outcomes['login', 'seen' if answer else 'unknown'] += 1
        if answer is None:
            return None
        status, body = answer
        if status == 503 and self.lease is not None:
            return None
        sessionid = body.strip()
        assert (status, visitor.cookie) == (200, f'sessionid={sessionid}')
        life = Life(name, [sessionid])
        self.lives.append(life)
        return life

    def _act(self, visitor: Visitor, life: Life, do: str, old_ids: float = OLD_IDS) -> bool:
        """Do one thing to the session and note what came of it. Returns whether the browser may still have it."""
        sent_id = life.ids[-1] if random.random() >= old_ids else random.choice(life.ids)
        operation = Operation(do, sent_id, random.choice('abcd'), f'value {next(self._serial)}', time.monotonic(),
                              lease=math.inf if self.lease is None else self.lease)
        arguments = {'do': do, 'key': operation.key, 'value': operation.value}
        answer = self._get(visitor, PAGE_OF.get(do, 'act'), operation.sent_id, arguments)
        operation.returned = time.monotonic()
        if answer is not None:
            self._understand(life, operation, *answer)
        elif self.lease is not None:
            operation.returned += ON_THE_WAY
        self.outcomes[do, operation.outcome] += 1
        if operation.outcome == 'unknown':
            time.sleep(0.1)  # as a visitor does who sees an error; what may have been done or not is hard to explain
        if operation.outcome != 'refused':
            life.history.append(operation)
        if do == 'regenerate' and operation.outcome == 'seen' and operation.answer:
            life.ids.append(operation.answer)
        is_gone = operation.outcome == 'none' and sent_id == life.ids[-1]
        return not is_gone and (do, operation.outcome) != ('invalidate', 'seen')

    def _understand(self, life: Life, operation: Operation, status: int, body: str) -> None:
        if status == 503:
            was_in_use = 'session_lock_' in body
            operation.outcome = 'refused' if self.lease is None or was_in_use else 'unknown'
        elif status == 500 and operation.do in ('fail', 'rollback'):
            operation.outcome = 'error'
        else:
            assert status == 200, (status, operation)
            seen, operation.answer = json.loads(body)
            assert seen in (None, life.name), f'{operation} was answered with the session of {seen}, not {life.name}'
            operation.outcome = 'none' if seen is None else 'seen'

    def _get(self, visitor: Visitor, page: str, sessionid: str | None, arguments: dict[str, str],
             ) -> tuple[int, str] | None:
        """(status, body), or None if the worker died."""
        visitor.cookie = f'sessionid={sessionid}' if sessionid else None
        began = time.monotonic()
        try:
            answer = visitor.get(f'/{page}.spy?{urlencode(arguments)}')
            self.longest = max(self.longest, time.monotonic() - began)
            return answer
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException):
            visitor.close()
            return None


def report(crowd: Crowd, outcomes: Counter[tuple[str, str]]) -> None:
    """What has been explained; shown by pytest -s or -rP."""
    print(f'\n{sum(outcomes.values())} requests, {len(crowd.lives)} sessions, {KILLS} kills:')
    for (do, outcome), number in sorted(outcomes.items()):
        print(f'  {do:12} {outcome:8} {number:6}')
