"""Statements, expressions, chunks, class chunks, lambdas and imports."""

import sys
from typing import Any

import pytest
from page_runtime import Output, compiled, execute, run

from spyce.page import ModuleImport


@pytest.mark.parametrize(('source', 'printed'), [
    ('[[ a = 1; b = 2; c = a + b ]][[= c ]]\n', '3\n'),
    ('[[ a = 1\n        b = 2\n  c = 3 ]][[= a + b + c ]]\n', '6\n'),
    ('[[ for i in [1,2,3]: { ]][[ if i == 2: { ]]two[[ } else: { ]]other[[ } ]],[[ } ]]\n', 'other,two,other,\n'),
    ("[[ try: { ]]before [[ x = {}['k'] ]]never[[ } except KeyError: { ]]caught[[ } ]]\n", 'before caught\n'),
    ('[[ try: { ]]a[[ } finally: { ]]b[[ } ]]\n', 'ab\n'),
    ('[[ def row(x): { ]]<td>[[= x ]]</td>[[ } ]][[ row(1) ]][[ row(2) ]]\n', '<td>1</td><td>2</td>\n'),
    ("[[ hi = 'hi' ]][[ def f(n): { ]][[= hi ]] [[= n ]]![[ } ]][[ f('bob') ]]\n", 'hi bob!\n'),
    ("[[ class P: { def __init__(self, n): { self.n = n }\n def show(self): { return 'P' + str(self.n) } } ]]"
     '[[= P(4).show() ]]\n', 'P4\n'),
    ('[[ class C: { ]]in class[[ } ]]\n', 'in class\n'),
    ("[[ d = {'a': 1, 'b': {'c': 2}} ]][[= d['b']['c'] ]]\n", '2\n'),
    ("[[ for k in ['x']: { d = {k: {'n': 5}} ]][[= d['x']['n'] ]][[ } ]]\n", '5\n'),
    ("[[ a = '{' ]][[ b = \"}\" ]][[= a + b ]]\n", '{}\n'),
    ('[[ a = 1 # { not a block\n b = 2 # }\n]][[= a + b ]]\n', '3\n'),
    ('a[[ # nothing ]]b\n', 'ab\n'),
    ('[[ x = 5\nif x > 3: y = "big"\nelse: y = {} ]][[= y ]]\n', 'big\n'),
    ('[[ def setit(): { global zz\n zz = 9 }\n setit() ]][[= zz ]]\n', '9\n'),
    ('a\n[[ return ]]\nb\n', 'a\n'),
    ('a[[ if 1: { raise spyceDone } ]]b\n', 'a'),
    ("1[[ print('2') ]]3[[= 4 ]][[ response.write('5') ]]6\n", '12\n3456\n'),
    ('[[ for i in [1,2]: { ]][[= i ]][[ } else: { ]]done[[ } ]]\n', '12done\n'),
    ('[[ n = 0\nwhile 1: {\nn = n + 1\nif n == 2: { continue }\nif n == 5: { break }\n]][[= n ]] [[ } ]]end\n',
     '1 3 4 end\n'),
    ("[[\\\n      x = 1\n      ]][[  if x: {\n          y = 'yes'\n z = 'too'\n }\n   w = 3 ]]"
     '[[= y ]] [[= z ]] [[= w ]]\n', 'yes too 3\n'),
    ('[[ f = lambda v: {v: 1} ]][[= f(3)[3] ]]\n', '1\n'),
    ('[[ x: dict = {1: 2}; y = x[1:{}and 5] if 0 else x ]][[= y[1] ]]\n', '2\n'),
    ('[[ if (lambda: 1)(): { ]]yes[[ } ]]\n', 'yes\n'),
    ('[[ if lambda: 0: { ]]yes[[ } ]]\n', 'yes\n'),
    ("[[ x = 0 or 'x' ]][[= x ]]\n", 'x\n'),
    ("[[ x = '''a\n   b  \nc''' ]][[= x ]]\n", 'a\n   b  \nc\n'),
    ('[[ if 1: { } ]][[ while 0: { } ]][[ def f(): { # only this\n } ]]ok\n', 'ok\n'),
    ('[[ if 1: { x = 1 }; y = 2 ]][[= x + y ]]\n', '3\n'),
    ('[[ if 1:\n{ x = {2: 3} }\n]][[= x ]]\n', '{2: 3}\n'),
    ('[[ def deco(f): { return lambda: f() + 1 }\n@deco\ndef one(): { return 1 } ]][[= one() ]]\n', '2\n'),
    ('[[ x = 1 + \\\n   2 ]][[= x ]]\n', '3\n'),
    ('[[ if (n := 5) > 3: { ]][[= n ]][[ } ]]\n', '5\n'),
    ("[[ match {'a': 1}: { case {'a': x}: { ]]x=[[= x ]][[ } case _: { pass } } ]]\n", 'x=1\n'),
    ('[[ match: dict = {1: 2}; case = 3 ]][[= match[1] + case ]]\n', '5\n'),
    ("[[ d = {'k': 1}; s = f\"{d['k']}{{}}{ {2: 3}[2] :>2}\" ]][[= s ]]\n", '1{} 3\n'),
    ('[[ async def f(): { async with a: { pass } } ]]ok\n', 'ok\n'),
    ('[[ \xfc = "\xe9" ]][[= \xfc ]]\n', '\xe9\n'),
])
def test_statements(source: str, printed: str) -> None:
    assert run(source) == printed
    assert run(source, slow=True) == printed


def test_a_page_may_use_the_names_of_builtins() -> None:
    assert run('[[ str = type = 3 ]]<[[= str ]]>') == '<3>\n'


@pytest.mark.skipif(sys.version_info < (3, 12), reason='quotes nest in f-strings from Python 3.12 on')
def test_quotes_nest_in_formatted_strings() -> None:
    assert run('[[ d = {"k": "}"} ]][[= f"{d["k"]}{f"{1}"}" ]]\n') == '}1\n'


@pytest.mark.parametrize(('source', 'printed'), [
    ('<[[= None ]]> [[= [None] ]]|[[= 0 ]]|[[= False ]]|[[= "" ]]|[[= (1,) ]]\n', '<> [None]|0|False||(1,)\n'),
    ('[[x=3]][[=x]][[=x*2]][[=   x+1   ]]\n', '364\n'),
    ('[[= 1 +\n 2 ]]\n', '3\n'),
    ('[[= 1 # one\n]]\n', '1\n'),
    ('[[= 1, 2 ]]\n', '(1, 2)\n'),
    ('[[= x == 1 if (x := 1) else dict(a=1) ]]\n', 'True\n'),
    ('[[= "x", mode="html", n=2 ]]\n', 'x{mode=html}{n=2}\n'),
    ('[[\\\ndef g():\n    response.write("q")\n    return "r"\n]]<[[= g() ]]>\n', '<qr>\n'),
])
def test_expressions(source: str, printed: str) -> None:
    assert run(source) == printed
    assert run(source, slow=True) == printed


@pytest.mark.parametrize(('source', 'printed'), [
    ('<div>\n    [[\\\n    a = 1\n    if a:\n        b = 2\n    ]]\n  [[= b ]]\n</div>\n', '<div>\n  2\n</div>\n'),
    ('[[\\ a = 3 ]][[= a ]]\n', '3\n'),
    ('[[\\ a = 3\nb = 4 ]][[= a + b ]]\n', '7\n'),
    ("[[\\\nd = {'a': {'b': 3}}\nfor k in d: x = {k: 1}\n]][[= d['a']['b'] ]]\n", '3\n'),
    ('[[ for i in [1,2]: { ]]\n[[\\\nsq = i * i\nif sq > 1:\n  sq = sq * 10\n]]\n[[= sq ]]\n[[ } ]]\n', '1\n40\n'),
    ('[[\\\nfor i in [1]:\n\tprint("tab")\n]]\n', 'tab\n'),
    ("[[ if 1: { ]][[\\\n    s = '''one\n      two\n  three'''\n    t = 1\n]][[= s ]][[ } ]]\n",
     'one\n  two\n  three\n'),
    ('[[\\\n    a = [1,\n2]\n# note\n    b = \\\n3\n]][[= a ]][[= b ]]\n', '[1, 2]3\n'),
    ('[[\\\n# only a comment\n]]x\n', 'x\n'),
    ("[[= self.name() ]]\n[[!\nlimit = 3\ndef name(self): return 'late%d' % self.limit\n]]\n", 'late3\n'),
    ("[[! def a(self): return 'a' ]]<%! def b(self): return self.a() + 'b' %>[[= self.b() ]]\n", 'ab\n'),
])
def test_chunks(source: str, printed: str) -> None:
    assert run(source) == printed


@pytest.mark.parametrize(('source', 'printed'), [
    ("[[ f = [[spy x: <b>[[= x ]]</b>]] ]][[ f('hi') ]]\n", ' <b>hi</b>\n'),
    ('[[ f = [[spy : static]] ]][[ f() ]][[ f() ]]\n', ' static\n static\n'),
    ('[[ f = [[spy n: [[ for i in range(n): { ]]*[[ } ]]]] ]][[ f(3) ]]\n', '***\n'),
    ('[[ outer = [[spy x: [[ inner = [[spy y: ([[= y ]])]] ]]<[[ inner(x) ]]>]] ]][[ outer(5) ]]\n', '< (5)\n>\n'),
    ("[[ f = [[spy x={1: ':'}, y=lambda: 7:n[[= x[1] ]][[= y() ]]]] ]][[ f() ]]\n", 'n:7\n'),
    ('([[= [[spy x: <[[= x ]]>]](5) ]])\n', '( <5>\n)\n'),
    ('[[\\\ncell = [[spy v: ([[= v ]])]]\nfor i in range(2):\n    cell(i)\n]].\n', ' (0)\n (1)\n.\n'),
    ("[[ s = 'S' ]][[ f = [[spy :[[ try: { ]][[= s ]][[ } except NameError: { ]]no[[ } ]]]] ]][[ f() ]]\n", 'no\n'),
])
def test_lambdas(source: str, printed: str) -> None:
    assert run(source) == printed


def test_memoized_lambdas_say_so() -> None:
    page = compiled('[[ f = [[spy! x: a]]; g = [[spy x: b]] ]]')
    assert 'f = spylambda._compiled(_spyceLambdas[0], True); g = spylambda._compiled(_spyceLambdas[1], False)' \
        in page.python
    assert len(page.lambdas) == 2


class Module:
    def __init__(self) -> None:
        self.calls: list[object] = []

    def init(self, *arguments: object, **named: object) -> None:
        self.calls.append((arguments, named))


def test_imports_are_told_in_file_order_and_started_where_2_1_did() -> None:
    source = ("a[[.import name=one from=x.py as=uno args=\"1, k='v' # c\"]][[.module names='two , three,']]"
              '[[.import NAME=four]][[= len(uno.calls) ]][[= len(two.calls) ]]\n')
    assert compiled(source).imports == (
        ModuleImport('one', 'x.py', 'uno'), ModuleImport('two'), ModuleImport('three'), ModuleImport('four'))
    modules: dict[str, Any] = {name: Module() for name in ('uno', 'two', 'three', 'four')}
    assert run(source, **modules) == 'a11\n'
    assert modules['uno'].calls == [((1,), {'k': 'v'})]
    python = compiled(source).python
    assert python.index('uno.init(') < python.index('four.init(') < python.index("'a'") < python.index('two.init(')


def test_a_signature_gives_the_page_parameters() -> None:
    out = Output()
    execute(compiled('[[= a + b ]]', signature='a, b=2'), out, {}, 1)
    assert ''.join(out.parts) == '3\n'


def test_generated_code_is_shown_with_the_place_of_each_line() -> None:
    page = compiled('first\n[[ marker_variable = 41 ]]\nthird\n')
    assert 'marker_variable = 41' in page.python
    assert 'def spyceProcess(self):' in page.python
    (line, ref), = ((line, ref) for line, ref in page.refs.items() if ref[2] == 'marker_variable = 41')
    assert ref == ((2, 3), (2, 23), 'marker_variable = 41', '/site/page.spy')
    assert page.python.splitlines()[line - 1].strip() == 'marker_variable = 41'


def test_executing_the_code_defines_the_class_and_nothing_else() -> None:
    namespace: dict[str, object] = {}
    exec(compiled('[[= 1 ]]').code, namespace)
    assert set(namespace) == {'__builtins__', 'spyceImpl'}
