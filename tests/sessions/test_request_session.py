"""The session of a request: a mapping that is there again at the next one, and only if something was put."""
from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from spyce.sessions import SessionReadOnly, SessionTooLarge, SessionValueError

from .conftest import Site, cookies


def test_what_is_put_is_there_at_the_next_request(site: Site) -> None:
    sessionid = site.visit(n=1, text='ä', nested={'x': [1, (2, 3)], 'y': None})
    assert site.stored(sessionid) == {'n': 1, 'text': 'ä', 'nested': {'x': [1, (2, 3)], 'y': None}}


def test_mapping_protocol(site: Site) -> None:
    session = site.request()
    session['a'] = 1
    session.update({'b': 2}, c=3)
    assert session.setdefault('d', []) == []
    assert session.pop('c') == 3
    assert 'a' in session and 'c' not in session
    assert list(session) == ['a', 'b', 'd'] and len(session) == 3
    assert list(session.items()) == [('a', 1), ('b', 2), ('d', [])]
    assert session.get('zz') is None and session.get('zz', 'default') == 'default'
    with pytest.raises(KeyError):
        session['zz']
    with pytest.raises(KeyError):
        del session['zz']
    session.delete('zz')
    session.put('e', 5)
    assert session['e'] == 5
    session.clear()
    assert len(session) == 0
    session.finish()


def test_an_untouched_session_opens_no_store_and_adds_no_header(make_site: Callable[..., Site], store: Any) -> None:
    class Untouchable:
        load = save = clear = is_expired = list = lambda *args: pytest.fail('the store was touched')

    site = make_site()
    site.manager._native = Untouchable()  # type: ignore[assignment]
    assert site.request('A' * 43).finish() == []


def test_a_reader_without_session_gets_no_entry_and_no_cookie(site: Site) -> None:
    session = site.request()
    assert session.get('n') is None and session.is_new and session.sessionid == '' and session.created is None
    assert session.finish() == [('Cache-Control', 'no-store'), ('Vary', 'Cookie')]
    assert site.store.list() == []


def test_a_put_makes_an_entry_and_a_cookie_once(site: Site) -> None:
    first = site.request()
    first['n'] = 1
    assert first.is_new and len(first.sessionid) == 43
    headers = first.finish()
    assert cookies(headers) == [f'sessionid={first.sessionid}; Path=/; HttpOnly; SameSite=Lax']
    assert first.created == site.clock.now
    second = site.request(first.sessionid)
    second['n'] += 1
    assert not second.is_new
    assert cookies(second.finish()) == []
    assert site.store.list() == [first.sessionid]


def test_a_put_that_is_deleted_again_counts_as_a_put(site: Site) -> None:
    session = site.request()
    session['n'] = 1
    del session['n']
    assert len(cookies(session.finish())) == 1
    assert site.store.list() == [session.sessionid]


def test_a_reader_writes_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    sessionid = site.visit(log=[1], n=1)
    monkeypatch.setattr(site.store, 'update', lambda *args, **kwargs: pytest.fail('the store was written to'))
    session = site.request(sessionid)
    assert session['log'] == [1] and session['n'] == 1 and dict(session)
    session.finish()


@pytest.mark.parametrize('change', [
    lambda session: session['list'].append(2),
    lambda session: session['deep']['x'][0].add('new'),
    lambda session: session['pair'][0].append(2),
])
@pytest.mark.parametrize('lock', ['request', 'merge'])
def test_a_value_changed_in_place_is_saved(site: Site, change: Callable[[Any], None], lock: str) -> None:
    sessionid = site.visit(list=[1], deep={'x': [{'old'}]}, pair=([1], 2))
    session = site.request(sessionid, lock=lock)
    change(session)
    expected = dict(session)
    session.finish()
    assert site.stored(sessionid) == expected


def test_a_value_changed_after_it_was_put_is_saved(site: Site) -> None:
    session = site.request()
    basket: list[str] = []
    session['basket'] = basket
    basket.append('apple')
    session.finish()
    assert site.stored(session.sessionid) == {'basket': ['apple']}


def test_keys_keep_their_order(site: Site) -> None:
    sessionid = site.visit(b=1, a=2, c=3)
    session = site.request(sessionid)
    del session['b']
    session['b'] = 4
    assert list(session) == ['a', 'c', 'b']
    session.finish()
    assert list(site.stored(sessionid)) == ['a', 'c', 'b']


@pytest.mark.parametrize('name', ['_expires', '_lastaccess', '_spyce_created'])
def test_names_of_bookkeeping_cannot_be_put(site: Site, name: str) -> None:
    session = site.request()
    with pytest.raises(SessionValueError, match=name):
        session[name] = 1
    with pytest.raises(SessionValueError, match=name):
        session.incr(name)
    session['_other'] = 1
    session.finish()
    assert site.stored(session.sessionid) == {'_other': 1}


def test_a_key_is_text(site: Site) -> None:
    with pytest.raises(TypeError, match=r'session\[1\]: the name of an item is a str, not int'):
        site.request()[1] = 'x'  # type: ignore[index]


def test_incr_counts(site: Site) -> None:
    session = site.request()
    assert session.incr('n') == 1
    assert session.incr('n', 5) == 6
    session['text'] = 'x'
    with pytest.raises(TypeError, match="session.incr\\('text', 1\\)"):
        session.incr('text')
    session.finish()
    assert site.stored(session.sessionid)['n'] == 6


def test_rollback_forgets_what_was_put(site: Site) -> None:
    sessionid = site.visit(n=1, log=[1])
    session = site.request(sessionid)
    session['n'] = 2
    session['log'].append(2)
    session.rollback()
    assert dict(session) == {'n': 1, 'log': [1]}
    session['after'] = True
    session.finish()
    assert site.stored(sessionid) == {'n': 1, 'log': [1], 'after': True}


def test_rollback_of_a_new_session_leaves_none(site: Site) -> None:
    session = site.request()
    session['n'] = 1
    session.rollback()
    assert session.sessionid == '' and cookies(session.finish()) == []
    assert site.store.list() == []


def test_release_saves_and_lets_others_in(site: Site) -> None:
    sessionid = site.visit(n=1)
    first = site.request(sessionid)
    first['n'] = 2
    first.release()
    second = site.request(sessionid)
    assert second['n'] == 2
    second['n'] = 3
    second.finish()
    assert first['n'] == 2
    with pytest.raises(SessionReadOnly, match=r"session\['n'\] = ...: .*release\(\) has saved"):
        first['n'] = 4
    first.finish()
    assert site.stored(sessionid) == {'n': 3}


def test_a_new_session_that_was_released_still_gets_its_cookie(site: Site) -> None:
    session = site.request()
    session['n'] = 1
    session.release()
    assert len(cookies(session.finish())) == 1


def test_after_finish_it_can_be_read_only(site: Site) -> None:
    sessionid = site.visit(n=1)
    session = site.request(sessionid)
    session.finish()
    assert session['n'] == 1  # read late, without a lock
    with pytest.raises(SessionReadOnly, match='put before the first flush'):
        session['n'] = 2
    assert session.finish() == []


def test_abandon_unlocks_and_saves_nothing(site: Site) -> None:
    sessionid = site.visit(n=1)
    session = site.request(sessionid)
    session['n'] = 2
    session.abandon()
    session.abandon()
    assert session.finish() == []
    assert site.stored(sessionid) == {'n': 1}


def test_a_session_that_is_dropped_lets_go_of_its_lock(make_site: Callable[..., Site]) -> None:
    site = make_site(session_lock_timeout=0.2)
    sessionid = site.visit(n=1)
    assert site.request(sessionid)['n'] == 1
    assert site.request(sessionid)['n'] == 1


def test_too_large_a_session_is_an_error_and_changes_nothing(make_site: Callable[..., Site]) -> None:
    site = make_site(session_max_bytes=1000)
    sessionid = site.visit(n=1)
    session = site.request(sessionid)
    with pytest.raises(SessionTooLarge, match="session_max_bytes is 1000; the largest item is 'big'"):
        session['big'] = ['x' * 2000]
    session['a'], session['b'] = ['x' * 600], ['y' * 700]
    with pytest.raises(SessionTooLarge, match="the largest item is 'b'"):
        session.finish()
    assert site.stored(sessionid) == {'n': 1}


def test_values_that_cannot_be_pickled(site: Site) -> None:
    session = site.request()
    lock = threading.Lock()
    if site.store.keeps_live:  # type: ignore[attr-defined]
        session['lock'] = lock
        session.finish()
        assert site.stored(session.sessionid)['lock'] is lock
    else:
        with pytest.raises(SessionValueError, match=r"session\['lock'\]: a value of type 'lock' cannot be pickled"):
            session['lock'] = lock
        session['list'] = items = [1]
        session['n'] = 1
        items.append(lock)  # type: ignore[arg-type]
        with pytest.raises(SessionValueError, match=r"session\['list'\]"):
            session.finish()
        assert site.store.list() == []


def test_an_item_that_cannot_be_read_is_one_lost_item(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    sessionid = site.visit(good=1)
    found = site.manager.native.resolve(sessionid)
    assert found is not None
    entry = site.manager.native.read(found.key)
    assert entry is not None
    site.manager.native.update(found.key, {**entry.items, 'bad': b'garbage'}, now=site.clock.now)
    session = site.request(sessionid)
    assert session.get('bad') is None and session['good'] == 1
    session.finish()
    assert "item 'bad' cannot be read" in caplog.text and sessionid not in caplog.text
