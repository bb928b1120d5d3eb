"""Migrates the files of a folder: what changes, what a human has to do, and what still does not compile."""
from __future__ import annotations

import ast
import difflib
import io
import os
import re
import shutil
import tempfile
import tokenize
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from spyce.config.loading import CONFIG_NAME, REMOVED
from spyce.migrate.pages import convert_page
from spyce.migrate.python import UnreadablePython, convert
from spyce.migrate.reading import PageReading
from spyce.page import PageSource, PageSyntaxError, compile_collection, compile_page, is_collection
from spyce.page.tags import EnclosingTag, TagLibraryInfo, TagTraits
from spyce.runtime.paths import PathRefused, page_to_run
from spyce.sitefiles import Finding, is_page, shown_name, site_files

BACKUP = '.orig'
"""What is put behind the name of a file that is written, for what it was before."""

_PREFIXES = ('spy', 'f', 'render')
_BOM = b'\xef\xbb\xbf'
_META_CHARSET = re.compile(r'<meta\b[^>]*charset\s*=\s*["\']?([\w-]+)', re.IGNORECASE)
_ENGLISH_CODECS = ('cp1252', 'latin-1')
_CONFIG = re.compile(r'^\s*(?:from\s+spyceconf\s+import|import\s+spyceconf)\b', re.MULTILINE)


@dataclass
class SiteFile:
    """A file as it was read, and as it is to be.

    :param name: relative to the folder.
    :param encoding: in which it was read; `written` in which it is written.
    """

    path: str
    name: str
    data: bytes
    text: str
    encoding: str
    written: str
    converted: str = ''
    is_python2: bool = False

    @property
    def is_changed(self) -> bool:
        return self.converted != self.text or self.written != self.encoding

    def diff(self) -> str:
        """The change as a unified diff."""
        lines = difflib.unified_diff(_lines(self.text), _lines(self.converted), f'a/{self.name}', f'b/{self.name}')
        return ''.join(line if line.endswith('\n') else f'{line}\n\\ No newline at end of file\n' for line in lines)

    def write(self) -> None:
        """Put the converted file in the place of the old one, which is kept beside it unless one is there already.

        :raises OSError: if that cannot be done; the file is as it was then.
        """
        if not os.path.lexists(self.path + BACKUP):
            shutil.copy2(self.path, self.path + BACKUP, follow_symlinks=False)
        handle, temporary = tempfile.mkstemp(prefix='.', suffix='.tmp', dir=os.path.dirname(self.path))
        try:
            with os.fdopen(handle, 'wb') as file:
                file.write(_BOM if self.data.startswith(_BOM) and self.written == 'utf-8' else b'')
                file.write(self.converted.encode(self.written))
            shutil.copymode(self.path, temporary)
            os.replace(temporary, self.path)
        except BaseException:
            os.unlink(temporary)
            raise


def _lines(text: str) -> list[str]:
    return text.replace('\r\n', '\n').replace('\r', '\n').splitlines(keepends=True)


@dataclass
class Migration:
    """What migrating a folder comes to; nothing is written yet. Makes no module of the site, nor its config, run.

    :param folder: the folder.
    """

    folder: str
    files: list[SiteFile] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._encoding = 'utf-8'
        paths = list(site_files(self.folder))
        for path in sorted(paths, key=is_page):  # configs first: one may name the encoding of the pages
            self._read(path)
        self._own_modules = frozenset(os.path.splitext(os.path.basename(path))[0]
                                      for path in paths if not is_page(path))
        self._convert()
        self._compile()
        self.findings = sorted(set(self.findings))

    @property
    def changed(self) -> list[SiteFile]:
        return [file for file in self.files if file.is_changed]

    # reading

    def _find(self, name: str, line: int, column: int, message: str) -> None:
        self.findings.append(Finding(name, line, column, message))

    def _read(self, path: str) -> None:
        name = shown_name(path, self.folder)
        try:
            with open(path, 'rb') as file:
                data = file.read()
        except OSError as error:
            self._find(name, 1, 1, f'cannot be read: {error.strerror}')
            return
        try:
            encoding = self._encoding if is_page(path) else tokenize.detect_encoding(io.BytesIO(data).readline)[0]
            text, written = data.decode('utf-8-sig' if encoding == 'utf-8' else encoding), encoding
        except (UnicodeDecodeError, SyntaxError, LookupError) as error:
            if self._encoding != 'utf-8' or (isinstance(error, SyntaxError) and b'coding' in data[:200]):
                self._find(name, 1, 1, f'{error}: save it in the encoding that it names, or as UTF-8')
                return
            text, encoding, written = *_guessed(data), 'utf-8'
            at = next(index for index, char in enumerate(text) if not char.isascii())
            self._find(name, text.count('\n', 0, at) + 1, at - text.rfind('\n', 0, at),
                       f'the file is not UTF-8: it was read as {encoding}, and --write saves it as UTF-8')
        read = SiteFile(path, name, data, text, encoding, written)
        if encoding != written:
            self._meta(read)
        self.files.append(read)
        if not is_page(path) and self._is_config(read):
            self._encoding = _literal(text, 'encoding') or self._encoding

    def _meta(self, file: SiteFile) -> None:
        match = _META_CHARSET.search(file.text)
        if match and match.group(1).lower() not in ('utf-8', 'utf8'):
            line = file.text.count('\n', 0, match.start()) + 1
            self._find(file.name, line, match.start() - file.text.rfind('\n', 0, match.start()),
                       f'the page calls itself {match.group(1)}, and is sent as UTF-8: write charset=utf-8')

    @staticmethod
    def _is_config(file: SiteFile) -> bool:
        return os.path.basename(file.path) == CONFIG_NAME or bool(_CONFIG.search(file.text))

    # converting

    @cached_property
    def _prefixes(self) -> set[str]:
        """The prefixes of tags that every page has: 2.1's, and those that a config seems to name."""
        found = set(_PREFIXES)
        for file in self.files:
            if not is_page(file.path) and self._is_config(file):
                found.update(re.findall(r'\(\s*[\'"][\w.]+[\'"]\s*,[^()]*,\s*[\'"](\w+)[\'"]\s*\)', file.text))
        return found

    def _convert(self) -> None:
        for file in self.files:
            self._convert_file(file, likely=False)
        if any(file.is_python2 for file in self.files):
            for file in self.files:
                for note in self._convert_file(file, likely=True):
                    self._find(file.name, *note)
        for file in self.files:
            if not is_page(file.path) and self._is_config(file):
                for line, column, message in _removed_options(file.converted):
                    self._find(file.name, line, column, message)

    def _convert_file(self, file: SiteFile, *, likely: bool) -> Sequence[tuple[int, int, str]]:
        if is_page(file.path):
            page = convert_page(file.text, file.path, likely=likely, prefixes=self._prefixes,
                                own_modules=self._own_modules)
            file.converted, file.is_python2 = page.text, page.is_python2
            return page.notes
        ends = '\r\n' if '\r\n' in file.text else '\n'
        text = file.text.replace('\r\n', '\n')
        file.converted = file.text
        try:
            module = convert(text if text.endswith('\n') else text + '\n', likely=likely,
                             own_modules=self._own_modules)
        except UnreadablePython:
            file.is_python2 = True
            return ()  # the compiler says where
        file.is_python2 = module.is_python2
        converted = module.text if text.endswith('\n') else module.text.removesuffix('\n')
        if converted != text:
            file.converted = converted.replace('\n', ends)
        return [(note.line, note.column + 1, note.message) for note in module.notes]

    # compiling

    def _compile(self) -> None:
        """Report what does not compile after the change."""
        by_path = {os.path.realpath(file.path): file for file in self.files}
        readings = {path: PageReading(PageSource(file.converted, path), self._prefixes)
                    for path, file in by_path.items() if is_page(path)}
        included = {target for path, reading in readings.items() for target in self._includes(reading, path)}
        for path, file in by_path.items():
            if path in readings:
                if path not in included:
                    self._compile_page(file, by_path)
            else:
                self._compile_module(file)

    def _includes(self, reading: PageReading, path: str) -> Iterator[str]:
        for directive in reading.directives:
            if directive.name == 'include':
                try:
                    yield self._target(directive.get('file') or '', path)
                except OSError:
                    continue  # compiling the page reports it

    def _target(self, url: str, current: str) -> str:
        """The file that a url means. Which folder is the root only the config knows, which is not run: each folder
        above the current file may be it."""
        root = os.path.realpath(self.folder)
        folder = os.path.dirname(current)
        while True:
            try:
                path = page_to_run(url, folder if url.startswith('/') else root, current)
            except PathRefused as error:
                raise OSError(str(error)) from error
            if os.path.isfile(path) or folder == root or not url.startswith('/'):
                return path
            folder = os.path.dirname(folder)

    def _compile_page(self, file: SiteFile, by_path: Mapping[str, SiteFile]) -> None:
        def read_include(url: str, current: str) -> PageSource:
            path = self._target(url, current)
            if path not in by_path:
                raise FileNotFoundError(f'there is no file {url}')
            return PageSource(by_path[path].converted, path)

        try:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                source = PageSource(file.converted, os.path.realpath(file.path))
                compiler = compile_collection if is_collection(source.text) else compile_page
                compiler(source, libraries=_AnyTags(self._prefixes), read_include=read_include)
        except PageSyntaxError as error:
            name = by_path[error.file].name if error.file in by_path else file.name
            self._find(name, error.line, error.column, f'does not compile: {error.message}')

    def _compile_module(self, file: SiteFile) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                compile(file.converted.encode('utf-8') if file.written == 'utf-8' else file.converted, file.path,
                        'exec', dont_inherit=True)
        except SyntaxError as error:
            self._find(file.name, error.lineno or 1, error.offset or 1, f'does not compile: {error.msg}')
        except ValueError as error:
            self._find(file.name, 1, 1, f'does not compile: {error}')


def _guessed(data: bytes) -> tuple[str, str]:
    """Text that is not UTF-8, and the encoding that it probably has."""
    for encoding in _ENGLISH_CODECS:
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise AssertionError('latin-1 decodes all bytes')


def _literal(text: str, option: str) -> str | None:
    """The value of an option that is set to a string."""
    match = re.search(rf'^{option}\s*=\s*[\'"]([\w-]+)[\'"]', text, re.MULTILINE)
    return match.group(1).lower() if match else None


def _removed_options(text: str) -> Iterator[tuple[int, int, str]]:
    """Where a config sets options of 2.1 that no longer exist."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        for target in node.targets if isinstance(node, ast.Assign) else []:
            if isinstance(target, ast.Name) and target.id in REMOVED:
                yield target.lineno, target.col_offset + 1, \
                    f'the option {target.id} no longer exists: {REMOVED[target.id]}'


class _AnyTags:
    """Tag libraries for the compiler, of which nothing is known: they are Python, and are not run."""

    def __init__(self, prefixes: set[str]) -> None:
        self._prefixes = prefixes

    def initial(self) -> Mapping[str, TagLibraryInfo]:
        return {prefix: _AnyLibrary(prefix, None, prefix) for prefix in self._prefixes}

    def load(self, name: str | None, file: str | None, prefix: str | None, page_file: str) -> TagLibraryInfo:
        own = name or os.path.splitext(os.path.basename(file or ''))[0]
        return _AnyLibrary(own, file, prefix or own)


@dataclass(frozen=True)
class _AnyLibrary:
    name: str | None
    file: str | None
    prefix: str
    files: tuple[str, ...] = ()

    def check(self, tag: str, attributes: Mapping[str, str | None], paired: bool,
              parents: Sequence[EnclosingTag]) -> TagTraits:
        return TagTraits(evaluated=frozenset({'data'}))
