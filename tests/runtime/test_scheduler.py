"""Tasks run when they are due, once for each time, whatever the clock does."""
from __future__ import annotations

import threading
import time

import pytest

from spyce.runtime.locks import threadLock
from spyce.runtime.scheduler import Schedule, ScheduleRunner


class Clock:
    def __init__(self) -> None:
        self.now = time.mktime((2026, 3, 2, 10, 0, 0, 0, 0, -1))  # a Monday, 10:00

    def __call__(self) -> float:
        return self.now

    def set(self, day: int, hour: int, minute: int = 0) -> None:
        self.now = time.mktime((2026, 3, day, hour, minute, 0, 0, 0, -1))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ran() -> list[str]:
    return []


def test_an_interval(clock, ran):
    schedule = Schedule(clock)
    schedule.every(60, lambda: ran.append('x'))
    schedule.run_due()
    assert ran == []
    clock.now += 60
    schedule.run_due()
    schedule.run_due()
    assert ran == ['x']
    clock.now += 600
    schedule.run_due()
    assert ran == ['x', 'x']


def test_a_time_of_day(clock, ran):
    schedule = Schedule(clock)
    schedule.daily(9, 30, lambda: ran.append('x'))
    clock.set(2, 23)
    schedule.run_due()
    assert ran == []
    clock.set(3, 9, 30)
    schedule.run_due()
    assert ran == ['x']
    clock.set(4, 9, 29)
    schedule.run_due()
    assert ran == ['x']


def test_a_day_of_the_week(clock, ran):
    schedule = Schedule(clock)
    schedule.weekly(2, 0, 0, lambda: ran.append('Wednesday'))
    clock.set(3, 23, 59)
    schedule.run_due()
    assert ran == []
    clock.set(4, 0, 0)
    schedule.run_due()
    clock.set(10, 23)
    schedule.run_due()
    assert ran == ['Wednesday']
    clock.set(11, 0)
    schedule.run_due()
    assert ran == ['Wednesday'] * 2


def test_once(clock, ran):
    schedule = Schedule(clock)
    schedule.every(1, lambda: ran.append('x'), once=True)
    for _ in range(3):
        clock.now += 2
        schedule.run_due()
    assert ran == ['x']


def test_unscheduled_and_paused_tasks_do_not_run(clock, ran):
    schedule = Schedule(clock)
    gone = schedule.every(1, lambda: ran.append('gone'))
    schedule.every(1, lambda: ran.append('kept'))
    schedule.remove(gone)
    schedule.remove(gone)
    schedule.pause()
    clock.now += 10
    schedule.run_due()
    assert ran == []
    schedule.resume()
    schedule.run_due()
    assert ran == ['kept']


def test_a_task_has_the_attributes_of_2_1(clock):
    schedule = Schedule(clock)
    task = schedule.every(60, print)
    assert (task.callable, task.interval, task.nextrun, task.last) == (print, 60, clock.now + 60, False)
    assert schedule.every(60, print, once=True).last
    assert schedule.daily(9, 30, print).interval == 24 * 60 * 60
    assert schedule.weekly(2, 9, 30, print).interval == 7 * 24 * 60 * 60


def test_its_attributes_may_be_set(clock, ran):
    schedule = Schedule(clock)
    task = schedule.every(60, lambda: ran.append('x'))
    task.nextrun = clock.now + 5
    task.interval = 10
    for _ in range(3):
        clock.now += 5
        schedule.run_due()
    assert ran == ['x', 'x']


def test_a_task_may_say_itself_that_it_is_over(clock, ran):
    schedule = Schedule(clock)

    def run() -> None:
        ran.append('x')
        task.last = len(ran) == 2

    task = schedule.every(1, run)
    for _ in range(5):
        clock.now += 1
        schedule.run_due()
    assert ran == ['x', 'x']
    assert schedule.is_empty()


def test_shared_tasks_pass_by_a_process_that_does_not_lead(clock, ran):
    schedule = Schedule(clock)
    schedule.every(1, lambda: ran.append('shared'))
    schedule.every(1, lambda: ran.append('own'), shared=False)
    for leads in (False, False, True):
        clock.now += 1
        schedule.run_due(leads)
    assert ran == ['own', 'own', 'shared', 'own']


def test_a_process_that_does_not_lead_runs_its_own_tasks_and_sleeps_between_them():
    class Taken:
        asked = 0

        def acquire(self, block: object = True) -> bool:
            self.asked += 1
            return False

        def release(self) -> None:
            raise AssertionError('it never had it')

    lock, ran, schedule = Taken(), [], Schedule()
    done = threading.Event()
    schedule.every(0.02, lambda: ran.append('shared'))

    def own() -> None:
        ran.append('own')
        if len(ran) == 5:
            done.set()

    schedule.every(0.02, own, shared=False)
    runner = ScheduleRunner(schedule, lock)
    runner.start()
    assert done.wait(10)
    runner.stop()
    runner.join(10)
    assert set(ran) == {'own'}
    assert lock.asked < 50  # once a round, and not without end


def test_a_failing_task_is_logged_and_hinders_no_other(clock, ran, caplog):
    schedule = Schedule(clock)
    schedule.every(1, lambda: 1 / 0)
    schedule.every(1, lambda: ran.append('x'))
    clock.now += 1
    schedule.run_due()
    assert ran == ['x']
    assert 'ZeroDivisionError' in caplog.text


@pytest.mark.parametrize('wrong', [lambda s: s.every(0, print), lambda s: s.daily(24, 0, print),
                                   lambda s: s.daily(0, 60, print), lambda s: s.weekly(7, 0, 0, print)])
def test_times_that_do_not_exist_are_refused(clock, wrong):
    with pytest.raises(ValueError, match='schedule'):
        wrong(Schedule(clock))


def test_one_runner_of_several_leads_and_another_takes_over():
    lock, ran, done = threadLock(), [], threading.Event()
    schedules = [Schedule(), Schedule()]

    def note(name):
        ran.append(name)
        if len(ran) >= 3:
            done.set()

    for name, schedule in enumerate(schedules):
        schedule.every(0.01, lambda name=name: note(name))
    first, second = (ScheduleRunner(schedule, lock) for schedule in schedules)
    first.start()
    assert done.wait(10)
    second.start()
    assert set(ran) == {0}
    first.stop()
    first.join(10)
    schedules[1].resume()  # wakes the one that waits, which looks for the lock
    deadline = time.monotonic() + 10
    while 1 not in ran and time.monotonic() < deadline:
        schedules[1].resume()
        time.sleep(0.01)
    second.stop()
    second.join(10)
    assert 1 in ran
