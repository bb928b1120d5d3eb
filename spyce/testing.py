"""Tests of pages without a web server.

    from spyce import make_app
    from spyce.testing import Client

    def test_hello():
        assert 'Hello' in Client(make_app('site')).get('/hello.spy').text

With pytest, the fixture `spyce_client` is such a client for the site that the ini option `spyce_root` names, or else
for the folder of the test file.  `store_suite` has the tests that any session store must pass (spyce.storesuite).
"""
from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from spyce.testing_forms import find_button

if TYPE_CHECKING:
    from spyce import storesuite as store_suite  # noqa: F401  what __getattr__ gives

MAX_REDIRECTS = 20

Data = Mapping[str, Any] | str | bytes | None


def __getattr__(name: str) -> Any:
    """store_suite, loaded at need: it imports pytest and hypothesis."""
    if name == 'store_suite':
        from spyce import storesuite
        return storesuite
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


@dataclass(frozen=True)
class SetCookie:
    """A Set-Cookie header. attributes: by lower-case name; the value of those that have none is ''."""

    name: str
    value: str
    attributes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, header: str) -> SetCookie:
        """Read the value of a Set-Cookie header."""
        first, *others = header.split(';')
        name, _, value = first.strip().partition('=')
        attributes = {}
        for other in others:
            key, _, setting = other.strip().partition('=')
            attributes[key.lower()] = setting
        return cls(name, value, attributes)

    def is_deletion(self) -> bool:
        """Whether a browser would remove the cookie: its time is over."""
        age = self.attributes.get('max-age', '')
        if age.removeprefix('-').isdecimal():
            return int(age) <= 0
        try:
            expires = parsedate_to_datetime(self.attributes['expires'])
        except (KeyError, ValueError, TypeError):
            return False
        if expires.tzinfo is None:
            expires = expires.replace(tzinfo=timezone.utc)
        return expires <= datetime.now(timezone.utc)


class Cookies(MutableMapping[str, str]):
    """What a browser would keep: name -> value, and the path that each goes to."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], tuple[str, bool]] = {}  # (name, path) -> value, https only

    def __getitem__(self, name: str) -> str:
        for (known, _), (value, _) in self._values.items():
            if known == name:
                return value
        raise KeyError(name)

    def __setitem__(self, name: str, value: str) -> None:
        self._forget(name)
        self._values[name, '/'] = (value, False)

    def __delitem__(self, name: str) -> None:
        if not self._forget(name):
            raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self._values))

    def __len__(self) -> int:
        return len({name for name, _ in self._values})

    def __repr__(self) -> str:
        return f'Cookies({dict(self)!r})'

    def update_from(self, cookie: SetCookie, request_path: str) -> None:
        """Do what a browser does with a Set-Cookie header in the answer for a path."""
        path = cookie.attributes.get('path', '')
        if not path.startswith('/'):
            path = request_path.rpartition('/')[0] or '/'
        self._values.pop((cookie.name, path), None)
        if not cookie.is_deletion():
            self._values[cookie.name, path] = (cookie.value, 'secure' in cookie.attributes)

    def header(self, path: str, is_secure: bool) -> str:
        """The Cookie header for a request; cookies with longer paths come first."""
        matching = [(len(cookie_path), f'{name}={value}')
                    for (name, cookie_path), (value, secure) in self._values.items()
                    if _path_matches(path, cookie_path) and (is_secure or not secure)]
        return '; '.join(pair for _, pair in sorted(matching, key=lambda item: -item[0]))

    def _forget(self, name: str) -> bool:
        keys = [key for key in self._values if key[0] == name]
        for key in keys:
            del self._values[key]
        return bool(keys)


def _path_matches(path: str, cookie_path: str) -> bool:
    return path == cookie_path or path.startswith(cookie_path if cookie_path.endswith('/') else cookie_path + '/')


class Response:
    """An answer.

    status: number.  headers: by name in any case; getlist(name) gives all of a name.  body: bytes.  errors: what was
    written to the error log of the WSGI server.  url: the path that was asked for, after redirects.
    """

    def __init__(self, status: int, headers: Headers, body: bytes, errors: str, url: str) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.errors = errors
        self.url = url

    @property
    def content_type(self) -> str:
        """The content type without its parameters, '' if there is none."""
        return str(self.headers.get('Content-Type', '')).partition(';')[0].strip()

    @property
    def text(self) -> str:
        """The body as text, in the charset that the content type names, else UTF-8."""
        charset = str(self.headers.get('Content-Type', '')).lower().partition('charset=')[2].strip(' "') or 'utf-8'
        return self.body.decode(charset, 'replace')

    @property
    def set_cookies(self) -> list[SetCookie]:
        """The cookies that this answer sets."""
        return [SetCookie.parse(value) for value in self.headers.getlist('Set-Cookie')]

    def __repr__(self) -> str:
        return f'<Response {self.status} {self.content_type}, {len(self.body)} bytes>'


class Client:
    """A browser for tests: it keeps cookies and can follow redirects.

    app: a WSGI application.  raise_errors: whether the exception behind a 500 page comes out of get() and post(), so
    that a failing test shows where it happened.  https: whether requests count as secure.  cookies: name -> value.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], raise_errors: bool = False, https: bool = False) -> None:
        self.app = app
        self.raise_errors = raise_errors
        self.https = https
        self.cookies = Cookies()

    def get(self, path: str, query: Data = None, headers: Mapping[str, str] | None = None,
            follow_redirects: bool = False) -> Response:
        """GET a path; the parameters are those of request()."""
        return self.request('GET', path, query=query, headers=headers, follow_redirects=follow_redirects)

    def head(self, path: str, query: Data = None, headers: Mapping[str, str] | None = None) -> Response:
        """HEAD a path; the parameters are those of request()."""
        return self.request('HEAD', path, query=query, headers=headers)

    def post(self, path: str, data: Data = None, files: Mapping[str, Any] | None = None, query: Data = None,
             headers: Mapping[str, str] | None = None, content_type: str | None = None,
             follow_redirects: bool = False) -> Response:
        """POST to a path; the parameters are those of request()."""
        return self.request('POST', path, query=query, data=data, files=files, headers=headers,
                            content_type=content_type, follow_redirects=follow_redirects)

    def press(self, answer: Response, button: str, fill: Mapping[str, Any] | None = None,
              headers: Mapping[str, str] | None = None, follow_redirects: bool = False) -> Response:
        """Press a button of an answer, as a browser would: the form is sent as it stands, hidden fields and all.

        button: its text.  fill: what was typed or chosen before: field name -> value, a list of values, or None for
        none.  Raises LookupError if the answer has no such button.
        """
        form, pressed = find_button(answer.text, button)
        fields = form.sent_by(pressed, dict(fill or {}))
        target = urlsplit(urljoin(answer.url, form.action))
        if form.method == 'POST':
            return self.post(target.path, fields, query=target.query, headers=headers,
                             follow_redirects=follow_redirects)
        return self.get(target.path, fields, headers=headers, follow_redirects=follow_redirects)

    def request(self, method: str, path: str, query: Data = None, data: Data = None,
                files: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None,
                content_type: str | None = None, follow_redirects: bool = False) -> Response:
        """Send a request and give the answer.

        path: may have a query of its own.  query: text, or a dictionary whose values may be lists.  data: form
        fields as a dictionary, or the body as it is (then content_type is urlencoded unless given).  files: form
        name -> (file name, content as bytes) or (file name, content, type).  headers: beside Cookie, which comes
        from the jar unless it is given here.
        """
        response = self._send(method, path, query, data, files, headers, content_type)
        for _ in range(MAX_REDIRECTS):
            location = response.headers.get('Location')
            if not follow_redirects or location is None or response.status not in (301, 302, 303, 307, 308):
                return response
            target = urlsplit(urljoin(response.url, location))
            if response.status not in (307, 308):
                method, data, files, content_type = ('HEAD' if method == 'HEAD' else 'GET'), None, None, None
            response = self._send(method, target.path + ('?' + target.query if target.query else ''), None, data,
                                  files, headers, content_type)
        raise RuntimeError(f'{MAX_REDIRECTS} redirects, the last one to {response.url}')

    def _send(self, method: str, path: str, query: Data, data: Data, files: Mapping[str, Any] | None,
              headers: Mapping[str, str] | None, content_type: str | None) -> Response:
        path, _, own_query = path.partition('?')
        errors = io.StringIO()
        builder = EnvironBuilder(
            method=method, path='/', query_string='&'.join(filter(None, (own_query, _query_text(query)))),
            base_url='https://localhost/' if self.https else 'http://localhost/', headers=Headers(dict(headers or {})),
            data=_form(data, files), errors_stream=errors,
            content_type=content_type or _default_type(data, files))
        try:
            environ = builder.get_environ()
            environ['REQUEST_URI'] = quote(path, safe="%/:@!$&'()*+,;=~") + ('?' if builder.query_string else '') + \
                environ['QUERY_STRING']
            environ['PATH_INFO'] = unquote(path, 'latin-1') if path.isascii() else \
                unquote(path).encode().decode('latin-1')
            environ.setdefault('REMOTE_ADDR', '127.0.0.1')
            cookies = self.cookies.header(path, self.https)
            if cookies:
                environ.setdefault('HTTP_COOKIE', cookies)
            with _caught_errors() as caught:
                # Not with buffered=True, which loses what the page sent by flush().
                parts, status, answer_headers = run_wsgi_app(self.app, environ)
                body = b''.join(parts)
                getattr(parts, 'close', lambda: None)()
        finally:
            builder.close()
        response = Response(int(status.split()[0]), Headers(answer_headers), body, errors.getvalue(), path)
        for cookie in response.set_cookies:
            self.cookies.update_from(cookie, path)
        if self.raise_errors and response.status == 500 and caught:
            raise caught[0]
        return response


class _caught_errors(logging.Handler):
    """Collects the exceptions that the engine logs in this thread while the block runs."""

    def __enter__(self) -> list[BaseException]:
        self._thread = threading.get_ident()
        self._caught: list[BaseException] = []
        logging.getLogger('spyce').addHandler(self)
        return self._caught

    def __exit__(self, *error: object) -> None:
        logging.getLogger('spyce').removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None and record.thread == self._thread:
            self._caught.append(record.exc_info[1])


def _query_text(query: Data) -> str:
    if isinstance(query, Mapping):
        return urlencode(query, doseq=True)
    return query.decode('latin-1') if isinstance(query, bytes) else query or ''


def _form(data: Data, files: Mapping[str, Any] | None) -> Any:
    if not files:
        return data.encode() if isinstance(data, str) else data
    if isinstance(data, (str, bytes)):
        raise TypeError('files go with form fields: give data as a dictionary')
    form = dict(data or {})
    for name, (filename, content, *kind) in files.items():
        form[name] = (io.BytesIO(content), filename, *kind)
    return form


def _default_type(data: Data, files: Mapping[str, Any] | None) -> str | None:
    return 'application/x-www-form-urlencoded' if isinstance(data, (str, bytes)) and not files else None
