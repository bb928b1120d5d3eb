"""spyce.spyceFileHandler and spyce.spyceStringHandler: a 2.1 program answers raw requests itself (reference 2)."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import spyce
from spyce.config import load_config
from spyce.web.request import WebRequest
from spyce.web.response import WebResponse

Answer = Callable[..., tuple[int, str]]


@pytest.fixture
def answer(tmp_path: Path) -> Answer:
    """answer(handler, what, ...) -> (what the handler returned, the body)."""
    config = load_config(tmp_path)

    def run(handler: Callable[..., int], what: str, *args: Any, **kwargs: Any) -> tuple[int, str]:
        request = WebRequest({'REQUEST_METHOD': 'GET', 'PATH_INFO': '/x'}, config)
        response = WebResponse(lambda status, headers: lambda data: None, request, config)
        code = handler(request, response, what, *args, config=config, **kwargs)
        return code, b''.join(response.close()).decode()

    return run


def test_a_file_with_parameters(answer, tmp_path):
    (tmp_path / 'page.spy').write_text('[[= a ]]-[[= b ]]')
    page = str(tmp_path / 'page.spy')
    assert answer(spyce.spyceFileHandler, page, 'a, b=2', [1]) == (200, '1-2\n')
    assert answer(spyce.spyceFileHandler, page, 'a, b', None, {'a': 3, 'b': 4}) == (200, '3-4\n')


def test_a_string_with_parameters(answer):
    assert answer(spyce.spyceStringHandler, '[[= a * 2 ]]', 'a', ('x',)) == (200, 'xx\n')


def test_errors_are_pages_and_their_code_is_returned(answer, tmp_path):
    (tmp_path / 'page.spy').write_text('[[ 1/0 ]]')
    assert answer(spyce.spyceFileHandler, str(tmp_path / 'page.spy'))[0] == 500
    assert answer(spyce.spyceFileHandler, str(tmp_path / 'nothing.spy'))[0] == 404
    assert answer(spyce.spyceStringHandler, '[[ if x: { ]]')[0] == 500
    code, body = answer(spyce.spyceStringHandler, '[[= a ]]', 'a')
    assert (code, 'TypeError' in body) == (500, False)
