"""The 2.1 contract of our stores, as a program without a server uses it (reference 8.4)."""
from __future__ import annotations

import threading
from typing import Any

import pytest

from spyce.sessions import SessionNotFoundError, SessionStore, SessionValueError

from .conftest import Clock


def test_load_gives_a_new_session_for_an_unknown_id_and_keeps_nothing(store: Any) -> None:
    assert store.load('unknown', 60) == {'_expires': 60}
    assert store.list() == []


def test_save_and_load(store: Any) -> None:
    session = store.load('one', 60)
    session['n'] = [1]
    store.save('one', session)
    session['n'].append(2)
    assert store.load('one', 3600) == {'n': [1], '_expires': 60}
    assert store.list() == ['one']
    store.save('one', {'m': 1, '_expires': 60})
    assert store.load('one', 3600) == {'m': 1, '_expires': 60}


def test_expiry(store: Any, clock: Clock) -> None:
    store.save('one', {'n': 1, '_expires': 60})
    clock.advance(59)
    assert not store.is_expired('one')
    clock.advance(1)
    assert store.is_expired('one')
    assert store.load('one', 60) == {'_expires': 60}
    store.save('one', {'n': 2, '_expires': 60})
    assert store.load('one', 60) == {'n': 2, '_expires': 60}


def test_clear(store: Any) -> None:
    store.save('one', {'n': 1})
    store.clear('one')
    assert store.list() == []
    for method in (store.clear, store.is_expired):
        with pytest.raises(SessionNotFoundError):
            method('one')


def test_a_value_that_cannot_be_pickled_is_never_half_saved(store: Any) -> None:
    store.save('one', {'n': 1, '_expires': 60})
    if store.keeps_live:
        return
    with pytest.raises(SessionValueError, match=r"session\['lock'\]"):
        store.save('one', {'n': 2, 'lock': threading.Lock(), '_expires': 60})
    assert store.load('one', 60) == {'n': 1, '_expires': 60}


def test_methods_that_a_store_must_override_say_so() -> None:
    class Half(SessionStore):
        pass

    with pytest.raises(NotImplementedError, match=r'Half\.load\(sessionid, expires\) is missing'):
        Half().load('x', 1)
    with pytest.raises(NotImplementedError, match=r'Half\.list\(\) is missing'):
        Half().list()
