"""Pages recorded through Spyce 2.1.3 print here what they printed there (README.md tells the format)."""
from __future__ import annotations

import json
import os
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import spyce
from spyce import sessions
from spyce.testing import Client

HERE = Path(__file__).parent

OVERRULED: dict[str, str] = {}
"""Cases that decisions overrule: name -> the reason, and where the opposite is tested."""


def all_cases() -> list[Any]:
    cases = []
    for file in sorted(HERE.glob('*.json')):
        for case in json.loads(file.read_text('utf-8')):
            marks = [pytest.mark.skip(reason=OVERRULED[case['name']])] if case['name'] in OVERRULED else []
            cases.append(pytest.param(case, id=f'{file.stem}-{case["name"]}', marks=marks))
    return cases


class Site:
    """The files of one case, served in process."""

    def __init__(self, root: Path, case: dict[str, Any]) -> None:
        self.root = root
        self.encoding = case.get('encoding', 'utf-8')
        self.jar: dict[str, str] = {}
        self._edits = 0
        self._last: Any = None
        for path, text in case['files'].items():
            self.write(path, text)
        options = dict(case.get('config', {}))
        store = options.pop('store', 'memory')
        options['session_store'] = sessions.MemoryStore() if store == 'memory' else f'dbm:{root.parent / "sessions"}'
        (root.parent / 'sessions').mkdir(exist_ok=True)
        if case['compare'] == 'contains':
            options['debug'] = True
        self.app = spyce.make_app(str(root), **options)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode(self.encoding))
        self._edits += 1
        time = file.stat().st_mtime + 2 * self._edits
        os.utime(file, (time, time))

    def request(self, request: dict[str, Any]) -> Any:
        for path, text in request.get('write', {}).items():
            self.write(path, text)
        headers = dict(request.get('headers', {}))
        cookie = request.get('cookie')
        if cookie == 'KEEP':
            cookie = '; '.join(f'{name}={value}' for name, value in self.jar.items())
        if cookie:
            headers['Cookie'] = cookie
        if 'press' in request:
            answer = Client(self.app).press(self._last, request['press'], request.get('fill'), headers=headers)
        else:
            answer = Client(self.app).request('POST' if 'post' in request else 'GET', request['path'],
                                              query=request.get('query', ''), headers=headers,
                                              data=request['post'].encode('utf-8') if 'post' in request else None,
                                              content_type=request.get('ctype'))
        self._last = answer
        for sent in answer.set_cookies:
            self.jar.pop(sent.name, None)
            if not sent.is_deletion():
                self.jar[sent.name] = sent.value
        return answer


class Parsed(HTMLParser):
    """A document as a list of tags and texts, as `html` comparisons see it: without the engine's hidden fields."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.events: list[Any] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or '' for name, value in attrs}
        if attributes.get('type') != 'hidden' or not attributes.get('name', '').startswith(('_spy', '_submit')):
            self.events.append((tag, sorted(attributes.items())))

    def handle_endtag(self, tag: str) -> None:
        self.events.append(f'/{tag}')

    def handle_data(self, data: str) -> None:
        if data.split():
            self.events.append(' '.join(data.split()))


def check_body(compare: str, body: str, expected: dict[str, Any]) -> None:
    if compare == 'contains':
        for text in expected.get('body_contains', ()):
            assert text in body
        for text in expected.get('body_lacks', ()):
            assert text not in body
    elif compare == 'exact':
        assert body == expected['body']
    elif compare == 'normalized-whitespace':
        assert body.split() == expected['body'].split()
    else:
        assert compare == 'html'
        assert Parsed(body).events == Parsed(expected['body']).events


def check_headers(answer: Any, expected: dict[str, Any]) -> None:
    for name, value in expected.get('headers', {}).items():
        wanted = [] if value is None else value if isinstance(value, list) else [value]
        assert answer.headers.getlist(name) == wanted
    for name in expected.get('headers_absent', ()):
        assert name not in answer.headers
    if expected.get('status') is not None:
        assert answer.status == expected['status']
    if expected.get('content_type') is not None and 'body' in expected:
        assert answer.content_type.partition(';')[0] == expected['content_type']


@pytest.mark.parametrize('case', all_cases())
def test_recorded_case(case: dict[str, Any], tmp_path: Path) -> None:
    root = tmp_path / 'www'
    root.mkdir()
    site = Site(root, case)
    seen_session = False
    for request, expected in zip(case['requests'], case['expect'], strict=True):
        answer = site.request(request)
        check_body(case['compare'], answer.text, expected)
        check_headers(answer, expected)
        sent = {cookie.name: cookie.value for cookie in answer.set_cookies}
        for name, value in expected.get('set_cookies', {}).items():
            if name == 'sessionid' and seen_session:
                continue  # 2.1.3 sent it with every answer, this engine when the session begins
            if name == 'sessionid' and 'press' not in request and case['compare'] == 'contains':
                continue
            assert name in sent
            assert value in ('*', sent[name])
        seen_session = seen_session or 'sessionid' in sent
