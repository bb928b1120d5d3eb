"""What the suite for session stores works with: one server's sessions, and their model as plain dictionaries."""
from __future__ import annotations

import datetime
import os
import sys
import threading
import warnings
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from spyce.sessions import RequestSession, SessionManager, SessionNotFoundError, SessionOptions
from spyce.sessions.native import is_bookkeeping

START = 1_000_000_000.0
IDLE = 1000.0
LIFETIME = 9.3 * IDLE
UNKNOWN = 'A' * 43
NAMES = ['', ' ', 'a b', '_mine', 'é \N{GRINNING FACE}', 'a\0b', "'; DROP TABLE entries; --", '../../x', '__class__',
         'sessionid', 'x' * 1000]
PLAIN_VALUES = [None, True, 0, -1, 10 ** 30, 0.1, '', 'é \N{GRINNING FACE} \0 \r\n', [], [1, ['a']], {},
                {'a': {'b': [None, 1.5]}}]
PYTHON_VALUES = [b'\0\xff', (1, (2,)), {1, 2}, {1: 'a', (2, 3): 'b'}, datetime.date(2026, 1, 1), 1j]

_names = st.sampled_from(['a', 'b', 'c'])
_values = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=3))
_changes = st.dictionaries(_names, st.one_of(st.just(...), _values), max_size=3)  # ... deletes
# Sums of these, with some seconds beside, never come near the idle time or the lifetime: a store may be a little late.
_pauses = st.sampled_from([1, 0.6 * IDLE, 2 * IDLE])


class Clock:
    """Seconds since 1970, as the test says."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class Fragile:
    """A value that is stored well and, while `is_broken`, cannot be read: as when its class has changed."""

    is_broken = False

    def __reduce__(self) -> tuple[Callable[[], Fragile], tuple[()]]:
        return Fragile.again, ()

    @staticmethod
    def again() -> Fragile:
        """What unpickling calls."""
        if Fragile.is_broken:
            raise ValueError('this value cannot be read any more')
        return Fragile()


class Site:
    """One server's sessions in a store, and requests to it."""

    def __init__(self, store: Any, folder: Path, clock: Clock, processes: bool, **options: Any) -> None:
        self.store = store
        self.clock = clock
        options = {'session_expire': IDLE, 'session_lifetime': LIFETIME, 'threads': 64,
                   'session_folder': str(folder / 'locks') if processes else None, **options}
        self.manager = SessionManager(SessionOptions(session_store=store, **options), clock=clock,
                                      create_lock=_file_locks(folder) if processes else lambda name: threading.RLock())
        self.manager.cleaner.note_change = lambda: None  # type: ignore[method-assign]  # the suite counts what it cleans

    def request(self, sessionid: str = '', lock: str = 'request', arrived: float | None = None) -> RequestSession:
        """A request that sends this id; to be ended by its finish()."""
        session = self.manager.request_session([('sessionid', sessionid)], secure=False, arrived=arrived)
        session.view(lock=lock)
        return session

    def visit(self, sessionid: str = '', /, **items: Any) -> str:
        """A whole request that puts `items`; the id of its session."""
        session = self.request(sessionid)
        session.update(items)
        session.finish()
        return session.sessionid

    def items(self, sessionid: str) -> dict[str, Any]:
        """What a request would read; it does not count as use."""
        session = self.request(sessionid, 'readonly')
        items = dict(session)
        session.abandon()
        return items


def _file_locks(folder: Path) -> Callable[[str], Any]:
    from spyce.runtime.locks import fileLock
    locks: dict[str, Any] = {}
    return lambda name: locks.setdefault(name, fileLock(folder / name))


def close(store: Any) -> None:
    """Close a store that can be closed."""
    getattr(store, 'close', lambda: None)()


def own_items(session: MutableMapping[str, Any]) -> dict[str, Any]:
    """What a page put: without a store's own items."""
    return {name: value for name, value in session.items() if not is_bookkeeping(name)}


def has_ended(store: Any, sessionid: str) -> bool:
    """Whether the store says that a session has expired, or does not know it any more."""
    try:
        return bool(store.is_expired(sessionid))
    except SessionNotFoundError:
        return True


def in_threads(count: int, work: Callable[[int], object]) -> None:
    """Do work(number) in so many threads at once. Raises the first error of any."""
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def in_processes(count: int, work: Callable[[], object]) -> None:
    """Do work() in so many processes at once. Raises AssertionError if one fails."""
    children = [_fork(work) for _ in range(count)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * count, 'a process has failed: see its traceback'


def _fork(work: Callable[[], object]) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)  # fork in a process that may have threads
        child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    return child


def add_ones(site: Site, sessionid: str, lock: str, times: int) -> None:
    """Add one, so often: as pages do that may run at the same time."""
    for _ in range(times):
        session = site.request(sessionid, lock)
        if lock == 'merge':
            session.incr('n')
        else:
            session['n'] += 1
        session.finish()


class RequestMachine(RuleBasedStateMachine):
    """Requests, one after the other, on some sessions; `model` has what each should hold."""

    ids = Bundle('ids')

    def __init__(self, site: Site, has_clock: bool) -> None:
        """has_clock: whether the store, too, goes by the clock of the site."""
        super().__init__()
        self.site = site
        self.has_clock = has_clock
        self.model: dict[str, dict[str, Any]] = {}
        self.born: dict[str, float] = {}
        self.used: dict[str, float] = {}

    def lives(self, sessionid: str) -> bool:
        """Whether the session should be there."""
        now = self.site.clock()
        return sessionid in self.model and now < self.used[sessionid] + IDLE and now < self.born[sessionid] + LIFETIME

    def keep(self, sessionid: str, items: dict[str, Any]) -> None:
        """The session has been used, and holds this."""
        self.model[sessionid] = items
        self.used[sessionid] = self.site.clock()
        self.born.setdefault(sessionid, self.site.clock())

    @rule(target=ids, name=_names, value=_values)
    def begin(self, name: str, value: Any) -> str:
        sessionid = self.site.visit(**{name: value})
        assert sessionid not in self.model
        self.keep(sessionid, {name: value})
        return sessionid

    @rule(sessionid=ids, changes=_changes, lock=st.sampled_from(['request', 'merge']))
    def change(self, sessionid: str, changes: dict[str, Any], lock: str) -> None:
        session = self.site.request(sessionid, lock)
        expected = dict(self.model[sessionid]) if self.lives(sessionid) else {}
        assert dict(session) == expected
        for name, value in changes.items():
            if value is ...:
                session.delete(name)
                expected.pop(name, None)
            else:
                session[name] = value
                expected[name] = value
        session.finish()
        if self.lives(sessionid):
            assert session.sessionid == sessionid
            self.keep(sessionid, expected)
        elif session.sessionid:  # none if the id was replaced a moment ago
            assert session.sessionid not in self.model
            self.keep(session.sessionid, expected)

    @rule(sessionid=ids, name=_names, lock=st.sampled_from(['request', 'merge', 'readonly']))
    def append(self, sessionid: str, name: str, lock: str) -> None:
        session = self.site.request(sessionid, lock)
        value = session.get(name)
        if isinstance(value, list) and lock != 'readonly':
            value.append(0)
        session.finish()
        if self.lives(sessionid):
            items = dict(self.model[sessionid])
            if isinstance(items.get(name), list) and lock != 'readonly':
                items[name] = [*items[name], 0]
            self.keep(sessionid, items)

    @rule(sessionid=ids, name=_names, by=st.integers(-5, 5))
    def add(self, sessionid: str, name: str, by: int) -> None:
        if not self.lives(sessionid) or not isinstance(self.model[sessionid].get(name, 0), int):
            return
        session = self.site.request(sessionid, 'merge')
        total = self.model[sessionid].get(name, 0) + by
        assert session.incr(name, by) == total
        session.rollback()
        session.finish()
        self.keep(sessionid, {**self.model[sessionid], name: total})

    @rule(sessionid=ids)
    def end(self, sessionid: str) -> None:
        session = self.site.request(sessionid)
        session.invalidate()
        session.finish()
        if self.lives(sessionid):
            del self.model[sessionid]

    @rule(target=ids, sessionid=ids)
    def renew(self, sessionid: str) -> str:
        session = self.site.request(sessionid)
        session.regenerate()
        session.finish()
        self.site.clock.advance(0.001)
        if not self.lives(sessionid):
            return sessionid
        assert session.sessionid not in self.model
        self.born[session.sessionid] = self.born[sessionid]
        self.keep(session.sessionid, self.model.pop(sessionid))
        return session.sessionid

    @rule(seconds=_pauses)
    def wait(self, seconds: float) -> None:
        self.site.clock.advance(seconds)

    @rule()
    def clean(self) -> None:
        count = len(self.site.store.list())
        assert self.site.manager.clean() == count - len(self.site.store.list())
        if self.has_clock:
            assert set(self.site.store.list()) <= {sessionid for sessionid in self.model if self.might_live(sessionid)}

    def might_live(self, sessionid: str) -> bool:
        """Whether a store may still have the session: it may know the idle time only."""
        return self.site.clock() < self.used[sessionid] + IDLE

    @invariant()
    def the_store_holds_what_the_model_holds(self) -> None:
        living = {sessionid: items for sessionid, items in self.model.items() if self.lives(sessionid)}
        listed = list(self.site.store.list())
        assert len(listed) == len(set(listed))
        assert set(living) <= set(listed) <= set(self.model)
        for sessionid, items in self.model.items():
            assert self.site.items(sessionid) == living.get(sessionid, {})
            if sessionid in living:
                assert own_items(self.site.store.load(sessionid, IDLE)) == items
                assert not self.site.store.is_expired(sessionid)

    def teardown(self) -> None:
        close(self.site.store)


class ContractMachine(RuleBasedStateMachine):
    """load, save, clear, is_expired and list, as a program calls them; `model` has what each session should hold."""

    ids = st.sampled_from([letter * 43 for letter in 'ABC'])

    def __init__(self, site: Site, has_clock: bool) -> None:
        """has_clock: whether the store goes by the clock of the site."""
        super().__init__()
        self.clock = site.clock
        self.store = site.store
        self.has_clock = has_clock
        self.model: dict[str, dict[str, Any]] = {}
        self.saved: dict[str, float] = {}

    def lives(self, sessionid: str) -> bool:
        """Whether the session should be there."""
        return sessionid in self.model and (not self.has_clock or self.clock() < self.saved[sessionid] + IDLE)

    @rule(sessionid=ids, changes=_changes)
    def save(self, sessionid: str, changes: dict[str, Any]) -> None:
        if sessionid in self.model and not self.lives(sessionid) and not has_ended(self.store, sessionid):
            raise AssertionError('is_expired() is not true of a session that was not used for too long')
        if sessionid in self.model and not self.lives(sessionid):
            self.clear(sessionid)
        session = self.store.load(sessionid, IDLE)
        expected = self.model.get(sessionid, {})
        assert own_items(session) == expected
        expected = dict(expected)
        for name, value in changes.items():
            if value is ...:
                session.pop(name, None)
                expected.pop(name, None)
            else:
                session[name] = expected[name] = value
        self.store.save(sessionid, session)
        self.model[sessionid], self.saved[sessionid] = expected, self.clock()

    @rule(sessionid=ids)
    def clear(self, sessionid: str) -> None:
        try:
            self.store.clear(sessionid)
        except SessionNotFoundError:
            assert not self.lives(sessionid)
        self.model.pop(sessionid, None)

    @rule(seconds=_pauses)
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def the_store_holds_what_the_model_holds(self) -> None:
        living = {sessionid for sessionid in self.model if self.lives(sessionid)}
        listed = list(self.store.list())
        assert len(listed) == len(set(listed))
        assert living <= set(listed) <= set(self.model)
        for sessionid, items in self.model.items():
            assert has_ended(self.store, sessionid) == (sessionid not in living)
            if sessionid in living:
                assert own_items(self.store.load(sessionid, IDLE)) == items

    def teardown(self) -> None:
        close(self.store)
