"""`spyce migrate`: a site of 2.1 becomes one of Python 3, and what a human has to do is told with its place."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

import spyce
from spyce.cli import main
from spyce.migrate.pages import convert_page
from spyce.migrate.site import Migration
from spyce.testing import Client
from tests.manual_examples import examples

SITE = Path(__file__).parent / 'migrate_site'


def migrate(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ['migrate', str(folder), *options])


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        name, _, extension = name.rpartition('_')
        (folder / f'{name}.{extension}').write_bytes(text.encode())


def page(text: str, **options: object) -> str:
    """The text of a page after the conversion."""
    return convert_page(text, 'page.spy', likely=True, prefixes={'spy'}, **options).text  # type: ignore[arg-type]


def notes(text: str) -> list[tuple[int, int, str]]:
    return list(convert_page(text, 'page.spy', likely=True, prefixes={'spy'}).notes)


class TestPages:
    @pytest.mark.parametrize(('old', 'new'), [
        ('[[ print "x" ]]', '[[ print("x") ]]'),
        ('[[ print "x", ]]', '[[ print("x", end=\' \') ]]'),
        ('[[ print >>out, x ]]', '[[ print(x, file=out) ]]'),
        ('[[ print ]]', '[[ print() ]]'),
        ('[[ exec code in names ]]', '[[ exec(code, names) ]]'),
        ('[[ raise E, "text" ]]', '[[ raise E("text") ]]'),
        ('[[= d.has_key("x") ]]', '[[= "x" in d ]]'),
        ('[[= `x` ]]', '[[= repr(x) ]]'),
        ('[[= a <> b ]]', '[[= a != b ]]'),
        ('[[= 0644 + 10L ]]', '[[= 0o644 + 10 ]]'),
        ('[[= ur"\\d" ]]', '[[= r"\\d" ]]'),
        ('[[= unicode(x) ]]', '[[= str(x) ]]'),
        ('[[= isinstance(x, basestring) ]]', '[[= isinstance(x, str) ]]'),
        ('[[= d.keys()[0] ]]', '[[= list(d.keys())[0] ]]'),
        ('[[=map(f, x)]]', '[[=list(map(f, x))]]'),
        ('[[= 7/2 ]]', '[[= 7//2 ]]'),
        ('[[= it.next() ]]', '[[= next(it) ]]'),
        ('[[= file(name).read() ]]', '[[= open(name).read() ]]'),
        ('[[ for k in d.iterkeys(): { ]]x[[ } ]]', '[[ for k in d.keys(): { ]]x[[ } ]]'),
        ('[[ for k in d.keys(): { del d[k] } ]]', '[[ for k in list(d.keys()): { del d[k] } ]]'),
        ('[[ import urllib2 ]][[= urllib2.urlopen(u) ]]',
         '[[ import urllib.request, urllib.error, urllib.parse ]][[= urllib.request.urlopen(u) ]]'),
        ('[[ from urllib import quote, urlopen ]]',
         '[[ from urllib.parse import quote; from urllib.request import urlopen ]]'),
        ('[[ import string ]][[= string.join(x, ",") ]]', '[[ import string ]][[= ",".join(x) ]]'),
        ('[[= string.join(x, ",") ]]', '[[= string.join(x, ",") ]]'),  # a name of the page's own
        ('[[= x, html=d.has_key(1) ]]', '[[= x, html=1 in d ]]'),
    ])
    def test_python_is_converted_where_it_stands(self, old, new):
        assert page(f'<p>{old}</p>\n') == f'<p>{new}</p>\n'

    @pytest.mark.parametrize(('old', 'new'), [
        ('[[\\\n    if x:\n        print "a" # why\n]]', '[[\\\n    if x:\n        print("a") # why\n]]'),
        ('[[!\n  def f(self):\n    return `self`\n]]', '[[!\n  def f(self):\n    return repr(self)\n]]'),
        ('[[\n  try: { f() }\n  except E, e: { print e }\n]]', '[[\n  try: { f() }\n  except E as e: { print(e) }\n]]'),
        ('[[ if x: { ]]a[[ } else: { print y } ]]', '[[ if x: { ]]a[[ } else: { print(y) } ]]'),
        ('[[ if x: print 1 ]] [[ else: print 2 ]]', '[[ if x: print(1) ]] [[ else: print(2) ]]'),
        ('[[ f = [[spy a, b=0L: <b>[[= `a` ]]</b>]] ]]', '[[ f = [[spy a, b=0: <b>[[= repr(a) ]]</b>]] ]]'),
        ('[[ print [[spy: [[ print 1 ]] ]], 2 ]]', '[[ print([[spy: [[ print(1) ]] ]], 2) ]]'),
        ('<% print "x" %> <%= `1` %>', '<% print("x") %> <%= repr(1) %>'),
        ('[[.import name=m args="d.has_key(1), 2L"]]', '[[.import name=m args="1 in d, 2"]]'),
        ('<spy:ul data="d.keys()" class="=`x`" id="`x`"/>',
         '<spy:ul data="list(d.keys())" class="=repr(x)" id="`x`"/>'),
        ('<spy:ul data=d.has_key(1) />', '<spy:ul data="1 in d" />'),
        ('<spy:dl x="=execfile(f)"/>', "<spy:dl x=\"=exec(compile(open(f, 'rb').read(), f, 'exec'))\"/>"),
        ('<xsl:if test="=`x`">', '<xsl:if test="=`x`">'),
        ('[[ s = "a\\]]" + `b` ]]', '[[ s = "a\\]]" + repr(b) ]]'),
        ('[[= map(lambda x: x[0],y)]]', '[[= [x[0] for x in y] ]]'),
        ('  [[!\n   def f(self, (a, b)):\n     return a\n]]',
         '  [[!\n   def f(self, values):\n     (a, b) = values\n     return a\n]]'),
        ('[[! def f(self, (a, b)):\n  return a\n]]', '[[! def f(self, values):\n  (a, b) = values\n  return a\n]]'),
        ('[[ def f((a, b)): { ]]x[[ } ]]', '[[ def f(values): { (a, b) = values; ]]x[[ } ]]'),
    ])
    def test_every_construct(self, old, new):
        assert page(old) == new

    def test_a_tag_collection(self):
        text = '[[.tagcollection]]\n[[.begin name=t]]\n[[.attr name=n default="=1{}"]]\n[[ print{} ]]\n[[.end]]\n'
        assert page(text.format('L', ' n')) == text.format('', '(n)')

    def test_text_and_comments_stay(self):
        text = 'print "x"\t \r\n[[-- print "y" --]] \\[[ print \\]] <b class="`x`">\r\n\r\nlast'
        assert page(text + '[[= `1` ]]') == text + '[[= repr(1) ]]'

    def test_line_ends_stay(self):
        assert page('a\r\n[[\r\n  print 1\r\n  print 2\r\n]]\r\n') == 'a\r\n[[\r\n  print(1)\r\n  print(2)\r\n]]\r\n'

    def test_an_import_that_is_needed_comes_before_the_first_construct(self):
        assert page('<p>\n[[ x = 1 ]]\n[[= reduce(f, y) ]]') == \
            '<p>\n[[ from functools import reduce ]][[ x = 1 ]]\n[[= reduce(f, y) ]]'
        assert page('[[ f = [[spy y: [[= reduce(g, y) ]]]] ]]') == \
            '[[ f = [[spy y: [[ from functools import reduce ]][[= reduce(g, y) ]]]] ]]'
        assert notes('[[!\ndef f(self): return reduce(g, y)\n]]x')[0][0::2] == \
            (1, 'this needs from functools import reduce, where it can be seen from here')

    def test_a_name_that_the_page_binds_is_its_own(self):
        text = '[[ lat, long = 1, 2 ]][[= long ]][[ file = 3 ]][[= file(4) ]][[ def reduce(x): { } ]][[= reduce(1) ]]'
        assert page(text) == text

    def test_a_module_of_the_site_keeps_its_name(self):
        assert page('[[ import Queue ]]') == '[[ import queue ]]'
        assert page('[[ import Queue ]]', own_modules={'Queue'}) == '[[ import Queue ]]'

    def test_a_part_of_a_block_is_converted(self):
        assert page('[[ } else: { print `x` ]]') == '[[ } else: { print(repr(x)) ]]'
        assert page('[[ } except E, e: { ]]') == '[[ } except E as e: { ]]'
        assert page('[[ if a <> b: { ]]') == '[[ if a != b: { ]]'

    def test_what_is_no_python_is_told_and_the_rest_converted(self):
        text = '[[ print 1 ]]\n[[ x = = 1 ]]\n[[ print 2 ]]'
        assert page(text) == '[[ print(1) ]]\n[[ x = = 1 ]]\n[[ print(2) ]]'
        assert notes(text) == [(2, 8, 'this cannot be read as Python 2: it was left as it is')]


    def test_a_tuple_as_parameter_of_a_lambda_is_told(self):
        text = '[[ f = [[spy (a, b): [[= `a` ]]]] ]]'
        assert page(text) == text.replace('`a`', 'repr(a)')
        assert notes(text) == [
            (1, 14, 'a tuple cannot be a parameter any more: take it as one, and unpack it in the code')]


class TestNotes:
    @pytest.mark.parametrize(('code', 'column', 'words'), [
        ('raise "text"', 0, 'string exceptions are gone'),
        ('raise "text %d" % x, y', 0, 'string exceptions are gone'),
        ('x = a / b', 6, 'write //'),
        ('a /= b', 2, 'write //'),
        ('x = cmp(a, b)', 4, 'no cmp()'),
        ('import md5', 7, 'hashlib.md5'),
        ('import cgi; x = cgi.escape(y)', 16, 'html.escape'),
        ('from sqlalchemy.ext.sqlsoup import SqlSoup', 5, 'spyce.db'),
        ('import Cheetah', 7, 'Jinja2'),
        ('import spyceCache', 7, 'functools.lru_cache'),
        ('x = y.decode("latin-1")', 6, 'text has no decode()'),
        ('x = y.encode("hex")', 6, 'binascii'),
        ('x = hashlib.md5(y)', 4, 'takes bytes'),
        ('sys.setdefaultencoding("utf-8")', 0, 'remove the line'),
        ('session.setHandler("session_gdbm", "f")', 19, 'session_dir'),
        ('import string; x = string.join(*y)', 19, 'not plain'),
        ('from string import join', 19, 'methods'),
        ('exec code', 0, 'binds no names'),
        ('x = unicode(y, "utf-8")', 4, 'takes bytes only'),
        ('x = map(None, a, b)', 4, 'truncates'),
    ])
    def test_what_a_human_has_to_decide(self, code, column, words):
        found = notes(f'\n<p>[[ {code} ]]')
        assert [words in message for line, start, message in found if (line, start) == (2, column + 7)] == [True]

    @pytest.mark.parametrize('code', [
        'x = a / 2.0', 'x = 2.0 * a / b', 'x = float(a) / b', 'x = a // b', 'x = 100.0 * (a + 1.5) / b', 'x = "a/b"',
        'def cmp(a, b): { }\n x = cmp(1, 2)', 'x = hashlib.md5(b"x")'])
    def test_what_is_clear_is_not_told(self, code):
        assert notes(f'[[ {code} ]]') == []


class TestSite:
    def test_a_site_is_moved(self, tmp_path):
        """The whole way: what can be converted is, the rest is done where the report says, then the site is served."""
        site = tmp_path / 'site'
        shutil.copytree(SITE, site)
        result = migrate(site, '--write')
        assert result.exit_code == 1
        told = [line.split(': ')[0] for line in result.output.splitlines() if line.count(':') > 2]
        assert told == ['catalog.py:47:32', 'errors.spy:4:7', 'errors.spy:4:23', 'errors.spy:7:5', 'errors.spy:11:48',
                        'latin.spy:1:1', 'latin.spy:2:16', 'spyceconf.py:6:1', 'spyceconf.py:7:1']
        for name, old, new in [
            ('catalog.py', 'amount / 100', 'amount // 100'),
            ('errors.spy', "raise 'BadOrder', 'nothing chosen'", "raise BadOrder('nothing chosen')"),
            ('errors.spy', "except 'BadOrder' as text", 'except BadOrder as text'),
            ('errors.spy', '[[\n  try', '[[\n  class BadOrder(Exception): { }\n  try'),
            ('errors.spy', 'total / count', 'total // count'),
            ('latin.spy', 'iso-8859-1', 'utf-8'),
            ('spyceconf.py', 'adminport = 8001\nmaxqueuesize = 50\n', ''),
        ]:
            text = (site / name).read_text('utf-8')
            assert old in text
            (site / name).write_text(text.replace(old, new), 'utf-8')
        assert migrate(site).output == '15 files: nothing to change.\n'
        assert migrate(site).exit_code == 0
        checked = CliRunner().invoke(main, ['check', str(site)])
        assert checked.stdout.splitlines()[-1] == '11 pages, 4 Python files: no errors.'

        client = Client(spyce.make_app(str(site)), raise_errors=True)
        index = client.get('/index.spy').text
        assert '<title>Corner shop</title>' in index
        assert '<li>Quince: goods.spy?name=quince</li>' in index
        assert '<p>Bon soir visitor</p>\n<p>Hello again\n</p>' in index
        assert '<b>pears: 1.50 EUR</b>' in index
        assert index.index('<i>Apple 1.20 EUR</i>') < index.index('<i>Quince 3.10 EUR</i>')
        assert '<ul><li>2</li><li>4</li></ul>' in index
        assert '580\nX, Y 12 True\n' in index
        client.get('/goods.spy')
        goods = client.get('/goods.spy', query={'name': 'pear'}).text
        assert goods.startswith('<hr>\n<h1>pear: 1.50</h1>\n<p>apple seen 1x</p>\n<p>pear seen 1x</p>\n')
        assert '<td>no</td><td>2 </td>' in goods and goods.endswith('1000\n')
        assert client.get('/goods.spy', query={'name': 'fig'}).text.count('sorry, no such goods: fig') == 1
        assert client.get('/crlf.spy').text == '<p>\tText  stays [[ as it is </p>\none two\n\n'
        assert client.get('/latin.spy').text.endswith('café for René\n\n')
        assert client.get('/rows.spy').text == '<p>1 rows, first a</p>\n'
        assert client.get('/errors.spy').text.split() == ['fine', '3', '3', '3.5']
        assert client.get('/errors.spy', query='fail=1').text.split()[:2] == ['nothing', 'chosen']

    def test_without_write_nothing_is_written(self, tmp_path):
        write(tmp_path, a_spy='[[ print 1 ]]\n', b_py='print 2\n')
        result = migrate(tmp_path)
        assert result.exit_code == 1
        assert result.output == ('--- a/b.py\n+++ b/b.py\n@@ -1 +1 @@\n-print 2\n+print(2)\n'
                                 '--- a/a.spy\n+++ b/a.spy\n@@ -1 +1 @@\n-[[ print 1 ]]\n+[[ print(1) ]]\n'
                                 '2 files: 2 to change (--write does it), 0 places for you to look at.\n')
        assert sorted(os.listdir(tmp_path)) == ['a.spy', 'b.py']
        assert (tmp_path / 'a.spy').read_text() == '[[ print 1 ]]\n'

    def test_write_keeps_the_original_once_and_the_mode(self, tmp_path):
        write(tmp_path, a_spy='[[ print 1 ]]')
        (tmp_path / 'a.spy').chmod(0o640)
        migrate(tmp_path, '--write')
        assert (tmp_path / 'a.spy').read_text() == '[[ print(1) ]]'
        assert (tmp_path / 'a.spy').stat().st_mode & 0o777 == 0o640
        write(tmp_path, a_spy='[[ print 2 ]]')
        migrate(tmp_path, '--write')
        assert (tmp_path / 'a.spy.orig').read_text() == '[[ print 1 ]]'
        assert sorted(os.listdir(tmp_path)) == ['a.spy', 'a.spy.orig']

    def test_a_second_run_finds_nothing_to_write(self, tmp_path):
        site = tmp_path / 'site'
        shutil.copytree(SITE, site)
        migrate(site, '--write')
        assert Migration(str(site)).changed == []

    def test_a_site_of_python_3_stays_as_it_is(self, tmp_path):
        write(tmp_path, a_spy='[[ x = {1: 2}.items(); y = 7 / 2; z = map(f, x); print("a", "b", end="") ]]',
              b_py='from __future__ import annotations\nx = u"x", print("a", "b")\n', spyceconf_py='debug = False\n')
        result = migrate(tmp_path)
        assert (result.exit_code, result.output) == (0, '3 files: nothing to change.\n')

    def test_one_file_in_python_2_tells_that_the_site_is(self, tmp_path):
        write(tmp_path, a_spy='[[ x = {1: 2}.items() ]]', b_py='print 1\n')
        assert '+[[ x = list({1: 2}.items()) ]]' in migrate(tmp_path).output

    def test_nothing_of_the_site_is_run(self, tmp_path):
        code = f'open({str(tmp_path / "ran")!r}, "w")\n'
        write(tmp_path, spyceconf_py=code, tags_py=code, a_spy='[[.taglib name=tags as=t]]<t:x a="=`1`"/>[[ print 1 ]]')
        assert '<t:x a="=repr(1)"/>[[ print(1) ]]' in migrate(tmp_path).output
        assert not (tmp_path / 'ran').exists()

    def test_what_still_does_not_compile_is_told(self, tmp_path):
        write(tmp_path, a_spy='one\n[[ if 1: { ]]', b_py='x = \n')
        assert migrate(tmp_path).output.splitlines()[:2] == [
            "a.spy:2:10: does not compile: unclosed opening brace '{'", 'b.py:1:5: does not compile: invalid syntax']

    def test_links_and_folders_of_tools_are_left_alone(self, tmp_path):
        outside = tmp_path / 'outside'
        site = tmp_path / 'site'
        for folder in (outside, site, site / '.git', site / '__pycache__', site / 'env'):
            folder.mkdir()
            write(folder, a_py='print 1\n')
        (site / 'env' / 'pyvenv.cfg').touch()
        (site / 'linked').symlink_to(outside)
        (site / 'b.py').symlink_to(outside / 'a.py')
        assert [file.name for file in Migration(str(site)).files] == ['a.py']

    def test_an_encoding_that_the_config_names_is_kept(self, tmp_path):
        (tmp_path / 'a.spy').write_bytes('é [[ print "ü" ]]'.encode('latin-1'))
        write(tmp_path, spyceconf_py='from spyceconf import *\nencoding = "latin-1"\n')
        assert '0 places' in migrate(tmp_path, '--write').output
        assert (tmp_path / 'a.spy').read_bytes() == 'é [[ print("ü") ]]'.encode('latin-1')

    def test_text_that_is_not_utf8_becomes_utf8(self, tmp_path):
        (tmp_path / 'a.spy').write_bytes('“é”\r\n'.encode('cp1252'))
        (tmp_path / 'b.py').write_bytes('# coding: latin-1\nx = "é"\nprint x\n'.encode('latin-1'))
        assert 'a.spy:1:1: the file is not UTF-8: it was read as cp1252' in migrate(tmp_path, '--write').output
        assert (tmp_path / 'a.spy').read_bytes() == '“é”\r\n'.encode()
        assert (tmp_path / 'b.py').read_bytes() == '# coding: latin-1\nx = "é"\nprint(x)\n'.encode('latin-1')

    def test_a_byte_order_mark_stays(self, tmp_path):
        write(tmp_path, a_spy='\ufeff[[ print 1 ]]')
        migrate(tmp_path, '--write')
        assert (tmp_path / 'a.spy').read_text() == '\ufeff[[ print(1) ]]'

    def test_without_fissix_it_says_what_to_install(self, tmp_path):
        hide = 'import sys; sys.modules["fissix"] = None; from spyce.cli import main; main()'
        done = subprocess.run([sys.executable, '-c', hide, 'migrate', str(tmp_path)], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (
            1, "Error: spyce migrate needs fissix: pip install 'spyce-session[migrate]'\n")


    def test_a_fixer_that_fails_is_told_and_ends_nothing(self, tmp_path, monkeypatch):
        def fail(tool: object, tree: object, name: str) -> None:
            raise AssertionError('odd')
        monkeypatch.setattr('spyce.migrate.python._Tool.refactor_tree', fail)
        write(tmp_path, a_spy='x [[ d.has_key(1) ]]', b_py='print 1\n')
        lines = [line.partition('; ')[0] for line in migrate(tmp_path).output.splitlines()]
        assert lines[0] == 'a.spy:1:6: fissix fails with this: AssertionError: odd'
        assert lines[1].startswith('b.py:1:1: does not compile: ')
        assert lines[2] == 'b.py:1:1: fissix fails with this: AssertionError: odd'

    def test_the_examples_need_no_change(self):
        folder = SITE.parent.parent / 'examples'
        assert (migrate(folder).exit_code, migrate(folder).output.partition(': ')[2]) == (0, 'nothing to change.\n')
        assert CliRunner().invoke(main, ['check', str(folder)]).exit_code == 0


PYTHON_2 = st.sampled_from([
    '[[ print x ]]', '[[= `x` ]]', '[[= d.has_key(x) ]]', '[[ for k in d.iteritems(): { ]]', '[[ } ]]',
    '[[ } else: { ]]',
    '[[ if a <> b: { ]]', '[[\\\nprint 1\n]]', '[[! x = 0777 ]]', '<spy:ul data="d.keys()"/>', '<%= unicode(x) %>',
    '[[ f = [[spy x: [[= `x` ]] ]] ]]', '[[ x = = ]]', '[[ try: { ]]', '[[ } except E, e: { ]]', '[[= reduce(f, x) ]]',
    '[[.import name=x args=`x`]]', '[[= map(lambda x: x, y)]]', '[[ import StringIO ]]', '[[ for k in d.keys(): { ]]'])
PYTHON_3 = st.sampled_from([
    '[[ print(x) ]]', '[[= repr(x) ]]', '[[= f"{x!r}" ]]', '[[ print(x, file=f, end="") ]]', '[[ y: int = 3 ]]',
    '[[ if x: { ]]a[[ } elif y: { ]]b[[ } else: { ]]c[[ } ]]', '[[ async def f(): { await x } ]]',
    '[[ try: { f() } except (A, B) as e: { print(e) } ]]', '[[= [x for x in y] ]]', '[[ nonlocal_ = x if y else z ]]',
    '[[\\\ndef f(x, /, *, y=1):\n    return u"x"\n]]', '[[! def f(self): return super().f() ]]', '[[= x @ y ]]',
    '[[ l = [[spy a, b=1: [[= a ]] ]] ]]', '<spy:ul data="x"/>', '[[= (y := 5) ]]', '[[= 1_000 // 7 ]]', '[[= b"x" ]]'])
TEXT = st.text('ab <>"\'=&\t\r\n{}#é€', max_size=20)


def pages(constructs: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.tuples(TEXT, constructs), max_size=8).map(
        lambda pairs: [part for pair in pairs for part in pair])


class TestAnyPage:
    @settings(deadline=None)
    @given(pages(PYTHON_2))
    def test_text_between_constructs_stays(self, parts):
        converted = page(''.join(parts))
        position = 0
        for text in parts[::2]:
            position = converted.index(text, position) + len(text)

    @settings(deadline=None)
    @given(pages(PYTHON_2))
    def test_a_converted_page_stays_as_it_is(self, parts):
        converted = page(''.join(parts))
        assert page(converted) == converted

    @settings(deadline=None)
    @given(pages(PYTHON_3))
    def test_a_page_in_python_3_stays_as_it_is(self, parts):
        text = ''.join(parts)
        assert page(text) == text
        assert not convert_page(text, 'page.spy', likely=False, prefixes={'spy'}).is_python2


def test_the_manual_shows_what_the_conversion_gives():
    blocks = [(example.language, example.text) for example in examples('migrating')]
    pairs = [(old, new) for (first, old), (second, new) in zip(blocks, blocks[1:], strict=False)
             if (first, second) == ('text', 'spyce')]
    assert pairs
    for old, new in pairs:
        assert page(old) == new
