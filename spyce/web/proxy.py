"""What a proxy in front of the server says about the client, believed from trusted addresses only."""
from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

Network = IPv4Network | IPv6Network

_HOST = re.compile(r'[A-Za-z0-9.\-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?')


def is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    """Whether the text `address` is an IP address in one of the networks."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, 'ipv4_mapped', None)
    return any((mapped or parsed) in network for network in trusted)


def behind_proxy(environ: dict[str, Any], trusted: Sequence[Network]) -> dict[str, Any]:
    """The environ as the proxy saw the request, if the request comes from a trusted proxy; else as it is.

    X-Forwarded-For is read from its end: the client is the last address that is not a trusted proxy itself. Of
    X-Forwarded-Proto and X-Forwarded-Host the last value counts, which the nearest proxy has written.
    """
    if not trusted or not is_trusted(environ.get('REMOTE_ADDR', ''), trusted):
        return environ
    environ = dict(environ)
    for address in reversed(_values(environ, 'HTTP_X_FORWARDED_FOR')):
        try:
            ip_address(address)
        except ValueError:
            break
        environ['REMOTE_ADDR'] = address
        if not is_trusted(address, trusted):
            break
    scheme = _values(environ, 'HTTP_X_FORWARDED_PROTO')[-1:]
    if scheme and scheme[0].lower() in ('http', 'https'):
        environ['wsgi.url_scheme'] = scheme[0].lower()
    host = _values(environ, 'HTTP_X_FORWARDED_HOST')[-1:]
    if host and _HOST.fullmatch(host[0]):
        environ['HTTP_HOST'] = host[0]
    return environ


def _values(environ: dict[str, Any], header: str) -> list[str]:
    return [value.strip() for value in environ.get(header, '').split(',') if value.strip()]
