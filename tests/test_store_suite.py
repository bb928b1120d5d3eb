"""The suite for session stores, run on ours and on one written to the 2.1 contract; and what it finds wrong."""
from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from spyce.sessions import DbmStore, MemoryStore, SessionNotFoundError, SessionStore
from spyce.storemodel import Clock, has_ended
from spyce.storesuite import StoreSuite
from tests.examples_in_text import module_from

FileStore = module_from('sessions.txt', 'filestore.py').FileStore
SOAK = bool(os.environ.get('SPYCE_SOAK'))


class Suite(StoreSuite):
    """In full size for `make soak`."""

    examples = 1000 if SOAK else 10
    increments = 1000 if SOAK else 25


class TestMemoryStore(Suite):
    is_persistent = False
    serves_processes = False

    def make_store(self, folder: Path) -> MemoryStore:
        return MemoryStore(self.clock)


class TestDbmStore(Suite):
    def make_store(self, folder: Path) -> DbmStore:
        return DbmStore(folder, self.clock)

    def damage(self, folder: Path, sessionid: str) -> None:
        with contextlib.closing(sqlite3.connect(folder / 'spyce-sessions' / 'sessions.db')) as database, database:
            database.execute("UPDATE entries SET value = x'80' WHERE key = (SELECT key FROM ids WHERE id = ?)",
                             (sessionid,))


class TestFileStore(Suite):
    """The example of docs/sessions.txt, which has the five methods of the 2.1 contract only."""

    keeps_python_values = False

    def make_store(self, folder: Path) -> Any:
        return FileStore(folder, self.clock)

    def damage(self, folder: Path, sessionid: str) -> None:
        (folder / f'{sessionid}.json').write_text('{"n": ')


class GenerousStore(FileStore):  # type: ignore[misc,valid-type]
    """With all the methods that a store may have beside the five."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        super().__init__(folder, clock)
        self.guard = threading.Lock()
        self.locked: dict[str, threading.Lock] = {}

    def create(self, sessionid: str, session: dict[str, Any], expires: float) -> None:
        self.save(sessionid, {**session, '_expires': expires})

    def touch(self, sessionid: str, expires: float) -> None:
        self.save(sessionid, {**self.load(sessionid, expires), '_expires': expires})

    def delete_expired(self, limit: int) -> int:
        expired = [sessionid for sessionid in self.list() if has_ended(self, sessionid)][:limit]
        for sessionid in expired:
            self.clear(sessionid)
        return len(expired)

    def find(self, key: str, value: Any) -> list[str]:
        return [sessionid for sessionid in self.list() if self.load(sessionid, 0).get(key) == value]

    def incr(self, sessionid: str, key: str, by: float) -> float:
        with self.guard:
            session = self.load(sessionid, 0)
            session[key] = session.get(key, 0) + by
            self.save(sessionid, session)
        return session[key]  # type: ignore[no-any-return]

    def lock(self, sessionid: str, timeout: float) -> threading.Lock | None:
        with self.guard:
            lock = self.locked.setdefault(sessionid, threading.Lock())
        return lock if lock.acquire(timeout=timeout) else None


class TestGenerousStore(TestFileStore):
    serves_processes = False

    def make_store(self, folder: Path) -> GenerousStore:
        return GenerousStore(folder, self.clock)


class LiveStore(SessionStore):
    """Hands out the very dictionary that it keeps, as 2.1's MemoryStore did."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.kept: dict[str, Any] = {}

    def load(self, sessionid: str, expires: float) -> Any:
        return self.kept.get(sessionid, {'_expires': expires})

    def save(self, sessionid: str, session: Any) -> None:
        session['_lastaccess'] = self.clock()
        self.kept[sessionid] = session

    def clear(self, sessionid: str) -> None:
        if self.kept.pop(sessionid, None) is None:
            raise SessionNotFoundError(sessionid)

    def is_expired(self, sessionid: str) -> bool:
        if sessionid not in self.kept:
            raise SessionNotFoundError(sessionid)
        session = self.kept[sessionid]
        return bool(session['_lastaccess'] + session['_expires'] <= self.clock())

    def list(self) -> list[str]:
        return list(self.kept)


class TestLiveStore(Suite):
    is_persistent = False
    serves_processes = False

    def make_store(self, folder: Path) -> LiveStore:
        return LiveStore(self.clock)


class NeverExpires(FileStore):  # type: ignore[misc,valid-type]
    def is_expired(self, sessionid: str) -> bool:
        return bool(super().is_expired(sessionid)) and False


class NoErrors(FileStore):  # type: ignore[misc,valid-type]
    def clear(self, sessionid: str) -> None:
        with contextlib.suppress(SessionNotFoundError):
            super().clear(sessionid)


class KeepsWhatIsAskedFor(FileStore):  # type: ignore[misc,valid-type]
    def load(self, sessionid: str, expires: float) -> Any:
        session = super().load(sessionid, expires)
        self.save(sessionid, session)
        return session


class OnlyAdds(FileStore):  # type: ignore[misc,valid-type]
    def save(self, sessionid: str, session: Any) -> None:
        super().save(sessionid, {**self.load(sessionid, 0), **session})


class WritesHalf(FileStore):  # type: ignore[misc,valid-type]
    def save(self, sessionid: str, session: Any) -> None:
        session['_lastaccess'] = self.clock()
        with open(self._file(sessionid), 'w') as file:
            json.dump(dict(session), file)


class MixesUp(FileStore):  # type: ignore[misc,valid-type]
    def _file(self, sessionid: str) -> str:
        return str(super()._file('x'))


@pytest.mark.parametrize(('store', 'test'), [
    (NeverExpires, 'is_expired_goes_by_the_idle_time'),
    (NeverExpires, 'cleaning_removes_what_has_ended_and_nothing_else'),
    (KeepsWhatIsAskedFor, 'load_alone_keeps_nothing'),
    (OnlyAdds, 'load_gives_what_was_saved'),
    (WritesHalf, 'a_value_that_the_store_refuses_leaves_the_session_as_it_was'),
    (MixesUp, 'sessions_do_not_mix'),
])
def test_a_store_that_is_wrong_fails(store: Any, test: str, tmp_path: Path) -> None:
    suite = suite_of(store)
    with pytest.raises(AssertionError):
        getattr(suite, f'test_{test}')(suite.make_site(tmp_path))


def test_a_store_that_is_silent_about_unknown_ids_fails(tmp_path: Path) -> None:
    suite = suite_of(NoErrors)
    with pytest.raises(pytest.fail.Exception):
        suite.test_an_unknown_id_is_an_error(suite.make_site(tmp_path), 'clear')


def test_so_it_does_by_chance(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        suite_of(MixesUp).test_the_contract_in_any_order_gives_what_a_dictionary_would(tmp_path)


def suite_of(store: Any) -> StoreSuite:
    class SuiteOfIt(TestFileStore):
        def make_store(self, folder: Path) -> Any:
            return store(folder, self.clock)

    return SuiteOfIt()


def test_the_suite_is_a_part_of_spyce_testing_that_is_loaded_at_need() -> None:
    code = 'import sys, spyce.testing; print("hypothesis" in sys.modules); print(spyce.testing.store_suite.StoreSuite)'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n<class 'spyce.storesuite.StoreSuite'>\n"
