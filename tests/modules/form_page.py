"""Pages of form tags: a site whose one page can be changed, and its HTML as a browser reads it."""
from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import spyce
from spyce.testing import Client, Response


class Parsed(HTMLParser):
    """Tags with their attributes, and the text in each, as a browser would read them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[str] = []
        self._raw = ''
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        if tag != 'input':
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]] = self.texts.get(self._open[-1], '') + data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f'a comment: {data!r}')

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f'a declaration: {decl!r}')

    unknown_decl = handle_pi = handle_decl

    def names(self) -> list[str]:
        return [tag for tag, _ in self.tags]

    def attributes(self, tag: str) -> dict[str, str | None]:
        return next(attributes for name, attributes in self.tags if name == tag)


class Site:
    """A site of one page, whose source can be changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.given: dict[str, Any] = {}
        self.app = spyce.make_app(str(root), debug=True, globals={'given': self.given}, check_mtime=False)
        self._names: dict[str, str] = {}

    def answer(self, source: str, query: Any = '', post: Any = None, given: Any = None) -> Response:
        if source not in self._names:
            name = f'page{len(self._names)}.spy'
            (self.root / name).write_text('[[ v = response._api.getServerGlobals()["given"].get("v") ]]' + source)
            self._names[source] = name
        self.given['v'] = given
        return Client(self.app).request('GET' if post is None else 'POST', '/' + self._names[source], query=query,
                                        data=post)

    def render(self, source: str, query: Any = '', post: Any = None, given: Any = None) -> str:
        answer = self.answer(source, query, post, given)
        assert answer.status == 200, answer.text
        return answer.text.strip()
