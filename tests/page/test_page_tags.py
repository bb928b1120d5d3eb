"""Active tags in a page: how they are recognised, checked, nested, and what becomes of them."""

from typing import Any

import pytest
from page_runtime import Output, compiled, execute, run
from page_tags import Libraries, Taglib

from spyce.page import PageSyntaxError, TagLibraryUse

HEAD = '[[.taglib name=lib from=lib.py as=t]]'


def page(text: str, **names: Any) -> str:
    return run(HEAD + text, libraries=Libraries('g'), **names)


@pytest.mark.parametrize(('text', 'printed'), [
    ('<t:hello />|<t:hello who=bob />\n', 'hello world|hello bob\n'),
    ('<t:hello who="a b"/>,<t:hello who=\'q\' />\n', 'hello a b,hello q\n'),
    ('<t:hello who=v/>.\n', 'hello v.\n'),
    ('<t:hello who=a/b/>.\n', 'hello a/b.\n'),
    ('<t:HELLO WHO=x />.\n', 'hello x.\n'),
    ('<t:times n=3>x[[= 1 ]]</t:times>\n', 'x1x1x1\n'),
    ('<t:when test="=1">A</t:when><t:when test="=0">B</t:when>C\n', 'AC\n'),
    ('<t:frame><t:upper>a<t:hello who=b /></t:upper></t:frame>\n', 'AHELLO B\n'),
    ("<t:safe>a[[ raise ValueError('v') ]]b</t:safe>c\n", 'a(caught v)c\n'),
    ('[[ for i in [1,2]: { ]]<t:hello who="=str(i)" />;[[ } ]]\n', 'hello 1;hello 2;\n'),
    ('[[ xs = [1] ]]<t:list data="xs + [2]" />.\n', '[1, 2].\n'),
    ('<t:list data="=[3]" />.\n', '[3].\n'),
    ("<t:list data='[c # why\n for c in \"ab\"]' />.\n", "['a', 'b'].\n"),
    ('<g:hello />.\n', 'hello world.\n'),
    ('<t:upper>abc [[= "def" ]] [[ print("ghi") ]]</t:upper>\n', 'ABC DEFGHI\n\n'),
])
def test_tags_run_where_they_stand(text: str, printed: str) -> None:
    assert page(text) == printed


@pytest.mark.parametrize('text', [
    '<other:say what="x" /> <b:c/>\n',
    '<tt:hello who="x" />\n',
    '<t:hello who="x />\n',
    '<t :hello />\n',
    '</t:hello who=x>\n',
])
def test_what_is_no_tag_stays_text(text: str) -> None:
    assert page(text) == text


def test_code_within_an_attribute_makes_text_of_a_tag() -> None:
    assert page('<t:hello who="[[= 1 ]]" />\n') == '<t:hello who="1" />\n'


def test_tags_before_their_directive_are_text() -> None:
    assert run('<t:hello />' + HEAD + '<t:hello />\n', libraries=Libraries()) == '<t:hello />hello world\n'


def test_a_line_with_nothing_but_tags_loses_its_newline() -> None:
    assert page('a\n  <t:hello />  \nb\nx <t:hello />  \ny\n') == 'a\nhello worldb\nx hello world\ny\n'
    assert page('<t:bold><t:hello /></t:bold>\n') == 'hello world'


def test_exported_names_are_locals_globals_and_visible_in_functions() -> None:
    assert page('<t:let var=city val=Oslo />[[= city ]]\n') == 'Oslo\n'
    assert page('[[ city = 1 ]]<t:let var=city val=Oslo />[[= city ]]\n') == 'Oslo\n'
    assert page('<t:each items="=[1, 2]" var=k>([[= k * k ]])</t:each><t:each items="=[]" var=k>no</t:each>\n') \
        == '(1)(4)\n'
    assert page('[[ def f(k): { ]]<t:each items="=[1, 2]" var=k>[[= k ]]</t:each>[[ } ]][[ f(0) ]]\n') == '12\n'
    assert page('[[ n = 0 ]][[ def f(): { nonlocal n\nn = 5 } ]]<t:let var=x val=y />[[ f() ]][[= n ]][[= x ]]\n') \
        == '5y\n'


def test_break_in_a_tag_that_does_not_loop_leaves_the_page_own_loop() -> None:
    assert page('[[ for i in (1, 2): { ]]<t:bold>[[= i ]][[ break ]]</t:bold>[[ } ]].\n') == '1.\n'


def test_calls_come_in_order_and_pop_always() -> None:
    out = Output()
    taglib = Taglib(out)
    compiled_page = compiled(HEAD + '<t:bold>x[[ 1/0 ]]</t:bold>', libraries=Libraries())
    with pytest.raises(ZeroDivisionError):
        execute(compiled_page, out, {'taglib': taglib})
    assert taglib.log == ['load lib lib.py t', 'push t:bold True', 'pop bold']


def test_what_the_page_tells_about_its_libraries() -> None:
    libraries = Libraries('g', 'unused')
    result = compiled(HEAD + '<g:hello />', libraries=libraries)
    assert result.taglibs == (TagLibraryUse('lib', 'lib.py', 't'),)
    assert result.dependencies == ('/site/lib.py',)
    assert result.uses_tags
    assert "taglib.load('lib', 'lib.py', 'g')" in result.python
    assert 'unused' not in result.python
    assert not compiled('x', libraries=libraries).uses_tags


def test_the_library_is_asked_with_attributes_as_written_and_the_tags_around() -> None:
    libraries = Libraries()
    compiled(HEAD + '<t:bold><t:times n="=2"><t:hello who /></t:times></t:bold>', libraries=libraries)
    assert libraries.loaded[0].seen == [
        ('bold', {}, True, []), ('times', {'n': '=2'}, True, ['t:bold']),
        ('hello', {'who': None}, False, ['t:bold', 't:times'])]


@pytest.mark.parametrize(('text', 'message', 'line', 'column'), [
    ('x\n<t:bold>y\n', 'unmatched open tag <t:bold>', 2, 1),
    ('<t:bold><t:upper>y</t:bold></t:upper>', 'unmatched close tag </t:bold>: <t:upper> of line 1 is still open', 1,
     len(HEAD) + 19),
    ('a\n </t:bold>', 'unmatched close tag </t:bold>', 2, 2),
    ('a\n <t:nosuch/>', "unknown tag 'nosuch'", 2, 2),
    ('a\n<t:let val=1 />', "tag 'let' needs the attribute 'var'", 2, 1),
    ('[[.taglib name=missing]]', "tag library 'missing' was not found", 1, len(HEAD) + 4),
    ('[[.taglib as=x]]', 'the taglib directive needs name= or from=', 1, len(HEAD) + 4),
    ('\n<t:list data="1 + * 2" />', 'invalid syntax', 2, 19),
    ('\n<t:list data="(1" />', "'(' was never closed", 2, 15),
    ('\n<t:list data="1) or (2" />', "unmatched ')'", 2, 16),
    ('\n<t:hello who="=" />', "attribute 'who' has an empty expression", 2, 15),
    ('[[ if 1: { ]]\n<t:bold>[[ } ]]</t:bold>', "extra close brace '}': the tag <t:bold> is still open", 2, 12),
    ('<t:bold>\n[[ if 1: { ]]</t:bold>[[ } ]]',
     "unmatched close tag </t:bold>: the brace '{' of line 2 is still open", 2, 14),
])
def test_wrong_tags_are_errors_with_their_place(text: str, message: str, line: int, column: int) -> None:
    with pytest.raises(PageSyntaxError) as caught:
        compiled(HEAD + text, libraries=Libraries())
    assert (caught.value.message, caught.value.line, caught.value.column) == (message, line, column)
