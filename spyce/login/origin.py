"""Whether a posted form came from this site: a stranger's page must not log a visitor in as somebody else."""
from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

_DEFAULT_PORTS = {'http': ':80', 'https': ':443'}


def is_from_here(request: Any) -> bool | None:
    """What the browser says about the page that holds the form: True: of this site; False: of another one; None: it
    says nothing, as programs and old browsers do.

    request: the raw request.
    """
    site = (request.getHeader('Sec-Fetch-Site') or '').strip().lower()
    if site in ('same-origin', 'none'):  # none: the visitor himself, by reloading for example
        return True
    if site == 'cross-site':
        return False
    origin = (request.getHeader('Origin') or '').strip().lower()
    if not origin:
        return None
    return _host_of(origin) == _without_default_port(request.host.lower(), request.is_secure())


def _host_of(origin: str) -> str:
    """Host and port of an Origin header; '' for `null`, and for what is none."""
    try:
        parts = urlsplit(origin)
        return _without_default_port(parts.netloc, parts.scheme == 'https')
    except ValueError:
        return ''


def _without_default_port(host: str, is_secure: bool) -> str:
    return host.removesuffix(_DEFAULT_PORTS['https' if is_secure else 'http'])
