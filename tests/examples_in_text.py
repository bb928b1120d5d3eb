"""The examples in docs/*.txt: indented blocks below a line such as 'Example page basket.spy:'."""
from __future__ import annotations

import re
import textwrap
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).parent.parent / 'docs'

_EXAMPLE = re.compile(r'^Example (?P<kind>\w+) (?P<name>[\w./-]+):[^\n]*\n\n(?P<text>(?:(?: {4}[^\n]*)?\n)+)',
                      re.MULTILINE)


def examples(document: str, kind: str) -> dict[str, str]:
    """The examples of a kind ('page', 'module', 'test' ...), by name, as they stand in the document."""
    text = (DOCS / document).read_text('utf-8')
    return {match['name']: textwrap.dedent(match['text']).strip('\n') + '\n'
            for match in _EXAMPLE.finditer(text) if match['kind'] == kind}


def module_from(document: str, name: str) -> ModuleType:
    """The example module of this name, executed."""
    module = ModuleType(name.removesuffix('.py'))
    exec(compile(examples(document, 'module')[name], f'{document}: {name}', 'exec'), vars(module))
    return module
