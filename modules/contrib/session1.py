"""The module `session1`: sessions as Spyce 1.x had them, for pages that were written for it (reference 8.5).

    [[.import name=session1 as=session args="'session_dir', '/var/lib/site', auto=(3600, 'cookie', 'visitor')"]]
    [[ session.auto = (session.auto or 0) + 1 ]]
    You were here [[= session.auto ]] times.

New pages do better with `session`. What is kept is one object, the state, under an id. The store is today's: ids are
made here and nowhere else, expiry is enforced when a state is read, files are this user's alone.
"""
from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from spyce.legacy.spyceModule import spyceModule
from spyce.runtime.sitesessions import SiteCodec
from spyce.sessions import DbmStore, SessionError, SessionManager
from spyce.sessions.ids import is_well_formed, new_id
from spyce.sessions.link import StoreLink
from spyce.sessions.native import Entry
from spyce.sessions.options import check_seconds
from spyce.sessions.private import make_private_folder
from spyce.sessions.values import check_size, pack, unpack

log = logging.getLogger('spyce.session')

METHODS = ('cookie', 'get', 'post')
SUBFOLDER = 'spyce-session1'
STATE = 'state'
"""The one item of an entry."""


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

        file_name: 'session_dir', 'session_gdbm', 'session_bsddb', 'session_user', or 'file:class' for a handler of the
        site (see sessionHandler); params: what it takes. Raises SessionError, StoreError.
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
        begin = getattr(handler, 'begin_auto', None) or (lambda ids, expire: _UnlockedAuto(handler, ids, expire))
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
            auto.name, auto.id, domain=options.session_cookie_domain, httponly=1,
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


# -- the automatic session of one request ---------------------------------------------------------------------------

class _HeldAuto:
    """A session in a store, locked from its loading to its saving."""

    method = name = ''

    def __init__(self, manager: SessionManager, ids: Sequence[str], expire: float, label: str) -> None:
        self._manager = manager
        self._link = StoreLink(manager, ids, manager.clock(), label)
        self._link.find(locked=True)
        self.is_open = True
        self.is_known = bool(self._link.id)  # to the client
        self.id = self._link.id or new_id()
        self.state = _state(self._link.entry, manager)
        self.expire = expire

    def publish(self) -> None:
        """The client learns of the id now: store a new session, and lock it."""
        if self._link.entry is None:
            self._create()
            self._link.lock_unchanged()

    def save(self) -> None:
        """Store the state and let others in."""
        self.is_open = False
        try:
            if self.state is None:
                self._link.remove()
            elif self._link.entry is None:
                self._create()
            else:
                self._link.expire = self.expire
                packed = _packed(self.state, self._manager)
                self._link.change(lambda items: packed)
        finally:
            self._link.unlock()
        self._manager.cleaner.note_change()

    def remove(self) -> None:
        """End the session."""
        self.is_open = False
        self._link.remove()

    def _create(self) -> None:
        self._link.next_id, self._link.expire = self.id, self.expire
        self._link.create(_packed(self.state, self._manager))


class _UnlockedAuto:
    """A session of a 1.x handler, which knows no locks: of two requests at once the last one wins."""

    method = name = ''

    def __init__(self, handler: Any, ids: Sequence[str], expire: float) -> None:
        self._handler = handler
        self.is_open = True
        self.state = handler.get(ids[0]) if ids else None
        self.is_known = self.state is not None
        self.id = ids[0] if self.is_known else handler.set(None, expire, None)
        self.expire = expire

    def publish(self) -> None:
        """Nothing: the handler knows of it."""

    def save(self) -> None:
        """Store the state."""
        self.is_open = False
        self._handler.set(self.state, self.expire, self.id)

    def remove(self) -> None:
        """End the session."""
        self.is_open = False
        self._handler.delete(self.id)


def _packed(state: Any, manager: SessionManager) -> dict[str, Any]:
    return {STATE: pack(STATE, state, manager.values, keeps_live=False)}


def _state(entry: Entry | None, manager: SessionManager) -> Any:
    """The state in an entry; None without one, or if it cannot be read."""
    if entry is None or STATE not in entry.items:
        return None
    try:
        return unpack(entry.items[STATE], manager.values)
    except Exception as error:
        log.error('session1: a state cannot be read and counts as lost: %s: %s', type(error).__name__, error)
        return None


# -- handlers ----------------------------------------------------------------------------------------------------

class sessionHandler:
    """What a handler of a site derives from: `from spyce.modules.contrib.session1 import sessionHandler`."""

    def __init__(self, sessionModule: Any) -> None:
        """sessionModule: the module session1 of the page; further arguments are those of setHandler()."""
        self.childnum = sessionModule._api.getServerID()

    def get(self, id: str | None) -> Any:
        """The state of an id, None if it is unknown or has expired. The id may come from a client: check it."""
        raise NotImplementedError(f'{type(self).__name__}.get(id) is missing')

    def set(self, state: Any, expire: float, id: str | None = None) -> str:
        """Keep a state for `expire` seconds; its id, made here if none is given."""
        raise NotImplementedError(f'{type(self).__name__}.set(state, expire, id) is missing')

    def delete(self, id: str | None) -> None:
        """End a session; an unknown one is fine."""
        raise NotImplementedError(f'{type(self).__name__}.delete(id) is missing')

    def keys(self) -> list[str]:
        """The ids of all sessions."""
        raise NotImplementedError(f'{type(self).__name__}.keys() is missing')

    def clear(self) -> None:
        """End all sessions."""
        for id in self.keys():
            self.delete(id)

    def __getitem__(self, key: str) -> Any:
        return self.get(key)

    def __delitem__(self, key: str) -> None:
        self.delete(key)


class session_dir(sessionHandler):
    """Sessions in a folder: in a subfolder that only this user may read (see DbmStore)."""

    def __init__(self, sessionModule: Any, dir: str | None = None) -> None:
        """dir: a folder that exists, by default the config's `tmp`; a relative one is below the root of the site."""
        super().__init__(sessionModule)
        server = sessionModule._api.getServer()
        self.place = self._place(os.path.join(server.config.root, server.config.tmp if dir is None else dir))
        self._label = f'the page {os.path.relpath(sessionModule._api.getStack()[0], server.config.root)}'
        managers: dict[str, SessionManager] = vars(server.serverobject).setdefault('session1', {})
        manager = managers.get(self.place)
        if manager is None:
            make_private_folder(self.place)
            options = replace(server.config.sessions, session_store=DbmStore(self.place), session_index=None)
            manager = SessionManager(options, create_lock=server.createLock, values=SiteCodec(server))
            manager.check()
            manager = managers.setdefault(self.place, manager)
        self._manager = manager

    @staticmethod
    def _place(path: str) -> str:
        return os.path.join(path, SUBFOLDER)

    def begin_auto(self, ids: Sequence[str], expire: float) -> _HeldAuto:
        """The automatic session of a request that sent these ids. Raises SessionLocked."""
        return _HeldAuto(self._manager, ids, expire, self._label)

    def get(self, id: str | None) -> Any:
        link = StoreLink(self._manager, [id] if id else [], self._manager.clock(), '')
        link.find(locked=False)
        return _state(link.entry, self._manager)

    def set(self, state: Any, expire: float, id: str | None = None) -> str:
        check_seconds('session1.set(expire)', expire)
        items, now, native = _packed(state, self._manager), self._manager.clock(), self._manager.native
        check_size(items, self._manager.options.session_max_bytes)
        pointer = native.resolve(id) if id and is_well_formed(id) else None
        if id and pointer and native.update(pointer.key, items, now=now, slide=(expire, now + expire)):
            return id
        id = new_id()
        native.create(id, items, created=now, idle=expire, expires=now + expire)
        self._manager.cleaner.note_change()
        return id

    def delete(self, id: str | None) -> None:
        if id:
            self._manager.destroy(id)

    def keys(self) -> list[str]:
        return [sessionid for sessionid, _, _ in self._manager.native.each()]


class session_gdbm(session_dir):
    """1.x kept these sessions in a file of gdbm. Here they are in a folder beside it; an old file is not read."""

    def __init__(self, sessionModule: Any, filename: str) -> None:
        """filename: of that file, in a folder that exists; a relative one is below the root of the site."""
        super().__init__(sessionModule, filename)

    @staticmethod
    def _place(path: str) -> str:
        return f'{path}.{SUBFOLDER}'


class session_bsddb(session_gdbm):
    """The same, for pages that had them in a file of bsddb."""


class session_user(sessionHandler):
    """Sessions that functions of the page or site keep."""

    def __init__(self, sessionModule: Any, getf: Callable[..., Any], setf: Callable[..., Any],
                 delf: Callable[..., Any], idsf: Callable[..., Any], info: Any = None) -> None:
        """getf(info, id), setf(info, state, expire, serverid, id), which returns the id, delf(info, id), idsf(info)."""
        super().__init__(sessionModule)
        self._getf, self._setf, self._delf, self._idsf, self._info = getf, setf, delf, idsf, info

    def get(self, id: str | None) -> Any:
        return self._getf(self._info, id)

    def set(self, state: Any, expire: float, id: str | None = None) -> str:
        return self._setf(self._info, state, expire, self.childnum, id)  # type: ignore[no-any-return]

    def delete(self, id: str | None) -> None:
        self._delf(self._info, id)

    def keys(self) -> list[str]:
        return list(self._idsf(self._info))


HANDLERS: dict[str, type[sessionHandler]] = {handler.__name__: handler for handler in (
    session_dir, session_gdbm, session_bsddb, session_user)}
