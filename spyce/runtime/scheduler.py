"""Tasks of a site that run by the clock (manual: scheduler): registered by its config or its pages.

A Schedule only knows what is due. A ScheduleRunner is the thread that runs it, in workers that serve. What the config
registers every worker has: the one that holds the lock runs it. What a page registers is in its own worker alone,
which runs it.
"""
from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from spyce.runtime.locks import Lock

log = logging.getLogger('spyce.scheduler')

LONGEST_SLEEP = 30.0
"""Seconds after which a runner looks again: whether the clock was set, and whether the leading process has died."""

DAY = 24 * 60 * 60.0

Action = Callable[[], object]


@dataclass(eq=False)
class Task:
    """Something to do at times; the attributes are those of 2.1, and may be set.

    callable: what to do.  nextrun: when, in seconds since the epoch.  interval: seconds from one time to the next,
    for information only if the task belongs to a time of day.  last: whether the next time is the last one; the
    callable may set it, too.  is_shared: whether every process of the site has this task, so that only one may run it.
    """

    callable: Action
    nextrun: float
    interval: float
    last: bool
    is_shared: bool = field(repr=False)
    time_of_day: Callable[[float], float] | None = field(repr=False)  # the next time after a given one

    def advance(self, now: float) -> None:
        """Set the next time, after `now`."""
        self.nextrun = now + self.interval if self.time_of_day is None else self.time_of_day(now)


class Schedule:
    """The tasks of one site. Safe to use from many threads."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._tasks: list[Task] = []
        self._paused = False
        self._changed = threading.Condition()

    def every(self, interval: float, action: Action, once: bool = False, shared: bool = True) -> Task:
        """Do `action` every `interval` seconds, the first time after one interval. Raises ValueError."""
        if not interval > 0:
            raise ValueError(f'schedule: the interval is {interval!r} seconds, and must be more than 0')
        return self._add(action, interval, None, once, shared)

    def daily(self, hour: int, minute: int, action: Action, once: bool = False, shared: bool = True) -> Task:
        """Do `action` each day at that local time. Raises ValueError."""
        _check_time(hour, minute)
        return self._add(action, DAY, lambda now: _next_time(now, hour, minute, None), once, shared)

    def weekly(self, weekday: int, hour: int, minute: int, action: Action, once: bool = False,
               shared: bool = True) -> Task:
        """Do `action` each week, weekday 0 is Monday, at that local time. Raises ValueError."""
        _check_time(hour, minute)
        if weekday not in range(7):
            raise ValueError(f'schedule_weekly: the day is {weekday!r}, and must be 0 (Monday) to 6 (Sunday)')
        return self._add(action, 7 * DAY, lambda now: _next_time(now, hour, minute, weekday), once, shared)

    def remove(self, task: Task) -> None:
        """Forget a task; one that is not there (any more) is fine."""
        with self._changed:
            if task in self._tasks:
                self._tasks.remove(task)

    def is_empty(self) -> bool:
        """Whether there is no task."""
        return not self._tasks

    def has_shared(self) -> bool:
        """Whether there is a task that other processes of the site have, too."""
        with self._changed:
            return any(task.is_shared for task in self._tasks)

    def pause(self) -> None:
        """Run nothing until resume()."""
        with self._changed:
            self._paused = True

    def resume(self) -> None:
        """Go on. What became due meanwhile runs once."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def run_due(self, shared: bool = True) -> None:
        """Run what is due, in order; an exception is logged, and the task keeps its next time.

        shared: whether this process is the one that runs the shared tasks; if not, they pass by.
        """
        for task in self._take_due():
            if task.is_shared and not shared:
                continue
            try:
                task.callable()
            except Exception:
                log.exception('a scheduled task has failed: %r', task.callable)
            if task.last:
                self.remove(task)

    def wait(self, longest: float = LONGEST_SLEEP) -> None:
        """Return when something may be due, or the tasks have changed; after `longest` seconds at the latest."""
        with self._changed:
            self._changed.wait(min(longest, self._seconds_left()))

    def _seconds_left(self) -> float:
        if self._paused or not self._tasks:
            return LONGEST_SLEEP
        return max(0.0, min(task.nextrun for task in self._tasks) - self._clock())

    def _add(self, action: Action, interval: float, time_of_day: Callable[[float], float] | None, once: bool,
             shared: bool) -> Task:
        if not callable(action):
            raise TypeError(f'a scheduled task must be something to call, not {type(action).__name__}')
        task = Task(action, 0, interval, bool(once), shared, time_of_day)
        task.advance(self._clock())
        with self._changed:
            self._tasks.append(task)
            self._changed.notify_all()
        return task

    def _take_due(self) -> list[Task]:
        now = self._clock()
        with self._changed:
            if self._paused:
                return []
            due = sorted((task for task in self._tasks if task.nextrun <= now), key=lambda task: task.nextrun)
            for task in due:
                if task.last:
                    self._tasks.remove(task)
                else:
                    task.advance(now)
            return due


class ScheduleRunner(threading.Thread):
    """Runs a schedule until stop(); its shared tasks as long as this process holds `lock`."""

    def __init__(self, schedule: Schedule, lock: Lock,
                 surroundings: Callable[[], AbstractContextManager[object]] = nullcontext) -> None:
        """lock: which process runs shared tasks; surroundings: made around each round, so that getServer() works."""
        super().__init__(name='spyce-scheduler', daemon=True)
        self._schedule = schedule
        self._lock = lock
        self._surroundings = surroundings
        self._is_leader = False
        self._stopping = False

    def run(self) -> None:
        """The thread's work."""
        try:
            while not self._stopping:
                if not self._is_leader and self._schedule.has_shared():
                    self._is_leader = bool(self._lock.acquire(False))
                with self._surroundings():
                    self._schedule.run_due(self._is_leader)
                self._schedule.wait()
        finally:
            if self._is_leader:
                self._lock.release()

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
