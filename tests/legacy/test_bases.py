"""What modules of sites derive from and raise."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from spyce.legacy.spyceModule import spyceModule, spyceModulePlus
from spyce.runtime.exceptions import (
    CompoundHandlerError,
    HandlerError,
    SpyceError,
    spyceDone,
    spyceForbidden,
    spyceNotFound,
    spyceRedirect,
)


class greeter(spyceModule):
    pass


def test_a_module_needs_none_of_the_hooks() -> None:
    wrapper = object()
    module = greeter(wrapper)
    assert module._api is wrapper
    module.start()
    module.init(1, x=2)
    module.finish(None)


def test_the_default_repr_names_the_class() -> None:
    assert repr(greeter(None)).startswith('no information, ')
    assert 'greeter' in repr(greeter(None))


def test_a_plus_module_reaches_other_modules_and_names() -> None:
    asked: list[str] = []

    def get_module(name: str) -> Any:
        asked.append(name)
        return 'the module'

    wrapper = SimpleNamespace(getModule=get_module, getGlobals=lambda: {'x': 1})
    module = spyceModulePlus(wrapper)
    assert module.wrapper is wrapper and module.globals == {'x': 1}
    assert module.modules.cookie == 'the module' and asked == ['cookie']


def test_module_finder_can_be_imported_from_the_same_place() -> None:
    from spyce.legacy.spyceModule import moduleFinder  # type: ignore[attr-defined, unused-ignore]
    from spyce.runtime import modules
    assert moduleFinder is modules.moduleFinder


@pytest.mark.parametrize('steering', [spyceDone(), spyceRedirect('/p.spy')])
def test_no_except_exception_swallows_the_end_of_a_page(steering: BaseException) -> None:
    assert not isinstance(steering, Exception)


def test_what_the_exceptions_know() -> None:
    assert spyceRedirect('/p.spy').filename == '/p.spy'
    for missing in (spyceNotFound('/p.spy'), spyceForbidden('/p.spy')):
        assert missing.file == '/p.spy' and isinstance(missing, SpyceError) and '/p.spy' in str(missing)


def test_handler_errors() -> None:
    error = HandlerError('name', 'too short')
    assert (error.element, error.description, str(error)) == ('name', 'too short', 'name: too short')
    assert str(HandlerError(None, 'closed today')) == 'closed today'


def test_a_compound_error_is_true_once_it_has_an_error() -> None:
    errors = CompoundHandlerError()
    assert not errors
    errors.add(HandlerError('name', 'too short'))
    errors.add(HandlerError(None, 'closed today'))
    assert errors
    assert [(error.element, error.description) for error in errors.errors] == [
        ('name', 'too short'), (None, 'closed today')]
    assert str(errors) == 'name: too short\nclosed today'
