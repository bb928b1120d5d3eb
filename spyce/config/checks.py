"""Checks of the values of options. Each takes what a config file says and gives what the engine uses.

They raise ValueError with the type that was expected, as text that completes "expected ...".
"""
from __future__ import annotations

import codecs
import os
from collections.abc import Callable
from ipaddress import ip_network
from mimetypes import read_mime_types
from typing import Any

Check = Callable[[Any], Any]


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError('text')
    return value


def secret(value: Any) -> str:
    """A secret that cannot be guessed."""
    if not isinstance(value, str) or len(value) < 32:
        raise ValueError('a random text of at least 32 characters, as secrets.token_hex() gives one')
    return value


def path_text(value: Any) -> str:
    if not isinstance(value, (str, os.PathLike)):
        raise ValueError('the path of a file or folder, as text')
    path = os.fspath(value)
    if not isinstance(path, str) or '\0' in path or not path:
        raise ValueError('the path of a file or folder, as text')
    return path


def url_path(value: Any) -> str | None:
    """A path that the engine answers itself; None for none."""
    if value is not None and (not isinstance(value, str) or not value.startswith('/') or not value.isascii()):
        raise ValueError("the path of a url, such as '/health', or None")
    return value


def flag(value: Any) -> bool:
    if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    raise ValueError('True or False')


def at_least(minimum: int) -> Check:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            raise ValueError(f'a whole number from {minimum} on')
        return value
    return check


def port(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65535:
        raise ValueError('a port number from 0 to 65535')
    return value


def seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 10 ** 10:
        raise ValueError('a positive number of seconds')
    return float(value)


def tag_name(value: Any) -> str:
    """The name of a tag of globaltags."""
    if not isinstance(value, str) or not all(part.strip() for part in value.partition(':')):
        raise ValueError("a tag of globaltags with its prefix, such as 'render:login'")
    return value


def login_storage(value: Any) -> Any:
    from spyce.login.storage import LoginStorage
    if value is not None and not isinstance(value, LoginStorage):
        raise ValueError('FileStorage(folder), SessionStorage(), or an object of a class derived from '
                         'spyce.login.LoginStorage: those written for 2.1 kept tokens by user, and cannot be used')
    return value


def dictionary(value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise ValueError('a dictionary')
    return value


def list_of_text(value: Any) -> list[str]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise ValueError('a list of texts')
    return list(value)


def list_of_paths(value: Any) -> list[str]:
    if not isinstance(value, (list, tuple)):
        raise ValueError('a list of paths')
    return [path_text(item) for item in value]


def list_of_callables(value: Any) -> list[Callable[..., Any]]:
    if not isinstance(value, (list, tuple)) or not all(callable(item) for item in value):
        raise ValueError('a list of functions')
    return list(value)


def function(value: Any) -> Any:
    if value is not None and not callable(value):
        raise ValueError('a function, or None')
    return value


def anything(value: Any) -> Any:
    return value


def encoding(value: Any) -> str:
    try:
        codecs.lookup(text(value))
        ''.encode(value)
    except (LookupError, ValueError):
        raise ValueError("the name of a text encoding, such as 'utf-8'") from None
    return str(value)


def networks(value: Any) -> list[Any]:
    wanted = "a list of IP addresses or networks, such as ['127.0.0.1', '10.0.0.0/8']"
    if not isinstance(value, (list, tuple)):
        raise ValueError(wanted)
    try:
        return [ip_network(str(item), strict=False) for item in value]
    except ValueError:
        raise ValueError(wanted) from None


def globaltags(value: Any) -> list[tuple[str, str | None, str]]:
    wanted = "a list of (library, file or None, prefix), such as [('core', None, 'spy')]"
    if not isinstance(value, (list, tuple)):
        raise ValueError(wanted)
    for entry in value:
        if not (isinstance(entry, (list, tuple)) and len(entry) == 3 and isinstance(entry[0], str)
                and isinstance(entry[1], (str, type(None))) and isinstance(entry[2], str)):
            raise ValueError(wanted)
    return [(library, file, prefix) for library, file, prefix in value]


def error_template(value: Any) -> tuple[str, ...]:
    if (isinstance(value, (list, tuple)) and len(value) in (2, 3) and value[0] in ('file', 'string')
            and len(value) == (2 if value[0] == 'file' else 3) and all(isinstance(item, str) for item in value)):
        return tuple(value)
    raise ValueError("('file', url) or ('string', module, variable)")


def www_handlers(value: Any) -> dict[str | None, str]:
    wanted = "a dictionary of file endings to 'spyce', 'dump' or 'directory'; '/' is a folder, None any other file"
    if not isinstance(value, dict):
        raise ValueError(wanted)
    for ending, handler in value.items():
        if not isinstance(ending, (str, type(None))) or handler not in ('spyce', 'dump', 'directory'):
            raise ValueError(wanted)
    return {ending.lstrip('.').lower() if ending else ending: handler for ending, handler in value.items()}


def mime(value: Any) -> dict[str, str]:
    """Types of static files: {'.ending': 'type/subtype'}, or 2.1's list of mime.types files."""
    wanted = "a dictionary of file endings to types, such as {'.xyz': 'chemical/x-xyz'}, or a list of mime.types files"
    types: dict[str, str] = {}
    for table in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(table, str):
            table = read_mime_types(table)
        if not isinstance(table, dict):
            raise ValueError(wanted)
        for ending, name in table.items():
            if not isinstance(ending, str) or not isinstance(name, str) or '/' not in name or not name.isprintable():
                raise ValueError(wanted)
            types['.' + ending.lstrip('.').lower()] = name
    return types
