"""Lock modes: request, merge, readonly; and what happens where imports disagree."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from spyce.sessions import SessionChanged, SessionLocked, SessionReadOnly

from .conftest import Site


@pytest.fixture
def hasty(make_site: Callable[..., Site]) -> Site:
    """A site that does not wait long for a lock."""
    return make_site(session_lock_timeout=0.05)


def test_request_mode_holds_the_session_from_first_touch(hasty: Site) -> None:
    sessionid = hasty.visit(n=1)
    holder, other = hasty.request(sessionid), hasty.request(sessionid)
    assert holder['n'] == 1
    with pytest.raises(SessionLocked, match='session_lock_timeout') as locked:
        other['n']
    assert locked.value.retry_after >= 1
    holder.finish()
    assert other['n'] == 1
    other.finish()


def test_other_sessions_do_not_wait(hasty: Site) -> None:
    first, second = hasty.visit(n=1), hasty.visit(n=2)
    holder, other = hasty.request(first), hasty.request(second)
    assert (holder['n'], other['n']) == (1, 2)
    holder.finish()
    other.finish()


def test_readonly_does_not_wait_and_refuses_a_put(hasty: Site) -> None:
    sessionid = hasty.visit(n=1)
    holder = hasty.request(sessionid)
    holder['n'] = 2
    reader = hasty.request(sessionid, readonly=True)
    assert reader['n'] == 1
    for change in (lambda: reader.put('n', 3), lambda: reader.delete('n'), lambda: reader.incr('n'),
                   reader.regenerate, reader.invalidate):
        with pytest.raises(SessionReadOnly, match='readonly=True'):
            change()
    reader.finish()
    holder.finish()
    assert hasty.stored(sessionid) == {'n': 2}


def test_merge_keeps_what_both_put(hasty: Site) -> None:
    sessionid = hasty.visit(a=0, b=0, gone=0, log=[])
    first, second = hasty.request(sessionid, lock='merge'), hasty.request(sessionid, lock='merge')
    first['a'] = 1
    first['log'].append('first')
    second['b'] = 2
    del second['gone']
    assert first['gone'] == 0
    first.finish()
    second.finish()
    assert hasty.stored(sessionid) == {'a': 1, 'b': 2, 'log': ['first']}


def test_incr_in_merge_counts_at_once(hasty: Site) -> None:
    sessionid = hasty.visit(n=0)
    first, second = hasty.request(sessionid, lock='merge'), hasty.request(sessionid, lock='merge')
    assert (first['n'], second['n']) == (0, 0)
    assert first.incr('n') == 1
    assert second.incr('n') == 2
    assert hasty.stored(sessionid) == {'n': 2}
    first['other'] = 1
    first.rollback()
    assert first['n'] == 1
    first.finish()
    second.finish()
    assert hasty.stored(sessionid) == {'n': 2}


def test_incr_in_merge_begins_from_what_this_request_put(hasty: Site) -> None:
    sessionid = hasty.visit(n=1)
    session = hasty.request(sessionid, lock='merge')
    session['n'] = 10
    assert session.incr('n') == 11
    session.finish()
    assert hasty.stored(sessionid) == {'n': 11}


def test_incr_in_merge_makes_a_session(hasty: Site) -> None:
    session = hasty.request(lock='merge')
    assert session.incr('n', 2) == 2
    assert hasty.stored(session.sessionid) == {'n': 2}
    assert session.finish()[0][0] == 'Set-Cookie'


def test_merge_waits_for_request_mode_only_to_save(hasty: Site) -> None:
    sessionid = hasty.visit(n=1)
    holder, merger = hasty.request(sessionid), hasty.request(sessionid, lock='merge')
    assert holder['n'] == merger['n'] == 1
    merger['m'] = 1
    with pytest.raises(SessionLocked):
        merger.finish()
    holder.finish()


@pytest.mark.parametrize(('views', 'mode'), [
    ([{'readonly': True}], 'readonly'),
    ([{'readonly': True}, {'lock': 'merge'}], 'merge'),
    ([{'lock': 'merge'}, {'readonly': True}], 'merge'),
    ([{'lock': 'merge'}, {}], 'request'),
    ([{'lock': 'request'}, {'readonly': True}], 'request'),
])
def test_the_strongest_mode_of_all_imports_counts(site: Site, views: list[dict[str, object]], mode: str) -> None:
    session = site.manager.request_session([], secure=False)
    for view in views:
        session.view(**view)  # type: ignore[arg-type]
    assert session.mode == mode


def test_raising_the_mode_after_a_read_locks(hasty: Site) -> None:
    sessionid = hasty.visit(n=1)
    session = hasty.request(sessionid, readonly=True)
    assert session['n'] == 1
    session.view(lock='request')
    session['n'] += 1
    with pytest.raises(SessionLocked):
        hasty.request(sessionid)['n']
    session.finish()
    assert hasty.stored(sessionid) == {'n': 2}


def test_raising_the_mode_after_a_read_that_is_outdated_is_an_error(hasty: Site) -> None:
    sessionid = hasty.visit(n=1)
    session = hasty.request(sessionid, lock='merge')
    assert session['n'] == 1
    hasty.visit(sessionid, n=2)
    with pytest.raises(SessionChanged, match="lock='request'"):
        session.view(lock='request')
    session.abandon()
    assert hasty.request(sessionid)['n'] == 2


def test_contradicting_and_unknown_options_are_errors(site: Site) -> None:
    with pytest.raises(ValueError, match='contradict'):
        site.request(lock='merge', readonly=True)
    with pytest.raises(ValueError, match="lock: 'none' is not one of 'request', 'merge', 'readonly'"):
        site.request(lock='none')
    with pytest.raises(ValueError, match='expire: -1'):
        site.request(expire=-1)
    with pytest.raises(ValueError, match='path: '):
        site.request(path='/\r\nX: 1')
