"""Tag libraries as the compiler sees them: found through the server, each use of a tag checked (reference 9)."""
from __future__ import annotations

import importlib
import inspect
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spyce.legacy.spyceTag import spyceTag, spyceTagLibrary
from spyce.page.tags import EnclosingTag, HandlerUse, TagError, TagTraits
from spyce.runtime.exceptions import SpyceError

if TYPE_CHECKING:
    from spyce.runtime.server import spyceServer

STANDARD = frozenset({'core'})
"""The engine's own libraries, of spyce.tags; a file of a site does not replace them."""

ALWAYS_EVALUATED = frozenset({'data'})
"""Attributes whose value is Python even without `=` (recorded case core-ul-b)."""


_HANDLER_NAME = re.compile(r'[^\W\d]\w*(\.[^\W\d]\w*)+')


class ServerTagLibraries:
    """The tag libraries that pages of one server may use."""

    def __init__(self, server: spyceServer) -> None:
        self._server = server

    def initial(self) -> Mapping[str, TagLibrary]:
        """The libraries that every page has: prefix -> library, from the config's `globaltags`.

        Each entry there is (name, file or None, prefix).
        """
        return {prefix: self.load(name, file, prefix, '') for name, file, prefix in self._server.config.globaltags}

    def load(self, name: str | None, file: str | None, prefix: str | None, page_file: str) -> TagLibrary:
        """The library of a taglib directive: `name` of its class, by default that of `file`; `file` relative to
        `page_file` or in the config's path; `prefix`, by default the name.  Raises TagError."""
        try:
            library_class, found_name = self.library_class(name, file, page_file)
        except SpyceError as error:
            raise TagError(f'tag library {name or file!r}: {error}') from error
        except Exception as error:  # whatever the file of the library raises when it runs
            raise TagError(f'tag library {name or file!r} cannot be loaded: {type(error).__name__}: {error}') from error
        return TagLibrary(library_class, found_name, file, prefix or found_name)

    def library_class(self, name: str | None, file: str | None,
                      page_file: str) -> tuple[type[spyceTagLibrary], str]:
        """The class of a library, and its name. Raises ModuleNotFound, or SpyceError if it is no library."""
        if file is not None and file.endswith('.spi'):
            raise SpyceError(f'{file} is a tag collection; only libraries written as Python classes can be loaded')
        if name is None:
            if file is None:
                raise SpyceError('a taglib needs a name or a file: [[.taglib name=..]] or [[.taglib from=..]]')
            name = os.path.splitext(os.path.basename(file))[0]
        if name in STANDARD and file in (None, name, f'{name}.py'):
            return getattr(importlib.import_module(f'spyce.tags.{name}'), name), name
        library = self._server.loadModule(name, file, page_file or None)
        if not (isinstance(library, type) and issubclass(library, spyceTagLibrary)):
            raise SpyceError(f'{name!r} is not a tag library: its class must derive from spyceTagLibrary')
        return library, name


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
        path = getattr(self._library, '__file__', None)
        return (path,) if path else ()

    def check(self, tag: str, attributes: Mapping[str, str | None], paired: bool,
              parents: Sequence[EnclosingTag]) -> TagTraits:
        """Check one use of a tag, and tell what code it needs.

        attributes: as written in the page; parents: the enclosing tags, outermost first.
        Raises TagError, with the reason.
        """
        tag_class = self._tag_class(tag)
        _check_attributes(tag_class, f'<{self.prefix}:{tag}>', attributes)
        checked = self._check_syntax(tag_class, attributes, paired, parents)
        return TagTraits(
            buffer=bool(tag_class.buffer), conditional=bool(tag_class.conditional), loops=bool(tag_class.loops),
            catches=bool(tag_class.catches), mustend=bool(tag_class.mustend), exports=bool(tag_class.exports),
            prepares=bool(tag_class.prepares), handlers=_handler_use(checked), evaluated=ALWAYS_EVALUATED)

    def _tag_class(self, tag: str) -> type[spyceTag]:
        try:
            return self._library.getTagClass(tag)
        except KeyError:
            known = ', '.join(sorted(known.name for known in self._library.tags))
            raise TagError(f'unknown tag <{self.prefix}:{tag}>; known: {known or "none"}') from None

    def _check_syntax(self, tag_class: type[spyceTag], attributes: Mapping[str, str | None], paired: bool,
                      parents: Sequence[EnclosingTag]) -> spyceTag:
        parent: spyceTag | None = None
        for enclosing in parents:
            parent = _enclosing_tag(enclosing, parent)
        tag = tag_class(self.prefix, paired, parent, attributes)
        try:
            tag.syntax()
        except SpyceError as error:
            raise TagError(str(error)) from error
        except Exception as error:
            raise TagError(f'syntax() of <{tag.getFullId()}> failed: {type(error).__name__}: {error}') from error
        return tag


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
    form = tag.getParent('form')
    method = form.getAttributes().get('method') if form is not None else None
    return HandlerUse(tuple(names), by_get=(method or '').lower() == 'get') if names else None


def _check_attributes(tag_class: type[spyceTag], tag: str, attributes: Mapping[str, Any]) -> None:
    """Compare the attributes with the parameters of begin() (recorded cases tag1-missing-attribute, ..-extra-..)."""
    parameters = list(inspect.signature(tag_class.begin).parameters.values())[1:]
    named = {parameter.name: parameter for parameter in parameters
             if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)}
    missing = [name for name, parameter in named.items()
               if parameter.default is parameter.empty and name not in attributes]
    if missing:
        raise TagError(f'{tag} lacks the attribute {", ".join(map(repr, missing))}')
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    extra = [name for name in attributes if name not in named]
    if extra:
        raise TagError(f'{tag} has no attribute {", ".join(map(repr, extra))}; it takes: {", ".join(named) or "none"}')
