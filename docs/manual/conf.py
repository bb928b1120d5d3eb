"""How Sphinx builds the manual: `make docs`."""
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

project = 'Spyce sessions for Python 3'
release = version = re.search(r"__version__ = '([^']+)'", (ROOT / 'spyce/__init__.py').read_text('utf-8'))[1]

source_suffix = {'.txt': 'restructuredtext'}
root_doc = 'index'
highlight_language = 'none'
nitpicky = True

html_theme = 'furo'
html_title = f'Spyce {version}'
html_copy_source = False
html_show_sphinx = False
