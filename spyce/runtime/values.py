"""Values as an error page shows them: short, whatever they are, and without what is secret."""
from __future__ import annotations

import contextvars
import re
import sys
import threading
import time
from collections.abc import Iterable
from types import FrameType
from typing import Any

from spyce.runtime.context import outside_of_pages

MASK = '••••••'
LENGTH = 600
"""Characters of one value."""

_STRING = 200
_ITEMS = 20
_DEPTH = 4
_SECONDS = 0.2
_SHORTEST_SECRET = 4
_LONG_SECRET = 8
_PLAIN_REPR: object = object.__repr__

_SECRET = (r'pass(?:wor[dt]|wd|phrase|code)|pwd|secret|token|credential|cookie|auth(?!or(?!i))|session[_-]?id|'
           r'csrf|xsrf|(?<!mon)(?<!tur)(?<!don)(?<!hoc)key(?!board|word)|signature|private|\bpw\b|\bpin\b|\botp\b')
_SECRET_NAME = re.compile(_SECRET, re.IGNORECASE)
_VALUE = r"""(?:\\?'(?:[^'\\]|\\.)*'?|\\?"(?:[^"\\]|\\.)*"?|(?P<bare>[^\s&;,)}\]'"<>]+))"""
_SECRET_ITEM = re.compile(rf"""(?P<name>(?P<quote>['"]?)[\w-]{{0,40}}?(?:{_SECRET})[\w-]{{0,40}}(?P=quote)"""
                          rf"""\s?[=:,]\s?){_VALUE}""", re.IGNORECASE)
_WITHIN_TEXT = re.compile(rf"""
      (?P<user>://(?:[^\s/:@'"<>]{{0,200}}:)?) [^\s/'"<>]{{1,300}} (?=@)
    | (?P<name>[?&]?(?<![\w-])(?=[\w-]{{0,80}}?(?:{_SECRET}))[\w-]{{1,120}} (?:\\?['"\]]{{0,2}}\s?=\s?|\\?['"]\s?:\s?))
      (?!(?:None|True|False)\b|=) {_VALUE}
    """, re.IGNORECASE | re.VERBOSE)
"""The password of a url, and `name=value` or `"name": value` of a secret, in the midst of any text."""


def is_secret(name: str) -> bool:
    """Whether what has this name is not to be shown: password, auth_token, X-Api-Key, sessionid ..."""
    return _SECRET_NAME.search(name) is not None


class Secrets:
    """Texts that are not to be shown wherever they turn up."""

    def __init__(self, texts: Iterable[object] = ()) -> None:
        """texts: those too short to be told from ordinary text are let through, as is what is not a str."""
        found = {text for text in texts if isinstance(text, str) and len(text) >= _SHORTEST_SECRET}
        ordered = sorted(found, key=len, reverse=True)
        self._pattern = re.compile('|'.join(map(_whole, ordered))) if ordered else None

    def hide(self, text: str, is_code: bool = False) -> str:
        """The text with a mask in the place of each secret, and of what its own words say to be one.

        is_code: `token=x` names no secret but a variable, other than `token='x'`.
        """
        if self._pattern:
            text = self._pattern.sub(MASK, text)
        return _WITHIN_TEXT.sub(_masked_in_code if is_code else _masked, text)

    def hide_code(self, text: str) -> str:
        """As hide(), for source."""
        return self.hide(text, is_code=True)


def _masked(match: re.Match[str]) -> str:
    return (match['user'] or match['name']) + MASK


def _masked_in_code(match: re.Match[str]) -> str:
    is_variable = match['bare'] is not None and not match['name'].startswith(('?', '&'))
    return match[0] if is_variable else _masked(match)


def _whole(secret: str) -> str:
    """An expression for a secret. A short one must be a word of its own: `test` is a password, `latest` is not."""
    return re.escape(secret) if len(secret) >= _LONG_SECRET else rf'(?<!\w){re.escape(secret)}(?!\w)'


class Describer:
    """Texts for the values of one error page, which it gives a limited time altogether."""

    def __init__(self, secrets: Secrets, seconds: float = 1.0) -> None:
        self._secrets = secrets
        self._left = seconds

    def named(self, name: str, value: Any) -> str:
        """The value of a name; a mask if the name is that of a secret."""
        return MASK if is_secret(name) and not _says_nothing(value) else self.describe(value)

    def describe(self, value: Any) -> str:
        """The value as Python text of at most LENGTH characters. Raises nothing, and comes to an end."""
        try:
            text = self._secrets.hide(self._text(value, _DEPTH))
        except Exception as error:  # a container that another thread changes, a class that lies about itself
            text = f'<{_type_name(value)}, cannot be shown: {type(error).__name__}>'
        return text if len(text) <= LENGTH else text[:LENGTH - 1] + '…'

    def _text(self, value: Any, depth: int) -> str:
        # By type, not isinstance(): that asks the value for its __class__, which may be code of the site.
        cls = type(value)
        if cls is str or cls is bytes:
            return self._string(value)
        if cls is int and value.bit_length() > 1000:
            return f'<int of {value.bit_length()} bits>'
        if cls in (int, float, complex, bool, type(None)):
            return repr(value)
        if issubclass(cls, (dict, list, tuple, set, frozenset)) and depth == 0:
            return f'<{_type_name(value)}>'
        if issubclass(cls, dict):
            return self._wrapped(cls, dict, '{', self._pairs(value, depth - 1), '}')
        if issubclass(cls, list):
            return self._wrapped(cls, list, '[', self._items(list.__iter__(value), list.__len__(value), depth), ']')
        if issubclass(cls, tuple):
            return self._tuple(value, depth)
        for base in (set, frozenset):
            if issubclass(cls, base):
                items = self._items(base.__iter__(value), base.__len__(value), depth)
                return self._wrapped(cls, set, '{', items, '}')
        return self._foreign(value)

    def _string(self, value: str | bytes) -> str:
        if isinstance(value, bytes):
            return repr(value[:_STRING]) + (f'… ({len(value)} bytes)' if len(value) > _STRING else '')
        # Hidden before it is cut: a part of a secret would not be known again.
        text = self._secrets.hide(value[:_STRING * 4])[:_STRING]
        return repr(text) + (f'… ({len(value)} characters)' if len(value) > _STRING else '')

    def _wrapped(self, cls: type[Any], plain: type[Any], opening: str, inner: str, closing: str) -> str:
        text = f'{opening}{inner}{closing}'
        return text if cls is plain else f'{cls.__name__}({text})'

    def _pairs(self, value: dict[Any, Any], depth: int) -> str:
        parts = []
        for index, (key, item) in enumerate(dict.items(value)):
            if index == _ITEMS:
                parts.append(f'… {dict.__len__(value) - index} more')
                break
            hidden = type(key) is str and is_secret(key) and not _says_nothing(item)
            parts.append(f'{self._text(key, depth)}: {MASK if hidden else self._text(item, depth)}')
        return ', '.join(parts)

    def _items(self, items: Iterable[Any], length: int, depth: int) -> str:
        parts = []
        for index, item in enumerate(items):
            if index == _ITEMS:
                parts.append(f'… {length - index} more')
                break
            parts.append(self._text(item, depth - 1))
        return ', '.join(parts)

    def _tuple(self, value: tuple[Any, ...], depth: int) -> str:
        cls = type(value)
        items = list(tuple.__iter__(value))
        names = getattr(cls, '_fields', None)
        if type(names) is tuple and len(names) == len(items):
            fields = (f'{name}={MASK if is_secret(name) else self._text(item, depth - 1)}'
                      for name, item in zip(names, items, strict=True))
            return f'{cls.__name__}({", ".join(fields)})'
        if len(items) == 2 and type(items[0]) is str and is_secret(items[0]):  # one field of a form, one header
            return f'({self._text(items[0], depth - 1)}, {MASK})'
        inner = self._items(iter(items), len(items), depth)
        return self._wrapped(cls, tuple, '(', inner + (',' if len(items) == 1 else ''), ')')

    def _foreign(self, value: Any) -> str:
        """What repr() says of an object, within the time that is left."""
        if type(value).__repr__ is _PLAIN_REPR:
            return f'<{_type_name(value)} object>'
        if self._left <= 0:
            return f'<{_type_name(value)}, not looked at: other values took too long>'
        began = time.monotonic()
        text = _repr_in_time(value)
        spent = time.monotonic() - began
        if spent > _SECONDS / 2:
            self._left -= spent
        return _SECRET_ITEM.sub(lambda match: match['name'] + MASK, self._secrets.hide(text)[:LENGTH])


class _TooLong(BaseException):
    """Ends a repr() that runs without end."""


def _repr_in_time(value: Any) -> str:
    """repr(), in a thread of its own: it may be code of the site that loops, or that waits for this very request."""
    answer: list[str] = []
    deadline = time.monotonic() + _SECONDS

    def watch(frame: FrameType, event: str, argument: Any) -> Any:
        if time.monotonic() > deadline:
            raise _TooLong
        return watch

    def work() -> None:
        with outside_of_pages():
            sys.settrace(watch)
            try:
                answer.append(str(repr(value))[:LENGTH * 4])
            except _TooLong:
                pass
            except BaseException as error:
                answer.append(f'<{_type_name(value)}, its repr() raised {type(error).__name__}>')
            finally:
                sys.settrace(None)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
    thread.start()
    thread.join(_SECONDS * 2)
    return answer[0] if answer else f'<{_type_name(value)}, its repr() takes too long>'


def _says_nothing(value: Any) -> bool:
    """Whether a secret is plainly missing, which is worth seeing."""
    return value is None or value is True or value is False or (type(value) in (str, bytes) and not value)


def _type_name(value: Any) -> str:
    cls = type(value)
    module = type.__getattribute__(cls, '__module__')
    name = type.__getattribute__(cls, '__qualname__')
    return str(name) if module == 'builtins' else f'{module}.{name}'
