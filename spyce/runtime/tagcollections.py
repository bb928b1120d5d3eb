"""Tags of collections as tag classes, so that the tag runtime treats both kinds alike (reference 9)."""
from __future__ import annotations

from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, ClassVar

from spyce.legacy.spyceTag import TagSyntaxError, spyceTag, spyceTagLibrary
from spyce.page import CompiledTag
from spyce.runtime.namespace import LoadedPage

if TYPE_CHECKING:
    from spyce.runtime.server import spyceServer


class CollectionLibrary(spyceTagLibrary):
    """The tags of one collection."""

    files: ClassVar[tuple[str, ...]] = ()
    """What the collection was made from, its own file first."""


class CollectionTag(spyceTag):
    """A tag that is written as page source: it runs before its body, or after the body if it buffers that."""

    definition: ClassVar[CompiledTag]
    code: ClassVar[LoadedPage]

    def syntax(self) -> None:
        name = self.getFullId()
        if self.definition.singleton and self._paired:
            raise TagSyntaxError(f'<{name}> takes no body: write <{name} />')
        if not (self.definition.singleton or self._paired):
            raise TagSyntaxError(f'<{name}> needs a body: <{name}> .. </{name}>')

    def begin(self, /, **attributes: Any) -> None:
        self._exports: dict[str, Any] = {}
        if not self.buffer:
            self._run(attributes)

    def body(self, contents: str | None) -> None:
        if self.buffer:
            self._run(dict(self._attributes), contents)

    def export(self) -> dict[str, Any]:
        return self._exports

    def _run(self, attributes: dict[str, Any], *content: Any) -> None:
        self._taglib._api.run_tag(self.code, self, attributes, self._exports, *content)


def load_collection(server: spyceServer, path: str) -> tuple[type[CollectionLibrary], Any]:
    """The library in a tag collection's file, and what it was made from, as PageCache wants it.

    Raises OSError, PageSyntaxError.
    """
    compiled, files = server.compile_collection(path)
    tags = [_tag_class(server, tag, path) for tag in compiled.tags]
    library = type('tagcollection', (CollectionLibrary,), {
        'tags': tags, 'files': tuple(file for file, _ in files), '__doc__': f'The tags in {path}.'})
    return library, files


def _tag_class(server: spyceServer, tag: CompiledTag, path: str) -> type[CollectionTag]:
    def begin(self: CollectionTag, /, **attributes: Any) -> None:
        CollectionTag.begin(self, **attributes)

    begin.__signature__ = _signature(tag)  # type: ignore[attr-defined]  # uses of the tag are checked against it
    return type(f'tag_{tag.name}', (CollectionTag,), {
        'name': tag.name, 'buffer': tag.buffers, 'exports': tag.exports, 'definition': tag,
        'code': server.part(tag.page, path), 'begin': begin})


def _signature(tag: CompiledTag) -> Signature:
    parameters = [Parameter('self', Parameter.POSITIONAL_ONLY)]
    parameters += [Parameter(name, Parameter.KEYWORD_ONLY, default=Parameter.empty if required else None)
                   for name, required in tag.attributes.items()]
    if tag.takes_any:
        parameters.append(Parameter('_more', Parameter.VAR_KEYWORD))
    return Signature(parameters)
