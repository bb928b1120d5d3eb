"""Tasks that run by the clock (manual: scheduler).

    import scheduler, session                       # in a config
    scheduler.schedule_daily(0, 0, session.clean_store)

What a config registers belongs to that config: of all workers that serve it one runs it, and `spyce render` or CGI do
not. What a page registers, the worker runs that has answered the page.

A Task has callable, nextrun (seconds since the epoch), interval (seconds) and last, as in 2.1; they may be set.
"""
from __future__ import annotations

from collections.abc import Callable

from spyce.runtime.context import getServer
from spyce.runtime.scheduler import Schedule, Task


def _schedule() -> Schedule:
    from spyce.config.loading import loading
    config = loading.get()
    return config.schedule if config is not None else getServer().schedule


def _is_shared() -> bool:
    """Whether a config is being read, as each process of the site does."""
    from spyce.config.loading import loading
    return loading.get() is not None


def schedule(interval: float, callable: Callable[[], object], once: bool = False) -> Task:
    """Call `callable` every `interval` seconds; with `once` a single time. The task, for unschedule()."""
    return _schedule().every(interval, callable, once, _is_shared())


def schedule_daily(hours: int, minutes: int, callable: Callable[[], object], once: bool = False) -> Task:
    """Call `callable` each day at that local time."""
    return _schedule().daily(hours, minutes, callable, once, _is_shared())


def schedule_weekly(day: int, hours: int, minutes: int, callable: Callable[[], object], once: bool = False) -> Task:
    """Call `callable` each week on that day (0 is Monday) at that local time."""
    return _schedule().weekly(day, hours, minutes, callable, once, _is_shared())


def unschedule(task: Task) -> None:
    """Do not call it any more."""
    _schedule().remove(task)


def pause() -> None:
    """Call nothing until unpause()."""
    _schedule().pause()


def unpause() -> None:
    """Go on; what became due meanwhile is called once."""
    _schedule().resume()
