"""The module `taglib`: runs the active tags of a page; the code of a compiled page calls it (reference 9)."""
from __future__ import annotations

import builtins
import contextlib
from typing import Any

from spyce.legacy.spyceModule import spyceModule
from spyce.legacy.spyceTag import spyceTag, spyceTagLibrary
from spyce.page import TagError
from spyce.runtime.exceptions import SpyceError
from spyce.runtime.modules import ModuleNotFound
from spyce.runtime.taglibraries import check_attributes


class taglib(spyceModule):
    """Tag libraries of the page, one instance for each load, and the tags that are open."""

    _outputs = 0

    def start(self) -> None:
        self._libraries: dict[str, spyceTagLibrary] = {}
        self._open: list[_OpenTag] = []
        self._around: spyceTag | None = self._api.enclosing_tag  # the tag of a collection whose source this is

    def finish(self, theError: Any = None) -> None:
        """Finish the libraries, the last loaded first."""
        failure: Exception | None = None
        while self._libraries:
            try:
                self._libraries.popitem()[1].finish()
            except Exception as error:
                failure = failure or error
        if failure is not None:
            raise failure

    # -- libraries ---------------------------------------------------------------------------------------------

    def load(self, name: str | None, file: str | None = None, prefix: str | None = None) -> None:
        """Load a library under `prefix`, by default its name; one that is there already is finished first.

        file: where it is, from the page's folder or the config's path. Raises ModuleNotFound.
        """
        libraries = self._api.getServer().tag_libraries
        library_class, name = libraries.library_class(name, file, self._api.getFilename())
        prefix = prefix or name
        if prefix in self._libraries:
            self.unload(prefix)
        library = library_class(prefix)
        library.start()
        self._libraries[prefix] = library

    def unload(self, prefix: str) -> None:
        """Finish a library and forget it. Raises KeyError if none has this prefix."""
        self._libraries.pop(prefix).finish()

    def prepare(self, name: str | None, file: str | None, prefix: str, tag: str,
                attributes: dict[str, str | None]) -> None:
        """Prepare a tag of the page before the page runs; name, file and prefix as for load()."""
        libraries = self._api.getServer().tag_libraries
        library_class, _ = libraries.library_class(name, file, self._api.getFilename())
        library_class.getTagClass(tag).prepare(self._api, attributes)

    def render(self, full_name: str, /, **attributes: Any) -> None:
        """Run one tag without a body, here and now.

        full_name: `prefix:name` of the config's globaltags, whatever the page itself has under this prefix;
        attributes: values as Python has them. Raises SpyceError for an unknown tag or a wrong attribute.
        """
        prefix, library_class, tag_class = self._api.getServer().tag_libraries.global_tag(full_name)
        try:
            check_attributes(tag_class, f'<{full_name}>', attributes)
        except TagError as error:
            raise SpyceError(str(error)) from error
        key = f'{prefix}:'  # no prefix of a page
        if type(self._libraries.get(key)) is not library_class:
            library = library_class(prefix)
            library.start()
            self._libraries[key] = library
        opened = _OpenTag(tag_class(prefix, False, self.getTag(), {}, self), self._api.output)
        self._open.append(opened)
        try:
            opened.run(attributes)
        finally:
            self.tagPop()

    # -- one use of a tag, in this order -------------------------------------------------------------------------

    def tagPush(self, prefix: str, name: str, paired: bool, handler_id: str = '',
                inner_handlers: tuple[str, ...] = (), is_repeated: bool = False) -> None:
        """Enter a tag. handler_id: by which a request asks for its active handlers; inner_handlers: those of the
        tags within it; is_repeated: whether it stands in a loop, or in a function or lambda."""
        try:
            tag_class = self._libraries[prefix].getTagClass(name)
        except KeyError:
            raise SpyceError(f'there is no tag <{prefix}:{name}>: is its library loaded?') from None
        tag = tag_class(prefix, bool(paired), self.getTag(), {}, self)
        tag._handler_id = handler_id
        tag._inner_handlers = inner_handlers
        tag._is_repeated = is_repeated or (self._around is not None and self._around._is_repeated)
        self._open.append(_OpenTag(tag, self._api.output))

    def tagModule(self, name: str) -> None:
        """Let attributes use the Spyce module `name`, unless the page has that name; none of that name is fine."""
        if name not in self._api.getGlobals() and not hasattr(builtins, name):
            with contextlib.suppress(ModuleNotFound):
                self._api.getModule(name)

    def tagBegin(self, attributes: dict[str, Any]) -> bool:
        """Begin the tag with its evaluated attributes; whether its body is to run."""
        return self._open[-1].begin(attributes)

    def tagExport(self) -> dict[str, Any]:
        """Names that the tag sets in the page, before each run of its body."""
        return self._open[-1].tag.export() or {}

    def tagBody(self) -> bool:
        """The body has run; whether it is to run again."""
        return self._open[-1].body()

    def tagEnd(self) -> None:
        """End the tag, also if its body was skipped."""
        self._open[-1].end()

    def tagCatch(self, exception: Exception) -> None:
        """The tag has `catches` set, and the code between tagBegin() and tagEnd() raised."""
        self._open[-1].catch(exception)

    def tagPop(self) -> None:
        """Leave the tag, whatever happened: output goes where it went before."""
        self._open.pop().leave()

    def getTag(self) -> spyceTag | None:
        """The innermost tag that is open."""
        return self._open[-1].tag if self._open else self._around

    # -- output ------------------------------------------------------------------------------------------------

    def getOut(self) -> Any:
        """What tags write to."""
        return self._api.getModule('response')

    def outPush(self) -> None:
        """Start to collect output."""
        self._api.output.push()
        self._outputs += 1

    def outPopCond(self) -> str | None:
        """The output since outPush(); None if there was none."""
        if not self._outputs:
            return None
        self._outputs -= 1
        return self._api.output.pop()  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f'prefixes: {", ".join(self._libraries)}'


class _OpenTag:
    """A tag in use: what was called of it, and where output went before."""

    _end_due = False
    _is_collecting = False

    def __init__(self, tag: spyceTag, output: Any) -> None:
        self.tag = tag
        self._output = output
        self._depth = len(output.marks)

    def run(self, attributes: dict[str, Any]) -> None:
        """The whole use of a tag without a body."""
        try:
            if self.begin(attributes):
                while self.body():
                    pass
            self.end()
        except Exception as error:
            if not self.tag.catches:
                raise
            self.catch(error)

    def begin(self, attributes: dict[str, Any]) -> bool:
        self.tag._attributes = attributes
        wanted = self.tag.begin(**attributes)
        self._end_due = True
        if self.tag.conditional and not wanted:
            return False
        if self.tag.buffer:
            self._collect()
        return True

    def body(self) -> bool:
        contents = self._collected() if self._is_collecting else None
        if not (self.tag.body(contents) and self.tag.loops):
            return False
        if self.tag.buffer:
            self._collect()
        return True

    def end(self) -> None:
        self._end_due = False
        self.tag.end()

    def catch(self, exception: Exception) -> None:
        self._restore_output()
        self._end_if_must()
        self.tag.catch(exception)

    def leave(self) -> None:
        try:
            if self._is_collecting and self.tag._keeps_contents:
                self.body()
        finally:
            self._restore_output()
            self._end_if_must()

    def _collect(self) -> None:
        self._output.push()
        self._is_collecting = True

    def _collected(self) -> str:
        self._is_collecting = False
        self._output.drop_captures(self._depth + 1)  # such as the page's own stdout.push() left open
        return self._output.pop()  # type: ignore[no-any-return]

    def _restore_output(self) -> None:
        if len(self._output.marks) > self._depth:
            self._output.drop_captures(self._depth)

    def _end_if_must(self) -> None:
        if self._end_due and self.tag.mustend:
            self.end()
