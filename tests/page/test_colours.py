"""Colours for pages where people edit them: Pygments, TextMate's grammar, vim."""
from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pygments = pytest.importorskip('pygments', reason='the extra `highlight` is not installed')

from pygments.token import Comment, Error, Keyword, Name, Number, String  # noqa: E402

from spyce.pygments_lexer import SpyceLexer  # noqa: E402

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(file for ending in ('spy', 'spi') for file in (ROOT / 'examples').rglob(f'*.{ending}'))


def recorded_pages() -> Iterator[tuple[str, str]]:
    for file in sorted((ROOT / 'tests' / 'conformance').glob('*.json')):
        for case in json.loads(file.read_text('utf-8')):
            for name, text in case['files'].items():
                if name.endswith(('.spy', '.spi')):
                    yield f'{case["name"]}: {name}', text


def tokens(text: str) -> list[tuple[Any, str]]:
    return [(token, value) for _, token, value in SpyceLexer().get_tokens_unprocessed(text) if value]


def check_whole(text: str) -> None:
    place = 0
    for index, _, value in SpyceLexer().get_tokens_unprocessed(text):
        assert index == place or not value
        place += len(value)
    assert ''.join(value for _, value in tokens(text)) == text


class TestPygments:
    @pytest.mark.parametrize('file', EXAMPLES, ids=lambda file: file.name)
    def test_examples_are_given_back_and_hold_no_error(self, file):
        text = file.read_text('utf-8')
        check_whole(text)
        assert [value for token, value in tokens(text) if token in Error] == []

    def test_recorded_pages_are_given_back(self):
        for _name, text in recorded_pages():
            check_whole(text.replace('\r\n', '\n'))

    @given(st.lists(st.sampled_from(['[[', ']]', '<%', '%>', '[[--', '--]]', '[[=', '[[.', '[[\\', '[[!', '[[spy x:',
                                     '\\[[', '\\]]', '<%@', ' ', '\n', '"', "'", '<a b=', '<my:t x="', '>', '</my:t>',
                                     'import', '{', '}', '#', 'x', 'é', '<script>', '</script>', '<!--', '-->', '&'])
                    | st.text(max_size=4)).map(''.join))
    def test_any_text_is_given_back(self, text):
        check_whole(text)

    @pytest.mark.parametrize(('page', 'part', 'token'), [
        ('<p>[[ for x in y: { ]]', 'for', Keyword), ('<% if 1: { %>', 'if', Keyword.Reserved),
        ('[[= 12 ]]', '12', Number),
        ('[[\\\nimport os\n]]', 'import', Keyword.Namespace), ('[[!\ndef f(self): pass\n]]', 'def', Keyword),
        ('[[.import name=session]]', 'import', Keyword.Namespace), ('[[.import name=session]]', 'name', Name.Attribute),
        ('<%@ include file="x" %>', '"x"', String), ('[[-- [[ no ]] --]]', '[[-- [[ no ]] --]]', Comment),
        ('[[= x ]]', '[[=', Comment.Preproc), ('a ]] b', ']]', Error), ('a \\[[ b', '\\', String.Escape),
        ('<a href="[[= x ]]">', '<a', None), ('<spy:parent src="x">', 'spy', Name.Namespace),
        ('</spy:parent>', 'parent', Name.Tag), ('[[ f = [[spy n: <b>[[= n ]]</b>]] ]]', 'b', Name.Tag),
        ('#!/usr/bin/spyce\n<p>', '#!/usr/bin/spyce', Comment.Hashbang),
    ])
    def test_parts_have_their_colour(self, page, part, token):
        found = [kind for kind, value in tokens(page) if value == part]
        if token is None:
            assert any(kind in Name.Tag for kind, _ in tokens(page)) and any(kind in String for kind, _ in tokens(page))
        else:
            assert found and all(kind in token or token in kind for kind in found)

    def test_pygments_finds_it_by_name_and_by_file(self):
        if not any(entry.name == 'spyce' for entry in entry_points(group='pygments.lexers')):
            pytest.skip('spyce-session is not installed, or was before it had this entry point')
        from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
        assert type(get_lexer_by_name('spyce')) is SpyceLexer
        assert type(get_lexer_for_filename('page.spy')) is type(get_lexer_for_filename('x.spi')) is SpyceLexer


TEXTMATE = ROOT / 'contrib' / 'textmate'


def rules(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from rules(value)
    elif isinstance(node, list):
        for value in node:
            yield from rules(value)


@pytest.fixture
def grammar() -> Any:
    return json.loads((TEXTMATE / 'syntaxes' / 'spyce.tmLanguage.json').read_text('utf-8'))


class TestTextMate:
    def test_its_expressions_are_correct(self, grammar):
        for rule in rules(grammar):
            for key in ('match', 'begin', 'end', 'while'):
                if isinstance(rule.get(key), str):
                    re.compile(rule[key])

    def test_what_it_includes_is_there(self, grammar):
        for rule in rules(grammar):
            included = rule.get('include', '')
            if isinstance(included, str) and included.startswith('#'):
                assert included[1:] in grammar['repository']

    @pytest.mark.parametrize(('page', 'name'), [
        ('[[ x ]]', 'statement'), ('<% x %>', 'statement'), ('[[= x ]]', 'expression'), ('<%= x %>', 'expression'),
        ('[[\\ x ]]', 'chunk'), ('[[! x ]]', 'chunk'), ('[[.import name=x]]', 'directive'),
        ('<%@import name=x%>', 'directive'), ('[[-- x --]]', 'comment'), ('[[spy x: y]]', 'lambda'),
        ('[[spy! x: y]]', 'lambda')])
    def test_each_delimiter_begins_its_own_part(self, grammar, page, name):
        order = [rule['include'][1:] for rule in grammar['repository']['spyce']['patterns']]
        first = next(each for each in order if any(re.match(rule.get('begin', rule.get('match', 'never')), page)
                                                   for rule in alternatives(grammar['repository'][each])))
        assert first == name

    def test_vs_code_finds_what_it_names(self):
        package = json.loads((TEXTMATE / 'package.json').read_text('utf-8'))
        language = package['contributes']['languages'][0]
        assert language['extensions'] == ['.spy', '.spi']
        json.loads((TEXTMATE / language['configuration']).read_text('utf-8'))
        grammar = json.loads((TEXTMATE / package['contributes']['grammars'][0]['path']).read_text('utf-8'))
        assert grammar['scopeName'] == package['contributes']['grammars'][0]['scopeName']


def alternatives(rule: dict[str, Any]) -> list[dict[str, Any]]:
    return rule['patterns'] if 'begin' not in rule and 'match' not in rule else [rule]


class TestVim:
    PAGE = '''<p class="a">[[ for x in [1]: { ]]
[[= x + 1 ]]
[[.import name=session]]
[[-- note --]]
<% y = 2 %>
[[\\
import os
]]
<spy:parent src="x" />
'''

    @pytest.mark.parametrize(('line', 'column', 'group'), [
        (1, 14, 'spyceDelimiter'), (1, 17, 'pythonRepeat'), (2, 9, 'pythonNumber'), (3, 5, 'spyceDirective'),
        (4, 6, 'spyceComment'), (5, 8, 'pythonNumber'), (7, 1, 'pythonInclude'), (9, 3, 'spyceTag'),
        (1, 2, 'htmlTagName'),
    ])
    def test_a_page_is_coloured(self, tmp_path, line, column, group):
        vim = shutil.which('vim')
        if vim is None:
            pytest.skip('vim is not installed')
        page, answer, script = tmp_path / 'page.spy', tmp_path / 'answer', tmp_path / 'script.vim'
        page.write_text(self.PAGE)
        script.write_text(f'''
set runtimepath^={ROOT / 'contrib' / 'vim'}
filetype on
syntax on
edit {page}
let names = map(synstack({line}, {column}), 'synIDattr(v:val, "name")')
let base = globpath(&runtimepath, 'syntax/python.vim')
call writefile([base, &filetype, v:errmsg, join(names)], "{answer}")
qall!
''')
        subprocess.run([vim, '-N', '-u', 'NONE', '-i', 'NONE', '-n', '-E', '-s', '-S', str(script)], timeout=30,
                       check=False, stdin=subprocess.DEVNULL, capture_output=True)
        base, filetype, error, names = answer.read_text().split('\n')[:4]
        if not base:
            pytest.skip('this vim comes without the syntax of Python and HTML')
        assert (filetype, error) == ('spyce', '')
        assert group in names.split()
