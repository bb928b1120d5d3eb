"""The site of one contestant for a server to import: BENCH_APP=name:kind:folder names it (see benchmarks.apps)."""
from __future__ import annotations

import os
from pathlib import Path

from benchmarks import apps

_name, _kind, _folder = os.environ['BENCH_APP'].split(':', 2)

application = getattr(apps, _name)(_kind, Path(_folder))
