"""Where the module session1 keeps its states: the handlers of Spyce 1.x, and the automatic session of a request."""
from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from spyce.runtime.sitesessions import SiteCodec
from spyce.sessions import DbmStore, SessionManager
from spyce.sessions.ids import is_well_formed, new_id
from spyce.sessions.link import StoreLink
from spyce.sessions.native import Entry
from spyce.sessions.options import check_seconds
from spyce.sessions.private import make_private_folder
from spyce.sessions.values import check_size, pack, unpack

log = logging.getLogger('spyce.session')

SUBFOLDER = 'spyce-session1'
STATE = 'state'
"""The one item of an entry."""


# -- the automatic session of one request ---------------------------------------------------------------------------

class HeldAuto:
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


class UnlockedAuto:
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

    def begin_auto(self, ids: Sequence[str], expire: float) -> HeldAuto:
        """The automatic session of a request that sent these ids. Raises SessionLocked."""
        return HeldAuto(self._manager, ids, expire, self._label)

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
        """What does what: getf(info, id), delf(info, id), idsf(info), setf(info, state, expire, serverid, id).

        setf returns the id, and makes one if it is given None; idsf returns all ids.
        """
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
