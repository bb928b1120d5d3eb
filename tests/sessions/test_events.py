"""What the log says of sessions: their lives, and what was refused; by a salted hash, never by the id."""
from __future__ import annotations

import logging

import pytest

from .conftest import Site


@pytest.fixture(autouse=True)
def log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, 'spyce.session')


def test_a_life_is_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    first = site.visit(n=1)
    session = site.request(first)
    session.regenerate()
    session.finish()
    second = session.sessionid
    session = site.request(second)
    session.invalidate()
    session.finish()
    old, new = site.manager.fingerprint(first), site.manager.fingerprint(second)
    assert [record.getMessage() for record in caplog.records] == [
        f'session {old}: created', f'session {new}: took the place of {old}', f'session {new}: ended']
    assert first not in caplog.text and second not in caplog.text


def test_an_operator_is_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    sessionid = site.visit(n=1)
    site.manager.destroy(sessionid)
    assert f'session {site.manager.fingerprint(sessionid)}: ended by an operator or by end_all()' in caplog.text


@pytest.mark.parametrize('sent', ['A' * 43, '../../etc/passwd', 'x\r\ny', '\ud800'])
def test_an_id_that_is_refused_is_logged_without_it(site: Site, sent: str, caplog: pytest.LogCaptureFixture) -> None:
    assert dict(site.request(sent)) == {}
    assert 'refused' in caplog.text and sent not in caplog.text


def test_an_expired_id_is_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    sessionid = site.visit(n=1)
    site.clock.advance(86401)
    assert site.stored(sessionid) == {}
    assert f'session {site.manager.fingerprint(sessionid)}: refused' in caplog.text
