"""The module automaton: dialogues over several requests."""
from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spyce.testing import Client

Site = Callable[..., Client]

QUIZ = '''
[[.import name=automaton]]
[[\\
def ask():
    print('6 * 7? <form><input name="n" value=""><input type="hidden" name="state" value="ask">'
          '<input type="submit" value="Go"></form>')
def answer():
    return 'right' if request.get1('n') == '42' else 'wrong'
def praise():
    print('Yes! <form><input type="hidden" name="state" value="praise"><input type="submit" value="More"></form>')

automaton.define({'ask': (ask, answer, {'right': 'praise', 'wrong': 'ask'}),
                  'praise': (praise, None, {None: 'ask'})}, 'ask')
automaton.step(request.get1('state'))
]]
'''


@pytest.fixture
def run(site: Site) -> Callable[[str], str]:
    """Run code that may use automaton, and tell what it prints; with debug, so that errors say what is wrong."""
    def run(code: str) -> str:
        page = '[[.import name=automaton]]\n[[\\\n' + textwrap.dedent(code) + '\n]]'
        return site({'a.spy': page}, debug=True).get('/a.spy').text.strip()
    return run


Run = Callable[[str], str]


def test_a_dialogue(site: Site) -> None:
    client = site({'quiz.spy': QUIZ})
    page = client.get('/quiz.spy')
    assert page.text.strip().startswith('6 * 7?')
    page = client.press(page, 'Go', {'n': '41'})
    assert page.text.strip().startswith('6 * 7?')
    page = client.press(page, 'Go', {'n': '42'})
    assert page.text.strip().startswith('Yes!')
    assert client.press(page, 'More').text.strip().startswith('6 * 7?')


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(state=st.text(max_size=20))
def test_whatever_a_visitor_says_his_state_is(quiz: Client, state: str) -> None:
    answer = quiz.get('/quiz.spy', {'state': state})
    assert answer.status == 200
    assert answer.text.strip().startswith('6 * 7?')


@pytest.fixture
def quiz(site: Site) -> Client:
    return site({'quiz.spy': QUIZ})


def test_with_the_state_in_a_session(site: Site) -> None:
    client = site({'a.spy': '''
        [[.import names="automaton, session"]]
        [[\\
        def shows(name):
            def send():
                session['state'] = name
                print(name)
            return send
        automaton.define({name: (shows(name), lambda: 'on', {'on': following})
                          for name, following in (('one', 'two'), ('two', 'three'), ('three', 'one'))}, 'one')
        automaton.step(session.get('state'))
        ]]'''})
    assert [client.get('/a.spy').text.strip() for _ in range(4)] == ['one', 'two', 'three', 'one']


def test_defined_piece_by_piece(run: Run) -> None:
    assert run('''
        automaton.state('a', lambda: print('A'), lambda: 'x')
        automaton.node('b', lambda: print('B'), lambda: 'y')
        automaton.transition('a', 'x', 'b')
        automaton.edge('b', 'y', 'a')
        automaton.begin('b')
        automaton.step()
        automaton.step('b')
        automaton.step('a')
        ''').split() == ['B', 'A', 'B']


def test_none_leads_back_to_the_same_state(run: Run) -> None:
    assert run('''
        automaton.define({'a': (lambda: print('A'), lambda: None, {}), 'b': (lambda: print('B'), None, {})}, 'b')
        automaton.step('a')
        automaton.step('b')
        ''').split() == ['A', 'B']


def test_unless_an_edge_none_leads_elsewhere(run: Run) -> None:
    assert run('''
        automaton.define({'a': (lambda: print('A'), lambda: None, {None: 'b'}),
                          'b': (lambda: print('B'), None, {})}, 'a')
        automaton.step('a')
        ''') == 'B'


def test_a_state_may_be_defined_again_and_keeps_its_edges(run: Run) -> None:
    assert run('''
        automaton.define({'a': (lambda: print('A'), lambda: None, {None: 'b'}),
                          'b': (lambda: print('B'), None, {})}, 'a')
        automaton.state('a', lambda: print('again'), lambda: None)
        automaton.step()
        automaton.step('a')
        ''').split() == ['again', 'B']


def test_states_may_be_more_than_text_but_a_visitor_can_only_send_text(run: Run) -> None:
    assert run('''
        automaton.define({1: (lambda: print('one'), None, {None: 2}), 2: (lambda: print('two'), None, {})}, 1)
        for state in 1, '1', None, [1], {}: automaton.step(state)
        ''').split() == ['two', 'one', 'one', 'one', 'one']


def test_step_prints_nothing_of_its_own(site: Site) -> None:
    client = site({'a.spy': '[[.import name=automaton]][[ automaton.state("a", lambda: None); automaton.begin("a") ]]'
                            '<[[= automaton.step() ]]>'})
    assert client.get('/a.spy').text == '<>\n'


@pytest.mark.parametrize(('code', 'message'), [
    ('automaton.step()', 'nothing says yet where to begin'),
    ('automaton.define({}, "a")', "there is no state 'a'"),
    ('automaton.begin("a")', "there is no state 'a'"),
    ('automaton.state("a", print); automaton.transition("a", "x", "b")', "there is no state 'b'"),
    ('automaton.state("a", print); automaton.transition("b", "x", "a")', "there is no state 'b'"),
    ('automaton.state("a", "send")', 'functions without parameters'),
    ('automaton.state("a", print, "recv")', 'functions without parameters'),
    ('automaton.define({"a": (print, lambda: "x", {"y": "a"})}, "a"); automaton.step("a")', "has no edge 'x'"),
    ('automaton.define({"a": (print, None, {})}, "a"); automaton.clear(); automaton.step("a")', 'where to begin'),
])
def test_errors_say_what_is_wrong(run: Run, code: str, message: str) -> None:
    from html import unescape
    assert message in unescape(run(code))
