"""A tiny runtime for compiled pages: just enough to see what they print."""

import contextlib
from collections.abc import Mapping
from typing import Any

from page_tags import Taglib

from spyce.page import CompiledPage, PageSource, TagLibraries, compile_page
from spyce.runtime.parts import FilteredParts, Parts

FILE = '/site/page.spy'


class Done(BaseException):
    """What a page raises to end."""


class Output:
    """The `_spyceOutput` of a page; with `slow` every run takes the way through the filters."""

    def __init__(self, slow: bool = False) -> None:
        self.parts = Parts()
        if slow:
            self.parts.become(FilteredParts, self)
        self.for_code = (self.parts, type, str)

    @staticmethod
    def text(value: object) -> str:
        return '' if value is None else str(value)

    def write(self, text: str) -> None:
        self.parts.put(text)

    writeStatic = write  # noqa: N815

    def writeExpr(self, value: object, **options: object) -> None:  # noqa: N802
        self.parts.put(self.text(value) + ''.join(f'{{{k}={v}}}' for k, v in options.items()))


class Lambdas:
    """The module spylambda."""

    def __init__(self, output: Output, names: Mapping[str, Any]) -> None:
        self._output = output
        self._names = names

    def _compiled(self, page: CompiledPage, memoize: bool) -> Any:
        return lambda *arguments, **named: execute(page, self._output, self._names, *arguments, **named)


def execute(page: CompiledPage, output: Output, names: Mapping[str, Any], *arguments: Any, **named: Any) -> None:
    namespace: dict[str, Any] = {'__name__': 'page'}
    exec(page.code, namespace)

    def write(*values: object, end: str = '\n', file: Any = None) -> None:
        output.write(' '.join(map(str, values)) + end)

    namespace.update(_spyceOutput=output, _spyceLambdas=page.lambdas, spylambda=Lambdas(output, names),
                     spyceDone=Done, response=output, print=write, **names)
    with contextlib.suppress(Done):
        namespace['spyceImpl']().spyceProcess(*arguments, **named)


def compiled(text: str, **options: Any) -> CompiledPage:
    return compile_page(PageSource(text, FILE), **options)


def run(text: str, *, slow: bool = False, libraries: TagLibraries | None = None,
        includes: Mapping[str, str] | None = None, **names: Any) -> str:
    """What a page prints."""
    def include(url: str, _current: str) -> PageSource:
        if includes is None or url not in includes:
            raise FileNotFoundError(2, 'No such file or directory', url)
        return PageSource(includes[url], '/site/' + url)

    output = Output(slow)
    if libraries is not None:
        names.setdefault('taglib', Taglib(output))
    page = compiled(text, libraries=libraries, read_include=include)
    execute(page, output, names)
    return ''.join(output.parts)
