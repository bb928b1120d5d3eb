"""The way to a Redis server: what the URL says, connections that break and come back, errors as StoreError."""
from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

from spyce.sessions.errors import StoreError
from spyce.sessions.living import Living
from spyce.sessions.redisscripts import Script

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.exceptions import NoPermissionError, NoScriptError, ReadOnlyError, RedisClusterException
    from redis.retry import Retry
    from redis.sentinel import Sentinel
except ImportError as error:
    raise ImportError("RedisStore needs the package redis: pip install 'spyce-session[redis]'") from error
from spyce.sessions.redisline import Line

log = logging.getLogger('spyce.session')

OLDEST = 6
"""The first major version of the server that has what the scripts use."""
SCAN_COUNT = 500
SENTINEL_PORT = 26379
ANY_NUMBER = 2 ** 31
"""Of connections: there is one for each thread that asks or waits, and nobody may wait for another one's."""
ERRORS = (redis.RedisError, RedisClusterException)
LOST = (redis.ConnectionError, ReadOnlyError)
"""The server is gone or restarted, or not the primary any more: a new connection may find another one."""
NOT_PRIMARY = ('READONLY', 'UNBLOCKED')
"""What it says then, within other words where a script has failed."""
OURS = frozenset(['decode_responses', 'max_connections', 'socket_timeout', 'socket_connect_timeout', 'retry',
                  'protocol'])
"""Options of a connection that are not for the URL: the store relies on them, or has them as arguments."""
NO_URL = ('write redis://HOST:PORT/DB, rediss://..., unix:///PATH, redis+cluster://HOST:PORT or '
          'redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB')


class RedisServer:
    """Commands to a server, or a cluster of them. Used by many threads, each with a connection of its own.

    A command whose connection breaks is sent a second time: all that come here may be.
    """

    def __init__(self, connect: Callable[[], Any], name: str) -> None:
        """connect: makes the client, at the first use; name: what errors call the server."""
        self._connect = connect
        self._name = name
        self._connecting = threading.Lock()
        self._client: Any = None
        self._pool: Any = None  # of a client that is no cluster's
        self._idle: list[Line] = []
        self._has_warned = False
        _servers.add(self)

    def __str__(self) -> str:
        return self._name

    def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """The answer of a script. Raises StoreError."""
        try:
            try:
                return self._repeated(('EVALSHA', script.sha, len(keys), *keys, *arguments))
            except NoScriptError:  # the server has not seen it since it was started
                return self._repeated(('EVAL', script.text, len(keys), *keys, *arguments))
        except ERRORS as error:
            raise self._failure(error) from None

    def command(self, *command: Any) -> Any:
        """The answer to a command. Raises StoreError."""
        try:
            return self._repeated(command)
        except ERRORS as error:
            raise self._failure(error) from None

    def commands(self, commands: Iterable[Sequence[Any]]) -> list[Any]:
        """The answers to many commands that are sent together. Raises StoreError."""
        try:
            pipeline = self.client.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            return list(pipeline.execute())
        except ERRORS as error:
            raise self._failure(error) from None

    def scan(self, pattern: str) -> Iterator[str]:
        """The keys of hashes that match, some perhaps twice. Raises StoreError."""
        try:
            for key in self.client.scan_iter(match=pattern, count=SCAN_COUNT, _type='hash'):
                yield key.decode()
        except ERRORS as error:
            raise self._failure(error) from None

    def info(self) -> dict[str, Any]:
        """What the server tells of itself; empty if the user may not ask. Raises StoreError."""
        try:
            return dict(self.client.info())
        except NoPermissionError:
            return {}
        except ERRORS as error:
            raise self._failure(error) from None

    def shared(self, key: str, value: bytes) -> bytes:
        """The value that all who ask find under a key: that of the first one. It is written once, so that a server
        whose memory is full answers, too. Raises StoreError."""
        while (found := self.command('GET', key)) is None:
            self.command('SET', key, value, 'NX')
        return cast(bytes, found)

    def check(self) -> None:
        """Raise StoreError if the server does not answer or is too old; warn, once, if it may evict what it has."""
        info = self.info()
        version = str(info.get('redis_version', OLDEST))
        if int(version.partition('.')[0]) < OLDEST:
            raise StoreError(f'{self}: sessions need Redis {OLDEST} or later, and this is {version}')
        policy = info.get('maxmemory_policy', 'noeviction')
        if policy != 'noeviction' and info.get('maxmemory') != 0 and not self._has_warned:
            self._has_warned = True
            log.warning('%s: maxmemory-policy is %s, so the server throws sessions away when its memory is full; set '
                        'it to noeviction', self, policy)

    def close(self) -> None:
        """Close the connections; they are opened again when they are needed."""
        self._drop_idle()
        if self._client is not None:
            self._client.close()

    def _failure(self, error: Exception) -> StoreError:
        """To be raised without its cause: frames of the connection hold the password."""
        return StoreError(f'{self._name}: the sessions cannot be reached: {type(error).__name__}: {error}')

    @property
    def client(self) -> Any:
        """The client of redis-py."""
        if self._client is None:
            with self._connecting:
                if self._client is None:
                    self._client = self._connect()
        return self._client

    def _repeated(self, command: tuple[Any, ...]) -> Any:
        pool = self._pool
        if pool is None:
            client = self.client
            if isinstance(client, redis.RedisCluster):
                return client.execute_command(*command)
            pool = self._pool = client.connection_pool
        try:
            return self._send(pool, command)
        except LOST:
            return self._send(pool, command)

    def _send(self, pool: Any, command: tuple[Any, ...]) -> Any:
        """Send a command over a line of our own: lending from the pool and returning takes half as long again."""
        try:
            line = self._idle.pop()
        except IndexError:
            line = Line(pool.get_connection())
        try:
            reply = line.ask(command)
        except BaseException as error:
            is_primary_gone = isinstance(error, redis.ResponseError) and (
                isinstance(error, ReadOnlyError) or any(word in str(error) for word in NOT_PRIMARY))
            if isinstance(error, redis.ResponseError) and not is_primary_gone:
                self._idle.append(line)
                raise
            line.hang_up(pool)
            self._drop_idle()
            if is_primary_gone:
                raise ReadOnlyError(str(error)) from None
            raise
        self._idle.append(line)
        return reply

    def _drop_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().hang_up(self._pool)

    def forget_after_fork(self) -> None:
        """The connections are the parent's, and a thread of it may have been connecting."""
        self._connecting = threading.Lock()
        self._idle = []


def server_at(url: str, connect_timeout: float, timeout: float) -> RedisServer:
    """The server of a URL: see RedisStore. Raises ValueError, with nothing of the URL that may be a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f'this is not the URL of a Redis server: {NO_URL}') from None
    if '@' in parts.path + parts.query + parts.fragment:
        raise ValueError("the URL of the Redis server has an '@' behind a '/', '?' or '#': in a user name or password "
                         "write '/' as %2F, '?' as %3F, '#' as %23, '@' as %40")
    options = {'socket_connect_timeout': connect_timeout, 'socket_timeout': timeout, 'retry': Retry(NoBackoff(), 0),
               'protocol': 2, 'max_connections': ANY_NUMBER}
    refused = OURS.intersection(parse_qs(parts.query, keep_blank_values=True))
    if refused:
        raise ValueError(f'the URL of the Redis server may not have {", ".join(sorted(refused))}: RedisStore has the '
                         'arguments timeout and connect_timeout, and needs the rest as it is')
    try:
        if parts.scheme in ('redis', 'rediss') and not parts.path.strip('/').isdecimal() and parts.path.strip('/'):
            raise ValueError('the path is the number of a database')
        connect = _connector(url, options)
    except ValueError:  # whose text, or a host that is none, may be a password
        raise ValueError(f'{parts.scheme}:// ...: not a URL of a Redis server: {NO_URL}') from None
    return RedisServer(connect, f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


def _connector(url: str, options: dict[str, Any]) -> Callable[[], Any]:
    scheme = urlsplit(url).scheme
    if scheme == 'redis+cluster':
        node = 'redis' + url[len(scheme):]
        redis.connection.parse_url(node)
        return lambda: redis.RedisCluster.from_url(node, **{**options, 'retry': Retry(NoBackoff(), 1)})
    client = _primary(url, options) if scheme == 'redis+sentinel' else redis.Redis.from_url(url, **options)
    return lambda: client


def _primary(url: str, options: dict[str, Any]) -> Any:
    """The client of the primary that the sentinels name. The user name and password are the primary's."""
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition('@')
    user, _, password = login.partition(':')
    service, _, db = parts.path[1:].partition('/')
    if not service or parts.query:
        raise ValueError('no service, or options, which nobody would see')
    sentinels = [(host.hostname or 'localhost', host.port or SENTINEL_PORT)
                 for host in (urlsplit(f'//{host}') for host in hosts.split(','))]
    found = Sentinel(sentinels, sentinel_kwargs=dict(options), db=int(db or 0), username=unquote(user) or None,
                     password=unquote(password) or None, **options)
    return found.master_for(unquote(service))


_servers: Living[RedisServer] = Living()


def _after_fork() -> None:
    for server in _servers:
        server.forget_after_fork()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_after_fork)
