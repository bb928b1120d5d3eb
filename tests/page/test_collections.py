"""Tag collections as the compiler sees them: their directives, what each tag becomes, and what is wrong where."""

import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_runtime import Output, execute
from page_tags import Libraries
from test_robustness import PIECES

from spyce.page import (
    CompiledCollection,
    CompiledTag,
    PageSource,
    PageSyntaxError,
    compile_collection,
    compile_page,
    is_collection,
)

FILE = '/site/tags.spi'
HEAD = '[[.tagcollection]]\n'


def collection(text: str, **options: Any) -> CompiledCollection:
    return compile_collection(PageSource(text, FILE), **options)


def tag(text: str, **options: Any) -> CompiledTag:
    """The last tag of a collection."""
    return collection(HEAD + text, **options).tags[-1]


def run(tag: CompiledTag, *content: str, **attributes: Any) -> tuple[str, dict[str, Any]]:
    """What a tag prints, and what it exports."""
    output, exports = Output(), dict[str, Any]()
    execute(tag.page, output, {}, attributes, exports, *content)
    return ''.join(output.parts), exports


@pytest.mark.parametrize(('text', 'yes'), [
    ('[[.tagcollection]]', True), ('\n \n[[-- a ]] b --]]\n<%@ TagCollection %>', True),
    ('[[. tagcollection ]]x', True),
    ('#!/usr/bin/spyce\n[[.tagcollection]]', True),
    ('', False), ('x[[.tagcollection]]', False), ('[[ a ]][[.tagcollection]]', False), ('[[.taglib name=a]]', False),
    ('[[-- [[.tagcollection]]', False), ('[[.tagcollection', True),
])
def test_what_is_a_tag_collection(text: str, yes: bool) -> None:
    assert is_collection(text) == yes


def test_each_tag_is_told_with_its_directives() -> None:
    compiled = collection(HEAD + '[[.begin name=A singleton=True]][[.attr name=x]][[.attr name=Y default]]\n[[.end]]\n'
                          '[[.begin name=b-c buffers=1 kwattrs=more singleton=false]][[.export var=q as=r]]'
                          '[[ q = 1 ]][[.end]]')
    a, b = compiled.tags
    assert (a.name, a.line, a.singleton, a.buffers, a.takes_any, a.exports) == ('a', 2, True, False, False, False)
    assert a.attributes == {'x': True, 'y': True}
    assert (b.name, b.line, b.singleton, b.buffers, b.takes_any, b.exports) == ('b-c', 4, False, True, True, True)
    assert '# <a>, line 2\n' in compiled.python
    assert '# <b-c>, line 4\n' in compiled.python


def test_attributes_and_their_defaults_are_locals() -> None:
    declared = tag('[[.begin name=t singleton=True]][[.attr name=a]][[.attr name=b default="two words"]]'
                   "[[.attr name=c default=\"=a + '!' # and more\"]][[.attr name=D default='=[]']]"
                   '[[ D.append(1) ]][[= (a, b, c, D) ]][[.end]]')
    assert run(declared, a='x')[0] == "('x', 'two words', 'x!', [1])"
    assert run(declared, a='x', b=2, c=None, d=[0])[0] == "('x', 2, None, [0, 1])"
    assert run(declared, a='y')[0] == "('y', 'two words', 'y!', [1])"  # the default is made at each use


def test_attributes_that_are_not_declared_are_a_dictionary() -> None:
    taking = tag('[[.begin name=t singleton=True kwattrs=rest]][[.attr name=a]][[= a, sorted(rest.items()) ]][[.end]]')
    assert run(taking, **{'a': 1, 'class': 'k', 'data-x': None})[0] == "(1, [('class', 'k'), ('data-x', None)])"


def test_kwattrs_true_means_the_name_that_2_1_gave() -> None:
    assert run(tag('[[.begin name=t singleton=True kwattrs=True]][[= kwargs ]][[.end]]'), x=1)[0] == "{'x': 1}"


def test_the_body_of_a_buffering_tag_is_content() -> None:
    assert run(tag('[[.begin name=t buffers=True]]<b>[[= _content ]]</b>[[.end]]'), 'x')[0] == '<b>x</b>'


def test_exports_are_what_the_variables_are_at_the_end_whichever_way_that_comes() -> None:
    exporting = tag('[[.begin name=t singleton=True]][[.attr name=n]][[.export var=n as=result]][[.export var=m]]'
                    '[[ n = n + 1 ]][[ if n > 5: { return } ]][[ m = 0; n = n * 10 ]][[.end]]')
    assert run(exporting, n=1)[1] == {'result': 20, 'm': 0}
    assert run(exporting, n=5)[1] == {'result': 6}


@pytest.mark.parametrize('code', [
    'import os as x', 'def x(): { pass }', 'for x in (): { pass }', 'global x; x = 1', 'with a as (b, x): { pass }',
    'def f(): { nonlocal x; x = 1 }; x = 2', 'try: { 1 } except KeyError as x: { 2 }',
])
def test_whatever_sets_a_name_allows_its_export(code: str) -> None:
    assert tag(f'[[.begin name=t singleton=True]][[.export var=x]][[ {code} ]][[.end]]').exports


def test_white_space_of_a_tag_is_that_of_a_page() -> None:
    text = '\n[[.attr name=a]]\n<b>  \n[[ x = 1 ]]\n[[= a ]]\n</b>\n[[.end]]\n'
    assert run(tag('[[.begin name=t singleton=True]]' + text), a=1)[0] == '<b>\n1\n</b>\n'
    spaced = tag('[[.compact mode=space]]\n[[.begin name=t singleton=True]]a    b[[.end]]')
    assert run(spaced)[0] == 'a b'


def test_chunks_blocks_and_lambdas_work_in_a_tag() -> None:
    used = tag('[[.begin name=t singleton=True]]\n[[\\\ndef f(x):\n    return x * 2\n]]\n'
               '[[ g = [[spy x: <i>[[= x ]]</i> ]] ]][[ for n in (1, 2): { ]][[ g(f(n)) ]][[ } ]][[.end]]')
    assert run(used)[0].split() == ['<i>2</i>', '<i>4</i>']


def test_imports_and_class_chunks_outside_of_tags_are_for_all_of_them() -> None:
    one, two = collection(HEAD + '[[.import name=transform]]\n[[.begin name=a]][[.import name=session]][[.end]]\n'
                                 '[[.begin name=b]][[.end]][[! \nclass_wide = 1\n]]').tags
    assert [module.name for module in one.page.imports] == ['transform', 'session']
    assert [module.name for module in two.page.imports] == ['transform']
    for each in (one, two):
        names: dict[str, Any] = {}
        exec(each.parts.classes[0].code, names)
        assert names['spyceImpl'].class_wide == 1


def test_tags_within_an_included_file_count() -> None:
    def include(url: str, current: str) -> PageSource:
        return PageSource('[[.begin name=inner singleton=True]]in[[.end]]', '/site/' + url)

    compiled = collection(HEAD + '[[.include file=more.spi]]', read_include=include)
    assert [each.name for each in compiled.tags] == ['inner']
    assert compiled.dependencies == ('/site/more.spi',)


def test_libraries_of_the_file_are_active_in_its_tags_and_loaded_by_those_that_use_them() -> None:
    one, two = collection(HEAD + '[[.taglib name=lib from=lib.py as=t]]\n[[.begin name=a]]<t:hello />[[.end]]\n'
                                 '[[.begin name=b]]x[[.end]]', libraries=Libraries('g')).tags
    assert "taglib.load('lib', 'lib.py', 't')" in one.page.python
    assert one.page.uses_tags
    assert 'taglib' not in two.page.python


@pytest.mark.parametrize(('text', 'message', 'line', 'column'), [
    ('\nx\n', 'this stands outside of a tag', 3, 1),
    ('[[ a = 1 ]]', 'this stands outside of a tag', 2, 1),
    ('[[= 1 ]]', 'this stands outside of a tag', 2, 1),
    ('[[.attr name=a]]', "'attr' belongs in a tag", 2, 4),
    ('[[.end]]', "'end' belongs in a tag", 2, 4),
    ('[[.begin]]', 'needs name=', 2, 4),
    ('[[.begin name="a b"]]', 'needs name=', 2, 16),
    ('[[.begin name=a]]x\n', "the tag 'a' that begins here needs an [[.end]]", 2, 4),
    ('[[.begin name=a]]\n[[.begin name=b]]', "'begin' cannot stand in a tag: 'a' of line 2 needs its [[.end]]", 3, 4),
    ('[[.begin name=a]]\n[[.tagcollection]]', "'tagcollection' cannot stand in a tag", 3, 4),
    ('[[.begin name=a]][[.end]]\n[[.begin name=A]][[.end]]', "there is a tag 'a' in line 2 already", 3, 15),
    ('[[.begin name=a singleton=maybe]][[.end]]', "singleton= is True or False, not 'maybe'", 2, 27),
    ('[[.begin name=a]][[.attr name=class]][[.end]]', "must be a name of Python, not 'class'", 2, 31),
    ('[[.begin name=a]][[.attr name=self]][[.end]]', "'self' is a name of the engine", 2, 31),
    ('[[.begin name=a kwattrs=_spyceX]][[.end]]', "'_spyceX' is a name of the engine", 2, 25),
    ('[[.begin name=a]][[.attr]][[.end]]', 'name= must be a name of Python', 2, 21),
    ('[[.begin name=a]][[.attr name=x]][[.attr name=X]][[.end]]', "two attributes 'X'", 2, 47),
    ('[[.begin name=a]][[.attr name=x default="="]][[.end]]', "default of 'x' is an empty expression", 2, 42),
    ('[[.begin name=a]]\n[[.attr name=x default="=1 + * 2"]][[.end]]', 'invalid syntax', 3, 30),
    ('[[.begin name=a]]\n[[.export var=x]][[ y = 1 ]][[.end]]', "exports 'x', but nothing in it sets that name", 3, 4),
    ('[[.begin name=a]][[ if 1: { ]]\n[[.end]]', "unclosed opening brace '{'", 2, 27),
    ('[[.begin name=a]]\n[[= 1 + * 2 ]][[.end]]', 'invalid syntax', 3, 9),
    ('[[.begin name=a]]\n]][[.end]]', "unexpected token ']]'", 3, 1),
    ('[[.begin name=a]]<g:bold>\n[[.end]]', 'unmatched open tag <g:bold>', 2, 18),
    ('[[.nonsense]]', "invalid spyce directive 'nonsense'", 2, 4),
])
def test_what_is_wrong_is_said_at_its_place(text: str, message: str, line: int, column: int) -> None:
    with pytest.raises(PageSyntaxError) as caught:
        collection(HEAD + text, libraries=Libraries('g'))
    assert message in caught.value.message
    assert (caught.value.file, caught.value.line, caught.value.column) == (FILE, line, column)


def test_an_end_in_another_file_is_an_error() -> None:
    def include(url: str, current: str) -> PageSource:
        return PageSource('x[[.end]]', '/site/' + url)

    with pytest.raises(PageSyntaxError, match='must stand in the file'):
        collection(HEAD + '[[.begin name=a]][[.include file=i.spi]][[.end]]', read_include=include)


def test_a_page_is_no_collection_and_a_collection_no_page() -> None:
    with pytest.raises(PageSyntaxError, match=r'this file is no tag collection'):
        collection('a page')
    for directive in ('tagcollection', 'begin name=a', 'attr name=a', 'export var=a', 'end'):
        with pytest.raises(PageSyntaxError, match=r'belongs in a tag collection file'):
            compile_page(PageSource(f'[[.{directive}]]', '/site/page.spy'))


@given(st.lists(st.sampled_from([
    *PIECES, '[[.begin name=a]]', '[[.begin name=b buffers=1 kwattrs=k]]', '[[.end]]', '[[.attr name=x]]',
    '[[.attr name=y default="=x.z"]]', '[[.export var=x]]', '[[.taglib name=t]]', '[[.tagcollection]]']),
    max_size=30).map(''.join))
@settings(max_examples=300, deadline=None)
def test_any_collection_compiles_or_is_wrong_at_a_place(source: str) -> None:
    def include(url: str, current: str) -> PageSource:
        return PageSource('[[= y ]]', '/site/' + url)

    source = HEAD + source
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            compiled = collection(source, libraries=Libraries('t'), read_include=include)
        except PageSyntaxError as error:
            lines = source.replace('\r\n', '\n').replace('\r', '\n').split('\n')
            assert error.file in (FILE, '/site/i')
            if error.file == FILE:
                assert 1 <= error.line <= len(lines)
                assert 1 <= error.column <= len(lines[error.line - 1]) + 1
        else:
            assert [each.name for each in compiled.tags] == list({each.name: 0 for each in compiled.tags})
