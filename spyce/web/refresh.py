"""Pages that show themselves anew when the site changes: what `spyce serve --dev` adds to them."""
from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from html import escape
from typing import Any

from spyce.web.reload import Activity
from spyce.web.response import StartResponse, WriteBytes

PREFIX = '/_spyce/dev/'

STREAMS = 24
"""Browser windows that are told at once; others ask every two seconds. Each takes a thread."""

_HEARTBEAT = 3.0
"""Seconds after which a window that was closed is noticed."""

_SCRIPT = """// Shows this page anew when a file of the site has changed.
(function () {
  var own = document.currentScript, version = own.src.split('v=')[1], source = null;
  function again(to) {
    if (sessionStorage.getItem('spyce-dev') === to) return;  // a page that some cache keeps: once is enough
    sessionStorage.setItem('spyce-dev', to);
    if (own.hasAttribute('data-posted')) location.replace(location.pathname + location.search);
    else location.reload();
  }
  function close() { if (source) source.close(); source = null; }
  function open() {
    if (source || document.hidden) return;  // a browser has few connections for one server
    source = new EventSource('PREFIXevents');
    source.onmessage = function (event) { if (event.data !== version) { close(); again(event.data); } };
    source.onerror = function () { if (source && source.readyState === 2) { close(); setTimeout(open, 1000); } };
  }
  document.addEventListener('visibilitychange', function () { if (document.hidden) close(); else open(); });
  addEventListener('pagehide', close);
  addEventListener('pageshow', open);
  open();
})();
""".replace('PREFIX', PREFIX)

_NO_CACHE = [('Cache-Control', 'no-store'), ('X-Content-Type-Options', 'nosniff')]

WsgiApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class RefreshedSite:
    """A WSGI application that adds a script to the pages of another one, and tells that script when to load anew.

    threads: how many requests the other one may answer at once.
    """

    def __init__(self, app: WsgiApp, threads: int, activity: Activity) -> None:
        self._app = app
        self._slots = threading.BoundedSemaphore(threads)
        self._streams = threading.BoundedSemaphore(STREAMS)
        self._activity = activity
        self._changed = threading.Condition()
        self._start = f'{time.time_ns():x}-{os.getpid():x}'  # no other process has it, nor this one restarted
        self._count = 0
        self._stopped = False

    @property
    def version(self) -> str:
        """What changes whenever a page may look different now."""
        return f'{self._start}-{self._count}'

    def refresh(self) -> None:
        """Let every browser that shows a page load it again."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def stop(self) -> None:
        """End the event streams: they would keep the server from ending."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get('PATH_INFO', '')
        if path == f'{PREFIX}refresh.js':
            start_response('200 OK', [('Content-Type', 'text/javascript; charset=utf-8'), *_NO_CACHE])
            return [_SCRIPT.encode()]
        if path == f'{PREFIX}events':
            start_response('200 OK', [('Content-Type', 'text/event-stream; charset=utf-8'), *_NO_CACHE])
            return self._events()
        # A page that the browser has kept knows an older version; one that is compressed cannot be added to.
        environ = {name: value for name, value in environ.items() if name not in
                   ('HTTP_IF_NONE_MATCH', 'HTTP_IF_MODIFIED_SINCE', 'HTTP_ACCEPT_ENCODING')}
        answer = _Answer(start_response, self._script(environ), environ)
        with self._slots, self._activity.request():
            return answer.body(self._app(environ, answer.start))

    def _script(self, environ: dict[str, Any]) -> bytes:
        posted = '' if environ.get('REQUEST_METHOD') in ('GET', 'HEAD') else ' data-posted'
        return f'\n<script async src="{PREFIX}refresh.js?v={escape(self.version)}"{posted}></script>\n'.encode()

    def _events(self) -> Iterator[bytes]:
        if not self._streams.acquire(blocking=False):
            yield f'retry: 2000\ndata: {self.version}\n\n'.encode()
            return
        try:
            yield b'retry: 300\n\n'
            sent = ''
            while not self._stopped:
                with self._changed:
                    self._changed.wait_for(partial(self._has_news, sent), _HEARTBEAT)
                    now = self.version
                if not self._stopped:
                    yield f'data: {now}\n\n'.encode() if now != sent else b': still here\n\n'
                sent = now
        finally:
            self._streams.release()

    def _has_news(self, sent: str) -> bool:
        return self._stopped or self.version != sent


class _Answer:
    """One response on its way: told apart by its head and its first bytes, it is passed on or added to."""

    def __init__(self, start_response: StartResponse, script: bytes, environ: dict[str, Any]) -> None:
        self._start_response = start_response
        self._script = script
        self._is_head = environ.get('REQUEST_METHOD') == 'HEAD'
        # What a browser wants the answer for, which today's all say: a script that asks for a part of a page must get
        # it as it is. From others, what does not begin as HTML is left alone.
        self._wanted_for = environ.get('HTTP_SEC_FETCH_DEST', '')
        self._head: tuple[str, list[tuple[str, str]], Any] | None = None
        self._write: WriteBytes | None = None
        self._adds = False

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> WriteBytes:
        """start_response for the application: the head waits for the first bytes of the body."""
        if self._write is not None:
            return self._start_response(status, headers, exc_info)
        self._head = (status, headers, exc_info)
        return self.write

    def write(self, data: bytes) -> None:
        """What start() gives: sends a piece of the body at once."""
        self._begin(data)
        assert self._write is not None
        self._write(data)

    def body(self, parts: Iterable[bytes]) -> Iterable[bytes]:
        """What the server is to send, of what the application has returned."""
        if self._write is None and not self._may_add():
            self._begin(b'')
            return parts
        return self._with_script(parts)

    def _with_script(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        try:
            for part in parts:
                self._begin(part)
                yield part
            self._begin(b'')
            if self._adds and not self._is_head:
                yield self._script
        finally:
            close = getattr(parts, 'close', None)
            if close is not None:
                close()

    def _begin(self, first: bytes) -> None:
        """Send the head, now that the body begins with `first`."""
        if self._write is not None:
            return
        assert self._head is not None, 'the application has not called start_response'
        status, headers, exc_info = self._head
        self._adds = self._may_add() and (self._is_head or self._is_page(first))
        if self._adds:
            headers = [header if header[0].lower() != 'content-length' else
                       (header[0], str(int(header[1]) + len(self._script))) for header in headers]
        self._write = self._start_response(status, headers, *([exc_info] if exc_info else []))

    def _may_add(self) -> bool:
        assert self._head is not None
        status, headers, _ = self._head
        named = {name.lower(): value.lower() for name, value in headers}
        return (named.get('content-type', '').startswith('text/html') and 'content-encoding' not in named
                and not status.startswith(('204', '206', '304'))
                and self._wanted_for in ('', 'document', 'iframe', 'frame'))

    def _is_page(self, first: bytes) -> bool:
        return bool(self._wanted_for) or first.lstrip(b'\xef\xbb\xbf \t\r\n').startswith(b'<')
