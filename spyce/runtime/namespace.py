"""The global names of a compiled page: made once, lent to one execution at a time, swept when it ends."""
from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

from spyce import WRAPPER_LIMIT
from spyce.page import CompiledPage, ModuleImport
from spyce.page.tags import ClassCode
from spyce.runtime.modules import DEFAULT_MODULES


class Namespace:
    """The globals in which a page runs, with its class spyceImpl."""

    def __init__(self, page: CompiledPage, base: dict[str, Any]) -> None:
        self.globals = dict(base)
        if page.classes:
            self.globals['_spyceBases'] = [self._tag_class(each) for each in reversed(page.classes)]
        exec(page.code, self.globals)
        # With a place for what each execution sets before any code of the site runs: a dict that grows, and so does its
        # table of names, has to be looked up the slow way.
        self.globals.update(dict.fromkeys(('_spyceWrapper', '_spyceOutput', *DEFAULT_MODULES)))
        self._clean = dict(self.globals)
        self._references = sys.getrefcount(self.globals)

    def _tag_class(self, part: ClassCode) -> Any:
        """A class that a tag brings: among the names of the page, as if it stood there."""
        exec(part.code, self.globals)
        return self.globals.pop('spyceImpl')

    def sweep(self) -> bool:
        """Forget what one execution put here (recorded case module-globals-swept).

        False if a function or frame of that execution lives on (in a thread, or kept somewhere): these names stay
        its own then, and must not become those of the next request.
        """
        if sys.getrefcount(self.globals) > self._references:
            return False
        names, clean = self.globals, self._clean
        for _ in range(len(names) - len(clean)):
            names.popitem()  # what came last
        names.update(clean)
        if len(names) > len(clean):  # one of these was deleted meanwhile
            names.clear()
            names.update(clean)
        return True


class LoadedPage:
    """A compiled page with its idle namespaces. Safe to use from many threads."""

    def __init__(self, compiled: CompiledPage, file: str,
                 names: Callable[[CompiledPage, str], dict[str, Any]]) -> None:
        """file: of the page, or for page source without one, the file beside which it is to run; links are followed.

        names: gives the names that every execution finds, beside those it brings itself.
        """
        self.compiled = compiled
        self.file = os.path.realpath(file)  # once: what a url in the page means is looked up from here
        self.lambdas = tuple(LoadedPage(part, file, names) for part in compiled.lambdas)
        self.imports = compiled.imports  # what an execution starts
        if compiled.uses_tags:
            self.imports += (ModuleImport('taglib'),)
        if compiled.lambdas:
            self.imports += (ModuleImport('spylambda'),)
        self._base = {**names(compiled, file), '_spyceLambdas': self.lambdas}
        self._idle: deque[Namespace] = deque(maxlen=WRAPPER_LIMIT)

    def check_out(self) -> Namespace:
        """A clean namespace, nobody else's until it is checked in."""
        try:
            return self._idle.pop()
        except IndexError:
            return Namespace(self.compiled, self._base)

    def check_in(self, namespace: Namespace) -> None:
        """Give a namespace back."""
        if namespace.sweep():
            self._idle.append(namespace)
