"""What every login storage does: one suite for files, and for the session stores of each kind."""
from __future__ import annotations

import os
import stat
import threading

import pytest

from spyce.login import FileStorage, SessionStorage
from spyce.login.record import Login, hash_text
from spyce.sessions import DbmStore, MemoryStore, SessionManager, SessionNotFoundError, SessionStore
from spyce.sessions.errors import StoreError

NOW = 1_000_000.0
NAME, OTHER = hash_text('a'), hash_text('b')


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class PlainStore(SessionStore):
    """A session store as a site wrote it for 2.1: a dictionary."""

    def __init__(self, clock):
        self.sessions, self.clock = {}, clock

    def load(self, sessionid, expires):
        return dict(self.sessions.get(sessionid, {'_expires': expires}))

    def save(self, sessionid, session):
        self.sessions[sessionid] = dict(session, _used=self.clock())

    def clear(self, sessionid):
        if self.sessions.pop(sessionid, None) is None:
            raise SessionNotFoundError(sessionid)

    def is_expired(self, sessionid):
        if sessionid not in self.sessions:
            raise SessionNotFoundError(sessionid)
        session = self.sessions[sessionid]
        return session['_used'] + session['_expires'] < self.clock()

    def list(self):
        return list(self.sessions)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=['files', 'memory', 'dbm', 'plain'])
def make_storage(request, tmp_path, clock):
    """make_storage() -> a storage; each call gives one over the same place, as another process would have it."""
    if request.param == 'files':
        return lambda: FileStorage(tmp_path, clock)
    store = {'memory': lambda: MemoryStore(clock), 'dbm': lambda: DbmStore(tmp_path, clock),
             'plain': lambda: PlainStore(clock)}[request.param]
    shared = store() if request.param != 'dbm' else None

    def make():
        manager = SessionManager.for_store(shared or store())
        manager.clock = clock
        return SessionStorage(lambda: manager)

    return make


@pytest.fixture
def storage(make_storage):
    return make_storage()


def save(storage, name=NAME, record='one', replaces=None, user=7, expires=NOW + 1000):
    return storage.save(name, record, user=user, expires=expires, replaces=replaces)


def test_a_record_is_there_until_it_is_deleted(storage):
    assert storage.load(NAME) is None
    assert save(storage)
    assert storage.load(NAME) == 'one'
    assert storage.load(OTHER) is None
    assert storage.delete(NAME)
    assert storage.load(NAME) is None
    assert not storage.delete(NAME)


def test_a_record_is_replaced_only_by_who_knows_what_is_there(storage):
    assert not save(storage, record='two', replaces='one')
    save(storage)
    assert not save(storage, record='two')
    assert not save(storage, record='two', replaces='other')
    assert storage.load(NAME) == 'one'
    assert save(storage, record='two', replaces='one')
    assert storage.load(NAME) == 'two'


def test_of_many_who_replace_a_record_at_once_one_succeeds(storage):
    save(storage)
    results = []
    barrier = threading.Barrier(6)

    def replace(number):
        barrier.wait()
        results.append((save(storage, record=f'by {number}', replaces='one'), f'by {number}'))

    threads = [threading.Thread(target=replace, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [record for done, record in results if done] == [storage.load(NAME)]


def test_records_of_a_user_are_found_and_those_of_others_not(storage):
    save(storage, NAME, user=7)
    save(storage, OTHER, user=7)
    save(storage, hash_text('c'), user='7')
    save(storage, hash_text('d'), user='ann/../<b>')
    assert sorted(storage.find(7)) == sorted([NAME, OTHER])
    assert storage.find('7') == [hash_text('c')]
    assert storage.find('ann/../<b>') == [hash_text('d')]
    assert storage.find('nobody') == []
    storage.delete(NAME)
    assert storage.find(7) == [OTHER]


def test_another_process_sees_the_same_records(make_storage):
    one, other = make_storage(), make_storage()
    save(one)
    assert other.load(NAME) == 'one'
    assert save(other, record='two', replaces='one')
    assert one.load(NAME) == 'two'
    assert other.find(7) == [NAME]
    one.delete(NAME)
    assert other.load(NAME) is None


def test_a_real_record_comes_back_as_it_was(storage):
    login = Login('é\ud800"\n', hash_text('s'), NOW, NOW + 5, None, NOW, hash_text('r'), NOW)
    save(storage, record=login.to_text(), user=login.user)
    assert Login.from_text(storage.load(NAME)) == login
    assert storage.find(login.user) == [NAME]


# Over a session store


@pytest.fixture
def manager(storage):
    if isinstance(storage, FileStorage):
        pytest.skip('a storage in files has no sessions')
    return storage._sessions()


def test_a_login_is_no_session(storage, manager):
    save(storage)
    for sessionid in manager.native.list():
        session = manager.request_session([('sessionid', sessionid)], secure=False)
        assert len(session) == 0 and session.is_new
        session.finish()


def test_cleaning_removes_what_has_expired(storage, manager, clock):
    save(storage)
    save(storage, OTHER, expires=NOW + 5000)
    clock.now += 2000
    assert manager.clean() == 1
    assert storage.load(OTHER) == 'one' and storage.load(NAME) is None


def test_an_operator_sees_a_login_and_ends_it(storage, manager):
    save(storage)
    [info] = manager.sessions()
    assert manager.show(info.id)[1]['_spy_login_id'] == 7
    assert manager.destroy(info.id)
    assert storage.load(NAME) is None


# In files


def test_files_are_private_and_named_by_hashes_alone(tmp_path):
    save(FileStorage(tmp_path), user='../../ann')
    files = [os.path.join(folder, name) for folder, _, names in os.walk(tmp_path) for name in names]
    assert {os.path.basename(file) for file in files} == {NAME, 'all.lock'}
    for file in files:
        assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(os.path.dirname(file)).st_mode) == 0o700


@pytest.mark.parametrize('name', ['', '..', '../' + NAME, NAME + '\n', NAME.upper(), NAME[:-1] + '\0', 'x' * 64])
def test_a_name_that_is_no_hash_becomes_no_file_name(tmp_path, name):
    with pytest.raises(ValueError, match='64 hex digits'):
        FileStorage(tmp_path).load(name)


def test_a_new_login_cleans_the_folder_that_it_comes_to(tmp_path, clock):
    storage = FileStorage(tmp_path, clock)
    beside = NAME[:2] + OTHER[2:]
    save(storage, beside)
    half_written = tmp_path / 'spyce-logins' / NAME[:2] / f'{NAME}.abc'
    half_written.write_text('x')
    clock.now += 1000
    save(storage, NAME, expires=clock.now + 1000)
    assert storage.load(beside) is None and storage.load(NAME) == 'one'
    assert not half_written.exists()


@pytest.mark.parametrize('content', [b'', b'\xff\xfe', b'7', b'{"a', b'[' * 50_000,
                                     b"cposix\nsystem\n(S'touch pwn'\ntR."])
def test_a_damaged_file_is_a_login_that_is_lost(tmp_path, content, caplog):
    storage = FileStorage(tmp_path)
    save(storage)
    (tmp_path / 'spyce-logins' / NAME[:2] / NAME).write_bytes(content)
    text = storage.load(NAME)
    assert text is None or Login.from_text(text) is None
    assert storage.find(7) in ([], [NAME])
    assert storage.delete(NAME)


def test_a_planted_file_is_not_used(tmp_path, caplog):
    storage = FileStorage(tmp_path)
    save(storage)
    path = tmp_path / 'spyce-logins' / NAME[:2] / NAME
    planted = tmp_path / 'planted'
    path.rename(planted)
    path.symlink_to(planted)
    assert storage.load(NAME) is None
    path.unlink()
    planted.rename(path)
    path.chmod(0o644)
    assert storage.load(NAME) is None
    assert 'mode 0644' in caplog.text


def test_a_folder_open_to_others_is_refused(tmp_path):
    (tmp_path / 'spyce-logins').mkdir(mode=0o755)
    with pytest.raises(StoreError, match='spyce-logins'):
        save(FileStorage(tmp_path))
