"""Small helpers that modules of sites use, under their import name of 2.1 (reference: other pieces)."""
from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

from spyce.runtime.context import getServer
from spyce.runtime.paths import url_to_file

T = TypeVar('T')


def __getattr__(name: str) -> Any:
    if name == 'ThreadedWriter':
        # Not AttributeError: `from spyceUtil import ...` would drop its text.
        raise ImportError('spyceUtil.ThreadedWriter is gone: print and sys.stdout write to the page of their thread '
                          'by themselves, and stdout.push(), pop() and capture() of a page take what is printed')
    raise AttributeError(f'module spyceUtil has no attribute {name!r}')


def url2file(url: str, relativeto: str | None = None) -> str:
    """The real path of the file that a url of this site means.

    url: from the root of the site with a leading slash, else from the folder of the file `relativeto`. Links are
    followed. Raises PathRefused if the result lies outside of the site.
    """
    root: str = getServer().config.root
    if relativeto is None:
        url = '/' + url.lstrip('/')
    return url_to_file(url, root, relativeto or root)


def exceptionString() -> str:
    """The exception being handled, with its traceback."""
    return traceback.format_exc()


class attrdict(dict[str, Any]):
    """A dictionary whose items are attributes too; a missing one is an AttributeError."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f'no {name!r} here; there are: {", ".join(map(str, self)) or "none"}') from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(name) from None


@overload
def extractValue(hash: Mapping[str, T], key: None, default: Any = None) -> Mapping[str, T]: ...
@overload
def extractValue(hash: Mapping[str, T], key: str, default: Any = None) -> T | Any: ...
def extractValue(hash: Mapping[str, T], key: str | None, default: Any = None) -> Mapping[str, T] | T | Any:
    """The value of `key`, or `default` if there is none; the whole mapping without a key."""
    return hash.get(key, default) if key else hash


def spaceCompact(text: str) -> str:
    """Text with less white space, as the compact mode `space` leaves it."""
    from spyce.page.compaction import compact_spaces  # when it is needed: few modules compact text themselves
    return compact_spaces(text)


class BufferedOutput:
    """Collects what is written, and passes it on to another output when flushed."""

    def __init__(self, out: Any) -> None:
        """out: an object with write(), and flush() and close() if it needs them."""
        self._out = out
        self._parts: list[str] = []

    def write(self, s: str) -> None:
        """Collect text."""
        self._parts.append(s)

    def writelines(self, lines: list[str]) -> None:
        """Collect several texts."""
        self._parts.extend(lines)

    def clear(self) -> None:
        """Drop what was collected."""
        self._parts.clear()

    def flush(self, *args: Any) -> None:
        """Pass on what was collected; arguments go to the flush() of the other output."""
        self._out.write(''.join(self._parts))
        self.clear()
        if hasattr(self._out, 'flush'):
            self._out.flush(*args)

    def close(self) -> None:
        """Flush, and close the other output."""
        self.flush()
        if hasattr(self._out, 'close'):
            self._out.close()


class NoCloseOut:
    """Another output, protected from being closed."""

    def __init__(self, out: Any) -> None:
        self._out = out

    def __getattr__(self, name: str) -> Any:
        return getattr(self._out, name)

    def close(self) -> None:
        """Only flush."""
        self._out.flush()


def tryForAwhile(callable: Callable[[], T], tries: int = 10, pause: float = 1) -> T:
    """Call until it does not raise: the result of the first call that succeeds.

    tries: how often; pause: seconds between. Raises what the last call raised.
    """
    for _ in range(tries - 1):
        try:
            return callable()
        except Exception:  # the last attempt, below, shows what is wrong
            time.sleep(pause)
    return callable()
