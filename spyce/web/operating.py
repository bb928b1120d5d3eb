"""What operators ask a site: whether it is well (health_path), and its figures (metrics_path)."""
from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from spyce.web.health import Health
from spyce.web.proxy import behind_proxy, is_trusted
from spyce.web.response import StartResponse
from spyce.web.wsgi import Application

if TYPE_CHECKING:
    from spyce.metrics import Metrics
    from spyce.runtime.server import spyceServer

FORWARDED = ('HTTP_X_FORWARDED_FOR', 'HTTP_FORWARDED', 'HTTP_VIA', 'HTTP_X_REAL_IP', 'HTTP_X_FORWARDED_PROTO',
             'HTTP_X_FORWARDED_HOST', 'HTTP_CF_CONNECTING_IP')
"""A proxy has written one of these."""


class OperatedApplication(Application):
    """The application of a site whose config has health_path or metrics_path."""

    server: spyceServer

    def __init__(self, server: spyceServer) -> None:
        super().__init__(server)
        self._health = Health()
        self._metrics: Metrics | None = server.metrics

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path, is_asked = environ.get('PATH_INFO') or '/', environ.get('REQUEST_METHOD') in ('GET', 'HEAD')
        if is_asked and path == self.config.health_path:
            good = self._health.is_good(self.server.sessions)
            return _answer(environ, start_response, '200 OK' if good else '503 Service Unavailable',
                           b'ok\n' if good else b'sessions cannot be used\n')
        if self._metrics is None:
            return super().__call__(environ, start_response)
        if is_asked and path == self.config.metrics_path and self._may_see_metrics(environ):
            from spyce.metrics import CONTENT_TYPE
            return _answer(environ, start_response, '200 OK', self._metrics.text(self._stats), CONTENT_TYPE)
        return self._measured(self._metrics, environ, start_response)

    def _stats(self) -> dict[str, Any] | None:
        sessions = self.server.sessions
        return sessions.stats() if sessions.native.counts_quickly else None

    def _measured(self, metrics: Metrics, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        said = '500'

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal said
            said = status
            return start_response(status, headers)

        began = time.perf_counter()
        try:
            return super().__call__(environ, start)
        finally:
            metrics.note_request(said, time.perf_counter() - began)

    def _may_see_metrics(self, environ: dict[str, Any]) -> bool:
        """Whether the client is one of metrics_clients. Behind a proxy that the config does not trust, or that does not
        say who it is, nobody is: the proxy's own address would stand for everybody's."""
        sender = str(environ.get('REMOTE_ADDR') or '')
        client = str(behind_proxy(environ, self.config.trusted_proxies).get('REMOTE_ADDR') or '')
        if client == sender and any(environ.get(header) for header in FORWARDED):
            return False
        return is_trusted(client, self.config.metrics_clients)


def _answer(environ: dict[str, Any], start_response: StartResponse, status: str, body: bytes,
            content_type: str = 'text/plain; charset=utf-8') -> Iterable[bytes]:
    start_response(status, [('Content-Type', content_type), ('Content-Length', str(len(body))),
                            ('Cache-Control', 'no-store'), ('X-Content-Type-Options', 'nosniff')])
    return [] if environ['REQUEST_METHOD'] == 'HEAD' else [body]
