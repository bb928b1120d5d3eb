"""One connection to a Redis server, on which a command costs little more than the way there and back."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis

pack_command: Callable[[Any], bytes] | None
try:
    from hiredis import pack_command
except ImportError:  # redis-py works without it
    pack_command = None

AT_ONCE = 65536
"""Bytes of an answer that are read in one step."""


class Line:
    """A connection of redis-py, for one thread at a time.

    redis-py looks at each argument, and passes each command through layers for what a connection may be asked for, at
    the price of another way to the server. Over a connection that has been asked for none of this, a command goes
    straight to the socket here, and the answer to the parser that redis-py made for it. All others, and what is not
    usual on this one, are left to redis-py.
    """

    __slots__ = ('_connection', '_pack', '_socket', '_reader', '_nothing_yet')

    def __init__(self, connection: Any) -> None:
        """connection: of a pool of redis-py, connected."""
        self._connection = connection
        self._socket: Any = getattr(connection, '_sock', None)
        self._reader: Any = getattr(getattr(connection, '_parser', None), '_reader', None)
        gets = getattr(self._reader, 'gets', None)
        is_plain = (self._socket is not None and gets is not None and not connection.health_check_interval
                    and getattr(connection, 'protocol', None) in (2, '2'))  # the later one has messages in between
        self._pack = pack_command if is_plain else None
        self._nothing_yet = gets() if gets is not None and is_plain else None

    def ask(self, command: tuple[Any, ...]) -> Any:
        """The answer to a command. Raises redis.RedisError; after any but a ResponseError the line is of no use."""
        connection, reader = self._connection, self._reader
        if self._pack is None:
            connection.send_command(*command)
            return connection.read_response()
        try:
            self._socket.sendall(self._pack(command))
            reader.feed(self._socket.recv(AT_ONCE))
        except TimeoutError:
            raise redis.TimeoutError('Timeout reading from socket') from None
        except OSError as error:
            raise redis.ConnectionError(f'Error while reading from socket: {error}') from None
        reply = reader.gets()
        if reply is self._nothing_yet:  # the connection has ended, or the answer goes on
            return connection.read_response()
        if isinstance(reply, Exception):
            raise reply
        return reply

    def hang_up(self, pool: Any) -> None:
        """Close the connection, and give it back to its pool."""
        self._connection.disconnect()
        pool.release(self._connection)
