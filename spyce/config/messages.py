"""What the configuration says to its author."""
from __future__ import annotations

import logging
import warnings

log = logging.getLogger('spyce.config')


class ConfigError(Exception):
    """The configuration cannot be used; the text names option, value and file, and what to write instead."""


class ConfigWarning(UserWarning):
    """Something in the configuration has no effect, and probably was meant to have one."""


def warn(text: str) -> None:
    """Say it as a Python warning, and in the log if there is one (the warning is on stderr already)."""
    if log.hasHandlers():
        log.warning('%s', text)
    warnings.warn(text, ConfigWarning, stacklevel=2)
