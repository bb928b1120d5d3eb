"""Mistakes of a page: an error that names the key and the remedy, and a session that is as it was."""
from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from spyce.sessions import DbmStore, SessionReadOnly, SessionTooLarge, SessionValueError

from .conftest import Clock, Site


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[DbmStore]:
    store = DbmStore(tmp_path, clock)
    yield store
    store.close()


@pytest.mark.parametrize('lock', ['request', 'merge'])
def test_a_value_that_cannot_be_pickled(site: Site, lock: str) -> None:
    sessionid = site.visit(n=1)
    session = site.request(sessionid, lock=lock)
    session['n'] = 2
    with pytest.raises(SessionValueError, match=(
            r"session\['guard'\]: a value of type 'lock' cannot be pickled .*, so this store cannot keep it; put plain "
            r'data \(text, numbers, lists, dictionaries\) or an object that can be pickled into the session')):
        session['guard'] = threading.Lock()
    assert 'guard' not in session
    session.finish()
    assert site.stored(sessionid) == {'n': 2}


@pytest.mark.parametrize('lock', ['request', 'merge'])
def test_a_value_that_becomes_unpicklable_after_the_put_leaves_the_session_whole(site: Site, lock: str) -> None:
    sessionid = site.visit(n=1)
    session = site.request(sessionid, lock=lock)
    session['n'] = 2
    log: list[object] = []
    session['log'] = log
    log.append(threading.Lock())
    with pytest.raises(SessionValueError, match=r"session\['log'\]: a value of type 'list' cannot be pickled"):
        session.finish()
    assert site.stored(sessionid) == {'n': 1}


def test_a_session_that_is_too_large(site: Site) -> None:
    sessionid = site.visit(n=1)
    session = site.request(sessionid)
    session['basket'] = 'x' * 2 ** 20
    with pytest.raises(SessionTooLarge, match=(
            r"the session takes \d+ bytes, and session_max_bytes is 1048576; the largest item is 'basket'. Keep large "
            'data elsewhere and its key in the session')):
        session.finish()
    assert site.stored(sessionid) == {'n': 1}


def test_a_put_after_the_headers_went_out(site: Site) -> None:
    session = site.request()
    assert session.get('n') is None
    session.finish()
    with pytest.raises(SessionReadOnly, match=(
            r"session\['n'\] = ...: the session can only be read now: it was saved and unlocked when the headers went "
            r'out; put before the first flush\(\) or unbuffer\(\)')):
        session['n'] = 1
    assert site.store.list() == []


def test_a_put_after_release(site: Site) -> None:
    session = site.request(site.visit(n=1))
    session.release()
    with pytest.raises(SessionReadOnly, match=r'release\(\) has saved and unlocked it'):
        session.incr('n')
    assert session['n'] == 1


def test_a_put_into_a_session_imported_readonly(site: Site) -> None:
    session = site.request(readonly=True)
    with pytest.raises(SessionReadOnly, match="imported with readonly=True; import it without, or with lock='merge'"):
        session['n'] = 1


@pytest.mark.parametrize('name', ['_expires', '_lastaccess', '_spyce_secret', '_spyce_anything'])
def test_a_name_of_the_engine(site: Site, name: str) -> None:
    with pytest.raises(SessionValueError, match=rf"session\['{name}'\]: names _expires, .* use another one"):
        site.request()[name] = 1


def test_a_name_that_is_no_text(site: Site) -> None:
    with pytest.raises(TypeError, match=r'session\[7\]: the name of an item is a str, not int'):
        site.request()[7] = 1  # type: ignore[index]


def test_adding_to_what_is_no_number(site: Site) -> None:
    session = site.request(site.visit(n='1'), lock='merge')
    with pytest.raises(TypeError, match=r"session.incr\('n', 1\): '1' and the step must be numbers"):
        session.incr('n')
