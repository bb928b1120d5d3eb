"""Ids, cookies, expiry, regenerate() and invalidate()."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from spyce.sessions import SessionStore

from .conftest import Site, cookies

HOUR, DAY = 3600, 86400


@pytest.mark.parametrize('hostile', [
    '../../etc/passwd', '/etc/passwd', 'a%2F..%2Fb', 'a\0b', '', 'A' * 5000, 'ä' * 43, 'A' * 43, 'A' * 42,
    'A' * 43 + '\n', '\ud800' * 43,
])
def test_an_unknown_id_is_never_adopted(site: Site, hostile: str, caplog: pytest.LogCaptureFixture) -> None:
    reader = site.request(hostile)
    assert len(reader) == 0 and reader.sessionid == ''
    reader.finish()
    writer = site.request(hostile)
    writer['n'] = 1
    assert cookies(writer.finish()) and writer.sessionid != hostile
    assert site.store.list() == [writer.sessionid]
    assert not hostile or hostile not in caplog.text


def test_ids_differ_and_are_url_safe(site: Site) -> None:
    ids = {site.visit(n=1) for _ in range(50)}
    assert len(ids) == 50
    assert all(sessionid.replace('-', '').replace('_', '').isalnum() and len(sessionid) == 43 for sessionid in ids)


def test_the_first_cookie_that_the_store_knows_counts(site: Site) -> None:
    first, second = site.visit(n=1), site.visit(n=2)
    assert site.request('A' * 43, '../x', second, first)['n'] == 2
    assert site.request(*[f'{number:043}' for number in range(4)], first).get('n') is None


@pytest.mark.parametrize(('options', 'secure', 'attributes'), [
    ({}, False, 'Path=/; HttpOnly; SameSite=Lax'),
    ({}, True, 'Path=/; Secure; HttpOnly; SameSite=Lax'),
    ({'session_cookie_secure': False}, True, 'Path=/; HttpOnly; SameSite=Lax'),
    ({'session_cookie_secure': True, 'session_cookie_samesite': 'None'}, False,
     'Path=/; Secure; HttpOnly; SameSite=None'),
    ({'session_cookie_persistent': True, 'session_expire': 60}, False, 'Max-Age=60; Path=/; HttpOnly; SameSite=Lax'),
    ({'session_cookie_domain': 'example.org', 'session_path': '/shop'}, False,
     'Path=/shop; Domain=example.org; HttpOnly; SameSite=Lax'),
    ({'session_cookie_name': '__Host-id'}, False, 'Path=/; Secure; HttpOnly; SameSite=Lax'),
])
def test_cookie_attributes(make_site: Callable[..., Site], options: dict[str, object], secure: bool,
                           attributes: str) -> None:
    site = make_site(**options)
    session = site.request(secure=secure)
    session['n'] = 1
    name = options.get('session_cookie_name', 'sessionid')
    assert cookies(session.finish()) == [f'{name}={session.sessionid}; {attributes}']


def test_a_page_can_give_path_and_idle_time(site: Site) -> None:
    session = site.request(path='/app', expire=5)
    session['n'] = 1
    assert (session.path, session.expire) == ('/app', 5)
    assert 'Path=/app' in cookies(session.finish())[0]
    site.clock.advance(6)
    assert site.stored(session.sessionid) == {}


def test_an_idle_session_ends(site: Site) -> None:
    sessionid = site.visit(n=1)
    site.clock.advance(DAY)
    session = site.request(sessionid)
    assert session.get('n') is None and session.is_new
    session['n'] = 2
    session.finish()
    assert session.sessionid != sessionid


def test_use_moves_the_end_but_not_at_every_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    sessionid = site.visit(n=1)
    writes: list[float] = []
    update = site.store.update  # type: ignore[attr-defined]

    def counted(*args: Any, **kwargs: Any) -> Any:
        writes.append(site.clock.now)
        return update(*args, **kwargs)

    monkeypatch.setattr(site.store, 'update', counted)
    for _ in range(48):
        site.clock.advance(HOUR)
        session = site.request(sessionid)
        assert session['n'] == 1
        assert cookies(session.finish()) == []
    assert 10 <= len(writes) <= 20


def test_a_persistent_cookie_is_sent_again_when_the_end_moves(make_site: Callable[..., Site]) -> None:
    site = make_site(session_cookie_persistent=True)
    sessionid = site.visit(n=1)
    site.clock.advance(HOUR)
    assert site.request(sessionid)['n'] == 1
    session = site.request(sessionid)
    assert session['n'] == 1 and cookies(session.finish()) == []
    site.clock.advance(HOUR * 2)
    session = site.request(sessionid)
    assert session['n'] == 1 and 'Max-Age=86400' in cookies(session.finish())[0]


def test_a_session_ends_after_its_lifetime_however_much_it_is_used(make_site: Callable[..., Site]) -> None:
    site = make_site(session_lifetime=3 * DAY)
    sessionid = site.visit(n=1)
    for _ in range(3 * 24 - 1):
        site.clock.advance(HOUR)
        assert site.stored(sessionid) == {'n': 1}
        site.visit(sessionid, n=1)
    site.clock.advance(HOUR)
    assert site.stored(sessionid) == {}


def test_a_shorter_lifetime_reaches_sessions_that_are_there(make_site: Callable[..., Site]) -> None:
    sessionid = make_site().visit(n=1)
    shorter = make_site(session_lifetime=HOUR)
    shorter.clock.advance(HOUR)
    assert shorter.stored(sessionid) == {}


def test_a_clock_that_goes_back_ends_nothing_and_does_not_lengthen_a_life(site: Site) -> None:
    sessionid = site.visit(n=1)
    site.clock.advance(-365 * DAY)
    session = site.request(sessionid)
    assert session['n'] == 1
    session.finish()
    site.clock.advance(DAY)
    assert site.stored(sessionid) == {}


def test_a_save_does_not_revive_a_session_that_has_ended_meanwhile(site: Site) -> None:
    sessionid = site.visit(n=1)
    session = site.request(sessionid)
    session['n'] = 2
    site.clock.advance(2 * DAY)
    assert cookies(session.finish()) == []
    assert site.stored(sessionid) == {}


def test_cleaning_removes_the_expired_and_only_them(site: Site) -> None:
    old = [site.visit(n=number) for number in range(5)]
    site.clock.advance(HOUR)
    young = site.visit(n=1)
    kept = site.visit(old[0])
    assert site.request(kept)['n'] == 0
    site.clock.advance(23 * HOUR)
    assert site.manager.clean(limit=3) == 3
    assert site.manager.clean() == 2
    assert site.store.list() == [young]
    assert site.manager.clean() == 0


def test_cleaning_spares_a_session_that_was_used_since(site: Site) -> None:
    sessionid = site.visit(n=1)
    site.clock.advance(20 * HOUR)
    site.visit(sessionid, n=2)
    site.clock.advance(20 * HOUR)
    assert site.manager.clean() == 0
    assert site.stored(sessionid) == {'n': 2}


def test_regenerate_gives_a_new_id_to_the_same_session(site: Site) -> None:
    old = site.visit(n=1)
    site.clock.advance(1)
    session = site.request(old)
    session['user'] = 'eve'
    session.regenerate()
    new = session.sessionid
    assert new != old
    assert new in cookies(session.finish())[0]
    assert site.stored(new) == {'n': 1, 'user': 'eve'}
    assert site.store.list() == [new]
    site.clock.advance(1)
    assert site.stored(old) == {}


def test_a_request_that_had_arrived_may_use_the_old_id(site: Site) -> None:
    old = site.visit(n=1)
    arrived = site.clock.now
    site.clock.advance(1)
    session = site.request(old)
    session.regenerate()
    session.finish()
    site.clock.advance(1)
    late = site.request(old, arrived=arrived)
    late['m'] = 2
    assert cookies(late.finish()) == []
    assert site.stored(session.sessionid) == {'n': 1, 'm': 2}
    site.clock.advance(120)
    assert site.request(old, arrived=arrived).get('n') is None


def test_a_later_request_with_the_old_id_cannot_displace_the_new_cookie(site: Site) -> None:
    old = site.visit(n=1)
    session = site.request(old)
    session.regenerate()
    session.finish()
    site.clock.advance(1)
    late = site.request(old)
    assert late.get('n') is None
    late['n'] = 'lost'
    late.invalidate()
    late['n'] = 'lost too'
    assert cookies(late.finish()) == []
    assert site.store.list() == [session.sessionid]


def test_old_and_new_id_share_one_lock(make_site: Callable[..., Site]) -> None:
    site = make_site(session_lock_timeout=0.05)
    old = site.visit(n=1)
    arrived = site.clock.now
    site.clock.advance(1)
    session = site.request(old)
    session.regenerate()
    session.finish()
    holder = site.request(session.sessionid)
    assert holder['n'] == 1
    with pytest.raises(Exception, match='session_lock_timeout'):
        site.request(old, arrived=arrived)['n']
    holder.finish()


def test_regenerate_survives_rollback(site: Site) -> None:
    old = site.visit(n=1)
    session = site.request(old)
    session.regenerate()
    session['n'] = 2
    session.rollback()
    session.finish()
    assert session.sessionid != old and site.stored(session.sessionid) == {'n': 1}


def test_invalidate_ends_the_session_at_once(site: Site) -> None:
    sessionid = site.visit(n=1)
    session = site.request(sessionid)
    session.invalidate()
    assert dict(session) == {} and session.sessionid == '' and site.store.list() == []
    [cookie] = cookies(session.finish())
    assert cookie == ('sessionid=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; HttpOnly; SameSite=Lax')
    assert site.stored(sessionid) == {}


def test_a_put_after_invalidate_begins_another_session(site: Site) -> None:
    sessionid = site.visit(n=1)
    session = site.request(sessionid)
    session.invalidate()
    session['bye'] = True
    [cookie] = cookies(session.finish())
    assert session.sessionid not in ('', sessionid) and session.sessionid in cookie
    assert site.stored(session.sessionid) == {'bye': True}


@pytest.mark.parametrize('lock', ['merge', 'request'])
def test_a_save_does_not_revive_an_invalidated_session(site: Site, lock: str, store: SessionStore) -> None:
    sessionid = site.visit(n=1)
    session = site.request(sessionid, lock=lock)
    session['n'] = 2
    store.clear(sessionid)  # by an operator, say
    assert cookies(session.finish()) == []
    assert store.list() == []
