"""What ties a request to its session in the store: the ids sent, the entry found, its lock."""
from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from spyce.sessions.errors import SessionLocked
from spyce.sessions.ids import is_well_formed, new_id
from spyce.sessions.locking import Key
from spyce.sessions.native import Entry, Pointer, Releasable
from spyce.sessions.users import index_of
from spyce.sessions.values import Change, Items, Packed, check_size, pack

if TYPE_CHECKING:
    from spyce.sessions.manager import SessionManager

log = logging.getLogger('spyce.session')

MOST_COOKIES = 4
"""Ids tried of one request: a browser may hold cookies of several paths, a hostile client any number."""

GRACE = 30.0
"""Seconds, beyond the longest wait for a lock, that an id replaced by regenerate() is remembered."""

SLIDE_PART = 10
"""The expiry is moved when it would move by this part of the idle time, not at every use."""


class StoreLink:
    """The session of one request as far as the store is concerned. No entry: the visitor has no session (yet).

    Who drops it drops the lock, so nothing that it holds may hold it, or the RequestSession that does.
    """

    def __init__(self, manager: SessionManager, sent: Sequence[str], arrived: float, page: str) -> None:
        """sent: the ids that the client sent; arrived: when the request came; page: that it runs, for the log."""
        self._lock: Releasable | None = None
        self._manager = manager
        self._sent = sent
        self._candidates: Sequence[str] | None = None
        self._arrived = arrived
        self._has_waited = False
        self._page = page
        self.expire = manager.options.session_expire
        self.slid = False
        self.stored = False  # anything, by this request
        self.is_replaced = False  # the id sent was replaced before this request arrived: nothing may come of it
        # Of no session
        self.entry: Entry | None = None
        self.id = ''
        self.next_id = ''  # replaces `id` when the session is stored
        self.found_id = ''  # what the client sent
        self.is_retired = False  # found by an id that regenerate() has replaced since this request arrived
        self.key: Key = 0  # the store's

    def __del__(self) -> None:
        self.unlock()

    def forget(self) -> None:
        """There is no session; the next one is another."""
        self.entry, self.key = None, 0
        self.id = self.next_id = self.found_id = ''
        self.is_retired = False

    @property
    def candidates(self) -> Sequence[str]:
        """The ids sent that could be ours: few, each once."""
        if self._candidates is None:
            found = [sessionid for sessionid in dict.fromkeys(self._sent) if is_well_formed(sessionid)]
            if self._sent and not found:
                log.info('what was sent as the id of a session cannot be one, and was refused')
            self._candidates = found[:MOST_COOKIES]
        return self._candidates

    def label(self) -> str:
        """What a log line calls the session."""
        return self._manager.fingerprint(self.found_id or self.id)

    # Finding

    def find(self, locked: bool) -> None:
        """Look for the first id sent that the store knows, and lock its session if `locked`. Raises SessionLocked."""
        manager = self._manager
        for sessionid in self.candidates:
            found = self._fetch_locked(sessionid) if locked else manager.native.fetch(sessionid)
            if found is None:
                continue
            pointer, entry = found
            key, retired, _ = pointer
            if (retired is None or self._may_follow(pointer)) and self._is_alive(entry, manager.clock()):
                self.key, self.entry, self.is_retired = key, entry, retired is not None
                self.id = self.found_id = sessionid
                self.is_replaced = False
                return
            self.unlock()
        for sessionid in self.candidates:
            manager.log_event(sessionid, 'refused, since no session of this id lives that the request may use')

    def _fetch_locked(self, sessionid: str) -> tuple[Pointer, Entry] | None:
        manager = self._manager
        try:
            found = manager.native.fetch_locked(sessionid, self._may_follow, manager.options.session_lock_timeout,
                                                manager.lock_waiters, self._page)
        except SessionLocked as error:
            self._log_refusal(sessionid, error)
            raise
        if found is None:
            return None
        pointer, entry, self._lock = found
        return pointer, entry

    def _may_follow(self, pointer: Pointer, has_waited: bool = False) -> bool:
        """Whether this request may use the id: it is current, or was when the request arrived.

        has_waited: the request has waited for the session under this id, so the id was current then, whatever the
        clocks of two machines say.
        """
        if has_waited:
            self._has_waited = True
        if pointer.retired is None or pointer.until is None:
            return True
        now = self._manager.clock()
        if now > pointer.until:
            return False
        self.is_replaced = not self._has_waited and (
            self._arrived > pointer.retired or now < pointer.retired)  # or the clock was set back
        return not self.is_replaced

    def _is_alive(self, entry: Entry, now: float) -> bool:
        return now < entry.expires and now - entry.created < self._manager.options.session_lifetime

    # Locking

    @property
    def is_locked(self) -> bool:
        """Whether this request holds the lock of its session."""
        return self._lock is not None

    def lock_unchanged(self) -> bool:
        """Lock the session, unless it is not any more what was read: then False."""
        if self.entry is None:
            return True
        self._acquire(self.key, self.id)
        stored = None
        try:
            stored = self._manager.native.read(self.key)
        finally:
            if stored is None or stored.items != self.entry.items or not self._is_alive(stored, self._manager.clock()):
                self.unlock()
        return self.is_locked

    def unlock(self) -> None:
        """Let other requests in; again does nothing."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def _acquire(self, key: Key, sessionid: str) -> None:
        manager = self._manager
        try:
            self._lock = manager.native.lock(key, manager.options.session_lock_timeout, manager.lock_waiters,
                                             self._page)
        except SessionLocked as error:
            self._log_refusal(sessionid, error)
            raise

    def _log_refusal(self, sessionid: str, error: SessionLocked) -> None:
        log.warning('session %s: %s', self._manager.fingerprint(sessionid), error)

    # Storing

    def renew(self) -> None:
        """Give the session a new id when it is stored next."""
        if self.entry is not None and not self.next_id:
            self.next_id = new_id(self.id[:self._manager.native.kept_of_id])
            self._manager.announced[self.next_id] = self

    def create(self, items: dict[str, Packed]) -> bool:
        """Store a new session; False if the id sent was replaced, when a new one would take the place of the right one.

        Raises SessionTooLarge.
        """
        if self.is_replaced:
            log.warning('session %s: the request came with an id that regenerate() has replaced; what it put is not '
                        'kept', self._manager.fingerprint(self.candidates[0]))
            return False
        options = self._manager.options
        check_size(items, options.session_max_bytes)
        now = self._manager.clock()
        entry = Entry(items, now, self.expire, now + min(self.expire, options.session_lifetime), self._user(items))
        sessionid = self.next_id or new_id()
        self.key = self._manager.native.create(sessionid, items, created=now, idle=entry.idle, expires=entry.expires,
                                               user=entry.user)
        self.entry, self.id, self.next_id, self.stored = entry, sessionid, '', True
        self._manager.log_event(sessionid, 'created')
        return True

    def change(self, change: Change) -> bool:
        """Store what `change` makes of the items stored now, under next_id if there is one.

        False if the session has ended. Raises SessionTooLarge, SessionLocked.
        """
        if self._lock is not None:
            done = self._change_entry(self.entry, change)
        elif self._change_if_same(change):
            done = True
        else:
            self._acquire(self.key, self.id)
            try:
                done = self._may_renew() and self._change_entry(self._manager.native.read(self.key), change)
            finally:
                self.unlock()
        if not done:
            log.warning('session %s ended while a request used it; what that request put is not kept', self.label())
        return done

    def _change_if_same(self, change: Change) -> bool:
        """change() without the lock, which takes one step, where the store can tell that nobody was in between."""
        native, entry, now = self._manager.native, self.entry, self._manager.clock()
        if not native.compares or self.next_id or entry is None or not self._is_alive(entry, now):
            return False
        items = change(entry.items)
        check_size(items, self._manager.options.session_max_bytes)
        slide, user = self._slide(entry, now), self._user(items)
        version = native.update_if_same(entry, self.key, items, now=now, slide=slide,
                                        user=None if user == entry.user else user)
        if not version:
            return False
        idle, expires = slide or (entry.idle, entry.expires)
        self.entry = Entry(items, entry.created, idle, expires, user, version)
        self.slid, self.stored = self.slid or slide is not None, True
        return True

    def _may_renew(self) -> bool:
        """Whether a new id may be given: not if another request has given the session one since this one read it."""
        if not self.next_id:
            return True
        pointer = self._manager.native.resolve(self.id)
        return pointer is not None and pointer.retired is None

    def incr(self, name: str, by: float) -> int | float | None:
        """Have the store itself add to a stored item; its new value, or None if it does not do that."""
        native = self._manager.native
        if self.entry is None or not native.adds_itself:
            return None
        locked_here = not self.is_locked  # a page that has the session for itself must not undo this
        if locked_here:
            self._acquire(self.key, self.id)
        try:
            total = native.incr(self.key, name, by)
        finally:
            if locked_here:
                self.unlock()
        if total is not None:
            packed = pack(name, total, self._manager.values, native.keeps_live)
            self.entry = self.entry._replace(items={**self.entry.items, name: packed})
        return total

    def touch(self) -> None:
        """The session was used: move its expiry, if that is due."""
        if self.entry is not None:
            now = self._manager.clock()
            slide = self._slide(self.entry, now)
            if slide is not None:
                self._update(self.entry, None, now, slide)

    def remove(self) -> None:
        """Remove the session, with all ids that lead to it."""
        try:
            if self.entry is not None and self._manager.native.remove(self.key):
                self._manager.log_event(self.id, 'ended')
        finally:
            self.unlock()

    def _change_entry(self, entry: Entry | None, change: Change) -> bool:
        now = self._manager.clock()
        if entry is None or not self._is_alive(entry, now):
            return False
        items = change(entry.items)
        check_size(items, self._manager.options.session_max_bytes)
        return self._update(entry, items, now, self._slide(entry, now))

    def _update(self, entry: Entry, items: dict[str, Packed] | None, now: float,
                slide: tuple[float, float] | None) -> bool:
        options, native = self._manager.options, self._manager.native
        old_items, created, idle, expires, old_user, _ = entry
        renewal = (self.next_id, now + options.session_lock_timeout + GRACE) if self.next_id else None
        user = old_user if items is None or options.session_index is None else self._user(items)
        new_user = None if user == old_user else user
        lock, self._lock = self._lock, None
        if lock is None:
            done = native.update(self.key, items, now=now, slide=slide, renewal=renewal, user=new_user)
        else:
            done = native.update_and_release(lock, self.key, items, now=now, slide=slide, renewal=renewal,
                                             user=new_user)
        if not done:
            return False
        if slide is not None:
            idle, expires = slide
            self.slid = True
        self.entry = Entry(old_items if items is None else items, created, idle, expires, user)
        self.stored = True
        if renewal is not None:
            self._manager.log_event(self.next_id, f'took the place of {self.label()}')
            self.id, self.next_id, self.is_retired = self.next_id, '', False
            if isinstance(self.key, str):
                self.key = self.id  # a store in which the id is the key
        return True

    def _user(self, items: Items) -> str:
        index = self._manager.options.session_index
        return '' if index is None else index_of(items, index, self._manager.values)

    def _slide(self, entry: Entry, now: float) -> tuple[float, float] | None:
        """The new idle time and expiry, if they differ enough from the stored ones to be worth a write."""
        expires = min(now + self.expire, entry.created + self._manager.options.session_lifetime)
        return (self.expire, expires) if abs(expires - entry.expires) * SLIDE_PART >= self.expire else None
