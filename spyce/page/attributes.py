"""Attributes of directives and tags: `name=value`, with the value quoted or bare, or a name alone."""

import re
from typing import Literal, NamedTuple

from spyce.page.book import Mapped
from spyce.page.errors import PlacedError
from spyce.page.scanner import check
from spyce.page.tags import TagTraits

_ATTRIBUTE = re.compile(r'''
    (?P<name>[\w.:-]+)
    (?:[ \t\n]*=[ \t\n]*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[-a-zA-Z0-9./:;+*%?!&$()_\#=~]+)))?
''', re.VERBOSE)
_BLANK = re.compile(r'[ \t\n]*')


class Attribute(NamedTuple):
    """Name in lower case, where it stands, and where its value begins and ends; None means no value."""

    name: str
    start: int
    value: tuple[int, int] | None


def read_attributes(text: str, position: int, end: int, *, in_tag: bool) -> tuple[list[Attribute], int]:
    """Read attributes from `position` on.

    :param in_tag: a bare value right before `/>` does not swallow the slash, as 2.1's did.
    :returns: the attributes, and where reading stopped: at the first thing that is none.
    """
    attributes: list[Attribute] = []
    while True:
        blank = _BLANK.match(text, position, end)
        assert blank is not None  # it matches the empty text
        match = _ATTRIBUTE.match(text, blank.end(), end)
        if not match:
            return attributes, blank.end()
        position = match.end()
        group = match.lastgroup or 'name'
        value = match.span(group) if group != 'name' else None
        if in_tag and group == 'bare' and match.group('bare').endswith('/') and text.startswith('>', position):
            position -= 1
            value = (match.start('bare'), position)
        attributes.append(Attribute(match.group('name').lower(), match.start(), value))


def check_once(attributes: list[Attribute]) -> None:
    """Refuse an attribute that stands twice in a tag."""
    names: set[str] = set()
    for attribute in attributes:
        if attribute.name in names:
            raise PlacedError(f"attribute '{attribute.name}' stands twice in this tag", attribute.start)
        names.add(attribute.name)


def attribute_code(name: str, value: Mapped | None, traits: TagTraits) -> Mapped | str | Literal[True]:
    """An attribute's value: Python if it begins with '=' or always is, else text; True if it stands alone."""
    if value is None:
        return True
    marked = value.text.startswith('=')
    if not marked and name not in traits.evaluated:
        return value.text
    code = value[1 if marked else 0:].strip()
    if not code.text:
        raise PlacedError(f"attribute '{name}' has an empty expression", value.offset(0))
    check(code)
    return code
