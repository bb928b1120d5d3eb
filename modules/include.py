"""The module `include`: other pages and files within a page (manual: include module)."""
from __future__ import annotations

from typing import Any

from spyce.legacy.spyceModule import spyceModule
from spyce.page import decode_source
from spyce.page.highlight import STYLES, highlight
from spyce.runtime.exceptions import SpyceError, spyceForbidden, spyceNotFound
from spyce.runtime.namespace import LoadedPage
from spyce.runtime.paths import PathRefused


class Vars:
    """The items of a context as attributes; assignments go back into it."""

    def __init__(self, context: Any) -> None:
        self.__dict__['_context'] = context

    def __getattr__(self, name: str) -> Any:
        try:
            return self._context[name]
        except (KeyError, TypeError):
            raise AttributeError(f'the context of this include has no {name!r}') from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._context[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self._context[name]
        except KeyError:
            raise AttributeError(f'the context of this include has no {name!r}') from None


class include(spyceModule):
    """Runs pages and reads files below the root. A url is relative to the current file, or to the root."""

    @property
    def _contexts(self) -> list[Any]:
        # They belong to the request: an included page may import a module object of its own and still see its context.
        contexts: list[Any] = self._api.getRequest().state.setdefault('include', [])
        return contexts

    @property
    def context(self) -> Any:
        """What the including page passed; None outside of an include."""
        return self._contexts[-1] if self._contexts else None

    @property
    def vars(self) -> Vars | None:
        """The context, if it is a dictionary or the like, with its items as attributes; None if it is none."""
        context = self.context
        return Vars(context) if hasattr(context, 'keys') else None

    def spyce(self, url: str, context: Any = None) -> None:
        """Run the page at `url` here, with the modules of this page; `context` reaches it as include.context."""
        page = self._load(url)
        self._contexts.append(context)
        try:
            self._api.run_part(page)
        finally:
            self._contexts.pop()

    def spyceStr(self, url: str, context: Any = None) -> str:
        """Run the page at `url` and return its output."""
        text: str = self._api.output.capture(self.spyce, url, context)[1]
        return text

    def dump(self, file: str, binary: int = 0) -> str | bytes:
        """The text of a file, as it is; its bytes with `binary`.

        Raises PathRefused for what lies outside of the root or is not served to visitors (programs, databases).
        """
        server = self._api.getServer()
        path = self._api.file_of(file)
        if not path.endswith('.spi') and not server.serves_as_file(path):
            raise PathRefused(f'include.dump: {file!r} is of a kind that is not shown to visitors')
        if binary:
            with open(path, 'rb') as stream:
                return stream.read()
        with open(path, encoding=server.config.encoding, newline='') as text:
            return text.read()

    def spycecode(self, url: str | None = None, string: str | None = None, **styles: tuple[str, str] | None) -> str:
        """Page source as coloured HTML, that of a page or the text `string` (manual: include.spycecode).

        html, code, eval, directive, comment: what to put before and after each part of that kind; None for the usual.
        """
        if (url is None) == (string is None):
            raise TypeError('include.spycecode() takes a url or a string')
        unknown = styles.keys() - STYLES.keys()
        if unknown:
            raise TypeError(f'include.spycecode(): {", ".join(sorted(unknown))} is not one of {", ".join(STYLES)}')
        if url is not None:
            server = self._api.getServer()
            with open(self._api.page_of(url), 'rb') as file:
                string = decode_source(file.read(), server.config.encoding, url)
        own = {kind: style for kind, style in styles.items() if style is not None}
        return f'<pre class="spyce">{highlight(string or "", {**STYLES, **own})}</pre>'

    def _load(self, url: str) -> LoadedPage:
        try:
            return self._api.load_page(url)  # type: ignore[no-any-return]
        except (spyceNotFound, spyceForbidden) as error:
            raise SpyceError(f'include: the page {url!r} is missing, or cannot be read') from error
