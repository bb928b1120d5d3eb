"""Both stores against a plain dictionary, by random sequences of requests and of the 2.1 contract."""
from __future__ import annotations

import shutil
import tempfile
import threading
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from spyce.sessions import DbmStore, MemoryStore, SessionManager, SessionOptions

from .conftest import Clock

IDLE = 100
names = st.sampled_from(['a', 'b', 'c'])
values = st.one_of(st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=3))


class StoreMachine(RuleBasedStateMachine):
    """Requests, one after the other, on some sessions; `model` has what each should hold and when it was used."""

    sessions = Bundle('sessions')

    def make_store(self, clock: Clock) -> Any:
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        self.clock = Clock()
        self.store = self.make_store(self.clock)
        options = SessionOptions(session_store=self.store, session_expire=IDLE, session_lifetime=10 * IDLE)
        self.manager = SessionManager(options, create_lock=lambda name: threading.RLock(), clock=self.clock)
        self.model: dict[str, dict[str, Any]] = {}
        self.born: dict[str, float] = {}
        self.ends: dict[str, float] = {}

    def open(self, sessionid: str, lock: str = 'request') -> Any:
        session = self.manager.request_session([('sessionid', sessionid)], secure=False)
        session.view(lock=lock)
        return session

    def lives(self, sessionid: str) -> bool:
        return sessionid in self.model and self.clock.now < self.ends[sessionid]

    def used(self, sessionid: str) -> None:
        end = min(self.clock.now + IDLE, self.born[sessionid] + 10 * IDLE)
        if abs(end - self.ends[sessionid]) >= IDLE / 10:
            self.ends[sessionid] = end

    def keep(self, sessionid: str, items: dict[str, Any]) -> None:
        self.model[sessionid] = dict(items)
        if sessionid not in self.born:
            self.born[sessionid] = self.clock.now
            self.ends[sessionid] = self.clock.now + IDLE
        self.used(sessionid)

    @rule(target=sessions, name=names, value=values)
    def new(self, name: str, value: Any) -> str:
        session = self.open('')
        session[name] = value
        session.finish()
        self.keep(session.sessionid, {name: value})
        return str(session.sessionid)

    @rule(sessionid=sessions, changes=st.dictionaries(names, st.one_of(st.none(), values)),
          lock=st.sampled_from(['request', 'merge']))
    def change(self, sessionid: str, changes: dict[str, Any], lock: str) -> None:
        """None deletes."""
        session = self.open(sessionid, lock)
        expected = dict(self.model[sessionid]) if self.lives(sessionid) else {}
        for name, value in changes.items():
            if value is None:
                session.delete(name)
                expected.pop(name, None)
            else:
                session[name] = value
                expected[name] = value
        assert dict(session) == expected
        session.finish()
        if self.lives(sessionid):
            self.keep(sessionid, expected)
        elif expected and session.sessionid:  # none for an id that was replaced just now
            assert session.sessionid != sessionid
            self.keep(session.sessionid, expected)

    @rule(sessionid=sessions, name=names)
    def append(self, sessionid: str, name: str) -> None:
        session = self.open(sessionid)
        if isinstance(session.get(name), list):
            session[name].append(0)
            self.model[sessionid][name] = self.model[sessionid][name] + [0]
        session.finish()
        if self.lives(sessionid):
            self.used(sessionid)

    @rule(sessionid=sessions)
    def end(self, sessionid: str) -> None:
        session = self.open(sessionid)
        session.invalidate()
        session.finish()
        if self.lives(sessionid):
            del self.model[sessionid]

    @rule(target=sessions, sessionid=sessions)
    def renew(self, sessionid: str) -> str:
        session = self.open(sessionid)
        session.regenerate()
        session.finish()
        self.clock.advance(0.001)
        if not self.lives(sessionid):
            return sessionid
        new = str(session.sessionid)
        assert new != sessionid
        self.used(sessionid)
        self.model[new], self.born[new], self.ends[new] = (self.model.pop(sessionid), self.born[sessionid],
                                                           self.ends[sessionid])
        return new

    @rule(seconds=st.sampled_from([1, IDLE / 10, IDLE / 2, IDLE]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def clean(self) -> None:
        ended = [sessionid for sessionid in self.model if not self.lives(sessionid)]
        assert self.manager.clean() == len(ended)
        for sessionid in ended:
            del self.model[sessionid]

    @invariant()
    def store_holds_what_the_model_holds(self) -> None:
        assert sorted(self.store.list()) == sorted(self.model)
        for sessionid, items in self.model.items():
            assert self.store.is_expired(sessionid) == (not self.lives(sessionid))
            loaded = self.store.load(sessionid, IDLE)
            assert loaded == ({**items, '_expires': IDLE} if self.lives(sessionid) else {'_expires': IDLE})

    def teardown(self) -> None:
        if hasattr(self, 'store'):
            if isinstance(self.store, MemoryStore):
                assert self.store._locks.in_use() == 0
            self.store.close()


class MemoryMachine(StoreMachine):
    def make_store(self, clock: Clock) -> MemoryStore:
        return MemoryStore(clock)


class DbmMachine(StoreMachine):
    def make_store(self, clock: Clock) -> DbmStore:
        self.folder = tempfile.mkdtemp()
        return DbmStore(self.folder, clock)

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, 'folder'):
            shutil.rmtree(self.folder)


TestMemoryStore = MemoryMachine.TestCase
TestMemoryStore.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestDbmStore = DbmMachine.TestCase
TestDbmStore.settings = settings(max_examples=40, stateful_step_count=30, deadline=None,
                                 suppress_health_check=[HealthCheck.too_slow])
