"""One execution of one page. Its public methods are the `_api` of Spyce modules (reference 6.4)."""
from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from types import MethodType
from typing import TYPE_CHECKING, Any, NamedTuple

from spyce import MAX_STACK
from spyce.legacy import MODULE_NAMES
from spyce.runtime.code import AboutPage, spyceCode
from spyce.runtime.errors import spyceRuntimeException
from spyce.runtime.exceptions import SpyceError, spyceDone, spyceRedirect
from spyce.runtime.handlers import run_handlers
from spyce.runtime.modules import DEFAULT_MODULES, ModuleNotFound, default_classes, standard_class
from spyce.runtime.namespace import LoadedPage, Namespace
from spyce.runtime.output import Output
from spyce.runtime.paths import look_at_url, runnable, split_path, url_to_real

if TYPE_CHECKING:
    from spyce.runtime.server import spyceServer

Callback = Callable[[], None]

_DEFAULTS = frozenset(DEFAULT_MODULES)


class StackTooDeep(SpyceError):
    """Includes, lambdas or parents call each other without end."""


class Parent(NamedTuple):
    """A parent template: its url (None for the default one), what the page gives it, the file that names it."""

    src: str | None
    attributes: dict[str, Any]
    file: str


class spyceWrapper(AboutPage):
    """One execution of one page: its modules, its names, its place among the pages of the request.

    Life: spyceInit(), spyceProcess(), spyceDestroy(error), in this order; the last one always.

    parent: the parent template that the page names; is_part: whether this is a part of another execution: an include,
    a lambda, the code of a tag; instance: what `self` is in the code; page_instance: what it is in the tags that stand
    here; enclosing_tag: the active tag whose code this is.
    """

    parent: Parent | None = None
    _replaced: spyceWrapper | None = None  # the failed page in whose place this one runs
    _namespace: Namespace | None = None
    _process: Callable[..., Any] | None = None
    _module_callbacks: tuple[Callback, ...] = ()
    _response_callbacks: tuple[Callback, ...] = ()

    def __init__(self, server: spyceServer, page: LoadedPage, request: Any, output: Output,
                 inherited: dict[str, Any] | None = None, instance: Any = None, tag: Any = None) -> None:
        """inherited: the modules of the page that runs this one as a part of itself, by their names there.

        instance: what `self` is in the code, by default an object of its own; tag: the active tag whose code it is.
        """
        self.page = page
        self.output = output
        self.is_part = inherited is not None
        self._server = server
        self._request = request
        self._modules: dict[str, Any] = {} if inherited is None else inherited.copy()
        self._started: list[Any] = []  # modules that this execution has to finish
        self.instance = self.page_instance = instance
        self.enclosing_tag = tag
        self._depth = len(output.marks)

    # -- life --------------------------------------------------------------------------------------------------

    def spyceInit(self, request: Any = None, response: Any = None) -> None:
        """Start the modules, those of the engine first, then the page's own in file order.

        request, response: as 2.1's modules pass them to a page that they run: those of the page around.
        """
        if request not in (None, self._request) or response not in (None, self.output.response):
            raise SpyceError('spyceInit(request, response): a page within a page has the request and response of that; '
                             'stdout.push() and pop() capture what it prints')
        stack = self._request._stack
        if len(stack) >= MAX_STACK:
            raise StackTooDeep(f'{MAX_STACK} pages run within each other: does {os.path.basename(self.getFilename())} '
                               'include itself, or is it its own parent?')
        page = self.page
        self._namespace = page.check_out()
        stack.append(page.file)
        modules, names = self._modules, self._namespace.globals
        if not self.is_part:
            for name, module_class in default_classes():
                modules[name] = module_class(self)
        elif not modules.keys() >= _DEFAULTS:  # the page around has deleted one
            for name in DEFAULT_MODULES:
                del names[name]
        names.update(modules)
        names['_spyceWrapper'], names['_spyceOutput'] = self, self.output
        for each in page.imports:
            try:
                self._start_module(each.name, each.file, each.alias)
            except ModuleNotFound as error:
                error.place = each.place
                raise
        implementation = names['spyceImpl']
        if self.instance is None:
            self.instance = implementation()
        if self.page_instance is None:
            self.page_instance = self.instance
        self._process = MethodType(implementation.spyceProcess, self.instance)

    def spyceProcess(self, *args: Any, **kwargs: Any) -> Any:
        """Run the page. spyceDone ends it quietly; spyceRedirect and errors pass."""
        if self._process is None:
            raise SpyceError('spyceProcess() before spyceInit()')
        try:
            return self._process(*args, **kwargs)
        except spyceDone:
            return None

    def finish_modules(self, error: spyceRuntimeException | None = None) -> spyceRuntimeException | None:
        """Finish the modules that this execution started, last one first.

        Returns the error that the rest was told of: the given one, or that of a finish() that failed.
        """
        while self._started:
            error = self._finish(self._started.pop(), error)
        return error

    def spyceDestroy(self, theError: spyceRuntimeException | None = None) -> None:
        """Finish what is still to be finished and give everything back. Raises what a finish() raised."""
        try:
            error = self.finish_modules(theError)
        finally:
            if len(self.output.marks) > self._depth:
                self.output.drop_captures(self._depth)
            namespace, self._namespace, self._process = self._namespace, None, None
            self.instance = self.page_instance = None
            if namespace is not None:
                self._request._stack.pop()
                self.page.check_in(namespace)
        if error is not None and error is not theError:
            raise error.exception

    def let_go(self) -> None:
        """The request is over: forget the modules, which hold this execution, so that no garbage is left to collect."""
        self._modules = {}

    def _start_module(self, name: str, file: str | None = None, alias: str | None = None) -> Any:
        if file is None and name in MODULE_NAMES:
            module = standard_class(name)(self)
        else:
            module = self._server.loadModule(name, file, self.page.file)(self)
        alias = alias or name
        self._modules[alias] = self._names()[alias] = module  # now: another module's start() may ask for it
        start = getattr(module, 'start', None)
        if start is not None:
            try:
                start()
            except BaseException:
                for known in (self._modules, self._names()):
                    known.pop(alias, None)
                raise
        self._started.append(module)
        return module

    def _names(self) -> dict[str, Any]:
        """What the page knows by name; when it does not run, its modules."""
        return self._modules if self._namespace is None else self._namespace.globals

    @staticmethod
    def _finish(module: Any, error: spyceRuntimeException | None) -> spyceRuntimeException | None:
        """Call finish(); what it raises becomes the error, even a redirect, which comes too late (reference 3)."""
        finish = getattr(module, 'finish', None)
        if finish is None:
            return error
        try:
            finish(error)
        except KeyboardInterrupt:
            raise
        except spyceDone:
            pass
        except BaseException as failure:
            if isinstance(failure, spyceRedirect):
                failure = SpyceError(f'{type(module).__name__}.finish(): the page has ended, so it cannot redirect')
            if error is not None and failure.__context__ is None:
                failure.__context__ = error.exception
            return spyceRuntimeException(failure)
        return error

    # -- pages within this page ----------------------------------------------------------------------------------

    def part(self, page: LoadedPage) -> spyceWrapper:
        """A new execution of `page` as a part of this one: with its modules, into its output."""
        return spyceWrapper(self._server, page, self._request, self.output, self._modules)

    def run_part(self, page: LoadedPage, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> None:
        """Run `page` here and now as a part of this page (include, lambda, error handler)."""
        self.part(page)._run_quietly(args, kwargs or {})

    def run_instead(self, page: LoadedPage) -> None:
        """Run `page` in the place of this one, which has failed; the parent template that it names counts."""
        part = self.part(page)
        part._replaced = self
        part._run_quietly((), {})

    def run_lambda(self, page: LoadedPage, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Run a lambda of this page: as run_part, but to the tags in it `self` is that of the page."""
        part = self.part(page)
        part.page_instance = self.page_instance
        part._run_quietly(args, kwargs)

    def run_tag(self, page: LoadedPage, tag: Any, *args: Any) -> None:
        """Run the code of an active tag: `self` is that of the page, but neither its modules nor its transforms are.

        spyceDone in it ends the page.
        """
        modules = {name: self._modules[name] for name in DEFAULT_MODULES}
        part = spyceWrapper(self._server, page, self._request, self.output, modules, self.page_instance, tag)
        with self.output.without_filters_of_page() if self.output.is_filtered else contextlib.nullcontext():
            part._run(args, {})

    def run_handlers(self) -> None:
        """Run the active handlers of the button that was pressed, if any; a compiled page calls it first."""
        run_handlers(self, self.page.compiled.handlers)

    def _run_quietly(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """The whole life of a part."""
        try:
            self._run(args, kwargs)
        except spyceDone:
            return  # it ends the part, and nothing more

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        error: spyceRuntimeException | None = None
        try:
            self.spyceInit()
            assert self._process is not None
            self._process(*args, **kwargs)
        except (spyceDone, spyceRedirect):
            raise
        except BaseException as failure:
            error = spyceRuntimeException(failure)
            raise
        finally:
            self.spyceDestroy(error)

    def setParent(self, src: str | None, attributes: dict[str, Any]) -> None:
        """Remember the parent template, which runs after the page; the last one named wins (reference 5)."""
        if self._replaced is None and self.is_part:
            raise SpyceError(f'<spy:parent> belongs in the page that is asked for, and '
                             f'{os.path.basename(self.getFilename())} runs within another one: let that page have it, '
                             'or use it here only if len(request.stack()) == 1, as in a page that a visitor asks for')
        if self.getResponse().headers_sent:
            raise SpyceError('a page with a parent template cannot be flushed or unbuffered: the parent surrounds it')
        self.output.is_surrounded = True  # also in an error page
        (self._replaced or self).parent = Parent(src, attributes, self.getFilename())

    # -- _api ----------------------------------------------------------------------------------------------------

    def getStack(self) -> list[str]:
        """Files of the pages being run: the requested one first, this one last."""
        return list(self._request._stack)

    def file_of(self, url: str) -> str:
        """The file that a url in this page means. Raises PathRefused; see url_to_file()."""
        return url_to_real(url, self._request.root, split_path(self._request._stack[-1])[0])

    def page_of(self, url: str) -> str:
        """The same for a page or a part of one. Raises PathRefused."""
        return runnable(url, self.file_of(url))

    def load_page(self, url: str) -> LoadedPage:
        """The page, or part of one, that a url in this page means.

        Raises PathRefused, and what the server's load_page() raises.
        """
        request = self._request
        file, status = look_at_url(url, request.root, split_path(request._stack[-1])[0])
        return self._server.load_page(runnable(url, file), status=status)

    def getServer(self) -> spyceServer:
        """The server."""
        return self._server

    def getServerObject(self) -> Any:
        """An object that lives as long as the server, for modules to keep things on."""
        return self._server.serverobject

    def getServerGlobals(self) -> dict[str, Any]:
        """The dictionary `globals` of the configuration."""
        return self._server.globals

    def getServerID(self) -> int:
        """Number of the process that serves."""
        return self._request.getServerID()  # type: ignore[no-any-return]

    def getPageError(self) -> tuple[str, str]:
        """The configured default error page: ('string', its source) or ('file', its url)."""
        return self._server.pageerror

    def getRequest(self) -> Any:
        """The raw request."""
        return self._request

    def getResponse(self) -> Any:
        """The raw response."""
        return self.output.response

    def setResponse(self, o: Any) -> None:
        """Put another raw response in place of this one, for headers and output."""
        self.output.response = o
        for callback in self._response_callbacks:
            callback()

    def registerResponseCallback(self, f: Callback) -> None:
        """Call `f` whenever setResponse is called."""
        self._response_callbacks = (*_without(f, self._response_callbacks), f)

    def unregisterResponseCallback(self, f: Callback) -> None:
        """Do so no longer."""
        self._response_callbacks = _without(f, self._response_callbacks)

    def getModules(self) -> dict[str, Any]:
        """The modules of the page by the names under which it sees them."""
        return self._modules

    def getModule(self, name: str, as_: str | None = None) -> Any:
        """What the page knows by that name: a module, or `db`.

        If it knows none, the module is loaded and started for it, under the name `as_` if that is given (recorded case
        api-getmodule-on-demand); it is finished with the page.
        """
        alias = as_ or name
        for known in (self._modules, self._names()):
            if alias in known:
                return known[alias]
        return self._start_module(name, None, alias)

    def engine_module(self, name: str) -> Any:
        """The engine's module of that name, also in a page that has another one under it."""
        module = self._modules.get(name)
        return module if isinstance(module, standard_class(name)) else self.getModule(name, f'_spyce_{name}')

    def setModule(self, name: str, mod: Any, notify: int = 1) -> None:
        """Put an object among the modules and into the names of the page."""
        self._modules[name] = self._names()[name] = mod
        self._modules_changed(notify)

    def delModule(self, name: str, notify: int = 1) -> None:
        """Take a module away from the page. Raises KeyError if it is not there."""
        del self._modules[name]
        self._names().pop(name, None)
        self._modules_changed(notify)

    def _modules_changed(self, notify: int) -> None:
        if notify:
            for callback in self._module_callbacks:
                callback()

    def registerModuleCallback(self, f: Callback) -> None:
        """Call `f` whenever the modules of the page change."""
        self._module_callbacks = (*_without(f, self._module_callbacks), f)

    def unregisterModuleCallback(self, f: Callback) -> None:
        """Do so no longer."""
        self._module_callbacks = _without(f, self._module_callbacks)

    def getGlobals(self) -> dict[str, Any]:
        """The global names of the page."""
        if self._namespace is None:
            raise SpyceError('the page is not running: its global names are gone')
        return self._namespace.globals

    def spyceFile(self, file: str) -> spyceCode:
        """The compiled page in `file`, to be run as a part of this one."""
        return spyceCode(self, self._server.load_page(file))

    def spyceString(self, code: str | tuple[str, str]) -> spyceCode:
        """The compiled page source `code`, or (source, parameters), to be run as a part of this one."""
        source, signature = code if isinstance(code, tuple) else (code, '')
        return spyceCode(self, self._server.load_string(source, signature, self.getFilename()))

    def spyceModule(self, name: str, file: str | None = None, rel_file: str | None = None) -> type[Any]:
        """The class of a Spyce module."""
        return self._server.loadModule(name, file, rel_file or self.getFilename())

    def spyceTaglib(self, name: str, file: str | None = None, rel_file: str | None = None) -> type[Any]:
        """The class of a tag library, those of the engine too."""
        return self._server.tag_libraries.library_class(name, file, rel_file or self.getFilename())[0]

    def setStdout(self, o: Any) -> None:
        """Let print write to the file object `o`; None lets it write to the page again."""
        self.output.redirected = o

    def getStdout(self) -> Any:
        """What print writes to: the object given to setStdout, else the output of the page."""
        return self.output.redirected or self.output


def _without(callback: Callback, callbacks: tuple[Callback, ...]) -> tuple[Callback, ...]:
    """The callbacks without the first that is equal to this one."""
    if callback not in callbacks:
        return callbacks
    place = callbacks.index(callback)
    return callbacks[:place] + callbacks[place + 1:]
