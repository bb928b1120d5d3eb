"""The module etag: pages that a browser has already are not sent again."""
from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable

import pytest

from spyce.testing import Client, Response

PAGE = '[[.import name=etag]]<p>[[= request.get1("n", "0") ]]</p>\n'

Pages = Callable[..., Client]


@pytest.fixture
def pages(site: Callable[..., Client]) -> Pages:
    """pages(a='...', b='...') -> a client of a server with a.spy and b.spy."""
    return lambda **texts: site({f'{name}.spy': text for name, text in texts.items()})


def again(client: Client, path: str, tag: str | None, **headers: str) -> Response:
    assert tag is not None
    return client.get(path, headers={'If-None-Match': tag, **headers})


def test_the_same_page_is_not_sent_again(pages: Pages) -> None:
    client = pages(a=PAGE)
    first = client.get('/a.spy')
    second = again(client, '/a.spy', first.headers['ETag'])
    assert (first.status, first.body) == (200, b'<p>0</p>\n')
    assert (second.status, second.body, second.headers['ETag']) == (304, b'', first.headers['ETag'])


def test_a_changed_page_is_sent_with_another_tag(pages: Pages) -> None:
    client = pages(a=PAGE)
    tag = client.get('/a.spy').headers['ETag']
    answer = again(client, '/a.spy?n=1', tag)
    assert (answer.status, answer.body) == (200, b'<p>1</p>\n')
    assert answer.headers['ETag'] != tag


def test_the_tag_is_a_strong_one_and_the_same_in_every_process(pages: Pages) -> None:
    # It is made of the bytes alone: two servers behind one balancer must agree.
    assert pages(a=PAGE).get('/a.spy').headers['ETag'] == f'"{hashlib.sha1(b"<p>0</p>" + bytes([10])).hexdigest()}"'


@pytest.mark.parametrize('sent', ['W/{}', '"other", {}', '"other", W/{}', '{},"other"', '*'])
def test_tags_are_compared_weakly_and_any_of_several_counts(pages: Pages, sent: str) -> None:
    client = pages(a=PAGE)
    tag = client.get('/a.spy').headers['ETag']
    assert again(client, '/a.spy', sent.format(tag)).status == 304


@pytest.mark.parametrize('sent', ['', '"', 'W/', '"other"', ',,,', '"*"', 'W/"', '\xff', '"a' * 2000])
def test_what_is_no_tag_of_the_page_gets_the_page(pages: Pages, sent: str) -> None:
    answer = again(pages(a=PAGE), '/a.spy', sent)
    assert (answer.status, answer.body) == (200, b'<p>0</p>\n')


def test_head_has_the_tag_of_get(pages: Pages) -> None:
    client = pages(a=PAGE)
    tag = client.get('/a.spy').headers['ETag']
    assert client.head('/a.spy').headers['ETag'] == tag
    assert client.head('/a.spy', headers={'If-None-Match': tag}).status == 304


def test_an_answer_to_post_has_none(pages: Pages) -> None:
    client = pages(a=PAGE)
    answer = client.post('/a.spy', {}, headers={'If-None-Match': '*'})
    assert (answer.status, answer.headers.get('ETag')) == (200, None)


@pytest.mark.parametrize('code', [201, 404, 503])
def test_only_an_answer_of_200_has_one(pages: Pages, code: int) -> None:
    client = pages(a=f'[[.import name=etag]][[ response.setReturnCode({code}) ]]x')
    answer = again(client, '/a.spy', '*')
    assert (answer.status, answer.headers.get('ETag'), answer.body) == (code, None, b'x\n')


def test_an_error_has_none(pages: Pages) -> None:
    answer = again(pages(a='[[.import name=etag]][[ 1 / 0 ]]'), '/a.spy', '*')
    assert (answer.status, answer.headers.get('ETag')) == (500, None)


@pytest.mark.parametrize('call', ['flush', 'unbuffer'])
def test_a_page_that_was_sent_in_pieces_has_none(pages: Pages, call: str) -> None:
    answer = again(pages(a=f'[[.import name=etag]]one [[ response.{call}() ]]two'), '/a.spy', '*')
    assert (answer.status, answer.headers.get('ETag'), answer.body) == (200, None, b'one two\n')


def test_each_content_coding_has_its_own_tag(pages: Pages) -> None:
    for imports in ('"etag, compress"', '"compress, etag"'):
        client = pages(a=f'[[.import names={imports}]][[ compress.gzip(6) ]]{"text " * 50}')
        plain = client.get('/a.spy')
        packed = client.get('/a.spy', headers={'Accept-Encoding': 'gzip'})
        assert gzip.decompress(packed.body) == plain.body
        assert packed.headers['ETag'] != plain.headers['ETag']
        same = again(client, '/a.spy', packed.headers['ETag'], **{'Accept-Encoding': 'gzip'})
        assert (same.status, same.body) == (304, b'')
        assert again(client, '/a.spy', packed.headers['ETag']).body == plain.body


def test_headers_of_a_304(pages: Pages) -> None:
    client = pages(a='''
        [[.import names="etag, compress, cookie"]]
        [[ compress.gzip(6); cookie.set('k', 'v'); response.addHeader('Cache-Control', 'max-age=60');
           response.addHeader('X-Own', 'kept'); response.addHeader('Content-Language', 'en');
           response.lastModified(0) ]]
        text''')
    packed = {'Accept-Encoding': 'gzip'}
    answer = again(client, '/a.spy', client.get('/a.spy', headers=packed).headers['ETag'], **packed)
    assert answer.status == 304
    assert {'Cache-Control', 'Vary', 'X-Own', 'Set-Cookie', 'ETag'} <= set(answer.headers.keys())
    assert not {'Content-Type', 'Content-Length', 'Content-Encoding', 'Content-Language',
                'Last-Modified'} & set(answer.headers.keys())


def test_a_session_is_saved_with_a_304(pages: Pages) -> None:
    client = pages(a='[[.import names="etag, session"]][[ session["n"] = session.get("n", 0) + 1 ]]same',
                   b='[[.import name=session]][[= session["n"] ]]')
    again(client, '/a.spy', client.get('/a.spy').headers['ETag'])
    assert client.get('/b.spy').text == '2\n'


def test_a_tag_that_the_page_sets_counts(pages: Pages) -> None:
    client = pages(a='[[.import name=etag]][[ response.addHeader("ETag", \'W/"v7"\') ]]x')
    assert client.get('/a.spy').headers.getlist('ETag') == ['W/"v7"']
    assert again(client, '/a.spy', '"v7"').status == 304
    assert again(client, '/a.spy', '"v8"').status == 200


def test_an_included_page_may_import_it_too(pages: Pages) -> None:
    client = pages(a='[[.import names="etag, include"]]a[[ include.spyce("b.spy") ]]', b='[[.import name=etag]]b')
    assert len(client.get('/a.spy').headers.getlist('ETag')) == 1


def test_a_page_included_after_a_flush_may_import_it(pages: Pages) -> None:
    client = pages(a='[[.import name=include]]a[[ response.flush(); include.spyce("b.spy") ]]',
                   b='[[.import name=etag]]b')
    assert client.get('/a.spy').text == 'ab\n\n'


def test_the_page_of_an_internal_redirect_has_its_own_tag(pages: Pages) -> None:
    client = pages(a='[[.import names="etag, redirect"]][[ redirect.internal("b.spy") ]]', b='b',
                   c='[[.import name=etag]]b')
    assert client.get('/a.spy').headers['ETag'] == client.get('/c.spy').headers['ETag']
