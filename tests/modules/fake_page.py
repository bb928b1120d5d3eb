"""Stand-ins for the request of a page, so that a module can be tested without a server: the output is the real one."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from spyce.modules.response import response

from spyce.runtime.output import Output


class FakeRequest:
    def __init__(self, cookies: list[tuple[str, str]] | None = None, headers: dict[str, str] | None = None) -> None:
        self._cookies = cookies or []
        self._headers = headers or {}

    def cookies(self) -> list[tuple[str, str]]:
        return self._cookies

    def getHeader(self, name: str) -> str | None:
        return self._headers.get(name)


class FakeResponse:
    def __init__(self) -> None:
        self.headers: list[tuple[str, str]] = []
        self.body_encoders: list[Any] = []
        self.sent = ''

    def addHeader(self, name: str, value: str, replace: int = 0) -> None:
        self.headers.append((name, value))

    def write(self, s: str) -> None:
        self.sent += s

    def flush(self, stopFlag: int = 0) -> None:
        pass

    def encoded_body(self, text: str) -> bytes:
        body = text.encode()
        for encoder in self.body_encoders:
            body = encoder(body)
        return body


class FakePage:
    """The `_api` of a module under test."""

    def __init__(self, cookies: list[tuple[str, str]] | None = None, headers: dict[str, str] | None = None,
                 server: Any = None, filename: str = '/site/page.spy') -> None:
        self.request = FakeRequest(cookies, headers)
        self.response = FakeResponse()
        self.output = Output(self.response)
        self.server = server or SimpleNamespace(globals={}, multiprocess=False)
        self.filename = filename
        self.parent: Any = None
        self.enclosing_tag: Any = None
        self.globals: dict[str, Any] = {}
        self._modules: dict[str, Any] = {}

    def start(self, module_class: type[Any]) -> Any:
        """A started module of this page."""
        module = self._modules[module_class.__name__] = module_class(self)
        module.start()
        return module

    def printed(self) -> str:
        """What the page has printed."""
        return ''.join(self.output.parts)

    def getRequest(self) -> FakeRequest:
        return self.request

    def getResponse(self) -> FakeResponse:
        return self.response

    def getServer(self) -> Any:
        return self.server

    def getServerGlobals(self) -> dict[str, Any]:
        return self.server.globals  # type: ignore[no-any-return]

    def getFilename(self) -> str:
        return self.filename

    def getGlobals(self) -> dict[str, Any]:
        return self.globals

    def getModule(self, name: str) -> Any:
        if name == 'response' and name not in self._modules:
            return self.start(response)
        return self._modules[name]

    def setParent(self, src: str | None, attributes: dict[str, Any]) -> None:
        self.parent = (src, attributes)
