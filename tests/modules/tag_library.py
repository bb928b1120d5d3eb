"""A tag library, a server that has it, and the calls that the code of a compiled page makes to use a tag."""
from __future__ import annotations

import importlib.util
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fake_page import FakePage

from spyce import legacy
from spyce.runtime.exceptions import SpyceError
from spyce.runtime.taglibraries import ServerTagLibraries

LIBRARY = '''
    from spyceTag import spyceTagLibrary, spyceTag, spyceTagPlus

    class tag_bold(spyceTagPlus):
        name = 'bold'
        def begin(self):
            self.getOut().write('<b>')
        def end(self):
            self.getOut().write('</b>')

    class tag_say(spyceTagPlus):
        name = 'say'
        def syntax(self):
            self.syntaxSingleOnly()
            self.syntaxNonEmpty('what')
        def begin(self, what, times=1):
            for i in range(int(times)):
                self.getOut().write('%s;' % what)

    class tag_upper(spyceTagPlus):
        name = 'upper'
        buffer = 1
        def syntax(self):
            self.syntaxPairOnly()
        def body(self, contents):
            self.getOut().write(contents.upper())

    class tag_plain(spyceTag):
        name = 'plain'
        buffer = 1

    class tag_when(spyceTagPlus):
        name = 'when'
        conditional = 1
        def begin(self, test):
            return test

    class tag_times(spyceTagPlus):
        name = 'times'
        loops = 1
        def begin(self, n):
            self.left = int(n)
        def body(self, contents):
            self.left = self.left - 1
            return self.left > 0

    class tag_rounds(tag_times):
        name = 'rounds'
        buffer = 1
        def body(self, contents):
            self.getOut().write('(%s)' % contents)
            return tag_times.body(self, contents)

    class tag_each(spyceTagPlus):
        name = 'each'
        conditional = loops = exports = 1
        def begin(self, items, var='item'):
            self.todo = list(items)
            self.var = var
            return self.next()
        def next(self):
            if not self.todo:
                return 0
            self.current = self.todo.pop(0)
            return 1
        def export(self):
            return {self.var: self.current}
        def body(self, contents):
            return self.next()

    class tag_guard(spyceTagPlus):
        name = 'guard'
        catches = 1
        def catch(self, ex):
            self.getOut().write('(caught %s)' % ex)

    class tag_bufferedguard(tag_guard):
        name = 'bufferedguard'
        buffer = 1

    class tag_frame(spyceTagPlus):
        name = 'frame'
        mustend = 1
        def begin(self, broken=0):
            if broken:
                raise ValueError('begin')
            self.getOut().write('{')
        def end(self):
            self.getOut().write('}')

    class tag_careful(tag_frame):
        name = 'careful'
        catches = 1
        def catch(self, ex):
            self.getOut().write('!')

    class tag_menu(spyceTagPlus):
        name = 'menu'
        def begin(self, title):
            self.title = title

    class tag_entry(spyceTagPlus):
        name = 'entry'
        def begin(self):
            self.getOut().write(self.parentRequired('menu').title)

    class tag_inner(spyceTagPlus):
        name = 'inner'
        def syntax(self):
            self.parentRequired('menu')

    class tag_info(spyceTagPlus):
        name = 'info'
        def begin(self, a=None):
            parent = self.getParent()
            self.getOut().write(repr((self.getFullId(), self.getPrefix(), self.getPaired(), self.getBuffered(),
                                      self.getAttributes(), parent and parent.name)))

    class tag_any(spyceTagPlus):
        name = 'any'
        def begin(self, **kwargs):
            self.getOut().write(','.join('%s=%s' % item for item in sorted(kwargs.items())))

    class tag_color(spyceTagPlus):
        name = 'color'
        def syntax(self):
            self.syntaxValidSet('c', ['red', 'blue'])
        def begin(self, c):
            pass

    class tag_module(spyceTagPlus):
        name = 'module'
        def begin(self, expr):
            self.getModule('response').write(str(self.eval(expr)))

    class tag_bug(spyceTag):
        name = 'bug'
        def syntax(self):
            {}['oops']

    class tag_complaint(spyceTag):
        name = 'complaint'
        def syntax(self):
            return 'use another tag'

    events = []

    class tl(spyceTagLibrary):
        tags = [tag_bold, tag_say, tag_upper, tag_plain, tag_when, tag_times, tag_rounds, tag_each, tag_guard,
                tag_bufferedguard, tag_frame, tag_careful, tag_menu, tag_entry, tag_inner, tag_info, tag_any,
                tag_color, tag_module, tag_bug, tag_complaint]
        def start(self):
            events.append('start')
        def finish(self):
            events.append('finish')

    class failing(spyceTagLibrary):
        tags = []
        def finish(self):
            raise ValueError('finish of the library')

    class nolibrary:
        pass
'''


class Server(SimpleNamespace):
    """Loads classes from the file tl.py."""

    def __init__(self, path: Path) -> None:
        legacy.install()
        path.write_text(textwrap.dedent(LIBRARY))
        spec = importlib.util.spec_from_file_location('tl_under_test', path)
        assert spec is not None and spec.loader is not None
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        self.file = str(path)
        self.config = SimpleNamespace(globaltags=[('core', None, 'spy')], path=[], root=str(path.parent),
                                      check_mtime=True)
        self.tag_libraries = ServerTagLibraries(self)  # type: ignore[arg-type]

    def loadModule(self, name: str, file: str | None = None, rel_file: str | None = None) -> Any:
        try:
            found = getattr(self.module, name)
        except AttributeError:
            raise SpyceError(f'cannot find {name!r}') from None
        found.__file__ = self.file
        return found


def nothing(**names: Any) -> None:
    pass


def use_tag(page: FakePage, name: str, body: Callable[..., None] | None = None, prefix: str = 't',
            **attributes: Any) -> None:
    tags = page.getModule('taglib')
    run = body or nothing
    traits = page.server.loadModule('tl').getTagClass(name) if prefix == 't' else SimpleNamespace(catches=0, exports=0)
    tags.tagPush(prefix, name, body is not None)
    try:
        try:
            if tags.tagBegin(attributes):
                while True:
                    run(**(tags.tagExport() if traits.exports else {}))
                    if not tags.tagBody():
                        break
            tags.tagEnd()
        except Exception as error:
            if not traits.catches:
                raise
            tags.tagCatch(error)
    finally:
        tags.tagPop()
