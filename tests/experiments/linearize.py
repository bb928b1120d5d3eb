"""Is there an order that explains what clients saw? A search after Wing and Gong, with memory of what was tried."""
from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Protocol, TypeVar


class Timed(Protocol):
    """Something that a client did: its effect, if any, came between these times of one clock."""

    @property
    def invoked(self) -> float: ...

    @property
    def returned(self) -> float: ...


Operation = TypeVar('Operation', bound=Timed)
State = TypeVar('State', bound=Hashable)


def find_contradiction(history: Iterable[Operation], initial: State,
                       step: Callable[[State, Operation], Iterable[State]]) -> str | None:
    """None if the history has an explanation; else a text that says where every attempt at one ends.

    An explanation puts the operations into one order, in which none comes after another that was invoked only when
    it had returned, and in which each is possible. step: the states that an operation may lead to from a state,
    none if what the client saw is not possible there.
    """
    operations = sorted(history, key=lambda operation: operation.invoked)
    everything = (1 << len(operations)) - 1
    begin = (0, initial)
    tried = {begin}
    todo = [begin]
    longest = begin
    while todo:
        done, state = todo.pop()
        if done == everything:
            return None
        if done.bit_count() > longest[0].bit_count():
            longest = done, state
        for index in _possible_next(operations, done):
            for next_state in step(state, operations[index]):
                reached = done | 1 << index, next_state
                if reached not in tried:
                    tried.add(reached)
                    todo.append(reached)
    return _describe(operations, *longest)


def _possible_next(operations: Sequence[Timed], done: int) -> list[int]:
    """The operations not done yet that nothing else not done yet must precede."""
    first = (~done & done + 1).bit_length() - 1
    candidates: list[int] = []
    horizon = float('inf')
    for index in range(first, len(operations)):
        if operations[index].invoked > horizon:
            break
        if not done >> index & 1:
            candidates.append(index)
            horizon = min(horizon, operations[index].returned)
    return [index for index in candidates if operations[index].invoked <= horizon]


def _describe(operations: Sequence[Timed], done: int, state: object) -> str:
    lines = [f'  {"explained" if done >> index & 1 else "open     "} {operation}'
             for index, operation in enumerate(operations)]
    return '\n'.join([f'no order explains these {len(operations)} operations; the longest attempt reaches {state}:',
                      *lines])
