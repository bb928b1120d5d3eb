"""The config of the site, as modules and tag libraries of 2.1 import it (reference 10).

Its names are looked up anew each time, for the server whose request or task is being worked on.
"""
from __future__ import annotations

from typing import Any

from spyce.runtime.context import getServer


def __getattr__(name: str) -> Any:
    if name.startswith('__'):  # Python asks every module for such names
        raise AttributeError(name)
    return getattr(getServer().config, name)
