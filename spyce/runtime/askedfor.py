"""A request as an error page shows it, and what it carries that is secret."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from spyce.runtime.context import current_server
from spyce.runtime.frames import Failure
from spyce.runtime.values import MASK, Secrets, is_secret

Pairs = list[tuple[str, str]]

_MANY = 100

_TELLING = 12
"""Length from which the value of any cookie is taken for something that opens a door, not for a preference."""


class AskedFor:
    """What the client sent. request: the raw request; None for none (a page run from Python)."""

    def __init__(self, request: Any = None) -> None:
        self.method = request.method() if request is not None else ''
        self.path = _all_of(lambda: str(request.uri()).partition('?')[0], '') if request is not None else ''
        self._query: Pairs = _all_of(request.query, []) if request is not None else []
        self._headers: Pairs = list((request.getHeader() or {}).items()) if request is not None else []
        # Only if the page has read it: else nothing of it can be shown, and this is no time to parse it.
        self._form: Pairs = request.form() if request is not None and '_form' in vars(request) else []
        self._cookies = _cookies(dict(self._headers))

    def secrets(self, chain: Iterable[Failure] = ()) -> Secrets:
        """What is not to be shown wherever it turns up: cookies, credentials, the values of names that say so.

        chain: what is shown; the local names of its frames, and the config of the server, may hold more of them.
        """
        names = [frame.names for failure in chain for frame in failure.frames]
        server = current_server.get()
        if server is not None:
            names += [{'site_key': server.config.site_key}, server.globals]
        texts: list[Any] = [value for name, value in (*self._query, *self._form) if is_secret(name)]
        for name, value in self._headers:
            if is_secret(name) and name != 'Cookie':  # of that one each by itself
                texts += [value, *value.split()[1:]]
        texts += [value for name, value in self._cookies if is_secret(name) or len(value) >= _TELLING]
        for mapping in names:
            # `key` alone is rather that of a dictionary, and what a KeyError tells.
            texts += [value for name, value in _items(mapping, 3) if name != 'key' and is_secret(name)]
        return Secrets(texts)

    def query(self) -> Pairs:
        """(name, value) of the query, secret ones masked."""
        return [(name, MASK if is_secret(name) else value) for name, value in self._query]

    def headers(self) -> Pairs:
        """(name, value) of the headers, secret ones masked; of cookies the names are shown."""
        shown = []
        for name, value in self._headers:
            if name == 'Cookie':
                value = '; '.join(f'{cookie}={MASK}' for cookie, _ in self._cookies)
            elif is_secret(name):
                value = MASK
            shown.append((name, value))
        return shown


def _items(value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """(name, value) of dictionaries and pairs, and of what they and lists hold, so far down and no further."""
    if type(value) is dict:
        pairs = [(name, item) for name, item in islice(value.copy().items(), _MANY) if type(name) is str]
        yield from pairs
        inner: Iterable[Any] = [item for _, item in pairs]
    elif type(value) in (list, tuple):
        if len(value) == 2 and type(value[0]) is str:
            yield value[0], value[1]
        inner = value[:_MANY]
    else:
        return
    if depth:
        for item in inner:
            yield from _items(item, depth - 1)


def _all_of(ask: Callable[[], Any], otherwise: Any) -> Any:
    """What the request says; a broken one may be the very error that is shown."""
    try:
        return ask()
    except Exception:
        return otherwise


def _cookies(headers: Mapping[str, str]) -> Pairs:
    from werkzeug.http import parse_cookie
    return list(parse_cookie(headers.get('Cookie')).items(multi=True))
