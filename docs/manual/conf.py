"""How Sphinx builds the manual: `make docs`."""
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from plaintext import include_plain_text  # noqa: E402

ROOT = Path(__file__).parents[2]

project = 'Spyce sessions for Python 3'
release = version = re.search(r"__version__ = '([^']+)'", (ROOT / 'spyce/__init__.py').read_text('utf-8'))[1]

source_suffix = {'.txt': 'restructuredtext'}
root_doc = 'index'
highlight_language = 'none'
nitpicky = True
smartquotes = False  # 'merge' is code

html_theme = 'furo'
html_title = f'Spyce {version}'
html_copy_source = False
html_show_sphinx = False
pygments_dark_style = 'a11y-high-contrast-dark'  # as the light one of the theme


def setup(app):
    """What Sphinx calls first."""
    app.connect('source-read', include_plain_text)
