"""Tokens for forms, and messages for the next page."""
from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spyce.sessions import DbmStore, MemoryStore, SessionReadOnly
from spyce.sessions.tokens import check_token, make_token, new_secret

from .conftest import Clock, Site, cookies
from .test_contract_store import JsonStore


@pytest.fixture(params=['memory', 'dbm', 'contract'])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Any:
    makers: dict[str, Callable[[], Any]] = {
        'memory': lambda: MemoryStore(clock), 'dbm': lambda: DbmStore(tmp_path, clock),
        'contract': lambda: JsonStore(tmp_path, clock)}
    store = makers[request.param]()
    yield store
    if hasattr(store, 'close'):
        store.close()


@pytest.fixture(params=['request', 'merge'])
def lock(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def form(site: Site, *ids: str, lock: str) -> tuple[str, str]:
    """A page with a form: its session and its token."""
    session = site.request(*ids, lock=lock)
    token = session.token()
    session.finish()
    return session.sessionid, token


def accepts(site: Site, sessionid: str, token: object) -> bool:
    session = site.request(sessionid, readonly=True)
    try:
        return session.check(token)
    finally:
        session.abandon()


# Tokens


def test_a_form_is_accepted_by_its_session_alone(site: Site, lock: str) -> None:
    mine, token = form(site, lock=lock)
    other, _ = form(site, lock=lock)
    assert accepts(site, mine, token)
    assert not accepts(site, other, token)
    assert not accepts(site, '', token)


def test_each_page_shows_another_text_and_all_of_them_hold(site: Site, lock: str) -> None:
    sessionid, first = form(site, lock=lock)
    _, second = form(site, sessionid, lock=lock)
    assert first != second
    assert accepts(site, sessionid, first) and accepts(site, sessionid, second)


def test_tokens_end_with_the_id(site: Site, lock: str) -> None:
    sessionid, token = form(site, lock=lock)
    session = site.request(sessionid, lock=lock)
    session.regenerate()
    new_token = session.token()
    assert not session.check(token)
    session.finish()
    assert not accepts(site, session.sessionid, token)
    assert accepts(site, session.sessionid, new_token)


def test_tokens_end_with_the_session(site: Site, lock: str) -> None:
    sessionid, token = form(site, lock=lock)
    session = site.request(sessionid, lock=lock)
    session.invalidate()
    assert not session.check(token)
    session.finish()


def test_a_token_makes_a_session(site: Site, lock: str) -> None:
    session = site.request(lock=lock)
    session.token()
    assert len(cookies(session.finish())) == 1
    assert dict(session) == {}


def test_a_check_makes_none(site: Site) -> None:
    session = site.request()
    assert not session.check('x' * 86)
    assert cookies(session.finish()) == []
    assert site.store.list() == []


def test_a_second_token_writes_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    sessionid, _ = form(site, lock='request')
    monkeypatch.setattr(site.manager.native, 'update', None)
    form(site, sessionid, lock='request')
    session = site.request(sessionid, readonly=True)
    assert session.token()
    session.abandon()


def test_pages_that_merge_agree_on_one_secret(site: Site) -> None:
    sessionid = site.visit(n=1)
    pages = [site.request(sessionid, lock='merge') for _ in range(3)]
    for page in pages:
        assert page['n'] == 1
    tokens = [page.token() for page in pages]
    for page in pages:
        page.finish()
    assert all(accepts(site, sessionid, token) for token in tokens)


@pytest.mark.parametrize('mode', [{'readonly': True}, {'lock': 'request'}, {'lock': 'merge'}])
@pytest.mark.parametrize('end', ['', 'release', 'finish'])
def test_a_page_that_can_put_nothing_can_make_one(site: Site, mode: dict[str, Any], end: str) -> None:
    sessionid = site.visit(n=1)
    session = site.request(sessionid, **mode)
    if end:
        assert session['n'] == 1
        getattr(session, end)()
    token = session.token()
    if end or 'readonly' in mode:
        with pytest.raises(SessionReadOnly):
            session['n'] = 2
    session.finish()
    assert accepts(site, sessionid, token)
    assert accepts(site, sessionid, form(site, sessionid, lock='request')[1])
    later = site.request(sessionid, readonly=True)
    assert dict(later) == {'n': 1}
    later.abandon()


def test_the_secret_is_no_item(site: Site, lock: str) -> None:
    sessionid, token = form(site, lock=lock)
    session = site.request(sessionid, lock=lock)
    session.flash('done')
    session['n'] = 1
    assert dict(session) == {'n': 1} and len(session) == 1 and '_spyce_secret' not in session
    assert session.get('_spyce_secret') is None
    session.delete('_spyce_secret')
    with pytest.raises(KeyError):
        del session['_spyce_secret']
    session.clear()
    session.finish()
    assert accepts(site, sessionid, token)
    info, items = site.manager.show(sessionid)
    assert (info.names, items) == ((), {})


@pytest.mark.parametrize('hostile', [None, '', 'x', 'A' * 86, 'é' * 86, '=' * 86, '\n' * 86, 'A' * 10 ** 6, b'A' * 86,
                                     7, ['A' * 86], '\ud800' * 86])
def test_hostile_tokens(site: Site, hostile: object) -> None:
    sessionid, _ = form(site, lock='request')
    assert accepts(site, sessionid, hostile) is False


@given(st.integers(0, 85), st.sampled_from('AZaz09-_+/= é'))
def test_a_token_with_one_character_changed(position: int, character: str) -> None:
    secret = new_secret()
    token = make_token(secret)
    changed = token[:position] + character + token[position + 1:]
    assert check_token(token, secret)
    # The last character has bits that mean nothing.
    assert changed == token or position == 85 or not check_token(changed, secret)


# Messages


def test_a_message_is_shown_once_on_the_next_page(site: Site, lock: str) -> None:
    session = site.request(lock=lock)
    session.flash('Saved.')
    session.flash('<b>Nearly full</b>', 'warning')
    session.finish()
    after = site.request(session.sessionid, lock=lock)
    assert after.flashes() == [('info', 'Saved.'), ('warning', '<b>Nearly full</b>')]
    assert after.flashes() == []
    after.finish()
    assert site.request(session.sessionid, lock=lock).flashes() == []


def test_a_page_that_asks_for_messages_stores_nothing(site: Site, lock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = site.request(lock=lock)
    assert visitor.flashes() == []
    assert cookies(visitor.finish()) == []
    sessionid = site.visit(n=1)
    monkeypatch.setattr(site.manager.native, 'update', None)
    session = site.request(sessionid, lock=lock)
    assert session.flashes() == []
    session.finish()


def test_messages_of_two_pages_at_once_are_all_kept_and_shown_once(site: Site) -> None:
    sessionid = site.visit(n=1)
    pages = [site.request(sessionid, lock='merge') for _ in range(3)]
    for number, page in enumerate(pages):
        assert page['n'] == 1
        page.flash(str(number))
    for page in pages:
        page.finish()
    shown: list[tuple[str, str]] = []

    def show() -> None:
        session = site.request(sessionid, lock='merge')
        shown.extend(session.flashes())
        session.finish()

    threads = [threading.Thread(target=show) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(shown) == [('info', '0'), ('info', '1'), ('info', '2')]


def test_a_message_is_text(site: Site) -> None:
    session = site.request()
    with pytest.raises(TypeError, match=r"session.flash\(7, 'info'\): the message and its kind must be str"):
        session.flash(7)  # type: ignore[arg-type]
    session.abandon()


def test_a_readonly_page_cannot_take_them(site: Site) -> None:
    session = site.request(site.visit(n=1), readonly=True)
    for ask in session.flashes, lambda: session.flash('x'):
        with pytest.raises(SessionReadOnly, match=r'session.flash'):
            ask()
    session.abandon()
