"""Exceptions, under their import name of 2.1."""
from __future__ import annotations

import importlib
from typing import Any

from spyce.runtime.exceptions import (
    CompoundHandlerError,
    HandlerError,
    spyceDone,
    spyceForbidden,
    spyceNotFound,
    spyceRedirect,
)

__all__ = ['CompoundHandlerError', 'HandlerError', 'spyceDone', 'spyceForbidden', 'spyceNotFound', 'spyceRedirect']

# Loaded when asked for: most modules that import this file need neither the compiler nor the error pages.
_LAZY = {
    'spyceRuntimeException': ('spyce.runtime.errors', 'spyceRuntimeException'),
    'spyceSyntaxError': ('spyce.page.errors', 'PageSyntaxError'),
    'pythonSyntaxError': ('spyce.page.errors', 'PageSyntaxError'),
}


def __getattr__(name: str) -> Any:
    try:
        module, attribute = _LAZY[name]
    except KeyError:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}') from None
    return getattr(importlib.import_module(module), attribute)
