"""`spyce check`: compiles all of a site, and finds what compiles and will surely fail. Runs no page and no module of
the site but what compiling needs: the config, and the tag libraries of pages."""
from __future__ import annotations

import ast
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from spyce.config import ConfigError, ConfigWarning, load_config
from spyce.config.loading import CONFIG_NAME
from spyce.migrate.reading import PageReading
from spyce.page import CompiledPage, ModuleImport, PageSource, PageSyntaxError, decode_source, is_collection
from spyce.page.book import Mapped
from spyce.page.errors import PlacedError
from spyce.page.scanner import scan
from spyce.runtime.exceptions import SpyceError, spyceForbidden, spyceNotFound
from spyce.runtime.modules import CONTRIB_MODULES, find_file, is_standard
from spyce.runtime.paths import PathRefused, page_to_run, url_to_file
from spyce.runtime.server import spyceServer
from spyce.sitefiles import Finding, is_page, shown_name, site_files

_PLACED = re.compile(r'(?P<file>.+?):(?P<line>\d+): (?P<message>.*)', re.DOTALL)
_CALL = re.compile(r'(include\s*\.\s*(?:spyce|spyceStr|dump)|redirect\s*\.\s*internal)'
                   r'''\s*\(\s*(?P<quote>['"])(?P<url>[^'"\\\n]+)(?P=quote)\s*[,)]''')


class SiteCheck:
    """What is wrong with a site.

    :param root: its folder.
    :param config: its config file; by default spyceconf.py in it, if it is there.
    """

    def __init__(self, root: str, config: str | None = None) -> None:
        self.findings: set[Finding] = set()
        self.pages = self.modules = 0
        self._root = os.path.realpath(root)
        self._server = self._start(config)
        files = [os.path.realpath(file) for file in site_files(root)]
        files += [file for file in self._path_files() if file not in files]
        self._readings = {file: reading for file in files if is_page(file) for reading in self._read(file)}
        included = set(self._included())
        for file in files:
            if not is_page(file):
                self._module(file)
            elif file in self._readings:
                self._page(file, alone=file not in included)
        self.modules = sum(not is_page(file) for file in files)
        self.pages = len(files) - self.modules

    @property
    def failing(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.failing]

    def _find(self, file: str, line: int, column: int, message: str, *, failing: bool = True) -> None:
        self.findings.add(Finding(shown_name(file, self._root), line, column, message, failing))

    @contextmanager
    def _warnings(self, file: str) -> Iterator[None]:
        """Report the warnings of Python's compiler."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            yield
        for each in caught:
            if issubclass(each.category, ConfigWarning):
                message = str(each.message).removeprefix(f'{file}: ')
                self._find(file, _option_line(file, message), 1, message, failing=False)
            elif issubclass(each.category, SyntaxWarning) or str(each.message).startswith('invalid '):
                # Until Python 3.12 an invalid escape is a DeprecationWarning.
                self._find(each.filename, each.lineno, 1, str(each.message), failing=False)

    # the config

    def _start(self, config: str | None) -> spyceServer:
        """A server with the config, or with the defaults if it cannot be used."""
        file = os.path.realpath(config or os.path.join(self._root, CONFIG_NAME))
        try:
            with self._warnings(file):
                return spyceServer(load_config(self._root, config))
        except (ConfigError, SpyceError) as error:
            placed = _PLACED.fullmatch(str(error))
            if placed:
                self._find(placed['file'], int(placed['line']), 1, placed['message'])
            else:
                message = str(error).removeprefix(f'{file}: ')
                self._find(file, _option_line(file, message), 1, message)
        return spyceServer(load_config(self._root, {}))

    def _path_files(self) -> Iterator[str]:
        """The files in the folders of the config's path, which may hold more than the site's: not those below."""
        for folder in dict.fromkeys(map(os.path.realpath, self._server.config.path)):
            for file in site_files(folder):
                if os.path.dirname(file) == folder:
                    yield file

    # pages

    def _read(self, file: str) -> Iterator[PageReading]:
        """The page's Python and tags; nothing if it cannot be read."""
        try:
            with open(file, 'rb') as source:
                text = decode_source(source.read(), self._server.config.encoding, file)
            yield PageReading(PageSource(text, file), [prefix for _, _, prefix in self._server.config.globaltags])
        except OSError as error:
            self._find(file, 1, 1, f'cannot be read: {error.strerror}')
        except PageSyntaxError as error:
            self._find(file, error.line, error.column, error.message)

    def _included(self) -> Iterator[str]:
        """The files that others include at compile time: they may be parts of blocks, and are compiled with these."""
        for file, reading in self._readings.items():
            for directive in reading.directives:
                if directive.name == 'include' and directive.get('file'):
                    try:
                        yield page_to_run(directive.get('file') or '', self._root, file)
                    except PathRefused:
                        continue  # compiling the page reports it

    def _page(self, file: str, *, alone: bool) -> None:
        reading = self._readings[file]
        try:
            with self._warnings(file):
                if is_collection(reading.book.text):
                    compiled, _ = self._server.compile_collection(file)
                    self._imports([tag.page for tag in compiled.tags], file)
                elif alone:
                    self._imports([self._server.load_page(file).compiled], file)
        except PageSyntaxError as error:
            self._find(error.file, error.line, error.column, error.message)
        except (OSError, spyceNotFound, spyceForbidden) as error:
            self._find(file, 1, 1, f'cannot be read: {error}')
        self._targets(reading, file)

    def _imports(self, pages: Iterable[CompiledPage], file: str) -> None:
        """Report Spyce modules that are not there."""
        for page in pages:
            self._imports(page.lambdas, file)
            for each in page.imports:
                message = self._missing(each, file)
                if message:
                    place, line = each.place
                    self._find(place, line, self._column(place, line, each.name), message)

    def _missing(self, wanted: ModuleImport, file: str) -> str | None:
        if wanted.file is None and is_standard(wanted.name):
            return None
        path = find_file(self._server, wanted.file or wanted.name, file)
        if path is None and wanted.file is None and wanted.name in CONTRIB_MODULES:
            return None
        if path is None:
            return f'there is no Spyce module {wanted.file or wanted.name!r} beside the page or on the config\'s path'
        if _has_name(path, wanted.name):
            return None
        return f'{os.path.basename(path)} has no class {wanted.name!r}: a Spyce module is a class of the name ' \
               'under which it is imported'

    def _column(self, file: str, line: int, name: str) -> int:
        reading = self._readings.get(os.path.realpath(file))
        lines = reading.book.text.split('\n') if reading else []
        match = re.search(rf'\b{re.escape(name)}\b', lines[line - 1]) if line <= len(lines) else None
        return match.start() + 1 if match else 1

    def _targets(self, reading: PageReading, file: str) -> None:
        """Report files that the page names and that are not there: of parents, includes and internal redirects."""
        for tag in reading.tags:
            source = tag.attributes.get('src')
            if (tag.prefix, tag.name) == ('spy', 'parent') and source and not source.text.startswith('='):
                self._target(reading, file, source.text, source.offset(0), runs=True)
        for piece in reading.pieces():
            for line in piece.lines:
                for name, url, offset in _literal_calls(line.code):
                    self._target(reading, file, url, offset, runs=not name.endswith('dump'))

    def _target(self, reading: PageReading, file: str, url: str, offset: int, *, runs: bool) -> None:
        message = ''
        try:
            path = (page_to_run if runs else url_to_file)(url, self._server.config.root, file)
            if not os.path.isfile(path):
                message = f'there is no file {url!r}'
        except PathRefused as error:
            message = str(error)
        if message:
            self._find(file, *reading.book.place(offset)[1:], message)

    # Python files

    def _module(self, file: str) -> None:
        try:
            with self._warnings(file), open(file, 'rb') as source:
                _compile(source.read(), file)
        except OSError as error:
            self._find(file, 1, 1, f'cannot be read: {error.strerror}')
        except PageSyntaxError as error:
            self._find(file, error.line, error.column, error.message)
        except SyntaxError as error:
            self._find(file, error.lineno or 1, error.offset or 1, error.msg)
        except (ValueError, RecursionError, MemoryError) as error:
            self._find(file, 1, 1, str(error) or type(error).__name__)


def _option_line(file: str, message: str) -> int:
    """The line of a config that sets the option of which a message speaks."""
    name = re.match(r'(?:the option )?(\w+)', message)
    if not os.path.isfile(file):
        return 1
    with open(file, encoding='utf-8', errors='replace') as source:
        lines = [number for number, line in enumerate(source, 1) if name and re.match(rf'{name[1]}\s*=', line)]
    return lines[-1] if lines else 1


def _compile(data: bytes, file: str) -> None:
    """Compile a Python file.

    :raises SyntaxError: with its place; Python gives none for bytes that are not in the file's encoding.
    """
    try:
        compile(data, file, 'exec', dont_inherit=True)
    except SyntaxError as error:
        if not error.lineno or 'unicode error' in error.msg or 'codec can' in error.msg:
            _decode(data, file)
        raise


def _decode(data: bytes, file: str) -> None:
    declared = re.match(rb'(?:[^\n]*\n)?[ \t]*#[^\n]*coding[:=][ \t]*([-\w.]+)', data)
    decode_source(data, declared.group(1).decode() if declared else 'utf-8', file)


def _has_name(file: str, name: str) -> bool:
    """Whether a module seems to bind a name; one that does not compile is reported as such."""
    try:
        with open(file, 'rb') as source, warnings.catch_warnings():
            warnings.simplefilter('ignore')
            tree = ast.parse(source.read())
    except (OSError, SyntaxError, ValueError):
        return True
    return any(name in _bound(node) or '*' in _bound(node) for node in ast.walk(tree))


def _bound(node: ast.AST) -> list[Any]:
    if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [alias.asname or alias.name for alias in node.names]
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return [node.id]
    return []


def _literal_calls(code: Mapped) -> Iterator[tuple[str, str, int]]:
    """Calls that name a file: (function, url, offset of the url); not those in strings and comments."""
    if 'include' not in code.text and 'redirect' not in code.text:
        return
    try:
        before = ''
        for kind, start, end in scan(code):
            match = _CALL.match(code.text, start) if kind == 'word' and before != '.' else None
            if match:
                yield match.group(1).replace(' ', ''), match['url'], code.offset(match.start('url'))
            before = code.text[start:end]
    except PlacedError:
        return  # compiling the page reports it
