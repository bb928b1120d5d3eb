"""The request cycle: page, its modules, redirects, parents, error pages (reference 3, 5, 12)."""
from __future__ import annotations

import contextvars
import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from spyce import MAX_STACK
from spyce.config.messages import ConfigError
from spyce.legacy.spyceUtil import attrdict
from spyce.page import PageSyntaxError
from spyce.runtime.context import current_output, current_server, outside_of_pages
from spyce.runtime.errors import spyceRuntimeException
from spyce.runtime.exceptions import SpyceError, spyceDone, spyceForbidden, spyceNotFound, spyceRedirect
from spyce.runtime.handlers import forget_forms, log_unshown
from spyce.runtime.namespace import LoadedPage
from spyce.runtime.output import Output
from spyce.runtime.paths import PathRefused, look_at_url, runnable, split_path
from spyce.runtime.stdout import install_stdout
from spyce.runtime.wrapper import spyceWrapper
from spyce.sessions.errors import SessionLocked, StoreError
from spyce.web.errors import RequestError

if TYPE_CHECKING:
    from spyce.runtime.server import spyceServer

log = logging.getLogger('spyce.page')

Load = Callable[[], LoadedPage]

REDIRECTED = 'redirected'
"""In request.state: redirect.external() was called, so that the body is not sent."""

AGAIN = 'again'
"""In request.state: a module (toc) knows only now what the page should have printed, and wants it to run once more."""


class Execution:
    """One request being answered by pages."""

    def __init__(self, server: spyceServer, request: Any, response: Any) -> None:
        self.server = server
        self.request = request
        self.output = Output(response)
        self._open_db: Any = None
        self._ended: list[spyceWrapper] = []
        request.state.setdefault('arrived', time.time())

    @property
    def response(self) -> Any:
        """The raw response; a module may have put another one in its place."""
        return self.output.response

    def run(self, load: Load, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> int:
        """Answer with the page that `load` gives, or with an error page. Returns the status code.

        Only KeyboardInterrupt comes out of here.
        """
        # In a context of its own: what a page sets there (decimal.getcontext()) is gone with it.
        return contextvars.copy_context().run(self._run, load, args, kwargs or {})

    def _run(self, load: Load, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        self._enter()
        depth = len(self.request._stack)
        try:
            self._begin_transaction()
            self._guarded(self._run_redirected, load, args, kwargs)
            self._guarded(self._complete)
            self.output.hand_over()
        except BaseException:
            self._abandon_session()
            raise
        finally:
            self._end_transaction(failed=True)  # what an error page or a late callback has left open
            self._let_go()
            del self.request._stack[depth:]  # those that have redirected
        return self.response.returncode  # type: ignore[no-any-return]

    def _enter(self) -> None:
        """Make this the request that is being worked on, as long as the context of run() lasts."""
        install_stdout()  # again: a page may have left another stream in its place
        current_server.set(self.server)
        current_output.set(self.output)

    def _guarded(self, step: Callable[..., None], *args: Any) -> None:
        """Do one step of the request; an error that no page has shown gets a page here."""
        try:
            step(*args)
        except KeyboardInterrupt:
            raise
        except spyceDone:
            pass
        except BaseException as failure:
            if not self._show_status(failure):
                self._show_plainly(failure)

    def _run_redirected(self, load: Load, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Run the page, then those that internal redirects lead to."""
        for _ in range(MAX_STACK):
            try:
                page = load()
            except (PageSyntaxError, spyceNotFound, spyceForbidden) as error:
                self._refuse(error)
                return
            try:
                self._run_page(page, args, kwargs)
                if AGAIN not in self.request.state or not self._may_run_again():
                    return
            except spyceRedirect as redirect:
                self.output.begin_page()
                self.request._stack.append(page.file)
                load = self._loader(redirect.filename)
                args, kwargs = (), {}
        self._show_plainly(SpyceError(f'{MAX_STACK} internal redirects in a row: does a page redirect to itself?'))

    def _may_run_again(self) -> bool:
        """Whether the page is to run once more, which then begins anew; too late once something was sent."""
        if not self.request.state.pop(AGAIN, False) or self.response.headers_sent:
            return False
        self._start_again()
        return True

    def _loader(self, file: str) -> Load:
        return lambda: self.server.load_page(file)

    def _start_error_page(self) -> None:
        self._end_transaction(failed=True)
        self._begin_transaction()  # for the error page, which may read the database
        self._start_again()

    def _start_elsewhere(self, depth: int) -> None:
        """Forget what the page has printed, and its headers: another page is to run in its place (reference 5).

        depth: the captures that its modules have begun, and are to end.
        """
        if self._forget_answer(depth, keep_cookies=False) and not self.response.headers_sent:
            self.response.setReturnCode(200)

    def _start_again(self) -> None:
        """Forget all that the page has done to the response but its cookies."""
        self._forget_answer(0, keep_cookies=True)
        if not self.response.headers_sent:
            self.response.setReturnCode(200)
            self.response.setContentType('text/html')

    def _forget_answer(self, depth: int, keep_cookies: bool) -> bool:
        """Forget the output, but for `depth` captures, and headers. Whether they were those of an external redirect."""
        self.output.reset(depth)
        forget_forms(self.request)
        if not self.response.headers_sent:
            self.response.clear()
            self.response.clearHeaders(keep_cookies=keep_cookies)
        return self.request.state.pop(REDIRECTED, False)  # type: ignore[no-any-return]

    def _run_page(self, page: LoadedPage, args: tuple[Any, ...], kwargs: dict[str, Any],
                  names: dict[str, Any] | None = None) -> None:
        """Run one whole page with modules of its own, then its error page or its parent.

        names: what it sees beside the usual names.
        """
        wrapper = spyceWrapper(self.server, page, self.request, self.output)
        error: spyceRuntimeException | None = None
        body: str | None = None
        try:
            try:
                try:
                    wrapper.spyceInit()
                finally:
                    depth = len(self.output.marks)
                if names:
                    wrapper.getGlobals().update(names)
                if page.compiled.has_parent:
                    self.output.begin_body()
                wrapper.spyceProcess(*args, **kwargs)
                if self.output.in_body:
                    body = self.output.end_body(taken=wrapper.parent is not None)
                log_unshown(self.request, page.file)
            except spyceDone:
                pass  # a module or the page's class has ended the page before it began
            except spyceRedirect:
                self._start_elsewhere(depth)  # now: what the modules' finish() prints, and their cookies, are kept
                raise
            except KeyboardInterrupt:
                raise
            except BaseException as failure:
                error = spyceRuntimeException(failure)
            if self.output.marks:
                self.output.drop_captures(depth)  # those of the page; its modules may have some of their own
            error = wrapper.finish_modules(error)
            if self.output.marks:
                self.output.drop_captures()
            if error is not None:
                self._show(wrapper, error)
            elif wrapper.parent is not None:
                self._run_parent(wrapper, body)
        finally:
            self._ended.append(wrapper)
            wrapper.spyceDestroy(error)

    def _let_go(self) -> None:
        """The request is over. Not before: callbacks that wait for its end may ask a page for its modules."""
        for wrapper in self._ended:
            wrapper.let_go()

    def _run_parent(self, wrapper: spyceWrapper, body: str | None = None) -> None:
        """Run the parent template around `body`, by default around all that was printed.

        What the modules of a page printed before and after it stands before the parent (reference 3).
        """
        assert wrapper.parent is not None
        src, attributes, file = wrapper.parent
        if body is None:
            body = self.output.take()
        self.output.begin_page()
        try:
            page = self._load_parent(src, file)
        except (PageSyntaxError, PathRefused, spyceNotFound, spyceForbidden) as failure:
            error = SpyceError(f'the parent template of this page, {src or "parent.spi"!r}, cannot be used: {failure}')
            error.place = (file, 1)
            error.__cause__ = failure
            self._show(wrapper, spyceRuntimeException(error))
            return
        self._run_page(page, (), {}, {'child': attrdict(attributes, _body=body)})

    def _load_parent(self, src: str | None, page_file: str) -> LoadedPage:
        folder = split_path(page_file)[0]
        if src is None:
            beside = os.path.join(folder, 'parent.spi')
            src = 'parent.spi' if os.path.isfile(beside) else self.server.config.defaultparent
        file, status = look_at_url(src, self.request.root, folder)
        return self.server.load_page(runnable(src, file), status=status)

    # -- errors ------------------------------------------------------------------------------------------------

    def _show(self, wrapper: spyceWrapper, error: spyceRuntimeException) -> None:
        """Replace the page by its error page, which its own handler or the configuration provides."""
        if isinstance(error.exception, (spyceForbidden, spyceNotFound)):
            self._refuse(error.exception)
            return
        if self._show_status(error.exception):
            return
        self._log(f'error in page {wrapper.getFilename()}', error.exception)
        self._start_error_page()
        if not self.response.headers_sent:
            self.response.setReturnCode(500)
        module = wrapper.getModules().get('error')
        if module is None:
            self._show_plainly(error.exception, logged=True)
            return
        wrapper.parent = None
        try:
            module._run_handler(error)
            if wrapper.parent is not None:
                self._run_parent(wrapper)
        except KeyboardInterrupt:
            raise
        except spyceDone:
            pass
        except BaseException as failure:
            if isinstance(failure, spyceRedirect):
                failure = SpyceError('an error page cannot redirect.internal(): another page may be its content, by '
                                     'error.setFileHandler() or include.spyce()')
            self._log(f'error in the error page for {wrapper.getFilename()}', failure)
            self._show_plainly(failure, logged=True)

    def _show_status(self, failure: BaseException) -> bool:
        """Answer with the status that an error of the request has (413 ...), or 503 if a session cannot be had."""
        if isinstance(failure, RequestError):
            status, headers = failure.http_status, list(failure.http_headers)
        elif isinstance(failure, (ConfigError, SessionLocked, StoreError)):
            status, headers = 503, [('Retry-After', str(getattr(failure, 'retry_after', 10)))]
        else:
            return False
        if self.response.headers_sent:
            return False
        with outside_of_pages():
            log.warning('%s: %s', status, failure)
        self._start_error_page()
        for name, value in headers:
            self.response.addHeader(name, value)
        self.response.setReturnCode(status)
        self.output.write(self.server.short_error_page(status, failure))
        return True

    def _refuse(self, error: Exception) -> None:
        """The page cannot be had: missing, unreadable, or it does not compile."""
        self._start_error_page()
        with outside_of_pages():
            if isinstance(error, PageSyntaxError):
                log.error('%s', error, exc_info=error)
            else:
                log.info('%s', error)
        self.server.error(self.server, self.request, self.response, error)

    def _show_plainly(self, failure: BaseException, logged: bool = False) -> None:
        """The last resort: a short page that needs nothing of the site."""
        if not logged:
            self._log('error in page', failure)
        self._start_error_page()
        if not self.response.headers_sent:
            self.response.setReturnCode(500)
        self.output.write(self.server.plain_error_page(failure, self.request))

    @staticmethod
    def _log(message: str, failure: BaseException) -> None:
        with outside_of_pages():
            log.error('%s', message, exc_info=failure)

    def _abandon_session(self) -> None:
        """The request is broken off from outside (Ctrl-C): nobody may wait for its session."""
        session = self.request.state.get('session')
        if session is not None:
            session.abandon()

    # -- end -----------------------------------------------------------------------------------------------------

    def _begin_transaction(self) -> None:
        """Tell the `db` of the configuration that a transaction begins, if it wants to know (spyce.db)."""
        self._open_db = self.server.request_db
        if self._open_db is not None and hasattr(type(self._open_db), 'begin_request'):
            self._open_db.begin_request()

    def _end_transaction(self, failed: bool) -> None:
        """Tell `db` that it has ended: once for each that has begun. What it raises if it cannot commit comes out."""
        if self._open_db is None:
            return
        db, self._open_db = self._open_db, None
        try:
            db.end_request(failed)
        except Exception as failure:
            if not failed:
                raise
            self._log('the database could not be rolled back', failure)

    def _complete(self) -> None:
        """Hand the output over and let the database and the modules that wait for the end (session) do their part."""
        self.output.complete()
        if self.request.state.get(REDIRECTED):
            self.output.reset()  # of redirect.external only the head is sent (reference 5)
        self.output.hand_over()
        self._end_transaction(failed=False)  # first: a failed commit has to become an error page
        self.response.prepare()
