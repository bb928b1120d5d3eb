"""Every option of a site, with its default and its check."""
from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from spyce.config import checks
from spyce.config.messages import ConfigError
from spyce.config.sessions import SESSION_OPTIONS
from spyce.config.sitefolder import private_folder
from spyce.runtime.scheduler import Schedule
from spyce.sessions.options import DAY, SessionOptions

if TYPE_CHECKING:
    from spyce.runtime.imports import SiteImports

MEBIBYTE = 1024 * 1024


def show_error(server: Any, request: Any, response: Any, error: BaseException) -> object:
    """The default errorhandler: the one of the error module (2.1: error.serverHandler)."""
    from spyce.modules.error import serverHandler
    handler: Callable[..., object] = serverHandler
    return handler(server, request, response, error)


def _spyce_path() -> list[str]:
    return [folder for folder in os.environ.get('SPYCE_PATH', '').split(os.pathsep) if folder]


def option(default: Any, check: checks.Check) -> Any:
    """A field of Config. A callable default makes the value anew for each configuration."""
    if callable(default):
        return field(default_factory=default, metadata={'check': check})
    return field(default=default, metadata={'check': check})


@dataclass(kw_only=True, eq=False)
class Config:
    """The options of one site, checked and with absolute paths; made by load_config().

    What each means: reference 10 and the manual's chapter on configuration, for those of 2.1.
    """

    # Where things are
    root: str = option('', checks.path_text)
    path: list[str] = option(_spyce_path, checks.list_of_paths)
    tmp: str = option(tempfile.gettempdir, checks.path_text)
    site_data: str | None = option(None, lambda value: None if value is None else checks.path_text(value))
    site_key: str | None = option(None, lambda value: None if value is None else checks.secret(value))

    # Pages
    encoding: str = option('utf-8', checks.encoding)
    globaltags: list[tuple[str, str | None, str]] = option(lambda: [
        ('core', None, 'spy'), ('form', None, 'f'), ('render', 'render.spi', 'render')], checks.globaltags)
    defaultparent: str = option('/parent.spi', checks.text)
    errorhandler: Callable[..., object] = option(lambda: show_error, checks.function)
    pageerrortemplate: tuple[str, ...] = option(lambda: ('string', 'error', 'defaultErrorTemplate'),
                                                checks.error_template)
    check_mtime: bool = option(True, checks.flag)
    debug: bool = option(False, checks.flag)
    globals: dict[str, Any] = option(dict, checks.dictionary)
    imports: list[str] = option(list, checks.list_of_text)
    db: Any = option(None, checks.anything)
    param_filters: list[Callable[..., Any]] = option(list, checks.list_of_callables)
    file_filters: list[Callable[..., Any]] = option(list, checks.list_of_callables)

    # Urls
    indexFiles: list[str] = option(lambda: ['index.spy', 'index.html'], checks.list_of_text)
    www_handlers: dict[str | None, str] = option(lambda: {'spy': 'spyce', '/': 'directory', None: 'dump'},
                                                 checks.www_handlers)
    mime: dict[str, str] = option(dict, checks.mime)

    # Requests
    max_body_bytes: int = option(16 * MEBIBYTE, checks.at_least(0))
    max_fields: int = option(1000, checks.at_least(1))
    max_file_bytes: int = option(None, lambda value: value if value is None else checks.at_least(0)(value))
    trusted_proxies: list[Any] = option(list, checks.networks)

    # Serving
    ipaddr: str = option('127.0.0.1', checks.text)
    port: int = option(8000, checks.port)
    minthreads: int = option(8, checks.at_least(1))
    maxthreads: int = option(8, checks.at_least(1))
    threads: int = option(None, lambda value: value if value is None else checks.at_least(1)(value))
    processes: int = option(1, checks.at_least(1))

    # For operators
    health_path: str | None = option(None, checks.url_path)
    metrics_path: str | None = option(None, checks.url_path)
    metrics_clients: list[Any] = option(lambda: checks.networks(['127.0.0.0/8', '::1']), checks.networks)

    # Login and forms
    login_defaultvalidator: Callable[..., Any] | None = option(None, checks.function)
    login_storage: Any = option(None, checks.login_storage)
    login_remember: float = option(30 * DAY, checks.seconds)
    login_render: str = option('render:login', checks.tag_name)
    loginrequired_render: str = option('render:login_required', checks.tag_name)
    validation_render: str = option('render:validation', checks.tag_name)
    handler_tokens: bool = option(True, checks.flag)

    # Not options
    sessions: SessionOptions = field(default_factory=SessionOptions)
    """The session_* options; each can be read as an attribute of Config too."""
    file: str | None = None
    """The config file; None if there is none."""
    namespace: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """All names of the config file; those of the site's own can be read as attributes of Config too, as in 2.1, where
    it is the module that was loaded."""
    site_imports: SiteImports | None = None
    """The importer that the config file was run with, to be gone on with by the server."""
    schedule: Schedule = field(default_factory=Schedule)
    """The tasks that the config file has registered (manual: scheduler)."""

    def __post_init__(self) -> None:
        if self.max_file_bytes is None:
            self.max_file_bytes = self.max_body_bytes
        if self.threads is None:
            self.threads = self.maxthreads
        folder = self.sessions.session_folder
        self.sessions = replace(self.sessions, threads=self.threads,
                                session_folder=(lambda: self.site_folder) if folder is None else folder)

    def __getattr__(self, name: str) -> Any:
        # Reached only for what is no field: spyce.sessions lists the session_* options, not this class.
        if name in SESSION_OPTIONS and 'sessions' in self.__dict__:
            return getattr(self.sessions, name)
        if not name.startswith('_') and name in self.__dict__.get('namespace', ()):
            return self.namespace[name]
        raise AttributeError(f'there is no option {name!r}')

    @cached_property
    def site_folder(self) -> str:
        """The private folder of this site, made at first need: sessions, locks, keys. Raises ConfigError."""
        return private_folder(self.root, self.site_data)


OPTIONS: Mapping[str, Any] = {item.name: item for item in fields(Config) if 'check' in item.metadata}
"""Name -> dataclass field of each option but those of sessions."""


def default_of(name: str) -> Any:
    """A fresh copy of an option's default. Raises KeyError for an unknown option."""
    if name in SESSION_OPTIONS:
        return SESSION_OPTIONS[name]
    item = OPTIONS[name]
    return item.default_factory() if callable(item.default_factory) else item.default


def checked(name: str, value: Any, where: str) -> Any:
    """The value of an option as the engine uses it. Raises ConfigError; `where` tells its reader who set it."""
    try:
        return OPTIONS[name].metadata['check'](value)
    except ValueError as error:
        raise ConfigError(f'{where}: {name} = {value!r:.200} cannot be used: expected {error}') from None
    except OSError as error:
        raise ConfigError(f'{where}: {name}: {error}') from error
