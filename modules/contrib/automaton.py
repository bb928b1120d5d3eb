"""The module `automaton`: a dialogue over several requests as a state machine (1.3 manual: automaton module).

    [[.import name=automaton]]
    [[\
    def ask(): print('<form><input name=n><input type=hidden name=state value=ask></form>')
    def answer(): return 'right' if request.get1('n') == '42' else 'wrong'
    def praise(): print('Yes!')

    automaton.define({'ask': (ask, answer, {'right': 'praise', 'wrong': 'ask'}),
                      'praise': (praise, None, {})}, 'ask')
    automaton.step(request.get1('state'))
    ]]
"""
from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from spyce.legacy.spyceModule import spyceModule

log = logging.getLogger('spyce.page')

State = Hashable
Send = Callable[[], object]
Receive = Callable[[], Hashable]


class automaton(spyceModule):
    """States with a function that prints the page and one that reads what comes back; edges lead from one to another.

    Each request is one step. Which state a visitor is in is the page's to remember, best in a session: a visitor can
    change what a hidden field says to any state that is defined, so states that must be earned do not belong there.
    """

    def start(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all states and edges."""
        self._states: dict[State, tuple[Send, Receive | None]] = {}
        self._edges: dict[tuple[State, Hashable], State] = {}
        self._first: State = None

    def state(self, name: State, send: Send, recv: Receive | None = None) -> None:
        """Define a state.

        send(): prints its page. recv(): reads what the visitor sent from that page, and returns the name of the edge
        to follow; None, the edge of a state without it, leads back to the same state unless transition() says
        otherwise.
        """
        if not callable(send) or not (recv is None or callable(recv)):
            raise TypeError(f'automaton.state({name!r}, send, recv): both are functions without parameters')
        self._states[name] = send, recv
        self._edges.setdefault((name, None), name)

    def transition(self, state1: State, name: Hashable, state2: State) -> None:
        """Define the edge `name` from one state to another. Raises ValueError for a state that is not defined."""
        self._edges[self._defined(state1), name] = self._defined(state2)

    def begin(self, name: State) -> None:
        """Say where a visitor begins who is in no state yet. Raises ValueError if that is not defined."""
        self._first = self._defined(name)

    node = state
    edge = transition

    def define(self, sm: Mapping[State, tuple[Send, Receive | None, Mapping[Hashable, State]]], begin: State) -> None:
        """Define all at once, in place of what was there.

        sm: {state: (send, recv, {edge: state})}; begin: where a visitor begins.
        """
        self.clear()
        for name, (send, recv, _) in sm.items():
            self.state(name, send, recv)
        for name, (_, _, edges) in sm.items():
            for edge, target in edges.items():
                self.transition(name, edge, target)
        self.begin(begin)

    def step(self, state: Any = None) -> None:
        """Have the visitor's state read what came, follow the edge that it names, and print the page of the next one.

        state: where the visitor is; None, or a name that is not defined, for the beginning, where nothing is read.
        Raises ValueError for an edge that the state does not have, and without a beginning.
        """
        send, _ = self._states[self._next(state)]
        send()

    def _next(self, state: Any) -> State:
        if self._first is None:
            raise ValueError('automaton.step(): nothing says yet where to begin; call define() or begin() first')
        if state is None or not self._is_defined(state):
            if state is not None:
                log.warning('automaton: a visitor came in a state that is not defined, and begins anew')
            return self._first
        _, recv = self._states[state]
        edge = recv() if recv is not None else None
        try:
            return self._edges[state, edge]
        except KeyError:
            known = ', '.join(repr(name) for source, name in self._edges if source == state)
            raise ValueError(f'automaton: state {state!r} has no edge {edge!r}, which its function of receiving has '
                             f'returned; it has {known}') from None

    def _is_defined(self, state: Any) -> bool:
        return isinstance(state, Hashable) and state in self._states

    def _defined(self, name: State) -> State:
        if name not in self._states:
            raise ValueError(f'automaton: there is no state {name!r}; define it before edges and the beginning')
        return name
