"""The cache of compiled pages: made once, made again when a file changed, nothing kept of a failure."""

import os
import threading
from pathlib import Path

import pytest

from spyce.page import PageCache, Signature, read_file


class Maker:
    """Loads a file as a value, and counts."""

    def __init__(self, *paths: Path) -> None:
        self.paths = paths
        self.made = 0

    def __call__(self) -> tuple[str, list[tuple[str, Signature]]]:
        self.made += 1
        read = [(str(path), *read_file(path)) for path in self.paths]
        return ''.join(data.decode() for _path, data, _signature in read), [
            (path, signature) for path, _data, signature in read]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / 'page.spy'
    path.write_text('one')
    return path


def test_a_value_is_made_once(file: Path) -> None:
    cache: PageCache[str] = PageCache()
    make = Maker(file)
    assert [cache.get('k', make) for _ in range(3)] == ['one'] * 3
    assert make.made == 1


def test_a_change_of_any_file_makes_it_anew(file: Path) -> None:
    cache: PageCache[str] = PageCache()
    part = file.with_name('part.spi')
    part.write_text('A')
    make = Maker(file, part)
    assert cache.get('k', make) == 'oneA'
    part.write_text('BB')
    assert cache.get('k', make) == 'oneBB'
    status = os.stat(file)
    file.with_name('new').write_text('two')
    os.utime(file.with_name('new'), ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(file.with_name('new'), file)
    assert cache.get('k', make) == 'twoBB', 'same size and time, another file'
    os.utime(file, ns=(0, 5))
    cache.get('k', make)
    assert make.made == 4, 'older counts as changed'


def test_a_file_that_is_gone_makes_it_anew(file: Path) -> None:
    cache: PageCache[str] = PageCache()
    cache.get('k', Maker(file))
    file.unlink()
    with pytest.raises(FileNotFoundError):
        cache.get('k', Maker(file))


def test_without_check_mtime_files_are_not_looked_at(file: Path) -> None:
    cache: PageCache[str] = PageCache(check_mtime=False)
    make = Maker(file)
    cache.get('k', make)
    file.write_text('other')
    assert cache.get('k', make) == 'one'


def test_check_mtime_may_be_asked_each_time(file: Path) -> None:
    checking = False
    cache: PageCache[str] = PageCache(lambda: checking)
    make = Maker(file)
    cache.get('k', make)
    file.write_text('other')
    assert cache.get('k', make) == 'one'
    checking = True
    assert cache.get('k', make) == 'other'


def test_a_failure_leaves_nothing_behind() -> None:
    cache: PageCache[str] = PageCache()

    def fail() -> tuple[str, list[tuple[str, Signature]]]:
        raise ValueError('broken')

    for _ in range(2):
        with pytest.raises(ValueError, match='broken'):
            cache.get('k', fail)
    assert len(cache) == 0
    assert cache.get('k', lambda: ('good', [])) == 'good'


def test_threads_that_ask_at_once_share_one_value() -> None:
    cache: PageCache[object] = PageCache()
    entered, proceed = threading.Event(), threading.Event()
    made: list[object] = []

    def make() -> tuple[object, list[tuple[str, Signature]]]:
        entered.set()
        assert proceed.wait(10)
        made.append(object())
        return made[-1], []

    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(cache.get('k', make))) for _ in range(8)]
    threads[0].start()
    assert entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    assert cache.get('other', lambda: ('free', [])) == 'free', 'another key does not wait'
    proceed.set()
    for thread in threads:
        thread.join(10)
    assert len(made) == 1
    assert got == made * 8


def test_values_made_from_strings_are_bounded_and_the_used_ones_stay(file: Path) -> None:
    cache: PageCache[str] = PageCache(string_limit=3)
    cache.get('file', Maker(file))
    for key in 'abc':
        cache.get(key, lambda key=key: (key, []))  # type: ignore[misc]
    cache.get('a', lambda: ('never made', []))
    cache.get('d', lambda: ('d', []))
    assert len(cache) == 4
    assert cache.get('a', lambda: ('made again', [])) == 'a'
    assert cache.get('b', lambda: ('made again', [])) == 'made again'
    cache.clear()
    assert len(cache) == 0
