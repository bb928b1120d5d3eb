"""A site without a server: one store, one clock that the test moves, and requests that keep their cookie."""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spyce.sessions import DbmStore, MemoryStore, RequestSession, SessionManager, SessionOptions, SessionStore
from spyce.sessions.leases import Lease

START = 1_000_000_000.0


class Clock:
    """Seconds since 1970, as the test says."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Site:
    """What a server has, and a browser."""

    def __init__(self, store: SessionStore, clock: Clock, **options: Any) -> None:
        self.store = store
        self.clock = clock
        self.manager = SessionManager(SessionOptions(session_store=store, **options), clock=clock,
                                      create_lock=lambda name: threading.RLock())

    def request(self, *ids: str, secure: bool = False, arrived: float | None = None, **view: Any) -> RequestSession:
        session = self.manager.request_session([('sessionid', sessionid) for sessionid in ids], secure=secure,
                                               arrived=arrived)
        session.view(**view)
        return session

    def visit(self, *ids: str, **items: Any) -> str:
        """A request that puts `items`; the id of its session."""
        session = self.request(*ids)
        session.update(items)
        session.finish()
        return session.sessionid

    def stored(self, sessionid: str) -> dict[str, Any]:
        """What a request would read."""
        session = self.request(sessionid, readonly=True)
        items = dict(session)
        session.abandon()
        return items


class Waiters:
    """Requests that have begun to wait for a session that another machine has."""

    def __init__(self) -> None:
        self._begun = threading.Semaphore(0)

    def add(self) -> None:
        self._begun.release()

    def expect(self, count: int = 1) -> None:
        """Go on when so many more have begun to wait."""
        for _ in range(count):
            assert self._begun.acquire(timeout=30)


def cookies(headers: list[tuple[str, str]]) -> list[str]:
    return [value for name, value in headers if name == 'Set-Cookie']


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def waiters(monkeypatch: pytest.MonkeyPatch) -> Waiters:
    waiters, flag = Waiters(), Lease.has_waited

    def note(lease: Lease, has_waited: bool) -> None:
        if has_waited and not flag.__get__(lease):
            waiters.add()
        flag.__set__(lease, has_waited)

    monkeypatch.setattr(Lease, 'has_waited', property(flag.__get__, note))
    return waiters


@pytest.fixture
def dbm(tmp_path: Path, clock: Clock) -> Iterator[DbmStore]:
    store = DbmStore(tmp_path, clock)
    yield store
    store.close()


@pytest.fixture(params=['memory', 'dbm'])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Any:
    store = MemoryStore(clock) if request.param == 'memory' else DbmStore(tmp_path, clock)
    yield store
    store.close()


@pytest.fixture
def make_site(store: SessionStore, clock: Clock) -> Callable[..., Site]:
    return lambda **options: Site(store, clock, **options)


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()
