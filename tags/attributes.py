"""Attributes of HTML tags, as tag libraries write them."""
from __future__ import annotations

import re
from html import escape
from typing import Any

from spyce.legacy.spyceTag import TagSyntaxError, spyceTag
from spyce.runtime.exceptions import SpyceError

_ATTRIBUTE_NAME = re.compile(r'[^\s"\'<>/=\x00-\x1f\x7f]+')


def attribute_text(attributes: dict[str, Any]) -> str:
    """Attributes as they stand in an HTML tag, each with a blank before it. True is an attribute without a value; one
    that is None or False is left out.

    Raises SpyceError for a name that HTML cannot have.
    """
    for name in attributes:
        if not _ATTRIBUTE_NAME.fullmatch(name):
            raise SpyceError(f'{name!r} cannot be the name of an HTML attribute')
    return ''.join(f' {name}' if value is True else f' {name}="{escape(str(value))}"'
                   for name, value in attributes.items() if value is not None and value is not False)


def need_values(tag: spyceTag, *names: str) -> None:
    """For syntax(): refuse these attributes where they stand alone; an empty value is one. Raises TagSyntaxError."""
    for name in names:
        if tag.getAttributes().get(name, '') is None:
            raise TagSyntaxError(f'attribute {name!r} of <{tag.getFullId()}> must have a value: {name}=".."')
