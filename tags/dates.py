"""Dates as a date field of HTML wants them, from what pages of 2.1 and of today give."""
from __future__ import annotations

import re
from datetime import date, datetime

from spyce.legacy.spyceTag import TagSyntaxError

_ISO = re.compile(r'(\d{4}-\d{2}-\d{2})(?:[T ].*)?', re.ASCII | re.DOTALL)
_PART = re.compile(r'([A-Za-z])\1*|[^A-Za-z]')
_DIRECTIVES = {'yyyy': '%Y', 'y': '%Y', 'yy': '%y', 'MMM': '%B', 'NNN': '%b', 'MM': '%m', 'M': '%m',
               'dd': '%d', 'd': '%d'}


def strptime_format(format: str) -> str:
    """A format of 2.1's f:date for datetime.strptime: MM/dd/yyyy becomes %m/%d/%Y.

    It knows yyyy, y, yy, MMM (January), NNN (Jan), MM, M, dd, d. Raises TagSyntaxError for any other letters.
    """
    directives = ''
    for part in _PART.finditer(format):
        text = part.group()
        if part.group(1) and text not in _DIRECTIVES:
            raise TagSyntaxError(f'format {format!r} of a date has {text!r}; it can have {", ".join(_DIRECTIVES)}')
        directives += _DIRECTIVES.get(text, text.replace('%', '%%'))
    return directives


def iso_date(value: object, format: str) -> str:
    """A date, a datetime, ISO text or text in `format` (of 2.1) as yyyy-mm-dd.

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
        return datetime.strptime(text.strip(), strptime_format(format)).date().isoformat()
    except ValueError:
        return text
