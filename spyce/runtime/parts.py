"""What a request has printed and not yet sent: the list that generated code puts text into.

What becomes of a piece is decided by the list's class and its functions, which Output changes as filters come and go.
So the code of a page is the same, and as short, with and without them. From a page come:

    append(s)                   its text
    value(v)                    the value of an expression: a str, or of any other what text() makes of it
    encoded(v)                  the same in a page that has transforms, and so probably wants html_encode: of a str
                                what encode() makes of it, and of any other what other() does
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from spyce.runtime.escaping import encode_text, escape, text

V = TypeVar('V')

Conversion = Callable[[Any], Any]


def same(value: V) -> V:
    """The value as it is."""
    return value


class Parts(list[Any]):
    """Text that nothing else has to see."""

    __slots__ = ('text', 'encode', 'other', 'seen_by')

    conversions: tuple[Conversion, Conversion, Conversion] = (text, str, text)
    """text(), encode(), other()."""

    put = list.append
    """Put text that has passed all filters."""
    value = list.append
    encoded = list.append

    def __init__(self) -> None:
        super().__init__()
        self.become(Parts)

    def become(self, kind: type[Parts], seen_by: Any = None) -> None:
        """From now on do as the class `kind` does. seen_by: what it passes pieces to."""
        self.__class__ = kind
        self.text, self.encode, self.other = kind.conversions
        self.seen_by = seen_by


class EncodedParts(Parts):
    """Values of expressions are made safe for HTML; code of pages that have transforms does most of it in line."""

    __slots__ = ()

    conversions = (same, escape, encode_text)

    def value(self, value: object) -> None:
        self.put(encode_text(value))


class ChangedParts(Parts):
    """Values of expressions go through a function, `seen_by`; nothing else does."""

    __slots__ = ()

    conversions = (same, same, same)

    def value(self, value: object) -> None:
        self.put(self.seen_by(value))

    encoded = value


class FilteredParts(Parts):
    """All goes through filters, the first of which is `seen_by`."""

    __slots__ = ()

    conversions = (same, same, same)

    def append(self, value: str) -> None:
        self.seen_by.writeStatic(value)

    def value(self, value: object) -> None:
        self.seen_by.writeExpr(value)

    encoded = value
