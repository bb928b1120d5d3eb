"""The module `transform`: filters for what a page prints (manual: transform module)."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from spyce.modules.response import Filter

from spyce.legacy.spyceModule import spyceModule
from spyce.runtime.escaping import html_encode, text
from spyce.runtime.output import PAGE_LEVEL

Transform = Callable[..., Any]


class transform(spyceModule):
    """Filters for the text of the page (static), the values of expression tags (expr), and what code writes (dynamic).

    A filter is None (leave as is), a function of a value and keyword arguments, the name of a filter below or
    'file:name' of a function in a file beside the page, or a list of filters, applied from left to right. It counts
    from the point of the call (recorded case transform-from-this-point).
    """

    _filter: _TransformFilter | None = None

    def finish(self, theError: Any = None) -> None:
        """The transforms of a page end with it: a parent template, or the page that includes it, has its own."""
        if self._filter is not None:
            self._api.output.remove_filter(self._filter)
            self._filter = None

    def static(self, fn: Any = None) -> None:
        """Filter the text of the page."""
        self._set('static', fn)

    def expr(self, fn: Any = None) -> None:
        """Filter the values of expression tags; keyword arguments of the tag reach the filter."""
        self._set('expr', fn)

    def dynamic(self, fn: Any = None) -> None:
        """Filter what code writes and prints."""
        self._set('dynamic', fn)

    def create(self, fn: Any = None) -> Transform:
        """The function that a filter, in any of its forms, stands for.

        Raises ValueError for an unknown name, TypeError for what cannot be a filter.
        """
        if not fn and not callable(fn):
            return _identity
        if isinstance(fn, str):
            return BUILT_IN.get(fn) or self._named(fn)
        if isinstance(fn, (list, tuple)):
            return _composed([self.create(part) for part in fn])
        if callable(fn):
            return fn  # type: ignore[no-any-return]
        raise TypeError(f'a transform is a function, a name, a list of these, or None; not {fn!r}')

    def html_encode(self, s: object, also: str = '') -> str:
        """Text made safe for HTML. also: further characters to encode."""
        return html_encode(s, also)

    def url_encode(self, s: object) -> str:
        """Text made safe for a part of a url."""
        return url_encode(s)

    def _named(self, name: str) -> Transform:
        file, colon, function = name.rpartition(':')
        if colon:
            return self.create(self._api.getServer().loadModule(function, file, self._api.getFilename()))
        raise ValueError(f'there is no transform {name!r}; there are {", ".join(sorted(BUILT_IN))}, '
                         "and 'file:name' for a function in a file")

    def _set(self, channel: str, fn: Any) -> None:
        transform = self.create(fn)
        if self._filter is None:
            self._filter = _TransformFilter()
            setattr(self._filter, channel, transform)
            self._api.output.add_filter(PAGE_LEVEL, self._filter)
        else:
            setattr(self._filter, channel, transform)
            self._api.output.link()


def _identity(value: Any, **kwargs: Any) -> Any:
    return value


def _composed(parts: list[Transform]) -> Transform:
    def composed(value: Any, **kwargs: Any) -> Any:
        for part in parts:
            value = part(value, **kwargs)
        return value
    return composed


class _TransformFilter(Filter):  # type: ignore[misc, unused-ignore]  # untyped in checks of the source tree
    """Applies the three transforms of a page."""

    static: Transform = staticmethod(_identity)
    expr: Transform = staticmethod(_identity)
    dynamic: Transform = staticmethod(_identity)

    def only_exprs(self) -> Callable[..., str] | None:
        """See spyce.runtime.output.ExprFilter."""
        if self.static is not _identity or self.dynamic is not _identity:
            return None
        if self.expr is html_encode:
            return html_encode
        expr = self.expr
        return lambda o, **kwargs: text(expr(o, **kwargs))

    def staticImpl(self, s: str, *args: Any, **kwargs: Any) -> str:
        return text(self.static(s))

    def exprImpl(self, o: Any, *args: Any, **kwargs: Any) -> Any:
        return self.expr(o, **kwargs)

    def dynamicImpl(self, s: str, *args: Any, **kwargs: Any) -> str:
        return text(self.dynamic(s))


# -- the filters that can be named --------------------------------------------------------------------------------

def ignore_none(o: Any, **kwargs: Any) -> Any:
    """Nothing for None."""
    return '' if o is None else o


def silence(o: Any, **kwargs: Any) -> str:
    """Nothing at all."""
    return ''


def truncate(o: Any, maxlen: int | None = None, **kwargs: Any) -> Any:
    """The first `maxlen` characters; everything without it."""
    return o if maxlen is None else text(o)[:maxlen]


def url_encode(o: Any, **kwargs: Any) -> str:
    """%XX for all but letters, digits and _ . ! ~ * ( ) - (recorded case transform-url-encode-call)."""
    return quote(text(o), safe='!~*()')


def nb_space(o: Any, **kwargs: Any) -> str:
    """Blanks that do not break."""
    return text(o).replace(' ', '&nbsp;')


BUILT_IN: dict[str, Transform] = {filter.__name__: filter for filter in (
    ignore_none, silence, truncate, html_encode, url_encode, nb_space)}
