"""A compiled page in the hands of a Spyce module."""
from __future__ import annotations

from typing import TYPE_CHECKING

from spyce.runtime.namespace import LoadedPage

if TYPE_CHECKING:
    from spyce.runtime.wrapper import spyceWrapper


class spyceCode:
    """A compiled page that a module runs within another one, in the words of 2.1 (reference 6.4):

        wrapper = self._api.spyceFile(file).newWrapper()
        wrapper.spyceInit(); wrapper.spyceProcess(); wrapper.spyceDestroy()
    """

    def __init__(self, around: spyceWrapper, page: LoadedPage) -> None:
        self._around = around
        self.getCode, self.getCodeRefs, self.getModRefs = page.getCode, page.getCodeRefs, page.getModRefs
        self._page = page

    def getFilename(self) -> str:
        """Absolute file name of the page."""
        return self._page.file

    def newWrapper(self) -> spyceWrapper:
        """An execution of it, not yet started, with the modules of the page around."""
        return self._around.part(self._page)

    def returnWrapper(self, w: spyceWrapper) -> None:
        """The execution is over. What can be used again was given back by its spyceDestroy()."""
