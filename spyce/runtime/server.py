"""The server: what outlives requests. Configuration, caches, locks, sessions (reference 6.1)."""
from __future__ import annotations

import errno
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from spyce import legacy
from spyce.page import (
    CompiledCollection,
    CompiledPage,
    PageCache,
    PageSource,
    Signature,
    compile_collection,
    compile_page,
    decode_source,
    is_collection,
    read_file,
)
from spyce.runtime.context import living_servers, outside_of_pages, serving
from spyce.runtime.errors import spyceRuntimeException
from spyce.runtime.exceptions import (
    HandlerError,
    SpyceError,
    spyceDone,
    spyceForbidden,
    spyceNotFound,
    spyceRedirect,
)
from spyce.runtime.handler import Execution
from spyce.runtime.imports import SiteImports
from spyce.runtime.locks import Lock, dummyLock, fileLock, threadLock
from spyce.runtime.modules import load_module_class, module_variable
from spyce.runtime.namespace import LoadedPage
from spyce.runtime.paths import PathRefused, page_to_run, real_folder
from spyce.runtime.scheduler import Schedule, ScheduleRunner
from spyce.runtime.sitekey import site_key
from spyce.runtime.stdout import install_stdout
from spyce.runtime.taglibraries import ServerTagLibraries
from spyce.sessions.errors import StoreError
from spyce.web.errors import error_page
from spyce.web.filetypes import content_type

if TYPE_CHECKING:
    from spyce.config import Config
    from spyce.login.manager import LoginManager
    from spyce.metrics import Metrics
    from spyce.sessions import SessionManager

log = logging.getLogger('spyce.page')

Files = list[tuple[str, Signature]]


class spyceServer:
    """Everything that the requests of one site share. Frozen after start, but for its caches."""

    def __init__(self, config: Config, waits_for_stores: bool = False) -> None:
        """waits_for_stores: whether it starts also if a configured store cannot be used now, else StoreError."""
        legacy.install()
        install_stdout()
        self.config = config
        self.globals: dict[str, Any] = config.globals
        self.path: list[str] = config.path
        self.imports: list[str] = config.imports
        # By its class: an object that makes tables of all attributes would take this for one.
        self.request_db: Any = config.db if hasattr(type(config.db), 'end_request') else None
        self.serverobject = SimpleNamespace()
        self.error: Any = config.errorhandler
        self.stdout = sys.stdout
        self.entry = os.environ.get('SPYCE_ENTRY', 'UNKNOWN')
        self.multiprocess = config.processes > 1
        root, path = config.root, config.path
        self.site_imports = config.site_imports or SiteImports(lambda: (root, *path))
        self.tag_libraries = ServerTagLibraries(self)
        self.spyce_cache: PageCache[LoadedPage] = PageCache(check_mtime=config.check_mtime)
        self._locks: dict[str, Lock] = {}
        self._locks_guard = threading.Lock()
        try:
            if config.session_store is not None:
                self.sessions.check()
            if config.login_storage is not None:
                config.login_storage.check()
        except StoreError as error:
            if not waits_for_stores:
                raise
            log.warning('%s', error)
        living_servers.add(self)

    @property
    def pageerror(self) -> tuple[str, str]:
        """The default error page: ('string', its source) or ('file', its url). Raises ModuleNotFound."""
        kind, place, *name = self.config.pageerrortemplate
        return kind, module_variable(self, place, name[0]) if kind == 'string' else place

    # -- what kind of server -----------------------------------------------------------------------------------

    def threaded(self) -> bool:
        """Whether this is a server with threads (not CGI, not the command line)."""
        return self.config.threads > 1

    def multithreaded(self) -> bool:
        """Whether several requests may run at once in this process."""
        return self.config.threads > 1

    def note_environment(self, environ: dict[str, Any]) -> None:
        """Learn from the first WSGI environment whether other processes serve the same site."""
        if environ.get('wsgi.multiprocess'):
            self.multiprocess = True

    def createLock(self, lockname: str) -> Lock:
        """The lock of that name: the same name is the same lock (decisions: createLock).

        A thread lock when one process serves with threads, a dummy for a single thread, otherwise a lock that
        other processes of this site see.
        """
        with self._locks_guard:
            lock = self._locks.get(lockname)
            if lock is None:
                lock = self._locks[lockname] = self._make_lock(lockname)
            return lock

    def _make_lock(self, lockname: str) -> Lock:
        if self.multiprocess or self.entry in ('cgi', 'cmd'):
            return fileLock(os.path.join(self._lock_folder(), quote(lockname, safe='')))
        return threadLock() if self.config.threads > 1 else dummyLock()

    def _lock_folder(self) -> str:
        folder = os.path.join(self.config.site_folder, 'locks')
        os.makedirs(folder, mode=0o700, exist_ok=True)
        return folder

    # -- pages -------------------------------------------------------------------------------------------------

    def load_page(self, file: str, signature: str = '', status: os.stat_result | None = None) -> LoadedPage:
        """The compiled page in `file`, as the file is now. status: what was just found out about it, if anything.

        Raises spyceNotFound, spyceForbidden, PageSyntaxError.
        """
        key = ('file', file, signature)
        return self.spyce_cache.fresh(key, status) or self._load_page(key, file, signature)

    def _load_page(self, key: tuple[str, str, str], file: str, signature: str) -> LoadedPage:
        def load() -> tuple[LoadedPage, Files]:
            text, stat = self._read(file)
            files: Files = [(file, stat)]
            page = self._compile(PageSource(text, file), signature, files)
            return page, files

        try:
            return self.spyce_cache.get(key, load, bounded=bool(signature))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise spyceNotFound(file) from None
        except PermissionError:
            raise spyceForbidden(file) from None

    def load_string(self, source: str, signature: str = '', beside: str = '') -> LoadedPage:
        """The compiled page source `source`.

        beside: the file relative to which it includes and imports, by default one at the root.
        """
        beside = beside or os.path.join(real_folder(self.config.root), '<string>')

        def load() -> tuple[LoadedPage, Files]:
            files: Files = []
            return self._compile(PageSource(source, '<string>'), signature, files, beside), files

        return self.spyce_cache.get(('string', source, signature, beside), load)

    def compile_collection(self, file: str) -> tuple[CompiledCollection, Files]:
        """The tag collection in `file`, as the file is now, and the files that it was made from.

        Raises OSError, PageSyntaxError.
        """
        text, stat = self._read(file)
        files: Files = [(file, stat)]
        reader = self._include_reader(file, file, files)
        compiled = compile_collection(PageSource(text, file), name=self._name_in_site(file),
                                      libraries=self.tag_libraries, read_include=reader)
        return compiled, self._with_dependencies(files, compiled.dependencies)

    def is_collection(self, file: str) -> bool:
        """Whether a file holds a tag collection. A file that cannot be read does not."""
        try:
            return is_collection(self._read(file)[0])
        except OSError:
            return False

    def part(self, compiled: CompiledPage, file: str) -> LoadedPage:
        """Compiled source that is to run as a part of pages, beside `file`."""
        return LoadedPage(compiled, file, self._names)

    def _read(self, file: str) -> tuple[str, Signature]:
        data, stat = read_file(file)
        return decode_source(data, self.config.encoding, file), stat

    def _compile(self, source: PageSource, signature: str, files: Files, beside: str = '') -> LoadedPage:
        beside = beside or source.file
        compiled = compile_page(source, signature=signature, name=self._name_in_site(beside),
                                libraries=self.tag_libraries,
                                read_include=self._include_reader(source.file, beside, files))
        files[:] = self._with_dependencies(files, compiled.dependencies)
        return LoadedPage(compiled, beside, self._names)

    def _name_in_site(self, file: str) -> str:
        return os.path.relpath(file, os.path.realpath(self.config.root))

    def _include_reader(self, source_file: str, beside: str, files: Files) -> Callable[[str, str], PageSource]:
        """How the compiler reads what `.include` names in a source that runs beside `beside`; adds to `files`."""
        def read_include(url: str, current_file: str) -> PageSource:
            try:
                path = page_to_run(url, self.config.root, beside if current_file == source_file else current_file)
            except PathRefused as error:
                raise PermissionError(errno.EACCES, str(error)) from error
            text, stat = self._read(path)
            files.append((path, stat))
            return PageSource(text, path)

        return read_include

    @staticmethod
    def _with_dependencies(files: Files, dependencies: Iterable[str]) -> Files:
        known = {file for file, _ in files}
        return [*files, *((file, Signature.of(os.stat(file))) for file in dependencies if file not in known)]

    def _names(self, page: CompiledPage, file: str) -> dict[str, Any]:
        """The global names that every execution of a page finds; file: beside which it runs."""
        folder = os.path.dirname(file)

        maps = {part.file: part.lines for part in page.classes}
        maps[page.file] = page.lines

        def locate(frame_file: str, line: int) -> tuple[str, int]:
            return maps[frame_file].locate(line) if frame_file in maps else (frame_file, line)

        return {
            '__builtins__': self.site_imports.builtins_for(folder),
            '__name__': 'spyce_page',
            '__file__': file,
            '_spyceLocate': locate,
            'spyceDone': spyceDone,
            'spyceRedirect': spyceRedirect,
            'spyceRuntimeException': spyceRuntimeException,
            'HandlerError': HandlerError,
            'db': self.config.db,
        }

    def serves_as_page(self, file: str) -> bool:
        """Whether a visitor who asks for `file` gets it run as a page."""
        extension = os.path.splitext(file)[1].removeprefix('.')
        return bool(extension) and self.config.www_handlers.get(extension) == 'spyce' and not self._is_hidden(file)

    def serves_as_file(self, file: str) -> bool:
        """Whether a visitor who asks for `file` gets its text."""
        return content_type(file, self.config) is not None and not self._is_hidden(file)

    def _is_hidden(self, file: str) -> bool:
        """Whether a name on the way from the root to `file` begins with a dot."""
        way = os.path.relpath(file, os.path.realpath(self.config.root))
        return any(name.startswith('.') for name in way.split(os.sep))

    def loadModule(self, name: str, file: str | None = None, rel_file: str | None = None) -> type[Any]:
        """The class of the Spyce module `name` (reference 6.4). Raises ModuleNotFound."""
        return load_module_class(self, name, file, rel_file)

    # -- requests ----------------------------------------------------------------------------------------------

    def handle_page(self, request: Any, response: Any, file: str, status: os.stat_result | None = None) -> int:
        """Answer a request with the page in `file`. Returns the status code; the caller closes the response.

        status: what was just found out about the file, if anything.
        """
        return Execution(self, request, response).run(lambda: self.load_page(file, status=status))

    def fileHandler(self, request: Any, response: Any, filename: str, sig: str = '', args: Any = None,
                    kwargs: Any = None, config: Any = None) -> int:
        """Run the page in a file as 2.1's spyceFileHandler did; `sig` are the parameters of the page."""
        return Execution(self, request, response).run(
            lambda: self.load_page(os.path.realpath(filename), sig), tuple(args or ()), kwargs)

    def stringHandler(self, request: Any, response: Any, code: str, sig: str = '', args: Any = None,
                      kwargs: Any = None, config: Any = None) -> int:
        """Run page source as 2.1's spyceStringHandler did."""
        return Execution(self, request, response).run(lambda: self.load_string(code, sig), tuple(args or ()), kwargs)

    def commonHandler(self, request: Any, response: Any, load: Any, args: Any = None, kwargs: Any = None) -> int:
        """Run the page that `load()` gives."""
        return Execution(self, request, response).run(load, tuple(args or ()), kwargs)

    def short_error_page(self, status: int, reason: object = None) -> str:
        """A page that says what happened and nothing about the site; the `reason` only with debug = True."""
        return error_page(status, message=str(reason) if reason is not None and self.config.debug else None)

    def plain_error_page(self, failure: BaseException, request: Any = None) -> str:
        """The page for an error that no page of the site could show: full with debug = True."""
        if not self.config.debug:
            return self.short_error_page(500)
        from spyce.runtime.errorpage import full_error_page
        with outside_of_pages():  # it looks at the site's values, and what these print is no part of it
            try:
                return full_error_page(failure, self.config.root, request)
            except Exception:  # they can do anything
                log.exception('the error page cannot be made')
                return self.short_error_page(500)

    # -- tasks ---------------------------------------------------------------------------------------------------

    @property
    def schedule(self) -> Schedule:
        """The tasks of the site that run by the clock."""
        return self.config.schedule

    def start_schedule(self) -> None:
        """Run the tasks of the site in this worker, if no other process of the site does."""
        lock = fileLock(os.path.join(self._lock_folder(), 'scheduler'))
        ScheduleRunner(self.schedule, lock, lambda: serving(self, None)).start()

    # -- sessions ------------------------------------------------------------------------------------------------

    @property
    def sessions(self) -> SessionManager:
        """The sessions of the site. Made when a page first uses one. Raises SpyceError if they could not be exact."""
        if self.multiprocess:
            from spyce.sessions import MemoryStore
            if isinstance(self.config.session_store, MemoryStore):
                raise SpyceError('session_store = MemoryStore(): several processes serve this site, and each would '
                                 'have sessions of its own; use DbmStore(folder), or one process with threads')
        return self._session_manager

    @cached_property
    def logins(self) -> LoginManager:
        """The logins of the site. Made when a page first asks for one."""
        from spyce.login.manager import LoginManager
        from spyce.login.storage import SessionStorage
        storage = self.config.login_storage
        return LoginManager(SessionStorage(lambda: self.sessions) if storage is None else storage,
                            self.config.sessions, self.config.login_remember, lambda: self._session_manager.clock())

    @cached_property
    def _session_manager(self) -> SessionManager:
        from spyce.runtime.sitesessions import SiteCodec
        from spyce.sessions import SessionManager
        return SessionManager(self.config.sessions, create_lock=self.createLock, values=SiteCodec(self),
                              site_key=lambda: self._site_key,
                              measured=None if self.metrics is None else self.metrics.measured)

    @cached_property
    def metrics(self) -> Metrics | None:
        """The figures of this process, None without metrics_path. Raises SpyceError if prometheus_client is missing."""
        if self.config.metrics_path is None:
            return None
        try:
            from spyce.metrics import Metrics
        except ImportError as error:
            raise SpyceError("metrics_path needs the package prometheus_client: pip install "
                             "'spyce-session[metrics]'") from error
        if self.config.metrics_path == self.config.health_path:
            raise SpyceError(f'metrics_path and health_path are both {self.config.metrics_path!r}')
        folder = os.environ.get('PROMETHEUS_MULTIPROC_DIR')
        if folder is not None and not os.path.isdir(folder):
            raise SpyceError(f'PROMETHEUS_MULTIPROC_DIR in the environment is {folder!r}, and there is no such folder')
        return Metrics()

    @cached_property
    def _site_key(self) -> bytes:
        return site_key(self.config.site_folder, self.config.site_key)
