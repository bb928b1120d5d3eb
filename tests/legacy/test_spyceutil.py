from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest

from spyce.legacy import spyceUtil
from spyce.runtime import context
from spyce.runtime.paths import PathRefused


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / 'sub').mkdir()
    context.current_server.set(SimpleNamespace(config=SimpleNamespace(root=str(tmp_path))))  # of this test's context
    return tmp_path.resolve()


@pytest.fixture(autouse=True)
def no_server_afterwards() -> object:
    yield
    context.current_server.set(None)


def test_url2file(root: Path) -> None:
    page = str(root / 'sub' / 'page.spy')
    assert spyceUtil.url2file('/a.spy', page) == str(root / 'a.spy')
    assert spyceUtil.url2file('a.spy', page) == str(root / 'sub' / 'a.spy')
    assert spyceUtil.url2file('../a.spy', page) == str(root / 'a.spy')
    assert spyceUtil.url2file('a.spy') == str(root / 'a.spy')


@pytest.mark.parametrize('url', ['../../etc/passwd', '/../x', ''])
def test_url2file_does_not_leave_the_site(root: Path, url: str) -> None:
    with pytest.raises(PathRefused):
        spyceUtil.url2file(url, str(root / 'page.spy'))


def test_exception_string() -> None:
    try:
        raise ValueError('boom')
    except ValueError:
        assert spyceUtil.exceptionString().endswith('ValueError: boom\n')


def test_attrdict_is_both() -> None:
    both = spyceUtil.attrdict({'a': 1})
    both.b = 2
    assert (both.a, both['b'], sorted(both)) == (1, 2, ['a', 'b'])
    del both.a
    assert 'a' not in both
    with pytest.raises(AttributeError, match="'nope'.*b"):
        both.nope  # noqa: B018
    with pytest.raises(AttributeError):
        del both.nope


def test_extract_value() -> None:
    assert spyceUtil.extractValue({'a': 1}, 'a') == 1
    assert spyceUtil.extractValue({'a': 1}, 'b') is None
    assert spyceUtil.extractValue({'a': 1}, 'b', 2) == 2
    assert spyceUtil.extractValue({'a': 1}, None) == {'a': 1}


def test_space_compact() -> None:
    assert spyceUtil.spaceCompact('a  b\tc\n\n   d\n') == 'a b\tc\nd\n'
    assert spyceUtil.spaceCompact('a\n \xa0b') == 'a\n\xa0b'  # a no-break space is there to be seen, as in pages


def test_buffered_output() -> None:
    target = io.StringIO()
    out = spyceUtil.BufferedOutput(target)
    out.write('lost')
    out.clear()
    out.write('a')
    out.writelines(['b', 'c'])
    assert target.getvalue() == ''
    out.flush()
    out.flush()
    assert target.getvalue() == 'abc'
    out.close()
    assert target.closed


def test_no_close_out() -> None:
    target = io.StringIO()
    out = spyceUtil.NoCloseOut(target)
    out.write('a')
    out.close()
    assert target.getvalue() == 'a'


def test_try_for_a_while() -> None:
    failures = [OSError('1'), OSError('2')]

    def attempt() -> str:
        if failures:
            raise failures.pop()
        return 'done'

    assert spyceUtil.tryForAwhile(attempt, tries=3, pause=0) == 'done'


def test_try_for_a_while_gives_up() -> None:
    calls: list[int] = []

    def attempt() -> None:
        calls.append(1)
        raise OSError('taken')

    with pytest.raises(OSError, match='taken'):
        spyceUtil.tryForAwhile(attempt, tries=3, pause=0)
    assert len(calls) == 3


def test_a_name_that_is_gone_names_what_took_its_place() -> None:
    with pytest.raises(ImportError, match=r'ThreadedWriter is gone.*stdout\.push'):
        from spyce.legacy.spyceUtil import ThreadedWriter  # noqa: F401
    assert not hasattr(spyceUtil, 'never_was')
