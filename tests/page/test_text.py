"""Text, comments, delimiters and the compaction of white space."""

import pytest
from page_runtime import run


@pytest.mark.parametrize(('source', 'printed'), [
    ('', ''),
    ('hello\nworld', 'hello\nworld\n'),
    ('hello\n', 'hello\n'),
    ('a [b] c[0] ]x[ < % > {x} ${y} \\n \\\\ %s\n', 'a [b] c[0] ]x[ < % > {x} ${y} \\n \\\\ %s\n'),
    ('use \\[[ and \\]], as \\[[= 6 \\]]; \\<% \\%>\n', 'use [[ and ]], as [[= 6 ]]; <% %>\n'),
    ('#!/usr/bin/env spyce [[= 1/0 ]]\nbody\n', 'body\n'),
    ('#!only', ''),
    ('one\r\ntwo\rthree\r\n', 'one\ntwo\nthree\n'),
    ('caf\xe9 \u20ac \U0001f600 [[= "na\xefve" ]]\n', 'caf\xe9 \u20ac \U0001f600 na\xefve\n'),
    ('nul \0 and \udc80\n', 'nul \0 and \udc80\n'),
    ('a[[-- [[= undefined ]] }} ]] <spy:x /> %> --]]b\n', 'ab\n'),
    ('x[[-- one [[-- two --]] three\n', 'x three\n'),
    ('a[[-- x --%>b\n', 'ab\n'),
    ('a[[----]]b\n', 'ab\n'),
    ('<!-- [[= 1+1 ]] -->\n', '<!-- 2 -->\n'),
    ('[[= 7 %> <%= 8 ]]\n', '7 8\n'),
    ('<%@ compact mode=off %>\n<%. compact mode=line %>\n x \n', '\n x\n'),
    ('[[= "a\\]]b" ]]\n', 'a]]b\n'),
    ('[[= "["*2 ]]x[[= "]"*2 ]]\n', '[[x]]\n'),
    ('[[ m = [ [1, 2], [3, 4] ]; i = [1, 0] ]]\n[[= m[i[0] ][i[1] ] ]]\n', '3\n'),
])
def test_text_comments_and_delimiters(source: str, printed: str) -> None:
    assert run(source) == printed
    assert run(source, slow=True) == printed


@pytest.mark.parametrize(('source', 'printed'), [
    ('a\n  [[ x = 1 ]]  \n  b  \n\tc\t\n', 'a\n  b\n\tc\n'),
    ('one\n   [[= 1 ]]   \ntwo\n', 'one\n   1\ntwo\n'),
    ('a [[ x = 1 ]] \nb\n', 'a \nb\n'),
    ('top\n  [[ x = 1 ]] a\nb\n', 'top\n   a\nb\n'),
    ('a [[ x = 1 ]] b  [[-- c --]]  d\n', 'a  b    d\n'),
    ('[[= 1 ]]  [[ x = 1 ]]\nb  [[ x = 2 ]]\n[[= 2 ]]  [[= 3 ]]\n', '1\nb  \n2  3\n'),
    ('a\n [[ x = 1 ]] [[-- c --]] [[ y = 2 ]] \nb\n', 'a\nb\n'),
    ('a\n\n  \n[[ x = 1 ]]\n\n   \nb\n', 'a\n\n\n\n\nb\n'),
    ('\n\n\nx\n\n\n', '\n\nx\n\n\n'),
    ('a\n  [[\\\n  x = 5\n  ]]  \nb\n', 'a\nb\n'),
    ('[[\\ x = 9 ]]x=[[= x ]] [[\\y = x + 1]]y=[[= y ]]\n', 'x=9y=10\n'),
    ('<ul>\n  [[ for i in range(2): { ]]\n    <li>[[= i ]]</li>\n  [[ } ]]\n</ul>\n',
     '<ul>\n    <li>0</li>\n    <li>1</li>\n</ul>\n'),
    ('<[[ for i in range(3): { ]] [[= i ]] [[ } ]]>\n', '< 0  1  2 >\n'),
    ('a\n[[ response.write("  x  \\n\\n") ]]\nb [[= "  z  " ]]  \n', 'a\n  x  \n\nb   z  \n'),
    ('[[.compact mode=off]]\na  \n  [[ x = 1 ]]  \n\n b\t\n', '\na  \n    \n\n b\t\n'),
    ('[[.compact mode=space]]a    b\t\tc \t d e\tf\n', 'a b c d e\tf\n'),
    ('[[.compact mode=space]]a\n    b\n\n\n   \n\tc\n', 'a\nb\nc\n'),
    ('[[.compact mode=space]]a   [[= 1 ]]   [[= 2 ]]   b\n   [[ x = 1 ]]\n   c\n', 'a 1 2 b\n\nc\n'),
    ('[[.compact mode=full]]<div>\n    [[ for i in (1, 2): { ]]\n      <b>  [[= i ]]</b>   <i>x   y</i>  \n'
     '    [[ } ]]\n\n\n</div>\n', '<div>\n <b> 1</b> <i>x y</i>\n <b> 2</b> <i>x y</i>\n\n</div>\n'),
    ('[[.compact]]a    b   \n\n    c\n  [[ x = 1 ]]\nd\n', 'a b\nc\nd\n'),
    ('[[.COMPACT MODE=off]]a  \nb\n', 'a  \nb\n'),
    ('a   b  \n[[.compact mode=off]]c   d  \n[[.compact mode=space]]e   f  \n   g\n[[.compact mode=line]]h   i  \n',
     'a   b\nc   d  \ne f \ng\nh   i\n'),
    ('[[.compact mode=off]][[ if 1: { ]]x  \n[[ } ]]y  \n', 'x  \ny  \n'),
    ('[[ if 1: { ]][[.compact mode=off]]x  \n[[ } ]]\ny  \n', 'x  \n\ny  \n'),
    ('  [[= 1 ]]\n', '1\n'),
    ('  a [[= 1 ]]\n', '  a 1\n'),
    ('[[ x = 1 ]] [[= x ]] [[ y = 2 ]]  [[= y ]]\n', '1   2\n'),
    ('[[ x = 1 ]]  [[ y = 2 ]]z\n', 'z\n'),
    ('[[ for i in range(2): { ]] [[= i ]] [[ } ]]x\n', '0 1 x\n'),
    ('[[ for i in range(2): { ]][[= i ]]\n[[ } ]]\n', '0\n1\n'),
    ('x [[ if 1: { ]]\ny\n[[ } ]]\n', 'x \ny\n'),
    ('a [[\\ x = 1 ]]\nb\n', 'a b\n'),
    ('a [[\\\nx = 1\n]]\nb\n', 'a b\n'),
    ('[[ x = 1 ]]\xa0\nb \xa0 \nc\n', '\xa0\nb \xa0\nc\n'),
    ('[[.compact mode=space]]a\n\xa0 \u3000b\n', 'a\n\xa0 \u3000b\n'),
    ('[[ f = [[spy x: \n  <[[= x ]]>  \n]] ]]\n[[ f(1) ]]\n[[ f(2) ]]\n', '  <1>\n  <2>\n'),
])
def test_compaction(source: str, printed: str) -> None:
    assert run(source) == printed


def test_include_pastes_source_that_shares_the_page_names() -> None:
    includes = {'part.spi': 'part x=[[= x ]]\n[[ x = 5; y = 6 ]]\n', 'end.spi': 'x is [[= x ]]'}
    assert run("[[ x = 1 ]]\n[[.include file='part.spi']]\nx=[[= x ]] y=[[= y ]]\n", includes=includes) \
        == 'part x=1\nx=5 y=6\n'
    assert run("a [[.include file='end.spi']]\nb\n", includes={'end.spi': 'X'}) == 'a Xb\n'
    assert run("a[[.include file='end.spi']]b", includes={'end.spi': '#!/usr/bin/env spyce\nX'}) == 'aXb\n'
    assert run("a[[.include file='end.spi']]b", includes={'end.spi': '#!only'}) == 'ab\n'
    assert run("[[ x = 3 ]][[.include file='end.spi']]\n", includes=includes) == 'x is 3'
