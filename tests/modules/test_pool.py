from __future__ import annotations

from types import SimpleNamespace

import pytest
from fake_page import FakePage
from spyce.modules.pool import pool

from spyce.runtime.exceptions import SpyceError


def test_it_is_the_globals_of_the_server() -> None:
    server = SimpleNamespace(globals={'site': 'Example'}, multiprocess=False)
    one, other = FakePage(server=server).start(pool), FakePage(server=server).start(pool)
    one['n'] = 1
    assert other['n'] == 1
    assert other['site'] == 'Example'
    assert 'nope' not in other


def test_it_is_like_a_dictionary_with_lists() -> None:
    shared = FakePage().start(pool)
    shared['b'] = 2
    shared['a'] = 1
    assert (shared.keys(), shared.values(), shared.items()) == (['b', 'a'], [2, 1], [('b', 2), ('a', 1)])
    assert shared.setdefault('c', 3) == 3
    assert shared.setdefault('c', 4) == 3
    assert shared.get('zz') is None and shared.get('zz', 5) == 5
    assert shared.has_key('a') and not shared.has_key('zz')
    assert len(shared) == 3 and list(shared) == ['b', 'a', 'c']
    del shared['a']
    with pytest.raises(KeyError):
        shared['a']
    shared.clear()
    assert shared.keys() == []


def test_several_processes_have_no_pool() -> None:
    server = SimpleNamespace(globals={}, multiprocess=True)
    with pytest.raises(SpyceError, match='several processes'):
        FakePage(server=server).start(pool)
