"""The judge of the histories: what it accepts, and what it does not let pass."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.experiments.linearize import find_contradiction


@dataclass(frozen=True)
class Count:
    """A client added one and saw `value`; None if no answer came."""

    invoked: float
    returned: float
    value: int | None


def count(state: int, operation: Count) -> Iterator[int]:
    if operation.value is None:
        yield state
    if operation.value in (None, state + 1):
        yield state + 1


def contradiction(*history: tuple[float, float, int | None]) -> str | None:
    return find_contradiction([Count(*operation) for operation in history], 0, count)


def test_one_after_the_other_is_explained() -> None:
    assert contradiction((0, 1, 1), (2, 3, 2)) is None


def test_an_empty_history_is_explained() -> None:
    assert contradiction() is None


def test_operations_at_the_same_time_may_have_happened_in_any_order() -> None:
    assert contradiction((0, 9, 3), (1, 9, 1), (2, 9, 2)) is None


def test_a_lost_update_has_no_explanation() -> None:
    found = contradiction((0, 9, 1), (1, 9, 1))
    assert found is not None
    assert 'no order explains these 2 operations' in found


def test_the_order_in_real_time_counts() -> None:
    assert contradiction((0, 1, 2), (2, 3, 1)) is not None


def test_what_got_no_answer_may_have_happened_or_not() -> None:
    assert contradiction((0, 1, 1), (2, 3, None), (4, 5, 2)) is None
    assert contradiction((0, 1, 1), (2, 3, None), (4, 5, 3)) is None


def test_what_got_no_answer_happened_once_at_most() -> None:
    assert contradiction((0, 1, 1), (2, 3, None), (4, 5, 4)) is not None


def test_what_got_no_answer_did_not_happen_later() -> None:
    assert contradiction((0, 1, None), (2, 3, 1), (4, 5, 3)) is not None
