"""From the fields of a form to values: `x:int`, `price:float`, `ok:bool`, `tags:list`, `n:list:int` (reference 9)."""
from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

_INT = re.compile(r'[+-]?[0-9]{1,300}')
_FLOAT = re.compile(r'[+-]?([0-9]{1,300}(\.[0-9]{0,300})?|\.[0-9]{1,300})([eE][+-]?[0-9]{1,4})?')
_TRUE = frozenset(('true', 't', 'yes', 'y', 'on'))
_FALSE = frozenset(('', 'false', 'f', 'no', 'n', 'off'))


class NotConvertible(ValueError):
    """What was sent is not of the kind that the field's name asks for; the text is for the visitor.

    is_empty: nothing was entered.
    """

    def __init__(self, message: str, is_empty: bool = False) -> None:
        super().__init__(message)
        self.is_empty = is_empty


def _as_int(text: str) -> int:
    text = text.strip()
    if not _INT.fullmatch(text):
        raise NotConvertible('must be a whole number', is_empty=not text)
    return int(text)


def _as_float(text: str) -> float:
    text = text.strip()
    if not _FLOAT.fullmatch(text) or not math.isfinite(float(text)):
        raise NotConvertible('must be a number', is_empty=not text)
    return float(text)


def _as_bool(text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    if _INT.fullmatch(word):
        return int(word) != 0
    raise NotConvertible('must be yes or no')


_KINDS: Mapping[str, Callable[[str], Any]] = {'int': _as_int, 'float': _as_float, 'bool': _as_bool}


class Fields:
    """The fields that were sent, by the names that handlers know them by."""

    def __init__(self, texts: Mapping[str, list[str]], files: Mapping[str, Any]) -> None:
        """texts: field name with its conversions -> values; files: field name -> upload."""
        self._texts: dict[str, tuple[list[str], list[str]]] = {}
        for full_name, values in texts.items():
            name, kinds = split_name(full_name)
            self._texts.setdefault(name, (kinds, values))
        self._files = files

    def names(self) -> list[str]:
        """Names without conversions; not those of the engine, which begin with an underscore."""
        return [name for name in (*self._texts, *self._files) if not name.startswith('_')]

    def value(self, name: str) -> Any:
        """The value of a field, converted; the first one, unless its name says that it is a list.

        Raises KeyError if it was not sent, NotConvertible.
        """
        if name not in self._texts:
            return self._files[name]
        kinds, values = self._texts[name]
        convert = next((_KINDS[kind] for kind in kinds if kind in _KINDS), str)
        if 'list' in kinds:
            return [convert(value) for value in values]
        return convert(values[0])


def split_name(full_name: str) -> tuple[str, list[str]]:
    """A field's name and its conversions; a name with a colon before anything else has none."""
    name, *kinds = full_name.split(':')
    if all(kind in _KINDS or kind == 'list' for kind in kinds):
        return name, kinds
    return full_name, []
