"""The module `session1`: sessions as Spyce 1.x had them, for pages that were written for it (reference 8.5).

    [[.import name=session1 as=session args="'session_dir', '/var/lib/site', auto=(3600, 'cookie', 'visitor')"]]
    [[ session.auto = (session.auto or 0) + 1 ]]
    You were here [[= session.auto ]] times.

New pages do better with `session`. What is kept is one object, the state, under an id. The store is today's: ids are
made here and nowhere else, expiry is enforced when a state is read, files are this user's alone.
"""
from __future__ import annotations

from typing import Any

from spyce.modules.contrib.session1_handlers import HANDLERS, UnlockedAuto, sessionHandler

from spyce.legacy.spyceModule import spyceModule
from spyce.sessions import SessionError
from spyce.sessions.options import check_seconds

__all__ = ['session1', 'sessionHandler']

METHODS = ('cookie', 'get', 'post')


class session1(spyceModule):
    """get(), set() and delete() of states by their id; or autoSession(), which does that for a page."""

    def start(self) -> None:
        self._handler: Any = None
        self._auto: Any = None
        self._owns_auto = False

    def init(self, handler: str | None = None, *params: Any, auto: Any = None) -> None:
        """handler, params: see setHandler(). auto: the arguments of autoSession(), as a tuple, or just `expire`."""
        if handler:
            self.setHandler(handler, *params)
        if auto:
            self.autoSession(*(auto if isinstance(auto, tuple) else (auto,)))

    def finish(self, theError: Any = None) -> None:
        """Keep the automatic session, also after an error."""
        self._close()

    def setHandler(self, file_name: str, *params: Any) -> session1:
        """Say where states are kept; before all else.

        file_name: 'session_dir', 'session_gdbm', 'session_bsddb', 'session_user', or 'file:class' for a handler of
        the site (see sessionHandler); params: what it takes. Raises SessionError, StoreError.
        """
        file, _, name = file_name.rpartition(':')
        if file:
            handler = self._api.getServer().loadModule(name, file, self._api.getFilename())
        elif name in HANDLERS:
            handler = HANDLERS[name]
        else:
            raise SessionError(f'session1.setHandler({file_name!r}): there are {", ".join(HANDLERS)}, and '
                               "'file:class' for a handler of the site")
        self._handler = handler(self, *params)
        return self

    def get(self, id: str | None) -> Any:
        """The state of that id; None if there is none, or it has expired."""
        return self._needed_handler().get(id)

    def set(self, state: Any, expire: float, id: str | None = None) -> str:
        """Keep a state for `expire` seconds, and return its id.

        id: of the state that it replaces. A new id is made without one, and in place of one that is not known (any
        more). Raises ValueError, SessionValueError, SessionTooLarge.
        """
        if id and id == self.autoID:
            self.auto, self.autoExpire = state, expire
            return id
        return self._needed_handler().set(state, expire, id)  # type: ignore[no-any-return]

    def delete(self, id: str | None = None) -> None:
        """End the session of that id; without one the automatic session."""
        if self._auto is not None and id in (None, '', self.autoID):
            self._auto.remove()
        else:
            self._needed_handler().delete(id)

    def clear(self) -> None:
        """End all sessions of this handler."""
        self._needed_handler().clear()

    # -- automatic sessions --------------------------------------------------------------------------------------

    def autoSession(self, expire: float, method: str = 'cookie', name: str = 'spyceSession') -> None:
        """Load the visitor's session into `auto`, and keep it when the page ends. None is not kept.

        Others who ask for that session meanwhile wait, so that none undoes what another did; but not with a handler
        of functions or of the site. expire: seconds without use after which it ends. method: how the id comes,
        'cookie', or as a field of the url ('get') or of a form ('post'), where the page itself must put autoID.
        name: of the cookie or field. Raises SessionLocked, ValueError.
        """
        handler, method = self._needed_handler(), method.lower()
        if method not in METHODS:
            raise ValueError(f'session1.autoSession(method={method!r}): one of {", ".join(METHODS)}')
        check_seconds('session1.autoSession(expire)', expire)
        self._close()
        begin = getattr(handler, 'begin_auto', None) or (lambda ids, expire: UnlockedAuto(handler, ids, expire))
        key = ('session1', getattr(handler, 'place', handler), method, name)
        shared = self._api.getRequest().state.get(key)
        if shared is not None and shared.is_open:  # a page that includes this one has it already
            self._auto, self._owns_auto = shared, False
        else:
            ids = self._ids_sent(method, name) if shared is None else [shared.id]
            self._auto, self._owns_auto = begin(ids, expire), True
            self._api.getRequest().state[key] = self._auto
        self._auto.expire, self._auto.method, self._auto.name = expire, method, name
        self._before_send()

    @property
    def auto(self) -> Any:
        """The state of the automatic session; None if it is new."""
        return self._auto.state if self._has_auto else None

    @auto.setter
    def auto(self, state: Any) -> None:
        if not self._has_auto:
            raise SessionError('session1: there is no automatic session; call autoSession() before auto is set')
        self._auto.state = state

    @property
    def autoID(self) -> str | None:
        """The id of the automatic session."""
        return self._auto.id if self._has_auto else None

    @property
    def autoName(self) -> str | None:
        """The name of its cookie or field."""
        return self._auto.name if self._has_auto else None

    @property
    def autoMethod(self) -> str | None:
        """How its id comes: 'cookie', 'get' or 'post'."""
        return self._auto.method if self._has_auto else None

    @property
    def autoExpire(self) -> float | None:
        """Seconds without use after which it ends; a page may set it."""
        return self._auto.expire if self._has_auto else None

    @autoExpire.setter
    def autoExpire(self, expire: float) -> None:
        check_seconds('session1.autoExpire', expire)
        if self._has_auto:
            self._auto.expire = expire

    @property
    def _has_auto(self) -> bool:
        return self._auto is not None and self._auto.is_open

    def _close(self) -> None:
        auto, self._auto = self._auto, None
        if auto is not None and self._owns_auto and auto.is_open:
            try:
                self._send_cookie(auto)
            finally:
                auto.save()

    def _ids_sent(self, method: str, name: str) -> list[str]:
        request = self._api.getRequest()
        pairs = {'cookie': request.cookies, 'get': request.query, 'post': request.form}[method]()
        return [value for field, value in pairs if field == name]

    def _before_send(self) -> None:
        """Have a flush send the cookie, and the headers say that this response is one visitor's."""
        response, state, auto = self._api.getResponse(), self._api.getRequest().state, self._auto
        if not self._owns_auto or response.headers_sent:
            return

        def publish() -> None:
            if auto.is_open and auto.state is not None:
                self._send_cookie(auto)
                auto.publish()

        response.before_send(publish)
        if 'session1' not in state:
            state['session1'] = True
            response.before_send(lambda: _say_private(response))

    def _send_cookie(self, auto: Any) -> None:
        """Have the browser keep the id of a session that is new."""
        if auto.is_known or auto.state is None or auto.method != 'cookie':
            return
        options = self._api.getServer().config.sessions
        secure = options.session_cookie_secure
        self._api.getModule('cookie').set(
            auto.name, auto.id, domain=options.session_cookie_domain, path=options.session_path, httponly=1,
            secure=self._api.getRequest().is_secure() if secure is None else secure,
            samesite=options.session_cookie_samesite)
        auto.is_known = True

    def _needed_handler(self) -> Any:
        if self._handler is None:
            raise SessionError("session1: nothing says yet where sessions are kept; call setHandler('session_dir', "
                               'folder) first')
        return self._handler


def _say_private(response: Any) -> None:
    if not any(name.lower() == 'cache-control' for name, _ in response.headers):
        response.addHeader('Cache-Control', 'no-store')
    response.addHeader('Vary', 'Cookie')
