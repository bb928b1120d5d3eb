"""How often a password may be tried."""
from __future__ import annotations

import threading

import pytest

from spyce.login import throttle as limits
from spyce.login.throttle import PER_ADDRESS, PER_NAME, PER_NAME_AND_ADDRESS, WINDOW, Throttle


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def throttle(clock):
    return Throttle(clock)


def test_ten_attempts_for_a_name_from_an_address_then_none_until_the_window_is_over(throttle, clock):
    for _ in range(PER_NAME_AND_ADDRESS):
        assert throttle.attempt('ann', '10.0.0.1') == 0
        clock.now += 1
    assert throttle.attempt('ann', '10.0.0.1') == WINDOW - PER_NAME_AND_ADDRESS
    assert throttle.attempt('ANN', '10.0.0.1') > 0
    assert throttle.attempt('bob', '10.0.0.1') == 0
    assert throttle.attempt('ann', '10.0.0.2') == 0
    clock.now += WINDOW
    assert throttle.attempt('ann', '10.0.0.1') == 0


def test_many_addresses_do_not_help_a_guesser_of_one_name(throttle):
    allowed = sum(throttle.attempt('ann', f'10.0.{number % 50}.{number // 50}') == 0 for number in range(PER_NAME + 50))
    assert allowed == PER_NAME


@pytest.mark.parametrize('address', ['10.0.0.1', '2001:db8::{number:x}'])
def test_many_names_do_not_help_a_guesser_at_one_address(throttle, address):
    """Of IPv6 the network counts: a customer has it for himself."""
    allowed = sum(throttle.attempt(f'user{number}', address.format(number=number)) == 0
                  for number in range(PER_ADDRESS + 50))
    assert allowed == PER_ADDRESS


def test_ipv4_addresses_in_ipv6_clothes_are_addresses_of_their_own(throttle):
    for number in range(PER_ADDRESS):
        throttle.attempt(f'user{number}', '::ffff:10.0.0.1')
    assert throttle.attempt('ann', '10.0.0.1') > 0
    assert throttle.attempt('ann', '::ffff:10.0.0.2') == 0


def test_a_right_password_forgets_the_wrong_ones_before_it(throttle):
    for _ in range(5):
        for _ in range(PER_NAME_AND_ADDRESS - 1):
            assert throttle.attempt('ann', '10.0.0.1') == 0
        throttle.succeeded('ann', '10.0.0.1')


def test_an_account_of_his_own_gives_a_guesser_no_new_attempts(throttle):
    allowed = 0
    for number in range(2 * PER_ADDRESS):
        allowed += throttle.attempt(f'user{number}', '10.0.0.1') == 0
        if throttle.attempt('own', '10.0.0.1') == 0:
            throttle.succeeded('own', '10.0.0.1')
    assert allowed == PER_ADDRESS


def test_attempts_at_once_are_counted_before_they_are_checked(throttle):
    allowed = []
    threads = [threading.Thread(target=lambda: allowed.append(throttle.attempt('ann', '10.0.0.1') == 0))
               for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(allowed) == PER_NAME_AND_ADDRESS


def test_memory_is_bounded(throttle, monkeypatch):
    monkeypatch.setattr(limits, 'MOST_KEYS', 50)
    for number in range(200):
        throttle.attempt('x' * 10_000 + str(number), f'10.0.0.{number}')
    assert len(throttle) <= 52


def test_a_clock_that_is_set_back_locks_nobody_out(throttle, clock):
    for _ in range(PER_NAME_AND_ADDRESS):
        throttle.attempt('ann', '10.0.0.1')
    clock.now -= 100 * WINDOW
    assert throttle.attempt('ann', '10.0.0.1') == 0


@pytest.mark.parametrize('address', ['', 'unix:', '<b>', '::ffff:10.0.0.1'])
def test_any_address_is_one(throttle, address):
    assert throttle.attempt('ann', address) == 0
