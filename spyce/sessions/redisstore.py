"""Sessions in Redis or Valkey, for any number of machines."""
from __future__ import annotations

import builtins
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

from spyce.sessions.blobs import blob, items_of
from spyce.sessions.errors import SessionLocked
from spyce.sessions.ids import LOGIN_PREFIX, fingerprint
from spyce.sessions.leases import Lease, Unreturned, taken
from spyce.sessions.locking import Key, SessionLocks
from spyce.sessions.native import DirectStore, Entry, Pointer, Releasable
from spyce.sessions.redisclient import RedisServer, server_at
from spyce.sessions.redisscripts import (
    CREATE,
    RELEASE,
    REMOVE,
    SAVE_AND_RELEASE,
    WRITE,
    WRITE_AND_RELEASE,
    WRITE_IF_SAME,
    Script,
    changes,
    lock_script,
    milliseconds,
)
from spyce.sessions.redisusers import RedisUsers
from spyce.sessions.users import index_text
from spyce.sessions.values import Codec, Items

TAG = 3
"""Characters of an id that choose the slot of a cluster: those that regenerate() leaves."""
LONGEST_PAUSE = 2.0
"""Seconds after which who waits for a lock looks himself, should nobody wake him."""
SHORTEST_PAUSE = 0.01
MOST_HOPS = 10
"""From an old id to the session: requests in flight need one or two."""
WAKE_SECONDS = 10
PAGE = 500
"""Sessions read at once where all are wanted."""

Row = Sequence[Any]


class RedisStore(DirectStore):
    """Keeps sessions in a Redis or Valkey server, version 6 or later, for any number of machines.

    A request takes two round trips: lock and load, save and unlock. With lock='merge' the second one succeeds without
    a lock unless another request was faster; a page that only reads with readonly=True takes one.

    The lock of a session is a lease of `lease` seconds by the server's clock. If a web server dies, its sessions are
    free again after that time at the latest. A page that runs for longer keeps its session as long as no other request
    wants it; if one took it meanwhile, the page's changes are refused with StoreError (503), and nothing is
    overwritten.

    What an entry holds are pickles: whoever can write to the Redis server can run code in the web servers. Keep it in
    a private network, with a password or ACL, and with TLS (rediss://) where others could listen. A user with an ACL
    needs the keys PREFIX* and the commands +@read +@write +@scripting +@connection +@blocking +time, +info for
    check(), and in a cluster +cluster|slots.

    What may be lost: Redis answers before a change is on disk or at a replica. When a primary dies and a replica takes
    its place, changes of the last moments can be missing, as in any use of Redis: a session is then as it was a moment
    ago, a lock taken in that moment is free, and a page that holds such a lock is refused when it saves. Only with
    `appendonly yes` do sessions outlive a restart of the server (`appendfsync everysec`: but for the last second).
    maxmemory-policy must be noeviction: with any other one the server throws sessions away when its memory is full.
    """

    compares = True
    counts_quickly = False
    kept_of_id = TAG

    def __init__(self, url: str | None = None, *, client: Any = None, prefix: str = 'spyce:', lease: float = 30.0,
                 connect_timeout: float = 2.0, timeout: float = 5.0, clock: Callable[[], float] = time.time,
                 codec: Codec | None = None) -> None:
        """The server is asked at the first use, or by check().

        url: redis://[USER:PASSWORD@]HOST:PORT/DB, rediss:// (TLS), unix:///PATH?db=DB, redis+cluster://HOST:PORT or
        redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB; client: in its place a redis.Redis or redis.RedisCluster,
        whose own timeouts count, and which must allow a connection for each thread; prefix: what the names of all
        keys begin with, one for each site; lease: see the class; connect_timeout, timeout: seconds for a connection
        and for an answer. clock, codec: see DirectStore. Raises ValueError.
        """
        super().__init__(clock, codec)
        if (url is None) == (client is None):
            raise ValueError('RedisStore: give either the url of the server or a client')
        if '{' in prefix or '}' in prefix:
            raise ValueError(f'RedisStore: prefix={prefix!r} may not have braces: they choose the slot of a cluster')
        if not lease > 0 or not connect_timeout > 0 or not timeout > 0:
            raise ValueError('RedisStore: lease, connect_timeout and timeout are seconds, more than 0')
        if url is not None:
            self._server = server_at(url, connect_timeout, timeout)
        else:
            if client.get_encoder().decode_responses:
                raise ValueError('RedisStore: the client may not have decode_responses=True: sessions are bytes')
            timeout = client.get_connection_kwargs().get('socket_timeout') or timeout
            self._server = RedisServer(lambda: client, type(client).__name__)
        self._users = RedisUsers(self._server, prefix)
        self._prefix = prefix
        self._lease = lease
        self._longest_pause = min(LONGEST_PAUSE, timeout / 2)
        self._take_script = lock_script(lease, self._longest_pause)
        self._turns = SessionLocks()
        self._unreturned = Unreturned(lease)

    def __repr__(self) -> str:
        return f'RedisStore({str(self._server)!r})'

    def check(self) -> None:
        """Ask the server. Raises StoreError if it does not answer or is too old; warns if it may evict sessions."""
        self.salt = self._server.shared(f'{self._prefix}salt', self.salt)  # equal log lines on all machines
        self._server.check()

    def close(self) -> None:
        self._server.close()

    def _key(self, sessionid: str) -> str:
        start = len(LOGIN_PREFIX) if sessionid.startswith(LOGIN_PREFIX) else 0
        return f'{self._prefix}{{{sessionid[start:start + TAG]}}}{sessionid}'

    def _keys(self, sessionid: str) -> tuple[str, str]:
        """Of the session, and of the list of those who wait for it."""
        key = self._key(sessionid)
        return key, f'{key}:wake'

    # Reading

    def _follow(self, sessionid: Key, ask: Callable[[str], Any],
                may_follow: Callable[..., bool] | None = None) -> tuple[Pointer, Any]:
        """Where an id leads, and what `ask` says of the session there, None if there is none; it is given the ids on
        the way, too, for which it says the new one."""
        pointer, hops = Pointer(sessionid), 0
        while isinstance(reply := ask(str(pointer.key)), bytes):
            hops += 1
            if hops > MOST_HOPS:
                return pointer, None
            new_id, retired, until = reply.decode().split(' ')
            if pointer.retired is None:
                pointer = Pointer(new_id, float(retired), float(until))
                if may_follow is not None and not may_follow(pointer):
                    return pointer, None
            else:
                pointer = pointer._replace(key=new_id)
        return pointer, reply

    def _run(self, script: Script, arguments: Sequence[Any], sessionid: Key) -> tuple[Pointer, Any]:
        """Where an id leads, and what a script says of the session there."""
        return self._follow(sessionid, lambda current: self._server.run(script, self._keys(current), arguments))

    def _load(self, sessionid: str) -> Any:
        row = self._server.command('HMGET', self._key(sessionid), 'v', 'x', 'i', 'c', 'u', 'n', 'p')
        return row if row[0] is not None else row[6]

    def resolve(self, sessionid: str) -> Pointer | None:
        pointer, row = self._follow(sessionid, self._load)
        return pointer if row is not None else None

    def fetch(self, sessionid: str) -> tuple[Pointer, Entry] | None:
        pointer, row = self._follow(sessionid, self._load)
        entry = self._entry(row, pointer.key)
        return (pointer, entry) if entry else None

    def read(self, key: Key) -> Entry | None:
        found = self.fetch(str(key))
        return found[1] if found else None

    def _entry(self, row: Row | None, sessionid: Key) -> Entry | None:
        """The entry of the fields v, x, i, c, u, n; None if it cannot be read."""
        if row is None:
            return None
        items = items_of(row[0] if all(row[1:4]) else b'', lambda: fingerprint(str(sessionid), self.salt))
        if items is None:
            return None
        return Entry(items, float(row[3]), float(row[2]), float(row[1]), _text(row[4]), row[5] or b'')

    # Locking

    def fetch_locked(self, sessionid: str, may_follow: Callable[..., bool], timeout: float, max_waiters: int,
                     label: str = '') -> tuple[Pointer, Entry, Releasable] | None:
        pointer, row, lease = self._lock(sessionid, may_follow, timeout, max_waiters, label)
        if row is None:
            lease.end()
            return None
        entry = self._entry(row, pointer.key)
        if entry is None:
            lease.release()
            return None
        return pointer, entry, lease

    def lock(self, key: Key, timeout: float, max_waiters: int, label: str = '') -> Releasable:
        return self._lock(str(key), None, timeout, max_waiters, label)[2]

    def _lock(self, sessionid: str, may_follow: Callable[..., bool] | None, timeout: float, max_waiters: int,
              label: str) -> tuple[Pointer, Row | None, Lease]:
        """Lock the session that an id leads to, and load it: None if there is none."""
        deadline = time.monotonic() + timeout
        self._unreturned.give_back()
        lease = Lease(self._turns.acquire(sessionid, timeout, max_waiters, label), partial(self._give_back, sessionid),
                      self._unreturned)
        try:
            pointer, row = self._follow(sessionid, partial(self._take, lease, timeout, deadline, max_waiters),
                                        may_follow and (lambda pointer: may_follow(pointer, lease.has_waited)))
        except BaseException as error:
            lease.not_taken(error)
            raise
        return pointer, row, lease

    def _take(self, lease: Lease, timeout: float, deadline: float, max_waiters: int, sessionid: str) -> Any:
        key = self._key(sessionid)
        waited = False
        while isinstance(left := self._server.run(self._take_script, (key,), (lease.token,)), int):
            rest = deadline - time.monotonic()
            if max_waiters < 1:
                raise SessionLocked('the session is in use by a request of another process, and none may wait for it '
                                    '(session_lock_waiters)')
            if rest <= 0:
                raise SessionLocked(f'the session was in use by another request for {timeout:g} seconds '
                                    '(session_lock_timeout); it is held by another process')
            pause = max(min(rest, left / 1000, self._longest_pause), SHORTEST_PAUSE)
            waited = lease.has_waited = True
            self._server.command('BLPOP', f'{key}:wake', f'{pause:.3f}')
        if waited and not isinstance(left, list):  # it is not there any more: nobody else would wake the next one
            self._server.command('RPUSH', f'{key}:wake', '')
            self._server.command('PEXPIRE', f'{key}:wake', WAKE_SECONDS * 1000)
        return left

    def _give_back(self, sessionid: str, token: str) -> None:
        self._run(RELEASE, (token,), sessionid)

    # Writing

    def create(self, sessionid: str, items: Items, *, created: float, idle: float, expires: float,
               user: str = '') -> Key:
        lives = milliseconds(expires - created)
        value = blob(items)
        self._users.add(user, sessionid, idle, expires - created)
        if not self._server.run(CREATE, (self._key(sessionid),), (
                lives, secrets.token_hex(8), 'v', value, 'c', created, 'i', idle, 'x', expires,
                *(('u', user) if user else ()))):
            raise ValueError('there is a session of this id already')
        return sessionid

    def update(self, key: Key, items: Items | None, *, now: float, slide: tuple[float, float] | None = None,
               renewal: tuple[str, float] | None = None, user: str | None = None) -> bool:
        return self._update(WRITE, secrets.token_hex(8), key, items, now, slide, renewal, user)

    def update_and_release(self, lock: Releasable, key: Key, items: Items | None, *, now: float,
                           slide: tuple[float, float] | None = None, renewal: tuple[str, float] | None = None,
                           user: str | None = None) -> bool:
        assert isinstance(lock, Lease)
        try:
            if items is not None and slide is None and renewal is None and user is None:
                done = self._was_done(self._run(SAVE_AND_RELEASE, (lock.token, now, blob(items)), key)[1])
            else:
                done = self._update(WRITE_AND_RELEASE, lock.token, key, items, now, slide, renewal, user)
        except BaseException as error:
            lock.not_saved(error)
            raise
        lock.end()
        return done

    def _update(self, script: Script, token: str, key: Key, items: Items | None, now: float,
                slide: tuple[float, float] | None, renewal: tuple[str, float] | None, user: str | None) -> bool:
        arguments = changes(token, items, token, now, slide, user)
        owner = self._index_ahead(key, now, slide, renewal, user) if renewal or user else ''

        def write(sessionid: str) -> Any:
            keys = self._keys(sessionid)
            if renewal is None or renewal[0] == sessionid:  # the latter if this is sent again
                return self._server.run(script, keys, arguments)
            new_id, until = renewal
            return self._server.run(script, (*keys, self._key(new_id)), (
                *arguments, f'{new_id} {now!r} {until!r}', milliseconds(until - now)))

        pointer, reply = self._follow(key, write)
        done = self._was_done(reply)
        if done and renewal is not None:
            if renewal[0] != pointer.key:
                self._users.discard(owner, str(pointer.key))
            pointer = Pointer(renewal[0])
        self._index_after(pointer.key, now, slide, reply)
        return done

    def _was_done(self, reply: Any) -> bool:
        """What WRITE_AND_RELEASE says. Raises StoreError if the lock is another one's."""
        if reply == -1:
            raise taken(self._lease, 'RedisStore')
        return bool(reply)

    def update_if_same(self, entry: Entry, key: Key, items: Items, *, now: float,
                       slide: tuple[float, float] | None = None, user: str | None = None) -> bytes:
        if not entry.version:
            return b''
        version = secrets.token_hex(8)
        if user:
            self._index_ahead(key, now, slide, None, user)
        reply = self._server.run(WRITE_IF_SAME, self._keys(str(key)),
                                 changes(entry.version, items, version, now, slide, user))
        if reply != 1 and not isinstance(reply, list):
            return b''
        self._index_after(key, now, slide, reply)
        return version.encode()

    def remove(self, key: Key) -> bool:
        return self._remove(key, '')

    def _remove(self, key: Key, expired_by: float | str) -> bool:
        pointer, reply = self._run(REMOVE, (expired_by,), key)
        if not reply:
            return False
        self._users.discard(_text(reply[0]), str(pointer.key))
        return True

    # The index of users

    def _index_ahead(self, key: Key, now: float, slide: tuple[float, float] | None,
                     renewal: tuple[str, float] | None, user: str | None) -> str:
        """Index the id that a session is going to have; whose it is going to be."""
        pointer, row = self._follow(key, self._load)
        if row is None:
            return ''
        idle, expires = slide or (float(row[2]), float(row[1]))
        owner = _text(row[4]) if user is None else user
        self._users.add(owner, renewal[0] if renewal else str(pointer.key), idle, expires - now)
        return owner

    def _index_after(self, key: Key, now: float, slide: tuple[float, float] | None, reply: Any) -> None:
        if slide and isinstance(reply, list):
            self._users.add(_text(reply[0]), str(key), slide[0], slide[1] - now)

    def find(self, key: str, value: str | int) -> builtins.list[str]:
        text = index_text(key, value)
        found: dict[str, None] = {}
        for sessionid in self._users.ids(text):
            pointer, row = self._follow(sessionid, self._load)
            if row is not None and _text(row[4]) == text:
                found[str(pointer.key)] = None
        return builtins.list(found)

    # All of them

    def each(self) -> Iterator[tuple[str, Key, Entry]]:
        seen: set[str] = set()
        for rows in self._pages('v', 'x', 'i', 'c', 'u', 'n', 'p'):
            for sessionid, row in rows:
                current = sessionid
                if row[6] is not None:  # perhaps its new id came there after that place was looked at
                    pointer, row = self._follow(sessionid, self._load)
                    current = str(pointer.key)
                entry = self._entry(row, current) if row and row[0] is not None and current not in seen else None
                seen.add(current)
                if entry is not None:
                    yield current, current, entry

    def list(self) -> builtins.list[str]:
        """The ids of all sessions, retired ones not."""
        return builtins.list(dict.fromkeys(sessionid for rows in self._pages('x') for sessionid, row in rows if row[0]))

    def delete_expired(self, limit: int = 1000, now: float | None = None) -> int:
        """Remove what has expired. The server does so itself, a little later: only commands of an operator ask for
        this, which looks at all sessions."""
        moment = self._clock() if now is None else now
        expired = (sessionid for rows in self._pages('x') for sessionid, row in rows
                   if row[0] is not None and float(row[0]) <= moment)
        return sum(islice((1 for sessionid in expired if self._remove(sessionid, moment)), limit))

    def claim_cleaning(self, last: float | None, now: float) -> bool:
        """Never: the server removes what has expired."""
        return False

    def _pages(self, *fields: str) -> Iterator[builtins.list[tuple[str, Row]]]:
        """All ids, with fields of what is there; some perhaps twice."""
        keys = self._server.scan(re.sub(r'([][*?\\])', r'\\\1', self._prefix) + '{*')
        while page := builtins.list(islice(keys, PAGE)):
            rows = self._server.commands(('HMGET', key, *fields) for key in page)
            yield [(key[len(self._prefix):].partition('}')[2], row) for key, row in zip(page, rows, strict=True)]


def _text(field: bytes | None) -> str:
    return field.decode() if field else ''
