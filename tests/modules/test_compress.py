from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from fake_page import FakePage
from spyce.modules.compress import compress

import spyce
from spyce import sessions
from spyce.testing import Client


def encoded(accept: str | None, *levels: int) -> tuple[bytes, list[tuple[str, str]]]:
    page = FakePage(headers={} if accept is None else {'Accept-Encoding': accept})
    module = page.start(compress)
    for level in levels:
        module.gzip(level)
    return page.response.encoded_body('text'), page.response.headers


@pytest.mark.parametrize('accept', ['gzip', 'br;q=1.0, gzip;q=0.2', '*', 'GZIP'])
def test_gzip_for_browsers_that_take_it(accept: str) -> None:
    body, headers = encoded(accept, 9)
    assert gzip.decompress(body) == b'text'
    assert headers == [('Vary', 'Accept-Encoding'), ('Content-Encoding', 'gzip')]


@pytest.mark.parametrize('accept', [None, '', 'br', 'gzip;q=0', '*, gzip;q=0', 'identity'])
def test_no_gzip_for_others_but_caches_are_told(accept: str | None) -> None:
    assert encoded(accept, 9) == (b'text', [('Vary', 'Accept-Encoding')])


def test_gzip_twice_encodes_once() -> None:
    assert gzip.decompress(encoded('gzip', 1, 9)[0]) == b'text'


def test_level_0_turns_it_off() -> None:
    assert encoded('gzip', 9, 0) == (b'text', [])


def test_an_empty_body_stays_empty() -> None:
    page = FakePage(headers={'Accept-Encoding': 'gzip'})
    page.start(compress).gzip(9)
    assert page.response.encoded_body('') == b''


@pytest.mark.parametrize('level', [-1, 10])
def test_other_levels_are_errors(level: int) -> None:
    with pytest.raises(ValueError, match='1 to 9'):
        FakePage().start(compress).gzip(level)


def compacted(*fragments: str, **init: Any) -> str:
    page = FakePage()
    page.start(compress).init(**(init or {'spaces': 1}))
    for fragment in fragments:
        page.output.writeStatic(fragment)
    return page.printed()


def test_spaces() -> None:
    assert compacted('<p>  a \t b\n\n   <b>c</b>\n') == '<p> a b\n<b>c</b>\n'


def test_spaces_across_fragments() -> None:
    assert compacted('a ', ' b\n', '\n', '  c', ' ', '\n d') == 'a b\nc \nd'


def test_a_blank_before_an_expression_stays() -> None:
    page = FakePage()
    page.start(compress).spaces()
    page.output.writeStatic('n: ')
    page.output.writeExpr(5)
    page.output.writeExpr(None)
    page.output.write(' x')
    assert page.printed() == 'n: 5 x'


def test_preformatted_text_stays() -> None:
    text = '<pre>  a\n\n  b</pre>'
    assert compacted(text) == text
    assert compacted('<PRE class="k">  a', '  b</PRE>  c') == '<PRE class="k">  a  b</PRE> c'
    assert compacted('<textarea>\n\n</textarea>') == '<textarea>\n\n</textarea>'


def test_no_break_spaces_stay() -> None:
    assert compacted('a\xa0\xa0b') == 'a\xa0\xa0b'


def test_spaces_can_be_turned_off() -> None:
    page = FakePage()
    module = page.start(compress)
    module.spaces()
    page.output.writeStatic('a  b ')
    module.spaces(0)
    page.output.writeStatic(' c  d')
    assert page.printed() == 'a b  c  d'


def test_compaction_ends_with_its_page() -> None:
    page = FakePage()
    module = page.start(compress)
    module.spaces()
    module.finish()
    page.output.writeStatic('a  b')
    assert page.printed() == 'a  b'


def test_without_options_nothing_changes() -> None:
    assert compacted('a  b', gzip=None) == 'a  b'


def test_a_page_is_sent_gzipped(tmp_path: Path) -> None:
    (tmp_path / 'page.spy').write_text("[[.import name=compress args='gzip=9']]hello\n")
    client = Client(spyce.make_app(str(tmp_path), session_store=sessions.MemoryStore()))
    answer = client.get('/page.spy', headers={'Accept-Encoding': 'gzip'})
    assert gzip.decompress(answer.body) == b'hello\n'
    assert answer.headers['Content-Encoding'] == 'gzip'
    assert answer.headers['Content-Length'] == str(len(answer.body))
    assert client.get('/page.spy').text == 'hello\n'


def test_a_flushed_page_is_not_gzipped(tmp_path: Path) -> None:
    (tmp_path / 'page.spy').write_text("[[.import name=compress args='gzip=9']]a[[ response.flush() ]]b\n")
    client = Client(spyce.make_app(str(tmp_path), session_store=sessions.MemoryStore()))
    answer = client.get('/page.spy', headers={'Accept-Encoding': 'gzip'})
    assert answer.text == 'ab\n' and 'Content-Encoding' not in answer.headers
