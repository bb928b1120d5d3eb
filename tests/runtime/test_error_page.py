"""What a developer sees of an error: the full page, shown with debug = True, and the text at the terminal."""
from __future__ import annotations

import html
import logging
import re
import sys
import threading
import time
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spyce.runtime.terminal import ErrorFormatter
from spyce.runtime.values import LENGTH, MASK, Describer, Secrets, is_secret

COLUMNS = sys.version_info >= (3, 11)


class Shape(HTMLParser):
    """The page without its markup. scripts: how many elements could run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.tags: list[str] = []
        self.marks: list[str] = []
        self._skip = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._skip = tag in ('style', 'textarea')
        if tag == 'mark':
            self.marks.append('')

    def handle_endtag(self, tag: str) -> None:
        self._skip = False
        if tag == 'mark':
            self.tags.append('/mark')

    def handle_data(self, data: str) -> None:
        if not self._skip:
            self.text.append(data)
        if self.marks and self.tags[-1] == 'mark':
            self.marks[-1] += data


def shown(client: Any, path: str = '/page.spy', **kwargs: Any) -> str:
    """The text of an error page, as its reader sees it."""
    answer = client.get(path, **kwargs)
    assert answer.status == 500
    return ' '.join(' '.join(Shape(answer.text).text).split())


def as_text(client: Any, path: str = '/page.spy') -> str:
    """The part of the error page that is to be copied."""
    found = re.search(r'<textarea[^>]*>(.*?)</textarea>', client.get(path).text, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


SHOP = """
def total(count, price):
    rebate = 0
    return count * price / rebate
"""


class TestPlace:
    def test_the_line_of_the_page_stands_first_even_if_a_module_has_failed(self, site):
        client = site({'page.spy': 'a\n[[ import shop ]]\n<p>[[= shop.total(2, 3) ]]</p>\nz', 'shop.py': SHOP},
                      debug=True)
        text = shown(client)
        assert text.index('page.spy:3') < text.index('shop.py:4')
        assert 'return count * price / rebate' in text

    @pytest.mark.skipif(not COLUMNS, reason='Python 3.10 does not know columns')
    @pytest.mark.parametrize(('page', 'expression'), [
        ('ü [[= 1 + len(3) ]]', 'len(3)'),
        ('[[ x = {}; y = x["ä"] + 1 ]]', 'x["ä"]'),
        ('[[\\\nif True:\n    int("x")\n]]', 'int("x")'),
        ('<p>[[.include file=part.spi]]</p>', '1/0'),
        ('[[= "\\]]" + None ]]', '"\\]]" + None'),
    ])
    def test_the_failing_expression_is_marked(self, site, page, expression):
        client = site({'page.spy': page, 'part.spi': 'line\n  [[= 1/0 ]]\n'}, debug=True)
        assert Shape(client.get('/page.spy').text).marks[0] == expression

    def test_carets_stand_below_the_expression(self, site):
        client = site({'page.spy': 'one\n\t<b>[[= 1/0 ]]</b>\n'}, debug=True)
        lines = as_text(client).splitlines()
        place = next(index for index, line in enumerate(lines) if line.startswith('    > 2 |'))
        assert lines[place] == '    > 2 | \t<b>[[= 1/0 ]]</b>'
        if COLUMNS:
            assert lines[place + 1] == '        | \t       ^^^'

    def test_pasted_source_is_named_by_its_own_file_and_line(self, site):
        client = site({'page.spy': '<p>[[.include file=part.spi]]</p>', 'part.spi': 'line\n[[= 1/0 ]]\n'}, debug=True)
        assert 'part.spi:2' in shown(client)

    def test_the_engine_is_folded_away(self, site):
        client = site({'page.spy': '[[.import name=include]][[ include.spyce("in.spi") ]]', 'in.spi': '[[= 1/0 ]]'},
                      debug=True)
        text = as_text(client)
        assert 'in.spi", line 1' in text and 'page.spy", line 1' in text
        assert 'handler.py' not in text and 'include.py' not in text
        assert 'calls within Spyce' in shown(client)

    def test_frames_that_ask_for_it_are_folded_too(self, site):
        client = site({'page.spy': '[[ import helper ]][[ helper.call(lambda: 1/0) ]]',
                       'helper.py': 'def call(f):\n    __traceback_hide__ = True\n    return f()\n'}, debug=True)
        assert 'helper.py' not in as_text(client)

    def test_endless_recursion_gives_a_page_of_ordinary_size(self, site):
        page = site({'page.spy': '[[\\\ndef f(n):\n    return f(n + 1)\nf(0)\n]]'}, debug=True).get('/page.spy').text
        assert 'RecursionError' in page and 'calls in the middle are left out' in page
        assert len(page) < 500_000

    def test_a_page_that_does_not_compile_has_a_caret_at_the_column(self, site):
        client = site({'page.spy': '<h1>x</h1>\n  <li>[[= x + ]]</li>\n'}, debug=True)
        text = as_text(client)
        assert 'Spyce syntax error' in text and 'page.spy", line 2' in text
        assert Shape(client.get('/page.spy').text).marks == ['+']
        assert 'calls within' not in shown(client)

    def test_a_site_module_that_does_not_compile_is_shown_with_its_line(self, site):
        client = site({'page.spy': '[[ import broken ]]', 'broken.py': 'a = 1\nb = = 2\n'}, debug=True)
        text = as_text(client)
        assert 'page.spy", line 1' in text and 'broken.py", line 2' in text and '> 2 | b = = 2' in text

    def test_a_page_of_another_encoding_is_shown(self, site, tmp_path):
        client = site({'page.spy': ''}, debug=True, encoding='latin-1')
        (tmp_path / 'www0' / 'page.spy').write_bytes('é\n[[= 1/0 ]]'.encode('latin-1'))
        assert 'é' in shown(client)


class TestChain:
    def test_causes_and_contexts_are_told(self, site):
        client = site({'page.spy': """[[\\
try:
    try:
        1/0
    except ZeroDivisionError as error:
        raise KeyError('k') from error
except KeyError:
    raise ValueError('v')
]]"""}, debug=True)
        text = shown(client)
        assert text.index('ValueError') < text.index('While this one was being handled: KeyError') \
            < text.index('It was caused by: ZeroDivisionError')

    @pytest.mark.skipif(not COLUMNS, reason='exception groups came with Python 3.11')
    def test_the_members_of_a_group_are_listed(self, site):
        client = site({'page.spy': "[[ raise ExceptionGroup('g', [ValueError('one'), KeyError('two')]) ]]"},
                      debug=True)
        text = shown(client)
        assert '1 of 2 in the group ValueError one' in text
        assert "2 of 2 in the group KeyError 'two'" in text

    def test_a_chain_that_goes_round_ends(self, site):
        client = site({'page.spy': "[[ a = ValueError('a'); b = ValueError('b'); a.__cause__ = b; b.__cause__ = a\n"
                                   'raise a ]]'}, debug=True)
        assert shown(client).count('It was caused by') == 1

    def test_an_exception_without_text_is_shown(self, site):
        client = site({'page.spy': '[[\\\nclass Odd(Exception):\n    def __str__(self): return 1/0\nraise Odd\n]]'},
                      debug=True)
        assert 'its text cannot be had: str() raised ZeroDivisionError' in shown(client)


    def test_an_error_whose_page_cannot_be_made_is_an_error_still(self, site, monkeypatch):
        monkeypatch.setattr('spyce.runtime.errorpage.examine', lambda *_: 1 / 0)
        answer = site({'page.spy': '[[= x ]]'}, debug=True).get('/page.spy')
        assert answer.status == 500 and 'Server error' in answer.text


class TestSecrets:
    def test_values_with_secret_names_are_masked_wherever_they_stand(self, site):
        client = site({'page.spy': """[[
my_password = 'hunter' + '22'
copy = 'it is ' + my_password
settings = {'api_key': 'k-' + '123456', 'limit': 10, 'inner': [{'csrf_token': 't-' + '123456'}]}
pairs = [('passwd', 'p-' + '123456')]
used = settings['api_key']
raise ValueError('wrong: ' + my_password)
]]"""}, debug=True)
        page = client.get('/page.spy').text
        for secret in ('hunter22', 'k-123456', 't-123456', 'p-123456'):
            assert secret not in page
        assert "&#x27;limit&#x27;: 10" in page

    def test_what_the_request_holds_is_masked(self, site):
        client = site({'page.spy': "[[ sid = request.getHeader('Cookie'); p = request.post1('password') ]][[= 1/0 ]]"},
                      debug=True)
        answer = client.post('/page.spy?token=q-123456&shown=yes', {'password': 'f-123456'},
                             headers={'Cookie': 'sessionid=c-123456', 'Authorization': 'Bearer a-123456',
                                      'X-Api-Key': 'x-123456', 'User-Agent': 'Browser/1'})
        for secret in ('q-123456', 'f-123456', 'c-123456', 'a-123456', 'x-123456'):
            assert secret not in answer.text
        assert 'Browser/1' in answer.text and '>yes' in answer.text and f'sessionid={MASK}' in answer.text

    def test_a_secret_that_stands_in_the_source_is_masked_there_too(self, site):
        client = site({'page.spy': "[[ password = 'hunter22'; d = {'a': [{'api_key': 'k-123456'}]} ]]\n"
                                   "[[= 'hunter22' + 1/0 ]]"}, debug=True)
        page = client.get('/page.spy').text
        assert 'hunter22' not in page and 'k-123456' not in page
        assert page.count('class="line carets"') == COLUMNS

    def test_masking_leaves_the_error_readable(self, site):
        client = site({'page.spy': """[[
password = 'test'
key = 'title'
latest = {'theme': request.getHeader('Cookie')}
latest[key]
]]"""}, debug=True)
        text = shown(client, headers={'Cookie': 'theme=dark'})
        assert "KeyError 'title'" in text and 'latest' in text and "theme=dark" in text

    @pytest.mark.parametrize('name', ['password', 'PASSWD', 'db_secret', 'csrfToken', 'api-key', 'Authorization',
                                      'Set-Cookie', 'sessionid', 'session_id', 'pw', 'private_key'])
    def test_secret_names(self, name):
        assert is_secret(name)

    @pytest.mark.parametrize('name', ['author', 'monkey', 'keyboard', 'session', 'name', 'passenger', 'spin'])
    def test_ordinary_names(self, name):
        assert not is_secret(name)

    def test_visitors_see_nothing_of_it(self, site):
        page = site({'page.spy': "[[ x = 'local' ]][[= 1/0 ]]"}).get('/page.spy').text
        assert 'local' not in page and 'page.spy' not in page and 'ZeroDivision' not in page


class TestEscaping:
    @given(text=st.text(max_size=60))
    def test_nothing_gets_out_of_its_place(self, text):
        from spyce.runtime.errorpage import full_error_page
        hostile = f'</textarea></pre><script src=x>{text}"\' onload=x>'
        namespace = {'__name__': 'spyce_site_1.x', 'hostile': hostile}
        try:
            exec(compile('def f(value):\n    raise ValueError(value)\nf(hostile)', '</pre><script>', 'exec'), namespace)
        except ValueError as error:
            shape = Shape(full_error_page(error, '/nowhere'))
        assert 'script' not in shape.tags
        assert not any(name.startswith('on') or name == 'src' for name, _ in shape.attributes)

    def test_the_page_needs_nothing_else_and_allows_no_script_within(self, site):
        page = site({'page.spy': '[[= 1/0 ]]'}, debug=True).get('/page.spy').text
        shape = Shape(page)
        assert not {'script', 'link', 'img', 'iframe'} & set(shape.tags)
        policy = next(value for name, value in shape.attributes if name == 'content' and 'default-src' in (value or ''))
        assert "default-src 'none'" in policy and 'unsafe' not in policy


def describe(value: Any) -> str:
    return Describer(Secrets()).describe(value)


class Endless:
    def __repr__(self) -> str:
        while True:
            pass


class Waiting:
    def __repr__(self) -> str:
        threading.Event().wait(30)
        return 'late'


class Failing:
    def __repr__(self) -> str:
        raise KeyboardInterrupt


class Liar:
    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise RuntimeError('no')

    def __repr__(self) -> str:
        return 'Liar()'


class TestValues:
    @pytest.mark.parametrize(('value', 'text'), [
        ({'a': [1, (2,)], 'b': {3}}, "{'a': [1, (2,)], 'b': {3}}"), (b'x', "b'x'"), (None, 'None'),
        (10 ** 5000, f'<int of {(10 ** 5000).bit_length()} bits>'), ([1] * 30, f'[{"1, " * 20}… 10 more]'),
        ('x' * 1000, f"'{'x' * 200}'… (1000 characters)"), (SimpleNamespace(a=1), 'namespace(a=1)'),
        (SimpleNamespace(password='abc', a=1), f'namespace(password={MASK}, a=1)'), (object(), '<object object>'),
        (Liar(), 'Liar()'),
    ], ids=range(10))
    def test_a_value_is_shown_as_python_writes_it_but_short(self, value, text):
        assert describe(value) == text

    def test_an_object_that_holds_itself_comes_to_an_end(self):
        value: list[Any] = []
        value.append(value)
        assert describe(value) == '[[[[<list>]]]]'

    @pytest.mark.parametrize(('value', 'said'), [(Endless(), 'takes too long'), (Waiting(), 'takes too long'),
                                                 (Failing(), 'its repr() raised KeyboardInterrupt')])
    def test_a_bad_repr_does_no_harm(self, value, said):
        begin = time.monotonic()
        assert said in describe([value])
        assert time.monotonic() - begin < 5

    def test_many_slow_values_share_the_time_of_one_page(self):
        begin = time.monotonic()
        describe([Waiting() for _ in range(18)])
        assert time.monotonic() - begin < 5

    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
                        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner)))
    def test_any_value_has_a_short_text(self, value):
        assert len(describe(value)) <= LENGTH


class TestTerminal:
    def log(self, site: Any, files: dict[str, str], colours: bool = False) -> tuple[str, str]:
        """What the terminal shows, and what another handler of the same log record has."""
        records: list[logging.LogRecord] = []
        handler = logging.Handler()
        handler.emit = records.append  # type: ignore[method-assign]
        logger = logging.getLogger('spyce.page')
        logger.addHandler(handler)
        try:
            site(files).get('/page.spy')
        finally:
            logger.removeHandler(handler)
        terminal = ErrorFormatter('%(message)s', '', colours).format(records[-1])
        return terminal, logging.Formatter('%(message)s').format(records[-1])

    def test_the_page_stands_first_and_the_engine_nowhere(self, site):
        terminal, other = self.log(site, {'page.spy': '[[ import shop ]][[= shop.total(2, 3) ]]', 'shop.py': SHOP})
        places = [terminal.index(text) for text in ('ZeroDivisionError', 'page.spy", line 1', 'shop.py", line 4')]
        assert places == sorted(places)
        assert 'handler.py' not in terminal and 'Traceback' not in terminal
        assert 'Traceback (most recent call last)' in other and 'wrapper.py' in other

    def test_a_page_that_does_not_compile_is_shown_with_its_line(self, site):
        terminal, _ = self.log(site, {'page.spy': 'a\n[[= 1 + ]]'})
        assert '> 2 | [[= 1 + ]]' in terminal and '^' in terminal

    def test_text_of_a_visitor_cannot_steer_the_terminal(self, site):
        terminal, _ = self.log(site, {'page.spy': "[[ raise ValueError('\\x1b[2J\\x9b\\r') ]]"})
        assert '\x1b' not in terminal and '\x9b' not in terminal and '\r' not in terminal
        assert '\\x1b[2J' in terminal

    def test_colours_change_nothing_but_the_colour(self, site):
        pytest.importorskip('rich')
        files = {'page.spy': '[[ x = ["[bold]", "' + 'long ' * 60 + '"] ]][[= 1/0 ]]'}
        plain, _ = self.log(site, files)
        coloured, _ = self.log(site, files, colours=True)
        assert '\x1b[' in coloured
        uncoloured = re.sub(r'\x1b\[[\d;]*m', '', coloured).replace('www1', 'www0').splitlines()
        assert [line.rstrip() for line in uncoloured[1:]] == [line.rstrip() for line in plain.splitlines()[1:]]

    def test_other_errors_look_as_ever(self):
        try:
            raise ValueError('no page')
        except ValueError as error:
            record = logging.LogRecord('x', logging.ERROR, '', 0, 'm', None, (ValueError, error, error.__traceback__))
        assert ErrorFormatter('%(message)s').format(record) == logging.Formatter('%(message)s').format(record)
