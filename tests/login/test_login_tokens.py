"""Tokens of logins: what they are, how long they live, how a remembered one changes, what an old copy does."""
from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spyce.login import FileStorage
from spyce.login.manager import GRACE, ROTATION, LoginManager
from spyce.login.record import Login, hash_text, split_token
from spyce.login.storage import SessionStorage
from spyce.sessions import MemoryStore, SessionManager, SessionOptions

HOUR, DAY = 3600.0, 86400.0


class Site:
    """Logins with a clock that the test moves."""

    def __init__(self, storage, clock=None):
        self.now = 1_000_000.0
        self.storage = storage(self.clock)
        self.logins = LoginManager(self.storage, SessionOptions(session_expire=HOUR, session_lifetime=10 * HOUR),
                                   30 * DAY, self.clock)

    def clock(self):
        return self.now

    def find(self, token, renew=True):
        return self.logins.find(token, renew)

    def user(self, token):
        found = self.find(token, renew=False)
        return found.user if found else None


def memory(clock):
    sessions = SessionManager(SessionOptions(session_store=MemoryStore(clock)), clock=clock,
                              create_lock=lambda name: threading.RLock())
    return SessionStorage(lambda: sessions)


@pytest.fixture(params=['memory', 'files'])
def site(request, tmp_path):
    return Site(memory if request.param == 'memory' else lambda clock: FileStorage(tmp_path, clock))


def test_a_token_opens_its_login_and_nothing_of_it_is_kept(site):
    found = site.logins.start(7, remember=False)
    name, _, secret = found.token.partition('.')
    assert (len(name), len(secret)) == (22, 43)
    assert site.user(found.token) == 7
    [kept] = site.storage.find(7)
    assert kept == hash_text(name)
    text = site.storage.load(kept)
    assert secret not in text and name not in text and hash_text(secret) in text


@pytest.mark.parametrize('user', [7, '7', 0, '', -1, 10 ** 30, 'é<b>&"\n', '\ud800'])
def test_an_id_keeps_value_and_type(site, user):
    found = site.user(site.logins.start(user, remember=False).token)
    assert found == user and type(found) is type(user)


@pytest.mark.parametrize('token', ['', '.', 'x', 'A' * 66, 'a%2Fb', '../../etc/passwd', "cposix\nsystem\n(S'id'\ntR.",
                                   'A' * 22 + '.' + 'A' * 43, 'A' * 22 + '.' + 'A' * 42 + '\n', 'é' * 66])
def test_what_is_no_token_opens_nothing(site, token):
    site.logins.start(7, remember=False)
    assert site.user(token) is None
    site.logins.end(token)
    assert len(site.storage.find(7)) == 1


@given(st.text())
def test_only_tokens_are_split(text):
    parts = split_token(text)
    assert parts is None or '.'.join(parts) == text and text.isascii() and len(text) == 66


def test_a_user_has_several_logins_and_ends_one_or_all(site):
    one, two, three = (site.logins.start(7, remember=False).token for _ in range(3))
    other = site.logins.start('7', remember=False).token
    site.logins.end(one)
    assert [site.user(token) for token in (one, two, three, other)] == [None, 7, 7, '7']
    assert site.logins.end_all(7, keep=two) == 1
    assert [site.user(token) for token in (two, three, other)] == [7, None, '7']
    assert site.logins.end_all(7) == 1
    assert [site.user(token) for token in (two, other)] == [None, '7']


def test_a_login_ends_when_it_is_not_used(site):
    token = site.logins.start(7, remember=False).token
    for _ in range(5):
        site.now += HOUR - 1
        assert site.find(token).user == 7
    site.now += HOUR
    assert site.find(token) is None


def test_a_login_ends_after_the_lifetime_of_sessions_however_much_it_is_used(site):
    token = site.logins.start(7, remember=False).token
    for _ in range(19):
        site.now += HOUR / 2
        assert site.find(token).user == 7
    site.now += HOUR / 2
    assert site.find(token) is None


def test_using_a_login_writes_rarely(site):
    token = site.logins.start(7, remember=False).token
    before = site.storage.load(site.storage.find(7)[0])
    site.now += HOUR / 20
    site.find(token)
    assert site.storage.load(site.storage.find(7)[0]) == before
    site.now += HOUR / 10
    site.find(token)
    assert site.storage.load(site.storage.find(7)[0]) != before


# Remembered


def test_a_remembered_login_lasts_thirty_days_without_use(site):
    found = site.logins.start(7, remember=True)
    assert found.seconds == 30 * DAY
    site.now += 30 * DAY - 1
    again = site.find(found.token)
    assert again.user == 7 and again.seconds == pytest.approx(1)
    site.now += 1
    assert site.find(again.token) is None


def test_its_token_changes_once_a_day(site):
    first = site.logins.start(7, remember=True).token
    site.now += ROTATION - 1
    assert site.find(first).token is None
    site.now += 1
    second = site.find(first).token
    assert second not in (None, first) and second.partition('.')[0] == first.partition('.')[0]
    assert site.find(second).token is None
    site.now += ROTATION
    assert site.find(second).token not in (None, first, second)


def test_it_does_not_change_when_the_answer_cannot_carry_a_new_one(site):
    token = site.logins.start(7, remember=True).token
    site.now += 2 * ROTATION
    assert site.find(token, renew=False).token is None
    assert site.find(token).token is not None


def rotated(site):
    first = site.logins.start(7, remember=True).token
    site.now += ROTATION
    return first, site.find(first).token


def test_requests_on_their_way_with_the_old_token_are_served(site):
    first, second = rotated(site)
    assert site.find(first).token is None and site.user(first) == 7
    site.now += 5
    assert site.user(second) == 7
    site.now += GRACE
    assert site.user(first) == 7
    assert site.user(second) == 7


def test_an_old_copy_ends_the_login(site, caplog):
    first, second = rotated(site)
    site.find(second)
    site.now += GRACE + 1
    assert site.find(first) is None
    assert site.find(second) is None
    assert 'used by two' in caplog.text
    assert first not in caplog.text and second not in caplog.text


def test_a_browser_that_missed_the_new_token_gets_another(site):
    first, lost = rotated(site)
    site.now += 10 * DAY
    third = site.find(first).token
    assert third not in (None, first, lost)
    assert site.find(third).user == 7


def test_a_thief_who_comes_first_is_found_out_by_the_owner(site):
    first = site.logins.start(7, remember=True).token
    site.now += ROTATION
    stolen = site.find(first).token
    site.find(stolen)
    site.now += DAY / 2
    assert site.find(first) is None
    assert site.find(stolen) is None


def test_a_wrong_secret_ends_the_login(site):
    token = site.logins.start(7, remember=False).token
    assert site.find(token.partition('.')[0] + '.' + 'A' * 43) is None
    assert site.find(token) is None


def test_many_requests_at_once_change_it_once(site):
    token = site.logins.start(7, remember=True).token
    site.now += ROTATION
    results = []
    barrier = threading.Barrier(8)

    def visit():
        barrier.wait()
        results.append(site.find(token))

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found.user for found in results] == [7] * 8
    [new] = [found.token for found in results if found.token]
    assert site.user(new) == 7 and site.user(token) == 7


# Records


VALID = Login(7, hash_text('s'), 1.0, 2.0)


@pytest.mark.parametrize('change', [{'user': True}, {'user': None}, {'user': [1]}, {'user': 1.5}, {'secret': 'x'},
                                    {'secret': None}, {'expires': 'never'}, {'expires': True}, {'idle': 'x'},
                                    {'confirmed': []}, {'replaced': 5}, {'created': float('nan')}])
def test_a_record_of_other_types_is_none(change):
    import json
    data = json.loads(VALID.to_text())
    assert Login.from_text(json.dumps(data)) == VALID
    assert Login.from_text(json.dumps({**data, **change})) is None


@given(st.text() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(),
                                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)).map(repr))
def test_other_text_is_no_record(text):
    assert Login.from_text(text) is None
