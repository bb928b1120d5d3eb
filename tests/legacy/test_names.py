"""The import names of 2.1, as a site's own modules use them."""
from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from spyce import legacy

LIBRARIES = ['spyceModule', 'spyceLock', 'spyceException', 'spyceTag', 'spyceUtil', 'spyceconf', 'spyceConfig']
MODULES = ['cookie', 'pool', 'transform', 'compress', 'taglib', 'response', 'request', 'error', 'include', 'redirect',
           'stdout', 'spylambda', 'session']


@pytest.fixture(autouse=True)
def fresh_names() -> Iterator[None]:
    legacy.install()
    before = {name: sys.modules.pop(name) for name in [*LIBRARIES, *MODULES] if name in sys.modules}
    yield
    for name in [*LIBRARIES, *MODULES]:
        sys.modules.pop(name, None)
    sys.modules.update(before)


@pytest.mark.parametrize('name', LIBRARIES)
def test_a_library_name_is_the_module_of_this_package(name: str) -> None:
    assert importlib.import_module(name) is importlib.import_module(f'spyce.legacy.{name}')


@pytest.mark.parametrize('name', MODULES)
def test_a_module_name_is_the_module_of_the_engine(name: str) -> None:
    real = importlib.import_module(f'spyce.modules.{name}')
    spec = real.__spec__
    assert importlib.import_module(name) is real
    assert real.__name__ == f'spyce.modules.{name}' and real.__spec__ is spec


def test_names_are_known() -> None:
    assert all(map(legacy.is_legacy_name, [*LIBRARIES, *MODULES]))
    assert all(map(legacy.is_module_name, MODULES))
    assert not any(map(legacy.is_module_name, LIBRARIES))
    assert not legacy.is_legacy_name('os') and not legacy.is_legacy_name('spyce')


def test_installing_twice_installs_once_and_last() -> None:
    finders = list(sys.meta_path)
    legacy.install()
    assert sys.meta_path == finders


def test_the_finder_can_be_asked_without_importing() -> None:
    spec = importlib.util.find_spec('spyceLock')
    assert spec is not None and spec.origin == 'spyce.legacy.spyceLock'
    assert 'spyceLock' not in sys.modules


def test_other_names_and_names_in_packages_are_not_served() -> None:
    assert importlib.util.find_spec('spyceNothing') is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module('email.cookie')


def test_nothing_is_served_before_install() -> None:
    code = 'import spyce.legacy\ntry:\n    import spyceLock\nexcept ImportError:\n    print("not there")'
    run = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True, timeout=20)
    assert run.stdout == 'not there\n'


def test_an_installed_module_of_that_name_comes_first_for_plain_python(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'pool.py').write_text('mine = 1\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    assert importlib.import_module('pool').mine == 1


def test_threads_that_import_a_name_at_once_all_get_the_module() -> None:
    start = threading.Barrier(8)
    found: list[ModuleType] = []

    def import_it() -> None:
        start.wait(10)
        found.append(importlib.import_module('spyceTag').spyceTag)

    threads = [threading.Thread(target=import_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(found) == 8 and len(set(found)) == 1


def test_a_module_of_2_1_loads_unchanged() -> None:
    source = '''
from spyceModule import spyceModule, spyceModulePlus
from spyceException import spyceDone, spyceRedirect, spyceNotFound, spyceForbidden, HandlerError, CompoundHandlerError
from spyceLock import fileLock, threadLock, dummyLock, MultiLock, file_lock, file_unlock, LOCK_EX, LOCK_SH, LOCK_NB
from spyceTag import spyceTagLibrary, spyceTag, spyceTagPlus
import spyceUtil, cookie

class greeter(spyceModulePlus):
    def start(self):
        self.greeting = 'hello'
    def init(self, greeting='hi', *args, **kwargs):
        self.greeting = greeting
'''
    names: dict[str, object] = {}
    exec(source, names)
    assert isinstance(names['greeter'], type)


def test_names_that_are_loaded_late() -> None:
    exceptions = importlib.import_module('spyceException')
    from spyce.page.errors import PageSyntaxError
    from spyce.runtime.errors import spyceRuntimeException
    assert exceptions.spyceRuntimeException is spyceRuntimeException
    assert exceptions.spyceSyntaxError is PageSyntaxError
    with pytest.raises(AttributeError, match='nope'):
        exceptions.nope  # noqa: B018


def test_a_missing_name_of_a_library_is_an_import_error() -> None:
    with pytest.raises(ImportError, match='nope'):
        exec('from spyceModule import nope')
