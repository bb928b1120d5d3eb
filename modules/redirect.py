"""The module `redirect`: sending the visitor, or the request, to another page (manual: redirect module)."""
from __future__ import annotations

import os
from typing import NoReturn

from spyce.legacy.spyceModule import spyceModule
from spyce.runtime.exceptions import spyceForbidden, spyceRedirect
from spyce.runtime.handler import REDIRECTED
from spyce.runtime.paths import PathRefused


class redirect(spyceModule):
    """Redirects, within the server and by the browser."""

    def internal(self, url: str | None = None, filename: str | None = None) -> NoReturn:
        """End this page and run another one in its place, on the same request; headers and output are dropped.

        url: relative to this page, or to the root with a leading slash; filename: an absolute path instead.  Only a
        file that the site serves as a page can be run, everything else is answered as forbidden.
        """
        if (url is None) == (filename is None):
            raise TypeError('redirect.internal() takes a url or a filename')
        server = self._api.getServer()
        try:
            if filename is not None:
                filename = '/' + os.path.relpath(os.path.realpath(filename), os.path.realpath(server.config.root))
            target = self._api.file_of(filename or url or '')
        except PathRefused as error:
            raise spyceForbidden('redirect.internal', str(error)) from error
        if not server.serves_as_page(target):
            raise spyceForbidden('redirect.internal', f'{url or filename!r} is not a page of the site')
        raise spyceRedirect(target)

    def external(self, url: str, permanent: int = 0) -> None:
        """Have the browser go to `url`; the page runs on to its end, its output is dropped (reference 5)."""
        raw = self._api.getResponse()
        raw.addHeader('Location', url, replace=1)
        raw.setReturnCode(301 if permanent else 302)
        self._api.getRequest().state[REDIRECTED] = True

    def externalRefresh(self, url: str, sec: int = 0) -> None:
        """Have the browser go to `url` after `sec` seconds, showing this page meanwhile."""
        self._api.getResponse().addHeader('Refresh', f'{int(sec)}; URL={url}', replace=1)
