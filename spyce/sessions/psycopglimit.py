"""Connections to PostgreSQL that do not wait for ever: a server may stand still while its machine still answers."""
from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any

import psycopg


def connector(seconds: float) -> Callable[..., psycopg.Connection[Any]]:
    """psycopg.connect() for connections on which each answer must be there after some time.

    seconds: until OperationalError is raised; the connection is of no use then. To connect has a limit of its own,
    connect_timeout.
    """
    class Limited(psycopg.Connection[Any]):
        def wait(self, gen: Generator[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
            return super().wait(_limited(gen, seconds), *args, **kwargs)

    return Limited.connect


def _limited(steps: Generator[Any, Any, Any], seconds: float) -> Generator[Any, Any, Any]:
    """The same steps of what psycopg does with a connection; it asks for the next one now and then, ready or not."""
    until = time.monotonic() + seconds
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > until:
                raise psycopg.OperationalError(f'the server has not answered for {seconds:g} seconds')
            wanted = steps.send(ready)
    except StopIteration as end:
        return end.value
