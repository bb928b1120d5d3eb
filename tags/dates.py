"""Dates as a date field of HTML wants them, from what pages of 2.1 and of today give."""
from __future__ import annotations

import re
from datetime import date, datetime

from spyce.legacy.spyceTag import TagSyntaxError

_ISO = re.compile(r'(\d{4}-\d{2}-\d{2})(?:[T ].*)?', re.ASCII | re.DOTALL)
_PART = re.compile(r'([A-Za-z])\1*|[^A-Za-z]')
_PARTS = {'year': {'yyyy': '%Y', 'y': '%Y', 'yy': '%y'},
          'month': {'MMM': '%B', 'NNN': '%b', 'MM': '%m', 'M': '%m'},
          'day': {'dd': '%d', 'd': '%d'}}
_DIRECTIVES = {name: directive for names in _PARTS.values() for name, directive in names.items()}


def strptime_format(format: str) -> str:
    """A format of 2.1's f:date for datetime.strptime: MM/dd/yyyy becomes %m/%d/%Y.

    It has one of yyyy, y, yy; of MMM (January), NNN (Jan), MM, M; of dd, d. Raises TagSyntaxError for what is missing
    or stands twice, and for any other letters.
    """
    found = [match.group() for match in _PART.finditer(format)]
    for text in found:
        if text.isascii() and text.isalpha() and text not in _DIRECTIVES:
            raise TagSyntaxError(f'format {format!r} of a date has {text!r}; it can have {", ".join(_DIRECTIVES)}')
    for part, names in _PARTS.items():
        count = sum(text in names for text in found)
        if count != 1:
            has = f'has no part for the {part}: one of {", ".join(names)}' if not count \
                else f'has more than one part for the {part}'
            raise TagSyntaxError(f'format {format!r} of a date {has}')
    return ''.join(_DIRECTIVES.get(text, text.replace('%', '%%')) for text in found)


def iso_date(value: object, directives: str) -> str:
    """A date, a datetime, ISO text or text as strptime() reads it with `directives`, as yyyy-mm-dd.

    What is no date stays as it is: a browser shows it in a plain text field, and an empty date field.
    """
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, date):
        return value.isoformat()
    text = str(value)
    iso = _ISO.fullmatch(text.strip())
    try:
        if iso:
            return date.fromisoformat(iso.group(1)).isoformat()
        return datetime.strptime(text.strip(), directives).date().isoformat()
    except ValueError:
        return text
