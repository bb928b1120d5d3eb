"""The module `request`: what the client asked for (manual: request module)."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlparse

from spyce.legacy.spyceModule import spyceModule

_URI_PARTS = {'scheme': 0, 'location': 1, 'path': 2, 'parameters': 3, 'query': 4, 'fragment': 5}

Params = dict[str, list[Any]]

_NEW_LIST: Any = object()


class request(spyceModule):
    """Parameters, uploads, headers and address of the request. Everything in it comes from the client."""

    _params: dict[str, Params] | None = None

    # -- address -----------------------------------------------------------------------------------------------

    def uri(self, component: str | None = None) -> str:
        """The address as requested, with its query, or one part of it: scheme, location, path, parameters, query,
        fragment (recorded case request-uri)."""
        uri: str = self._api.getRequest().uri()
        if component is None:
            return uri
        try:
            return urlparse(uri)[_URI_PARTS[component.lower()]]
        except KeyError:
            raise ValueError(f'request.uri({component!r}): the parts are {", ".join(_URI_PARTS)}') from None

    def uri_scheme(self) -> str:
        """Scheme of the address; empty where the client sent a path only."""
        return self.uri('scheme')

    def uri_location(self) -> str:
        """Host of the address; empty where the client sent a path only."""
        return self.uri('location')

    def uri_path(self) -> str:
        """Path of the address."""
        return self.uri('path')

    def method(self) -> str:
        """Method, upper case."""
        return self._api.getRequest().method()  # type: ignore[no-any-return]

    def query(self) -> str:
        """The raw query string."""
        return self._api.getRequest().env('QUERY_STRING') or ''

    def env(self, name: str | None = None, default: Any = None) -> Any:
        """A variable of the CGI environment, or all of them as a dictionary."""
        value = self._api.getRequest().env(name)
        return default if value is None else value

    def getHeader(self, type: str | None = None) -> Any:
        """A header of the request, None if it was not sent; all of them without a name."""
        return self._api.getRequest().getHeader(type)

    # -- files of the page -------------------------------------------------------------------------------------

    def filename(self, relative: str | None = None) -> str:
        """The file of the page being run, or a file beside it."""
        file: str = self._api.getStack()[-1]
        if relative is None:
            return file
        return os.path.normpath(os.path.join(os.path.dirname(file), relative))

    def stack(self, i: int | None = None) -> Any:
        """The files of the pages being run, the requested one first, the current one last; or one of them."""
        stack = self._api.getStack()
        return stack if i is None else stack[i]

    def default(self, value: Any, value2: Any) -> Any:
        """`value`, or `value2` if it is None."""
        return value2 if value is None else value

    # -- parameters --------------------------------------------------------------------------------------------

    def get(self, name: str | None = None, default: Any = _NEW_LIST, ignoreCase: int = 0) -> Any:
        """All values of a query parameter, `default` or [] if it is missing; without name, a dictionary of all."""
        return _values(self._parameters('query'), name, default, ignoreCase)

    def get1(self, name: str | None = None, default: Any = None, ignoreCase: int = 0) -> Any:
        """The first value of a query parameter; without name, a dictionary of first values."""
        return _first(self._parameters('query'), name, default, ignoreCase)

    def post(self, name: str | None = None, default: Any = _NEW_LIST, ignoreCase: int = 0) -> Any:
        """Like get(), of the fields of the body."""
        return _values(self._parameters('form'), name, default, ignoreCase)

    def post1(self, name: str | None = None, default: Any = None, ignoreCase: int = 0) -> Any:
        """Like get1(), of the fields of the body."""
        return _first(self._parameters('form'), name, default, ignoreCase)

    def getpost(self, name: str | None = None, default: Any = None, ignoreCase: int = 0) -> Any:
        """Values from the query, else from the body."""
        return self._either(_values, ('query', 'form'), name, default, ignoreCase)

    def getpost1(self, name: str | None = None, default: Any = None, ignoreCase: int = 0) -> Any:
        """First value from the query, else from the body."""
        return self._either(_first, ('query', 'form'), name, default, ignoreCase)

    def postget(self, name: str | None = None, default: Any = None, ignoreCase: int = 0) -> Any:
        """Values from the body, else from the query."""
        return self._either(_values, ('form', 'query'), name, default, ignoreCase)

    def postget1(self, name: str | None = None, default: Any = None, ignoreCase: int = 0) -> Any:
        """First value from the body, else from the query."""
        return self._either(_first, ('form', 'query'), name, default, ignoreCase)

    def file(self, name: str | None = None, ignoreCase: int = 0) -> Any:
        """An uploaded file: filename, type, value (bytes), file; None if missing; without name, all of them."""
        return _first(self._parameters('files'), name, None, ignoreCase)

    def __getitem__(self, key: str | int) -> Any:
        """First value of a parameter or an uploaded file of that name, else None; a number is a place among names."""
        if isinstance(key, int):
            return list(self.getpost1())[key]
        for source in ('query', 'form', 'files'):
            values = self._parameters(source).get(key)
            if values:
                return values[0]
        return None

    def _either(self, pick: Callable[..., Any], sources: tuple[str, str], name: str | None, default: Any,
                ignoreCase: int) -> Any:
        first, second = (self._parameters(source) for source in sources)
        if name is None:
            return {**pick(second, None, None, ignoreCase), **pick(first, None, None, ignoreCase)}
        return pick(first, name, pick(second, name, default, ignoreCase), ignoreCase)

    def _parameters(self, source: str) -> Params:
        """Parameters of one kind, grouped by name and filtered as configured, once a page."""
        if self._params is None:
            self._params = {}
        params = self._params.get(source)
        if params is None:
            raw = self._api.getRequest()
            params = _group({'query': raw.query, 'form': raw.form, 'files': raw.files}[source]())
            config = self._api.getServer().config
            for filter in config.file_filters if source == 'files' else config.param_filters:
                filter(self, params)
            self._params[source] = params
        return params

    # -- login -------------------------------------------------------------------------------------------------

    def login_id(self) -> Any:
        """The id of who is logged in, as the validator gave it; None for nobody (manual: core tags, login)."""
        from spyce.login.request import request_login  # when it is asked for: most pages have no login
        return request_login(self._api).user()

    def __repr__(self) -> str:
        return f'{self.method()} {self.uri()}'


def _group(pairs: Iterable[tuple[str, Any]]) -> Params:
    grouped: Params = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped


def _fold(params: Params) -> Params:
    return _group((name.lower(), value) for name, values in params.items() for value in values)


def _values(params: Params, name: str | None, default: Any, ignore_case: int) -> Any:
    if ignore_case:
        params, name = _fold(params), name.lower() if name is not None else None
    if name is None:
        return {key: list(values) for key, values in params.items()}
    if name in params:
        return list(params[name])
    return [] if default is _NEW_LIST else default


def _first(params: Params, name: str | None, default: Any, ignore_case: int) -> Any:
    if ignore_case:
        params, name = _fold(params), name.lower() if name is not None else None
    if name is None:
        return {key: values[0] for key, values in params.items()}
    return params[name][0] if name in params else default
