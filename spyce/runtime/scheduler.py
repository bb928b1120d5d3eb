"""Tasks of a site that run by the clock (manual: scheduler): registered by its config or its pages, run by one worker.

A Schedule only knows what is due. A ScheduleRunner is the thread that runs it, in workers that serve; among several
processes the one that holds the lock.
"""
from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from spyce.runtime.locks import Lock

log = logging.getLogger('spyce.scheduler')

LONGEST_SLEEP = 30.0
"""Seconds after which a runner looks again: whether the clock was set, and whether the leading process has died."""

Action = Callable[[], object]


@dataclass(eq=False)
class Task:
    """Something to do at times. due: seconds since the epoch; following: the next time after a given one."""

    action: Action
    due: float
    following: Callable[[float], float]
    once: bool = False


class Schedule:
    """The tasks of one site. Safe to use from many threads."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._tasks: list[Task] = []
        self._paused = False
        self._changed = threading.Condition()

    def every(self, interval: float, action: Action, once: bool = False) -> Task:
        """Do `action` every `interval` seconds, the first time after one interval. Raises ValueError."""
        if not interval > 0:
            raise ValueError(f'schedule: the interval is {interval!r} seconds, and must be more than 0')
        return self._add(action, lambda now: now + interval, once)

    def daily(self, hour: int, minute: int, action: Action, once: bool = False) -> Task:
        """Do `action` each day at that local time. Raises ValueError."""
        _check_time(hour, minute)
        return self._add(action, lambda now: _next_time(now, hour, minute, None), once)

    def weekly(self, weekday: int, hour: int, minute: int, action: Action, once: bool = False) -> Task:
        """Do `action` each week, weekday 0 is Monday, at that local time. Raises ValueError."""
        _check_time(hour, minute)
        if weekday not in range(7):
            raise ValueError(f'schedule_weekly: the day is {weekday!r}, and must be 0 (Monday) to 6 (Sunday)')
        return self._add(action, lambda now: _next_time(now, hour, minute, weekday), once)

    def remove(self, task: Task) -> None:
        """Forget a task; one that is not there (any more) is fine."""
        with self._changed:
            if task in self._tasks:
                self._tasks.remove(task)

    def is_empty(self) -> bool:
        """Whether there is no task."""
        return not self._tasks

    def pause(self) -> None:
        """Run nothing until resume()."""
        with self._changed:
            self._paused = True

    def resume(self) -> None:
        """Go on. What became due meanwhile runs once."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def run_due(self) -> None:
        """Run what is due, in order; an exception is logged, and the task keeps its next time."""
        for task in self._take_due():
            try:
                task.action()
            except Exception:
                log.exception('a scheduled task has failed: %r', task.action)

    def wait(self, longest: float = LONGEST_SLEEP) -> None:
        """Return when something may be due, or the tasks have changed; after `longest` seconds at the latest."""
        with self._changed:
            self._changed.wait(min(longest, self._seconds_left()))

    def _seconds_left(self) -> float:
        if self._paused or not self._tasks:
            return LONGEST_SLEEP
        return max(0.0, min(task.due for task in self._tasks) - self._clock())

    def _add(self, action: Action, following: Callable[[float], float], once: bool) -> Task:
        if not callable(action):
            raise TypeError(f'a scheduled task must be something to call, not {type(action).__name__}')
        task = Task(action, following(self._clock()), following, bool(once))
        with self._changed:
            self._tasks.append(task)
            self._changed.notify_all()
        return task

    def _take_due(self) -> list[Task]:
        now = self._clock()
        with self._changed:
            if self._paused:
                return []
            due = sorted((task for task in self._tasks if task.due <= now), key=lambda task: task.due)
            for task in due:
                if task.once:
                    self._tasks.remove(task)
                else:
                    task.due = task.following(now)
            return due


class ScheduleRunner(threading.Thread):
    """Runs a schedule until stop(), as long as this process holds `lock`."""

    def __init__(self, schedule: Schedule, lock: Lock,
                 surroundings: Callable[[], AbstractContextManager[object]] = nullcontext) -> None:
        """lock: which process runs the tasks; surroundings: made around each round, so that getServer() works."""
        super().__init__(name='spyce-scheduler', daemon=True)
        self._schedule = schedule
        self._lock = lock
        self._surroundings = surroundings
        self._stopping = False

    def run(self) -> None:
        """The thread's work."""
        while not self._stopping:
            if not self._schedule.is_empty() and self._lock.acquire(False):
                try:
                    self._lead()
                finally:
                    self._lock.release()
            else:
                self._schedule.wait()

    def _lead(self) -> None:
        while not self._stopping:
            with self._surroundings():
                self._schedule.run_due()
            self._schedule.wait()

    def stop(self) -> None:
        """Run no further task."""
        self._stopping = True
        self._schedule.resume()


def _check_time(hour: int, minute: int) -> None:
    if hour not in range(24) or minute not in range(60):
        raise ValueError(f'schedule: {hour!r}:{minute!r} is no time of day')


def _next_time(now: float, hour: int, minute: int, weekday: int | None) -> float:
    """The next moment after `now` at which local clocks show that time, on that weekday if one is given."""
    today = time.localtime(now)
    for days in range(9):
        # Day overflow and summer time are mktime's business.
        moment = time.mktime((today.tm_year, today.tm_mon, today.tm_mday + days, hour, minute, 0, 0, 0, -1))
        if moment > now and weekday in (None, time.localtime(moment).tm_wday):
            return moment
    raise AssertionError('a week has seven days')
