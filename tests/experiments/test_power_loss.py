"""After a power failure the store opens with the state of a recent moment, whole, or says that it cannot.

A power failure is played with copies of the store's files, from which what was not on the disk yet is missing: the
end of the write-ahead log, all of it, some pages of a checkpoint.  Then worse: with files that no failure of power
leaves behind.
"""
from __future__ import annotations

import os
import random
import sqlite3
import string
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from spyce.sessions import DbmStore, RequestSession, SessionManager, StoreError
from tests.experiments.server import SOAK

CASES = 1_000 if SOAK else 10
PAGE = 4096

Files = dict[str, bytes]
Contents = dict[str, str]
"""What sessions hold, by their ids."""


@dataclass
class Recording:
    """A store that has been used for a while: its files, and what was in it after each commit."""

    files: Files = field(default_factory=dict)
    moments: list[Contents] = field(default_factory=lambda: [{}])

    @property
    def ids(self) -> set[str]:
        """All sessions there ever were."""
        return {sessionid for contents in self.moments for sessionid in contents}

    def moment_of(self, contents: Contents, since: int = 0) -> int:
        """The first commit, from number `since` on, after which the store held just this. Fails if it never did."""
        assert contents in self.moments[since:], 'a mixture of moments, or an earlier one'
        return self.moments.index(contents, since)


def open_session(store: DbmStore, sessionid: str) -> RequestSession:
    return SessionManager.for_store(store).request_session([('sessionid', sessionid)], secure=False)


def change_something(store: DbmStore, contents: Contents, choose: random.Random) -> Contents:
    """One request that creates, changes or ends a session; what is in the store then."""
    sessionid = choose.choice([*contents, '', ''])
    session = open_session(store, sessionid)
    contents = dict(contents)
    if sessionid and choose.random() < 0.2:
        session.invalidate()
        del contents[sessionid]
    else:
        session['text'] = ''.join(choose.choices(string.ascii_letters, k=choose.choice((10, 500, 9000))))
        contents[session.sessionid] = session['text']
    session.finish()
    return contents


@pytest.fixture(scope='module', params=[60, 900], ids=['before the first checkpoint', 'after checkpoints'])
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder, choose, recording = tmp_path_factory.mktemp('recorded'), random.Random(request.param), Recording()
    store = DbmStore(folder)
    store.check()
    for _ in range(request.param):
        recording.moments.append(change_something(store, recording.moments[-1], choose))
    recording.files = read_files(folder)
    store.close()
    return recording


def read_files(folder: Path) -> Files:
    return {file.name: file.read_bytes() for file in (folder / 'spyce-sessions').glob('sessions.db*')}


def write_files(folder: Path, files: Files) -> Path:
    subfolder = folder / 'spyce-sessions'
    subfolder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in subfolder.iterdir():
        old.unlink()
    for name, data in files.items():
        file = subfolder / name
        file.write_bytes(data)
        file.chmod(0o600)
    return folder


def reopen(folder: Path, ids: set[str]) -> Contents:
    """What a store over these files holds. Raises StoreError; sees to it that the store can be used on."""
    with closing(DbmStore(folder)) as store:
        texts = {sessionid: open_session(store, sessionid).get('text') for sessionid in ids}
        session = open_session(store, '')
        session['text'] = 'the next visitor'
        session.finish()
        assert open_session(store, session.sessionid)['text'] == 'the next visitor'
        return {sessionid: text for sessionid, text in texts.items() if text is not None}


def is_sound(folder: Path) -> bool:
    with closing(sqlite3.connect(folder / 'spyce-sessions' / 'sessions.db')) as connection:
        return connection.execute('PRAGMA integrity_check').fetchall() == [('ok',)]


@pytest.fixture
def opened_with(recording: Recording, tmp_path: Path) -> Callable[[Files], Contents]:
    """opened_with({'sessions.db-wal': b''}): what is left if these files are as given, and the others as recorded."""
    def open_them(changed: Files) -> Contents:
        files = {'sessions.db': recording.files['sessions.db'], 'sessions.db-wal': recording.files['sessions.db-wal']}
        folder = write_files(tmp_path, {**files, **changed})
        contents = reopen(folder, recording.ids)
        assert is_sound(folder)
        return contents

    return open_them


OpenedWith = Callable[[Files], Contents]


def test_files_that_are_whole_lose_nothing(recording: Recording, opened_with: OpenedWith) -> None:
    assert opened_with({}) == recording.moments[-1]


def test_the_log_cut_anywhere_leaves_a_moment_and_a_longer_one_a_later_moment(recording: Recording,
                                                                             opened_with: OpenedWith) -> None:
    log = recording.files['sessions.db-wal']
    cuts = sorted(random.Random(1).sample(range(len(log)), min(CASES, len(log))))
    moment = 0
    for cut in cuts:
        moment = recording.moment_of(opened_with({'sessions.db-wal': log[:cut]}), since=moment)
    assert moment > 0


def test_without_the_log_the_moment_of_the_last_checkpoint_is_left(recording: Recording,
                                                                   opened_with: OpenedWith) -> None:
    left = recording.moment_of(opened_with({'sessions.db-wal': b''}))
    was_checkpointed = len(recording.files['sessions.db']) > PAGE
    assert (left > 0) == was_checkpointed


def test_what_is_wrong_in_the_log_ends_it(recording: Recording, opened_with: OpenedWith) -> None:
    log, choose = recording.files['sessions.db-wal'], random.Random(2)
    for _ in range(CASES):
        position = choose.randrange(32, len(log))
        damaged = bytearray(log)
        damaged[position] ^= 1 << choose.randrange(8)
        recording.moment_of(opened_with({'sessions.db-wal': bytes(damaged)}))


@pytest.mark.parametrize('fill', ['zeros', 'garbage'])
def test_blocks_of_the_log_that_were_never_written_end_it(fill: str, recording: Recording,
                                                          opened_with: OpenedWith) -> None:
    log, choose = recording.files['sessions.db-wal'], random.Random(3)
    for _ in range(CASES):
        start = choose.randrange(len(log)) // 512 * 512
        end = min(len(log), start + 512 * choose.randrange(1, 20))
        lost = bytes(end - start) if fill == 'zeros' else choose.randbytes(end - start)
        recording.moment_of(opened_with({'sessions.db-wal': log[:start] + lost + log[end:]}))


def test_a_stale_index_of_the_log_is_not_believed(recording: Recording, opened_with: OpenedWith) -> None:
    index = recording.files['sessions.db-shm']
    assert opened_with({'sessions.db-shm': index[:len(index) // 2]}) == recording.moments[-1]
    assert opened_with({'sessions.db-shm': random.Random(4).randbytes(len(index))}) == recording.moments[-1]
    log = recording.files['sessions.db-wal'][:PAGE * 8]
    recording.moment_of(opened_with({'sessions.db-shm': index, 'sessions.db-wal': log}))


def test_a_checkpoint_that_was_half_done_loses_nothing(recording: Recording, opened_with: OpenedWith,
                                                       tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = write_files(tmp_path_factory.mktemp('checkpointed'), {
        name: recording.files[name] for name in ('sessions.db', 'sessions.db-wal')})
    with closing(sqlite3.connect(folder / 'spyce-sessions' / 'sessions.db')) as connection:
        connection.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    before, after = recording.files['sessions.db'], read_files(folder)['sessions.db']
    choose = random.Random(5)
    for _ in range(CASES):
        assert opened_with({'sessions.db': mix_pages(before, after, choose)}) == recording.moments[-1]


def mix_pages(before: bytes, after: bytes, choose: random.Random) -> bytes:
    """A file of which some pages have been written anew, and the others not yet."""
    end = choose.randrange(len(before), len(after) + 1, PAGE) if len(after) > len(before) else len(before)
    pages = [choose.choice([old for old in (before[at:at + PAGE], after[at:at + PAGE]) if old] or [bytes(PAGE)])
             for at in range(0, end, PAGE)]
    return b''.join(pages)


@pytest.mark.parametrize('with_log', [True, False], ids=['with its log', 'without its log'])
def test_a_database_cut_off_anywhere_never_shows_what_was_never_there(with_log: bool, recording: Recording,
                                                                      tmp_path: Path) -> None:
    """No failure of power does that: what was moved into the database is on the disk before the log begins anew."""
    written = {(sessionid, text) for contents in recording.moments for sessionid, text in contents.items()}
    log = {'sessions.db-wal': recording.files['sessions.db-wal']} if with_log else {}
    database, choose = recording.files['sessions.db'], random.Random(6)
    for _ in range(CASES):
        folder = write_files(tmp_path, {'sessions.db': database[:choose.randrange(1, len(database))], **log})
        with suppress(StoreError):
            assert set(reopen(folder, recording.ids).items()) <= written


def test_a_database_cut_off_is_refused_in_words(tmp_path: Path) -> None:
    folder = write_files(tmp_path, {'sessions.db': b'SQLite format 3\0 and no more'})
    with pytest.raises(StoreError, match=r'sessions\.db: the session store cannot be used: file is not a database'):
        DbmStore(folder).check()


def test_an_empty_database_is_a_new_store(recording: Recording, tmp_path: Path) -> None:
    folder = write_files(tmp_path, {'sessions.db': b'', 'sessions.db-wal': recording.files['sessions.db-wal']})
    assert reopen(folder, recording.ids) == {}
    assert os.path.getsize(folder / 'spyce-sessions' / 'sessions.db') > 0


def test_a_store_that_has_lost_the_rows_of_a_table_is_refused_in_words(tmp_path: Path) -> None:
    with closing(DbmStore(tmp_path)) as store:
        store.check()
    with closing(sqlite3.connect(tmp_path / 'spyce-sessions' / 'sessions.db')) as connection:
        connection.execute('DELETE FROM meta')
        connection.commit()
    with pytest.raises(StoreError, match=r'sessions\.db'):
        DbmStore(tmp_path).check()
