"""What Spyce modules derive from (reference of 2.1: module API)."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spyce.runtime.modules import moduleFinder


class spyceModule:
    """Base of all Spyce modules: a class of the same name as its file, with any of the hooks below.

    A new instance is made for each execution of a page that imports the module. Do not override __init__().
    """

    def __init__(self, wrapper: Any) -> None:
        """wrapper: the execution of the page, kept as `_api`."""
        self._api = wrapper

    def start(self) -> None:
        """Called before the page runs."""

    def init(self, *args: Any, **kwargs: Any) -> None:
        """Called with the `args` of the import directive."""

    def finish(self, theError: Any = None) -> None:
        """Called after the page has run; theError: the spyceRuntimeException that ended it, or None."""

    def __repr__(self) -> str:
        """For inspection; a module may say more of itself (manual: modules)."""
        return f'no information, {self.__class__}'


class spyceModulePlus(spyceModule):
    """A Spyce module that reaches other modules: self.modules.NAME loads and starts them when needed."""

    def __init__(self, wrapper: Any) -> None:
        super().__init__(wrapper)
        self.wrapper = wrapper
        self._finder: moduleFinder | None = None

    @property
    def modules(self) -> moduleFinder:
        """The modules of the page, by attribute."""
        if self._finder is None:
            from spyce.runtime.modules import moduleFinder
            self._finder = moduleFinder(self.wrapper)
        return self._finder

    @property
    def globals(self) -> dict[str, Any]:
        """The global names of the page."""
        return self.wrapper.getGlobals()  # type: ignore[no-any-return]


def __getattr__(name: str) -> Any:
    # Here, as in 2.1, but defined beside the loading of modules, which itself imports this file.
    if name == 'moduleFinder':
        from spyce.runtime.modules import moduleFinder
        return moduleFinder
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


spyceModuleAPI = [
    'getFilename', 'getCode', 'getCodeRefs', 'getModRefs', 'getServerObject', 'getServerGlobals', 'getServerID',
    'getModules', 'getModule', 'setModule', 'getGlobals', 'registerModuleCallback', 'unregisterModuleCallback',
    'getRequest', 'getResponse', 'setResponse', 'registerResponseCallback', 'unregisterResponseCallback',
    'spyceString', 'spyceFile', 'spyceModule', 'spyceTaglib', 'setStdout', 'getStdout',
]
"""The methods of `_api` that modules may count on (reference of 2.1: module API)."""
