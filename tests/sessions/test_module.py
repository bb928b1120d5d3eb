"""The module that pages import, over a small stand-in for the engine."""
from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spyce.modules.session as module

from spyce.sessions import DbmStore, MemoryStore, SessionError, SessionNotFoundError, SessionReadOnly

from .conftest import Clock, Site, cookies


class Request:
    def __init__(self, ids: tuple[str, ...]) -> None:
        self.state: dict[str, Any] = {}
        self._cookies = [('sessionid', sessionid) for sessionid in ids]

    def cookies(self) -> list[tuple[str, str]]:
        return self._cookies

    def is_secure(self) -> bool:
        return False


class Response:
    def __init__(self) -> None:
        self.headers: list[tuple[str, str]] = []
        self.headers_sent = False
        self._callbacks: list[Callable[[], None]] = []

    def before_send(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def addHeader(self, name: str, value: str, replace: int = 0) -> None:
        self.headers.append((name, value))

    def flush(self) -> None:
        for callback in self._callbacks:
            callback()
        self._callbacks = []
        self.headers_sent = True


class Page:
    """One HTTP request; import_() does what an import directive does."""

    def __init__(self, site: Site, *ids: str) -> None:
        self.request, self.response = Request(ids), Response()
        self.server = type('Server', (), {'sessions': site.manager, 'config': type('Config', (), {'root': '/site'})})()

    def getRequest(self) -> Request:
        return self.request

    def getResponse(self) -> Response:
        return self.response

    def getStack(self) -> list[str]:
        return ['/site/shop/cart.spy', '/site/head.spi']

    def getServer(self) -> Any:
        return self.server

    def import_(self, **args: Any) -> Any:
        session = module.session(self)
        session.start()
        session.init(**args)
        return session


@pytest.fixture
def site(clock: Clock) -> Site:
    return Site(MemoryStore(clock), clock)


def test_a_value_lasts(site: Site) -> None:
    page = Page(site)
    session = page.import_()
    session['n'] = 1
    session.finish()
    assert page.response.headers == []
    page.response.flush()
    assert cookies(page.response.headers)
    assert Page(site, session.sessionid).import_()['n'] == 1


def test_all_imports_in_one_request_see_one_session(site: Site) -> None:
    page = Page(site)
    outer, included = page.import_(), page.import_(readonly=True)
    outer['n'] = [1]
    included['n'].append(2)
    assert outer['n'] == [1, 2]
    page.response.flush()
    assert len(cookies(page.response.headers)) == 1


@pytest.mark.parametrize('order', ['plain first', 'plain last'])
def test_an_import_without_options_means_the_mode_of_the_config_also_if_it_is_not_used(site: Site, order: str) -> None:
    page = Page(site)
    if order == 'plain first':
        page.import_()
    merging = page.import_(lock='merge')
    assert merging._session.mode == ('request' if order == 'plain first' else 'merge')
    page.import_()
    assert merging._session.mode == 'request'


def test_an_import_that_is_not_used_asks_for_nothing() -> None:
    class Nothing:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f'{name} was asked for')

    page = Page(Site(MemoryStore(), Clock()))
    page.server, page.response = Nothing(), Nothing()  # type: ignore[assignment]
    page.import_().finish()


def test_options_at_import_take_effect(site: Site) -> None:
    page = Page(site)
    session = page.import_(path='/app', expire=5)
    assert (session.path, session.expire) == ('/app', 5)
    session['n'] = 1
    page.response.flush()
    assert 'Path=/app' in cookies(page.response.headers)[0]
    with pytest.raises(SessionReadOnly):
        Page(site).import_(readonly=True)['n'] = 1
    with pytest.raises(TypeError, match='expires'):
        Page(site).import_(expires=5)
    with pytest.raises(ValueError, match='lock'):
        Page(site).import_(lock='never')


def test_names_of_2_1(site: Site) -> None:
    session = Page(site).import_()
    session.put('a', 1)
    assert session.has_key('a') and not session.has_key('b')
    assert list(session.iterkeys()) == ['a'] and list(session.itervalues()) == [1]
    assert list(session.iteritems()) == [('a', 1)]
    assert session.store is site.store
    session.delete('a')
    assert len(session) == 0 and bool(session)
    assert repr(session).startswith('no information')
    assert module.CLEAN_INTERVAL == 7200
    assert issubclass(module.SessionNotFoundError, Exception)


def test_what_is_new(site: Site) -> None:
    page = Page(site)
    session = page.import_()
    assert session.is_new and session.created is None
    assert session.incr('n', 2) == 2
    session.rollback()
    assert 'n' not in session
    session['n'] = 1
    session.release()
    old = session.sessionid
    assert session.created == site.clock.now
    page.response.flush()
    site.clock.advance(1)
    page = Page(site, old)
    session = page.import_()
    session.regenerate()
    page.response.flush()
    assert session.sessionid != old and session['n'] == 1
    page = Page(site, session.sessionid)
    session = page.import_()
    session.invalidate()
    page.response.flush()
    assert 'Max-Age=0' in cookies(page.response.headers)[0] and site.store.list() == []


def test_the_page_may_say_how_it_is_cached(site: Site) -> None:
    page = Page(site)
    page.response.addHeader('cache-control', 'private')
    page.import_().get('n')
    page.response.flush()
    assert page.response.headers == [('cache-control', 'private'), ('Vary', 'Cookie')]


def test_after_a_flush_a_put_is_an_error(site: Site) -> None:
    page = Page(site)
    session = page.import_()
    page.response.flush()
    assert session.get('n') is None
    with pytest.raises(SessionReadOnly, match='put before the first flush'):
        session['n'] = 1


def test_imported_after_a_flush_it_can_be_read(site: Site) -> None:
    sessionid = site.visit(n=1)
    page = Page(site, sessionid)
    page.response.flush()
    session = page.import_()
    assert session['n'] == 1
    with pytest.raises(SessionReadOnly):
        session['n'] = 2


def test_a_module_started_without_import_works(site: Site) -> None:
    sessionid = site.visit(n=1)
    session = module.session(Page(site, sessionid))
    session.start()
    assert session['n'] == 1


def test_clean_store(site: Site, tmp_path: Path) -> None:
    site.visit(n=1)
    assert module.clean_store(site.store) == 1  # the clock of the test is far behind
    store = DbmStore(tmp_path)
    Site(store, time.time).visit(n=1)  # type: ignore[arg-type]
    assert module.clean_store(store) == 0
    store.close()


def test_errors_are_one_family() -> None:
    assert issubclass(SessionNotFoundError, SessionError)
