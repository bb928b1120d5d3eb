"""A compiled page in the hands of a Spyce module."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spyce.runtime.namespace import LoadedPage

if TYPE_CHECKING:
    from spyce.runtime.wrapper import spyceWrapper


class AboutPage:
    """What modules can ask of a page, whether it runs or not."""

    page: LoadedPage

    def getFilename(self) -> str:
        """Absolute file name of this page."""
        return self.page.file

    def getCode(self) -> str:
        """The Python that this page was compiled to."""
        return self.page.compiled.python

    def getCodeRefs(self) -> dict[int, Any]:
        """Line of that Python -> (begin, end, text, file) in the page; begin and end are (row, column)."""
        return self.page.compiled.refs

    def getModRefs(self) -> list[tuple[str, str | None, str | None]]:
        """The modules that the page imports: (name, from, as)."""
        return [(module.name, module.file, module.alias) for module in self.page.compiled.imports]


class spyceCode(AboutPage):
    """A compiled page that a module runs within another one, in the words of 2.1 (reference 6.4):

        wrapper = self._api.spyceFile(file).newWrapper()
        wrapper.spyceInit(); wrapper.spyceProcess(); wrapper.spyceDestroy()
    """

    def __init__(self, around: spyceWrapper, page: LoadedPage) -> None:
        self.page = page
        self._around = around

    def newWrapper(self) -> spyceWrapper:
        """An execution of it, not yet started, with the modules of the page around."""
        return self._around.part(self.page)

    def returnWrapper(self, w: spyceWrapper) -> None:
        """The execution is over. What can be used again was given back by its spyceDestroy()."""
