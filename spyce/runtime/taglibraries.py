"""Tag libraries as the compiler sees them: found through the server, each use of a tag checked (reference 9)."""
from __future__ import annotations

import ast
import functools
import importlib
import inspect
import os
import re
import sys
import textwrap
import threading
import tokenize
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spyce.legacy.spyceTag import spyceTag, spyceTagLibrary
from spyce.page import PageCache, PageSyntaxError
from spyce.page.book import LineMap
from spyce.page.tags import ANYWHERE, ClassCode, EnclosingTag, HandlerUse, PageParts, TagError, TagTraits
from spyce.runtime.exceptions import SpyceError
from spyce.runtime.modules import ModuleNotFound, find_file
from spyce.runtime.tagcollections import CollectionLibrary, CollectionTag, load_collection

if TYPE_CHECKING:
    from spyce.runtime.server import spyceServer

STANDARD = frozenset({'core', 'form'})
"""The engine's own libraries, of spyce.tags; a file of a site does not replace them."""

CONTRIBUTED = frozenset({'flow'})
"""Those of spyce.tags that a site's own library of the same name replaces, in Python or as a collection."""

ALWAYS_EVALUATED = frozenset({'data'})
"""Attributes whose value is Python even without `=` (recorded case core-ul-b)."""


_HANDLER_NAME = re.compile(r'[^\W\d]\w*(\.[^\W\d]\w*)+')


class ServerTagLibraries:
    """The tag libraries that pages of one server may use."""

    def __init__(self, server: spyceServer) -> None:
        self._server = server
        self._collections: PageCache[type[CollectionLibrary]] = PageCache(lambda: bool(server.config.check_mtime))
        self._compiling: list[str] = []  # the files of collections, each one loaded by the one before
        # One for all: collections load each other, in any order, so one lock for each could wait for one another.
        self._lock = threading.RLock()

    def initial(self) -> Mapping[str, GlobalLibrary]:
        """The libraries that every page has: prefix -> library, from the config's `globaltags`.

        Each entry there is (name, file or None, prefix).
        """
        return {prefix: GlobalLibrary(self, name, file, prefix)
                for name, file, prefix in self._server.config.globaltags}

    def global_tag(self, full_name: str) -> tuple[str, type[spyceTagLibrary], type[spyceTag]]:
        """The tag `prefix:name` of `globaltags`: its prefix, its library, its class.

        Raises SpyceError, PageSyntaxError.
        """
        prefix, _, tag = full_name.partition(':')
        entry = next((entry for entry in reversed(self._server.config.globaltags) if entry[2] == prefix), None)
        if entry is None:
            raise SpyceError(f"there is no tag <{full_name}>: the config's globaltags has no library with the prefix "
                             f'{prefix!r}')
        library, _ = self.library_class(entry[0], entry[1], '')
        try:
            return prefix, library, library.getTagClass(tag.lower())
        except KeyError:
            raise SpyceError(f'there is no tag <{full_name}>: known: {_known(library)}') from None

    def load(self, name: str | None, file: str | None, prefix: str | None, page_file: str) -> TagLibrary:
        """The library of a taglib directive: `name` of its class, by default that of `file`; `file` relative to
        `page_file` or in the config's path; `prefix`, by default the name.

        Raises TagError; PageSyntaxError for a tag collection that does not compile.
        """
        try:
            library_class, found_name = self.library_class(name, file, page_file)
        except (TagError, PageSyntaxError):
            raise
        except SpyceError as error:
            raise TagError(f'tag library {name or file!r}: {error}') from error
        except Exception as error:  # whatever the file of the library raises when it runs
            raise TagError(f'tag library {name or file!r} cannot be loaded: {type(error).__name__}: {error}') from error
        if issubclass(library_class, CollectionLibrary):
            file = library_class.files[0]
        return TagLibrary(library_class, found_name, file, prefix or found_name)

    def library_class(self, name: str | None, file: str | None,
                      page_file: str) -> tuple[type[spyceTagLibrary], str]:
        """The class of a library, and its name.

        Raises ModuleNotFound, SpyceError if it is no library, and as a tag collection TagError and PageSyntaxError.
        """
        if name is None:
            if file is None:
                raise SpyceError('a taglib needs a name or a file: [[.taglib name=..]] or [[.taglib from=..]]')
            name = os.path.splitext(os.path.basename(file))[0]
        is_named = file in (None, name, f'{name}.py')
        if name in STANDARD and is_named:
            return _library_of_engine(name), name
        collection = self._find_collection(file or name, page_file)
        if collection is not None:
            return self._collection(collection), name
        if name in CONTRIBUTED and is_named and find_file(self._server, name, page_file or None) is None:
            return _library_of_engine(name), name
        library = self._server.loadModule(name, file, page_file or None)
        if not (isinstance(library, type) and issubclass(library, spyceTagLibrary)):
            raise SpyceError(f'{name!r} is not a tag library: its class must derive from spyceTagLibrary')
        return library, name

    def _find_collection(self, file: str, page_file: str) -> str | None:
        """The file of a tag collection; None if `file` means a Python file. Raises ModuleNotFound."""
        extension = os.path.splitext(file)[1]
        if extension == '.py' or (not extension and find_file(self._server, file, page_file, '.py')):
            return None
        path = find_file(self._server, file, page_file, extension or '.spi')
        if path is None and not os.path.dirname(file):
            path = _standard_collection(file)
        if path is None and extension:
            raise ModuleNotFound(f"cannot find the tag collection {file!r} beside the page or on the config's path")
        if path is None or os.path.isabs(file):  # a compiled page names it so, at each request
            return path
        return os.path.realpath(path)

    def _collection(self, path: str) -> type[CollectionLibrary]:
        with self._lock:
            if path in self._compiling:
                raise TagError(f'{os.path.basename(path)} cannot use its own tags: tags of one collection cannot use '
                               'each other, nor can two collections')
            return self._collections.get(path, lambda: self._load_collection(path))

    def _load_collection(self, path: str) -> tuple[type[CollectionLibrary], Any]:
        self._compiling.append(path)
        try:
            return load_collection(self._server, path)
        finally:
            self._compiling.pop()


@functools.cache
def _library_of_engine(name: str) -> type[spyceTagLibrary]:
    return getattr(importlib.import_module(f'spyce.tags.{name}'), name)  # type: ignore[no-any-return]


def _standard_collection(file: str) -> str | None:
    folder = str(importlib.import_module('spyce.tags').__path__[0])
    path = os.path.join(folder, file if file.endswith('.spi') else f'{file}.spi')
    return path if os.path.isfile(path) else None


class GlobalLibrary:
    """A library of `globaltags`, loaded when a page first uses a tag of it: a page pays for what it uses."""

    def __init__(self, libraries: ServerTagLibraries, name: str, file: str | None, prefix: str) -> None:
        self.prefix = prefix
        self._libraries = libraries
        self._entry = (name, file, prefix)

    @functools.cached_property
    def _library(self) -> TagLibrary:
        return self._libraries.load(*self._entry, '')

    @property
    def name(self) -> str:
        return self._library.name

    @property
    def file(self) -> str | None:
        return self._library.file

    @property
    def files(self) -> tuple[str, ...]:
        return self._library.files

    def check(self, tag: str, attributes: Mapping[str, str | None], paired: bool,
              parents: Sequence[EnclosingTag]) -> TagTraits:
        """As TagLibrary.check."""
        return self._library.check(tag, attributes, paired, parents)


class TagLibrary:
    """One library under one prefix of a page."""

    def __init__(self, library: type[spyceTagLibrary], name: str, file: str | None, prefix: str) -> None:
        self.prefix = prefix
        self.name = name
        self.file = file
        self._library = library

    @property
    def files(self) -> tuple[str, ...]:
        """Files that the pages using the library depend on."""
        if issubclass(self._library, CollectionLibrary):
            return self._library.files
        path = getattr(self._library, '__file__', None)
        return (path,) if path else ()

    def check(self, tag: str, attributes: Mapping[str, str | None], paired: bool,
              parents: Sequence[EnclosingTag]) -> TagTraits:
        """Check one use of a tag, and tell what code it needs.

        attributes: as written in the page; parents: the enclosing tags, outermost first.
        Raises TagError, with the reason.
        """
        tag_class = self._tag_class(tag)
        check_attributes(tag_class, f'<{self.prefix}:{tag}>', attributes)
        checked = self._check_syntax(tag_class, attributes, paired, parents)
        return TagTraits(
            buffer=bool(tag_class.buffer), conditional=bool(tag_class.conditional), loops=bool(tag_class.loops),
            catches=bool(tag_class.catches), mustend=bool(tag_class.mustend), exports=bool(tag_class.exports),
            exports_last=issubclass(tag_class, CollectionTag) and bool(tag_class.buffer),
            prepares=bool(tag_class.prepares), handlers=_handler_use(checked), pageonly=bool(tag_class.pageonly),
            evaluated=ALWAYS_EVALUATED, parts=self._page_parts(checked))

    def _page_parts(self, tag: spyceTag) -> PageParts:
        """What a use of the tag brings into the page; tag: after its syntax()."""
        if isinstance(tag, CollectionTag):
            return tag.definition.parts
        if not tag.classcode:
            return PageParts()
        file = sys.modules[type(tag).__module__].__file__ or ''
        return PageParts((class_code(tag.classcode, f'<{tag.getFullId()}>', file),))

    def _tag_class(self, tag: str) -> type[spyceTag]:
        try:
            return self._library.getTagClass(tag)
        except KeyError:
            raise TagError(f'unknown tag <{self.prefix}:{tag}>; known: {_known(self._library)}') from None

    def _check_syntax(self, tag_class: type[spyceTag], attributes: Mapping[str, str | None], paired: bool,
                      parents: Sequence[EnclosingTag]) -> spyceTag:
        parent: spyceTag | None = None
        for enclosing in parents:
            if enclosing is not ANYWHERE:
                parent = _enclosing_tag(enclosing, parent)
        tag = tag_class(self.prefix, paired, parent, attributes)
        tag._anywhere = ANYWHERE in parents
        try:
            complaint = tag.syntax()
        except SpyceError as error:
            raise TagError(str(error)) from error
        except Exception as error:
            raise TagError(f'syntax() of <{tag.getFullId()}> failed: {type(error).__name__}: {error}') from error
        if isinstance(complaint, str) and complaint:
            raise TagError(complaint)
        return tag


def class_code(code: str, tag: str, file: str) -> ClassCode:
    """The `classcode` of a tag class, as what becomes a base of the page's class.

    tag: its name for messages; file: of the library, to which tracebacks point if the text is found there.
    Raises TagError.
    """
    first_line = _line_of(code, file)
    if first_line is None:
        file, first_line = f'<classcode of {tag}>', 1
    try:
        body = ast.parse(textwrap.dedent(code)).body
        tree = ast.parse('class spyceImpl: pass')
        if body and isinstance(tree.body[0], ast.ClassDef):
            tree.body[0].body = body
        ast.increment_lineno(tree, first_line - 1)
        return ClassCode(file, compile(tree, file, 'exec', dont_inherit=True), LineMap(((1, file, 1),)))
    except (SyntaxError, ValueError) as error:
        line = f', line {(error.lineno or 1) + first_line - 1}' if isinstance(error, SyntaxError) else ''
        raise TagError(f'classcode of {tag} ({os.path.basename(file)}{line}): {error}') from error


def _line_of(text: str, file: str) -> int | None:
    """The line where a text begins in a Python file; None if it is not there as it is, or more than once."""
    try:
        with tokenize.open(file) as source:
            content = source.read()
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None
    before, found, behind = content.partition(text)
    return before.count('\n') + 1 if found and text not in behind else None


def _known(library: type[spyceTagLibrary]) -> str:
    return ', '.join(sorted(tag.name for tag in library.tags)) or 'none'


def _enclosing_tag(enclosing: EnclosingTag, parent: spyceTag | None) -> spyceTag:
    """A stand-in for an open tag: while a page is compiled only its name and attributes are known."""
    prefix, _, name = enclosing.name.rpartition(':')
    tag_class: type[spyceTag] = type('enclosing', (spyceTag,), {'name': name})
    return tag_class(prefix, True, parent, enclosing.attributes)


def _handler_use(tag: spyceTag) -> HandlerUse | None:
    """The active handlers that a tag has after its syntax(): a list, or text with commas."""
    names = tag.handlers.split(',') if isinstance(tag.handlers, str) else list(tag.handlers or ())
    names = [name.strip() for name in names if name.strip()]
    for name in names:
        if not _HANDLER_NAME.fullmatch(name):
            raise TagError(f'handler {name!r} of <{tag.getFullId()}>: write self.NAME for a method of the page, or '
                           'MODULE.NAME for a function of a Python module')
    return HandlerUse(tuple(names), _is_by_get(tag)) if names else None


def _is_by_get(tag: spyceTag) -> bool | None:
    """Whether the form around the tag is sent by GET; None if that is not known before the page runs."""
    form = tag.getParent('form')
    if form is None:
        return None if tag._anywhere else False
    method = (form.getAttributes().get('method') or '').lower()
    return None if method.startswith('=') else method == 'get'


def check_attributes(tag_class: type[spyceTag], tag: str, attributes: Mapping[str, Any]) -> None:
    """Compare the attributes with the parameters of begin() (recorded cases tag1-missing-attribute, ..-extra-..).

    tag: its name for the message. Raises TagError.
    """
    own, *parameters = inspect.signature(tag_class.begin).parameters.values()
    named = {parameter.name: parameter for parameter in parameters
             if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)}
    missing = [name for name, parameter in named.items()
               if parameter.default is parameter.empty and name not in attributes]
    if missing:
        raise TagError(f'{tag} lacks the attribute {", ".join(map(repr, missing))}')
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    reserved = () if own.kind is own.POSITIONAL_ONLY else (own.name,)
    extra = [name for name in attributes if name in reserved or not (takes_any or name in named)]
    if extra:
        raise TagError(f'{tag} has no attribute {", ".join(map(repr, extra))}; it takes: {", ".join(named) or "none"}')
