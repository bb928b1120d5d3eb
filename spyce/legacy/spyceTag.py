"""What active tags and their libraries derive from (manual: active tags; reference 9)."""
from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from spyce.runtime.exceptions import SpyceError


class TagSyntaxError(SpyceError):
    """A tag is used in a way that it does not allow; raised by syntax(), it becomes a compile error of the page."""


class spyceTag:
    """An active tag. Subclasses set the class attributes and override the methods that they need.

    For `<lib:name a="1">body</lib:name>` the calls are begin(a='1'), the body, body(contents), end().
    """

    name: ClassVar[str] = ''
    """The name in the page."""
    buffer: Any = 0
    """Collect the output of the body and give it to body(contents), rather than print it; begin() may set it."""
    conditional: ClassVar[Any] = 0
    """Skip the body if begin() returns a false value."""
    loops: ClassVar[Any] = 0
    """Repeat the body as long as body() returns a true value."""
    catches: ClassVar[Any] = 0
    """Give exceptions of the body to catch()."""
    mustend: ClassVar[Any] = 0
    """Call end() even if the body raises."""
    exports: ClassVar[Any] = 0
    """Set the names of export() in the page."""
    prepares: ClassVar[Any] = 0
    """Call prepare() before the active handlers and the page run."""
    pageonly: ClassVar[Any] = 0
    """Refuse the tag in a lambda and in a tag collection."""
    handlers: Any = None
    """Active handlers of the tag, `self.NAME` or `MODULE.NAME`: a list, or text with commas; syntax() may set it."""
    classcode: Any = None
    """Code for the class of the page."""
    _keeps_contents = False
    """Give body() what was collected even if the page ends within the tag, or its code leaves it."""

    def __init__(self, prefix: str = '', paired: bool = False, parent: spyceTag | None = None,
                 attributes: Mapping[str, Any] | None = None, taglib: Any = None) -> None:
        """Made by the engine, for each use of the tag; do not override.

        prefix: of the library in this page; paired: whether the tag has a body; parent: the enclosing tag;
        taglib: the module that runs the tags of the page, None when only the syntax is checked.
        """
        self._prefix = prefix
        self._paired = paired
        self._parent = parent
        self._attributes: dict[str, Any] = dict(attributes or {})
        self._taglib = taglib
        self._handler_id = ''
        self._inner_handlers: tuple[str, ...] = ()
        self._is_repeated = False
        self._anywhere = False  # in syntax(): there may be tags around that are not known

    # -- to override -------------------------------------------------------------------------------------------

    def syntax(self) -> str | None:
        """Check the use of the tag when the page is compiled; attributes are source text then, not yet evaluated.

        A text that it returns becomes a compile error of the page.
        """
        return None

    @classmethod
    def prepare(cls, api: Any, attributes: dict[str, str | None]) -> None:
        """Called before the page runs, if `prepares` is set; whatever code is around the tag.

        api: as modules have it; attributes: as written in the page.
        """

    def begin(self, *args: Any, **kwargs: Any) -> Any:
        """Start; the parameters are the attributes, checked when the page is compiled.

        An override names the attributes that it takes; one without a default is required.
        """

    def body(self, contents: str | None) -> Any:
        """Called after each run of the body. contents: its output, or None without `buffer`."""
        if self.buffer and contents is not None:
            self.getOut().write(contents)

    def end(self) -> None:
        """Called at the end of the tag."""

    def catch(self, ex: Exception) -> None:
        """Handle an exception of begin(), of the body, of body() or of end(), if `catches` is set."""
        raise ex

    def export(self) -> dict[str, Any]:
        """Names and values to set in the page, if `exports` is set."""
        return {}

    # -- to use ------------------------------------------------------------------------------------------------

    def getOut(self) -> Any:
        """The output, with write()."""
        return self._taglib.getOut()

    def getAttributes(self) -> dict[str, Any]:
        """The attributes given in the page, by name."""
        return self._attributes

    def getPaired(self) -> bool:
        """Whether the tag has a body, rather than stand alone."""
        return self._paired

    def getPrefix(self) -> str:
        """The prefix under which the page uses the library."""
        return self._prefix

    def getFullId(self) -> str:
        """The tag as the page writes it, `prefix:name`."""
        return f'{self._prefix}:{self.name}'

    def getHandlerId(self) -> str:
        """What a request says to run the handlers of this tag; '' if it has none."""
        return self._handler_id

    def getInnerHandlers(self) -> tuple[str, ...]:
        """The handler ids of the tags that stand within this one."""
        return self._inner_handlers

    def getHandlerAttributes(self) -> dict[str, str]:
        """Attributes for the button that runs the handlers of this tag; the token that goes with it is written.

        A tag with handlers that stands in an f:form writes these into its <input> or <button>.
        """
        from spyce.runtime.handlers import button_name, token_field
        form = self.getParent('form')
        name = button_name(self, getattr(form, 'number', 0))
        self.getOut().write(token_field(self, name, getattr(form, 'method', 'POST')))
        return {'name': name}

    def getBuffered(self) -> bool:
        """Whether the output of the body is collected."""
        return bool(self.buffer)

    def getParent(self, name: str | None = None) -> Any:
        """The enclosing tag; with a name (`name` or `prefix:name`) the nearest one called so. None without any."""
        tag = self._parent
        while tag is not None and name is not None and name not in (tag.name, tag.getFullId()):
            tag = tag._parent
        return tag

    def eval(self, expr: str) -> Any:
        """The value of a Python expression, seen from the place in the page where the tag stands."""
        names = self._taglib._api.getGlobals()
        frame = sys._getframe(1)
        while frame.f_globals is not names:
            if frame.f_back is None:
                return eval(expr, names)
            frame = frame.f_back
        return eval(expr, names, frame.f_locals)


class spyceTagPlus(spyceTag):
    """A tag with helpers for common needs."""

    def getModule(self, name: str) -> Any:
        """The Spyce module of that name, loaded if the page did not import it."""
        return self._taglib._api.getModule(name)

    def parentRequired(self, name: str) -> Any:
        """The nearest enclosing tag called so. Raises TagSyntaxError if there is none.

        In syntax() of a tag that stands in a tag collection it can be None: the page may have the tag around it.
        """
        parent = self.getParent(name)
        if parent is None and not self._anywhere:
            raise TagSyntaxError(f'<{self.getFullId()}> must stand within a <{self._prefix}:{name}> tag')
        return parent

    def syntaxNonEmpty(self, *names: str) -> None:
        """Refuse these attributes if they are given without a value."""
        for name in names:
            if name in self._attributes and not self._attributes[name]:
                raise TagSyntaxError(f'attribute {name!r} of <{self.getFullId()}> must not be empty')

    def syntaxValidSet(self, name: str, set: Collection[str]) -> None:
        """Refuse values of attribute `name` that are not in `set`; an evaluated value is not known yet."""
        value = self._attributes.get(name)
        if name not in self._attributes or (isinstance(value, str) and value.startswith('=')):
            return
        if value not in set:
            raise TagSyntaxError(f'attribute {name!r} of <{self.getFullId()}> must be one of '
                                 f'{", ".join(map(str, set))}; it is {value!r}')

    def syntaxPairOnly(self) -> None:
        """Refuse the form without a body."""
        if not self._paired:
            raise TagSyntaxError(f'<{self.getFullId()}> needs a body: <{self.getFullId()}> .. </{self.getFullId()}>')

    def syntaxSingleOnly(self) -> None:
        """Refuse the form with a body."""
        if self._paired:
            raise TagSyntaxError(f'<{self.getFullId()}> takes no body: write <{self.getFullId()} />')


class spyceTagLibrary:
    """A library of tags; a subclass lists its tag classes in `tags`. A new instance for each page execution."""

    tags: ClassVar[list[type[spyceTag]]] = []

    def __init__(self, prefix: str = '') -> None:
        """prefix: under which the page uses the library."""
        self._prefix = prefix

    @classmethod
    def getTagClass(cls, name: str) -> type[spyceTag]:
        """The class of tag `name`. Raises KeyError if the library has none of that name."""
        for tag in cls.tags:
            if tag.name == name:
                return tag
        raise KeyError(name)

    def start(self) -> None:
        """Called when the page loads the library."""

    def finish(self) -> None:
        """Called when the page has ended."""
