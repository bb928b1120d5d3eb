"""The options of sessions, as spyce.sessions lists them."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from spyce.sessions.options import SessionOptions

SESSION_OPTIONS: Mapping[str, Any] = {
    item.name: item.default for item in fields(SessionOptions) if item.name.startswith('session_')}
"""Name -> default."""
