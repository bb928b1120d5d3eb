"""compile_page: from source text to a CompiledPage."""

import ast
import os
import symtable
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from spyce.page.book import Book, LineMap, Mapped
from spyce.page.codegen import generate
from spyce.page.compaction import compact
from spyce.page.errors import PlacedError
from spyce.page.parser import Environment, Parser
from spyce.page.positions import compile_text
from spyce.page.scanner import check
from spyce.page.source import PageSource
from spyce.page.tags import ClassCode, HandlerUse, TagLibraries
from spyce.page.tree import ModuleImport, TagLibraryUse, TagOpen, Unit
from spyce.page.writer import GeneratedText, Ref, Writer

_ALWAYS_THERE = frozenset({'self', 'request', 'response', 'stdout', 'error'})


@dataclass(frozen=True)
class CompiledPage:
    """A page, or a lambda of one, ready to run.

    :param file: the page's file.
    :param code: run in a namespace, it defines the class `spyceImpl` there, with the method `spyceProcess(self
        [, signature])`, and touches nothing else.
    :param written: the generated text.
    :param imports: the Spyce modules that it imports, in file order.
    :param taglibs: the tag libraries that its directives load.
    :param lambdas: its lambdas: `_spyceLambdas` of its namespace.
    :param dependencies: absolute names of the files that it was made from besides its own.
    :param uses_tags: whether it needs the module `taglib`.
    :param has_parent: whether a tag in it may name a parent template, which is to surround what it prints.
    :param handlers: the active handlers of its tags, by an id.
    :param classes: code of its tags for its class: `code` finds the classes that they define as `_spyceBases`.
    """

    file: str
    code: types.CodeType
    written: GeneratedText
    imports: tuple[ModuleImport, ...]
    taglibs: tuple[TagLibraryUse, ...]
    lambdas: tuple['CompiledPage', ...]
    dependencies: tuple[str, ...]
    uses_tags: bool
    has_parent: bool
    handlers: Mapping[str, HandlerUse]
    classes: tuple[ClassCode, ...]
    lines: LineMap

    @property
    def python(self) -> str:
        """The generated text (2.1's getCode)."""
        return self.written.text()

    @property
    def refs(self) -> dict[int, Ref]:
        """From a line of it to (begin, end, text, file) in the page (2.1's getCodeRefs, recorded case
        api-getcode-and-refs); begin and end are (row from 1, column from 0).
        """
        return self.written.refs()

    def locate(self, line: int) -> tuple[str, int]:
        """The file and its line that a line number of `code` means.

        Source that `.include` pasted has line numbers past the end of the page in the code object, since one code
        object has one file name.
        """
        return self.lines.locate(line)


def compile_page(source: PageSource, *, signature: str = '', name: str = '', libraries: TagLibraries | None = None,
                 read_include: Callable[[str, str], PageSource] | None = None) -> CompiledPage:
    """Compile a page.

    :param signature: parameters of spyceProcess after self, as Python text.
    :param name: of the page within its site; ids of its forms are made from it.
    :param libraries: where tag libraries come from; without it no tag is active.
    :param read_include: gives the source that `[[.include file=URL]]` means, from URL and the current file; an OSError
        that it raises is reported at the directive.
    :raises PageSyntaxError: for anything that is wrong with the page, always with its place.
    """
    book = Book()
    start, end = book.add(source, final_newline=True)
    try:
        parameters = Mapped.at(signature.strip(), start)
        check(parameters)
        start = book.behind_shebang(start, end)
        environment = Environment(book, libraries, read_include, name or os.path.basename(source.file))
        unit = Parser(environment, 0, parameters).parse(start, end)
        unit.prepares, unit.handlers = environment.prepares, environment.handlers
        unit.classes = list(environment.classes)
        return compile_unit(unit, book, source.file)
    except PlacedError as error:
        raise book.error(error.message, error.offset) from error.__cause__
    except RecursionError:
        raise book.error('code or tags are nested too deeply', start) from None


def compile_unit(unit: Unit, book: Book, file: str) -> CompiledPage:
    """
    :raises PlacedError: for what is wrong with its Python.
    """
    compact(unit.elements, book)
    lambdas = tuple(compile_unit(each, book, file) for each in unit.lambdas)
    writer = generate(unit, book)
    export_names: Mapping[str, Sequence[str]] = {}
    if any(isinstance(element, TagOpen) and element.traits.exports for element in unit.elements):
        export_names = _export_names(writer, book, file)
        writer = generate(unit, book, export_names)
    code = compile_text(writer, book, file)
    modules = _module_names(unit)
    if modules:
        modules -= _local_names(code)
    if modules:
        writer = generate(unit, book, export_names, modules)
        code = compile_text(writer, book, file)
    dependencies = dict.fromkeys(os.path.abspath(name) for name in unit.dependencies)
    for each in lambdas:
        dependencies.update(dict.fromkeys(each.dependencies))
    return CompiledPage(
        file=file, code=code, written=writer.shown, imports=tuple(unit.imports),
        taglibs=tuple(unit.taglibs), lambdas=lambdas, dependencies=tuple(dependencies),
        uses_tags=unit.uses_tags or bool(unit.prepares),
        has_parent=any(isinstance(element, TagOpen) and element.traits.pageonly for element in unit.elements),
        handlers=unit.handlers, classes=tuple(unit.classes), lines=book.line_map())


def _module_names(unit: Unit) -> set[str]:
    """The names in attributes of tags that may be those of Spyce modules: `mod` of `mod.x` (reference 9)."""
    names: set[str] = set()
    for element in unit.elements:
        if isinstance(element, TagOpen):
            for value in element.attributes.values():
                if isinstance(value, Mapped):
                    names |= _attribute_bases(value.text)
    return names - _ALWAYS_THERE - {module.alias or module.name for module in unit.imports}


def _attribute_bases(expression: str) -> set[str]:
    """Each `name` of `name.attribute` in an expression."""
    if '.' not in expression:
        return set()
    try:
        tree = ast.parse(f'({expression}\n)', mode='eval')
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()  # compiling the page tells
    return {node.value.id for node in ast.walk(tree) if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)}


def _local_names(code: types.CodeType) -> set[str]:
    """The local names of all functions in a page."""
    names: set[str] = set()
    codes = [code]
    while codes:
        code = codes.pop()
        names.update(code.co_varnames, code.co_cellvars)
        codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return names


def _export_names(writer: Writer, book: Book, file: str) -> dict[str, list[str]]:
    """For each exporting tag the names that the function around it binds.

    A function's locals are fixed when it is compiled, so the code has to assign each of these by name.
    """
    compile_text(writer, book, file)  # symtable would report what is wrong at its place in the generated text
    names: dict[str, list[str]] = {}
    tables = [symtable.symtable(writer.shown.text(), file, 'exec')]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        if isinstance(table, symtable.Function):
            own = sorted(name for name in table.get_locals() if not name.startswith('_spyce'))
            names.update((name, own) for name in table.get_locals() if name.startswith('_spyceExports'))
    return names
