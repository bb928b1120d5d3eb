"""`spyce check`: all of a site is compiled, and what is wrong is told with its place."""
from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from spyce.cli import main


def check(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ['check', str(folder), *options])


@pytest.fixture
def told(tmp_path):
    """told({'a.spy': '[['}): what is printed about these files, without the summary."""
    def tell(files: dict[str, str]) -> list[str]:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(text.encode('utf-8', 'surrogateescape'))
        return check(tmp_path).stdout.splitlines()[:-1]
    return tell


class TestWhatIsWrong:
    @pytest.mark.parametrize(('name', 'text', 'line'), [
        ('a.spy', 'one\n[[ x = = 1 ]]', 'a.spy:2:8: invalid syntax'),
        ('a.spi', 'ä[[ if x: { ]]', "a.spi:1:11: unclosed opening brace '{'"),
        ('sub/a.spy', '[[.nosuch]]', "sub/a.spy:1:4: invalid spyce directive 'nosuch'"),
        ('a.spy', 'x\n <spy:nosuch/>', 'a.spy:2:2: unknown tag <spy:nosuch>'),
        ('a.spy', '[[.taglib name=nosuch]]', "a.spy:1:4: tag library 'nosuch': cannot find a Spyce module"),
        ('a.spy', 'x\n é \udce9', 'a.spy:2:4: byte 0xe9 is not utf-8'),
        ('a.spy', '\n[[.import name=nosuch]]', "a.spy:2:16: there is no Spyce module 'nosuch'"),
        ('a.spy', '[[.import names="session, nosuch"]]', "a.spy:1:27: there is no Spyce module 'nosuch'"),
        ('a.spy', '[[ f = [[spy: [[.import name=nosuch]]]] ]]', "a.spy:1:30: there is no Spyce module 'nosuch'"),
        ('a.spy', '<spy:parent src="/nosuch.spi"/>', "a.spy:1:18: there is no file '/nosuch.spi'"),
        ('a.spy', '<spy:parent src="../a.spi"/>', "a.spy:1:18: '../a.spi' lies outside"),
        ('a.spy', '[[.include file=nosuch.spi]]', "a.spy:1:17: cannot include 'nosuch.spi'"),
        ('a.spy', '[[.import name=include]]\n[[= include.spyceStr("b.spi") ]]', "a.spy:2:23: there is no file 'b.spi'"),
        ('a.spy', '[[.import name=redirect]][[ redirect.internal("b.spy") ]]', "a.spy:1:48: there is no file 'b.spy'"),
        ('m.py', 'x = 1\nprint x\n', 'm.py:2:1: Missing parentheses'),
        ('m.py', 'x = "é\udce9"\n', 'm.py:1:7: byte 0xe9 is not utf-8'),
        ('spyceconf.py', 'x = 1\nport = "no"\n', 'spyceconf.py:2:1: port ='),
        ('spyceconf.py', 'x = 1\ny = z\n', 'spyceconf.py:2:1: NameError'),
    ])
    def test_it_is_told_with_its_place(self, told, tmp_path, name, text, line):
        lines = told({name: text})
        assert [found for found in lines if found.startswith(line)] == lines != []
        assert check(tmp_path).exit_code == 1

    def test_a_file_beside_the_page_has_no_such_class(self, told):
        assert told({'m.py': 'class other: pass\n', 'a.spy': '[[.import name=m]]'}) == [
            "a.spy:1:16: m.py has no class 'm': a Spyce module is a class of the name under which it is imported"]
        assert told({'m.py': 'from elsewhere import m\n'}) == []

    def test_it_is_sorted_and_each_once(self, told):
        assert [line.split(': ')[0] for line in told({
            'b.spy': '[[.include file=part.spi]]', 'a.spy': 'x\n]]', 'c.py': '(', 'part.spi': '\n[[= ) ]]',
            'd.spy': '[[.include file=part.spi]]'})] == ['a.spy:2:1', 'c.py:1:1', 'part.spi:2:5']

    def test_a_tag_collection(self, told):
        collection = '[[.tagcollection]]\n[[.begin name=t singleton=True]]\n[[= {} ]]\n[[.end]]\n'
        assert told({'tags.spi': collection.format('1'), 'a.spy': '[[.taglib from=tags.spi as=x]]<x:t />'}) == []
        assert told({'tags.spi': collection.format(')')})[-1].startswith('tags.spi:3:5: ')


class TestWhatIsRight:
    def test_the_summary(self, tmp_path):
        (tmp_path / 'a.spy').write_text('[[= 1 ]]')
        (tmp_path / 'm.py').write_text('x = 1\n')
        assert (check(tmp_path).exit_code, check(tmp_path).output) == (0, '1 page, 1 Python file: no errors.\n')

    def test_a_part_of_a_block_is_compiled_where_it_is_included(self, told):
        assert told({'open.spi': '[[ if x: { ]]', 'close.spi': '[[ } ]]',
                     'a.spy': '[[ x = 1 ]][[.include file="open.spi"]]y[[.include file=/close.spi]]'}) == []

    def test_contributed_modules_and_tags(self, told):
        page = '[[.import names="mail, etag, template"]][[.taglib name=flow]]<flow:print value="x" />'
        assert told({'a.spy': page}) == []

    def test_names_of_files_in_strings_and_comments_are_no_calls(self, told):
        assert told({'a.spy': '[[ x = "include.spyce(\'b.spi\')" # include.spyce("b.spi")\n'
                              ' my.include.spyce("b.spi") ]]'
                              '[[ include.spyce(name); include.spyce("b" + name) ]]'}) == []

    def test_nothing_is_run_but_the_config_and_tag_libraries(self, told, tmp_path):
        def leaving(name: str) -> str:
            return f'open({str(tmp_path / "ran")!r} + {name!r}, "w").close()\n'
        library = 'from spyceTag import *\nclass tags(spyceTagLibrary): tags = []\n'
        assert told({'spyceconf.py': leaving('config'), 'tags.py': leaving('tags') + library, 'm.py': leaving('m')
                     + 'class m: pass\n', 'a.spy': f'[[.import name=m]][[.taglib name=tags]][[!\n{leaving("class")}]]'
                     f'[[ {leaving("page")} ]]'}) == []
        assert sorted(path.name for path in tmp_path.glob('ran*')) == ['ranconfig', 'rantags']


def test_any_name_of_a_file_can_be_printed(tmp_path):
    (tmp_path / os.fsdecode(b'a\xe9\x1b.spy')).write_text(']]')
    assert check(tmp_path).stdout.startswith('a\ufffd\ufffd.spy:1:1: ')


class TestWarnings:
    def test_they_are_told_and_do_not_fail(self, told, tmp_path):
        lines = told({'a.spy': 'x\n[[= "\\d" ]]', 'm.py': '\n\nx = "\\d"\n',
                      'spyceconf.py': 'from spyceconf import *\nadminport = 1\ndebugg = True\n'})
        assert [line.split('; ')[0].split(': the option')[0] for line in lines] == [
            lines[0], lines[1], 'spyceconf.py:2:1: warning',
            'spyceconf.py:3:1: warning: debugg is not an option and has no effect']
        assert lines[0].startswith('a.spy:2:1: warning: invalid escape sequence')
        assert lines[1].startswith('m.py:3:1: warning: invalid escape sequence')
        result = check(tmp_path)
        assert result.exit_code == 0
        assert result.output.endswith('\n1 page, 2 Python files: no errors, 4 warnings.\n')


class TestConfig:
    def test_it_may_stand_elsewhere(self, tmp_path):
        (tmp_path / 'www').mkdir()
        (tmp_path / 'lib').mkdir()
        (tmp_path / 'lib' / 'm.py').write_text('class m: pass\n')
        (tmp_path / 'www' / 'a.spy').write_text('[[.import name=m]]')
        (tmp_path / 'site.py').write_text('from spyceconf import *\npath = ["lib"]\n')
        assert check(tmp_path / 'www').exit_code == 1
        assert check(tmp_path / 'www', '--config', str(tmp_path / 'site.py')).exit_code == 0

    def test_what_lies_on_its_path_is_compiled(self, tmp_path):
        for folder in ('www', 'lib', 'lib/below'):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / 'm.py').write_text('(')
        (tmp_path / 'site.py').write_text('path = ["lib"]\n')
        lines = check(tmp_path / 'www', '--config', str(tmp_path / 'site.py')).stdout.splitlines()
        assert [line.split(': ')[0] for line in lines] == ['../lib/m.py:1:1', 'm.py:1:1', '0 pages, 2 Python files']

    def test_pages_are_looked_at_even_if_the_config_is_wrong(self, told):
        assert [line.split(': ')[0] for line in told({'spyceconf.py': '1/0', 'a.spy': ']]'})] == [
            'a.spy:1:1', 'spyceconf.py:1:1']

    def test_its_encoding_counts(self, told, tmp_path):
        (tmp_path / 'a.spy').write_bytes('[[= "é" ]]'.encode('latin-1'))
        assert told({'spyceconf.py': 'encoding = "latin-1"\n'}) == []
