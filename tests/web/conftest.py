"""Requests and responses by hand, and a site whose pages are functions."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from requests_by_hand import environ_for

from spyce.config import Config, load_config
from spyce.web.request import WebRequest
from spyce.web.response import WebResponse
from spyce.web.wsgi import Application

Page = Callable[[Any, Any], object]


class FunctionServer:
    """A server of pages that calls functions: page file name -> function(request, response)."""

    def __init__(self, config: Config, pages: dict[str, Page]) -> None:
        self.config = config
        self.pages = pages
        self.environments: list[dict[str, Any]] = []

    def note_environment(self, environ: dict[str, Any]) -> None:
        self.environments.append(environ)

    def handle_page(self, request: Any, response: Any, file: str, status: Any = None) -> int:
        path = Path(file)
        if not path.exists():
            response.setReturnCode(404)
            response.write('no such page')
        elif path.name in self.pages:
            self.pages[path.name](request, response)
        else:
            response.write(f'page {path.relative_to(Path(self.config.root).resolve())}')
        return int(response.returncode)


@pytest.fixture
def make_site(tmp_path: Path) -> Callable[..., Application]:
    """make_site({'path': 'content'}, {'page.spy': function}, option=value): an application over real files."""
    def make(files: dict[str, str | bytes] | None = None, pages: dict[str, Page] | None = None,
             **options: Any) -> Application:
        root = tmp_path / 'root'
        root.mkdir(exist_ok=True)
        for name, content in {**(files or {}), **dict.fromkeys(pages or {}, '')}.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Application(FunctionServer(load_config(root, None, options), pages or {}))
    return make


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(tmp_path)


class Sent:
    """What a WSGI server would have been given."""

    def __init__(self) -> None:
        self.status = ''
        self.headers: list[tuple[str, str]] = []
        self.written: list[bytes] = []
        self.fail_with: Exception | None = None

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        assert not self.status, 'start_response was called twice'
        self.status = status
        self.headers = headers
        return self._write

    def _write(self, data: bytes) -> None:
        if self.fail_with is not None:
            raise self.fail_with
        self.written.append(data)

    def get(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known.lower() == name.lower()]


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def make_request(tmp_path: Path) -> Iterator[Callable[..., WebRequest]]:
    """make_request(method, path, query, body, HTTP_X=..., options={'max_fields': 3})"""
    requests = []

    def make(*args: Any, options: dict[str, Any] | None = None, **kwargs: Any) -> WebRequest:
        request = WebRequest(environ_for(*args, **kwargs), load_config(tmp_path, None, options))
        requests.append(request)
        return request

    yield make
    for request in requests:
        request.close()


@pytest.fixture
def make_response(sent: Sent, make_request: Any) -> Callable[..., WebResponse]:
    """make_response(method, options={...}): a response whose bytes go to `sent`."""
    def make(method: str = 'GET', options: dict[str, Any] | None = None) -> WebResponse:
        request = make_request(method, options=options)
        return WebResponse(sent.start_response, request, request.config)
    return make
