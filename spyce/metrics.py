"""Figures for Prometheus on requests and sessions (the option metrics_path; extra `metrics`).

No label holds anything that a client has sent. With PROMETHEUS_MULTIPROC_DIR in the environment the figures are those
of all processes of the site, else those of the one that answers.
"""
from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from spyce.sessions.errors import SessionLocked, StoreError
from spyce.sessions.native import Entry, NativeStore

log = logging.getLogger('spyce.web')

CONTENT_TYPE = CONTENT_TYPE_LATEST

STATS_SECONDS = 60.0
"""Sessions are counted at most so often."""
PATIENCE = 1.0
"""Seconds that the figures wait for the count."""
STATES = ('live', 'expired')

QUICK = (.00005, .0001, .0002, .0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30)
SLOW = (.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30)


class Metrics:
    """The figures of one site in one process."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter('spyce_requests', 'Requests answered', ['status'], registry=registry)
        self.request_seconds = Histogram('spyce_request_seconds', 'Until the answer was ready', buckets=SLOW,
                                         registry=registry)
        self.store_seconds = Histogram('spyce_store_seconds', 'Work of the session store', ['operation'],
                                       buckets=QUICK, registry=registry)
        self.lock_seconds = Histogram('spyce_session_lock_seconds', 'Until a request had its session for itself',
                                      buckets=QUICK, registry=registry)
        self.refusals = Counter('spyce_session_refusals', 'Requests that could not have or keep their session',
                                ['reason'], registry=registry)
        self.conflicts = Counter('spyce_session_conflicts', 'Changes without a lock that another request came before, '
                                 'so that they were made again with it', registry=registry)
        self.sessions = Counter('spyce_session_events', 'What became of sessions and logins', ['event'],
                                registry=registry)
        self.stored = Gauge('spyce_sessions', 'Sessions and logins in the store', ['state'], registry=registry,
                            multiprocess_mode='mostrecent')
        self._mutex = threading.Lock()
        self._counter: threading.Thread | None = None
        self._counted = float('-inf')

    def note_request(self, status: str, seconds: float) -> None:
        """A request was answered; status: the line, of which the class counts."""
        self.requests.labels(f'{status[:1]}xx').inc()
        self.request_seconds.observe(seconds)

    @contextmanager
    def timed(self, histogram: Histogram) -> Iterator[None]:
        """Time a block, and count why it was refused."""
        start = time.perf_counter()
        try:
            yield
        except SessionLocked:
            self.refusals.labels('in use').inc()
            raise
        except StoreError as error:
            self.refusals.labels('taken' if error.is_taken else 'store').inc()
            raise
        finally:
            histogram.observe(time.perf_counter() - start)

    def text(self, stats: Callable[[], dict[str, Any] | None]) -> bytes:
        """All figures, as Prometheus reads them. stats: counts the sessions; gives None if that would take too long."""
        self._start_to_count(stats)
        if 'PROMETHEUS_MULTIPROC_DIR' not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def _start_to_count(self, stats: Callable[[], dict[str, Any] | None]) -> None:
        """Count the sessions, if it is time, in a thread of its own: when the store hangs, one wants the rest."""
        with self._mutex:
            if time.monotonic() < self._counted + STATS_SECONDS or (self._counter and self._counter.is_alive()):
                return
            self._counted = time.monotonic()
            counter = self._counter = threading.Thread(target=self._count, args=(stats,), daemon=True)
        counter.start()
        counter.join(PATIENCE)

    def _count(self, stats: Callable[[], dict[str, Any] | None]) -> None:
        try:
            found = stats()
        except Exception as error:
            log.warning('the sessions cannot be counted for the figures: %s', error)
            found = dict.fromkeys(STATES, float('nan'))  # not the last number, which may be old
        if found is not None:
            for state in STATES:
                self.stored.labels(state).set(found[state])

    def measured(self, store: NativeStore) -> NativeStore:
        """The store, with its work measured."""
        return cast(NativeStore, MeasuredStore(store, self))


class MeasuredStore:
    """A session store that is measured; all that is not work on one session goes straight to it."""

    def __init__(self, store: NativeStore, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def __repr__(self) -> str:
        return repr(self._store)

    def _call(self, operation: str, method: Callable[..., Any], *args: Any, **named: Any) -> Any:
        with self._metrics.timed(self._metrics.store_seconds.labels(operation)):
            return method(*args, **named)

    def fetch(self, *args: Any) -> Any:
        return self._call('load', self._store.fetch, *args)

    def read(self, *args: Any) -> Any:
        return self._call('load', self._store.read, *args)

    def update(self, *args: Any, **named: Any) -> Any:
        return self._call('save', self._store.update, *args, **named)

    def update_and_release(self, *args: Any, **named: Any) -> Any:
        return self._call('save', self._store.update_and_release, *args, **named)

    def update_if_same(self, entry: Entry, *args: Any, **named: Any) -> bytes:
        version: bytes = self._call('save', self._store.update_if_same, entry, *args, **named)
        if entry.version and not version:
            self._metrics.conflicts.inc()
        return version

    def lock(self, *args: Any) -> Any:
        with self._metrics.timed(self._metrics.lock_seconds):
            return self._store.lock(*args)

    def fetch_locked(self, *args: Any) -> Any:
        with self._metrics.timed(self._metrics.lock_seconds):
            return self._store.fetch_locked(*args)

    def create(self, *args: Any, **named: Any) -> Any:
        key = self._call('create', self._store.create, *args, **named)
        self._metrics.sessions.labels('created').inc()
        return key

    def remove(self, *args: Any) -> bool:
        removed: bool = self._call('remove', self._store.remove, *args)
        if removed:
            self._metrics.sessions.labels('ended').inc()
        return removed

    def delete_expired(self, *args: Any) -> int:
        count: int = self._call('clean', self._store.delete_expired, *args)
        self._metrics.sessions.labels('expired').inc(count)
        return count
