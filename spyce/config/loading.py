"""Reading a site's spyceconf.py, and checking what it says."""
from __future__ import annotations

import builtins
import difflib
import importlib
import os
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spyce import legacy
from spyce.config.messages import ConfigError, warn
from spyce.config.options import OPTIONS, Config, checked, default_of
from spyce.config.sessions import SESSION_OPTIONS
from spyce.config.stores import VARIABLE, checked_store
from spyce.runtime.scheduler import Schedule
from spyce.sessions.options import SessionOptions

if TYPE_CHECKING:
    from spyce.runtime.imports import SiteImports

CONFIG_NAME = 'spyceconf.py'

REMOVED = {
    'adminport': 'there is no admin console any more, as it let anyone in; remove the line',
    'cache': 'compiled pages are always kept in memory; remove the line',
    'cachedir': 'compiled pages are always kept in memory; remove the line',
    'check_modules_and_restart': 'check_mtime = True notices changed modules too; remove the line',
    'cgi_allow_only_redirect': 'CGI answers only for files below root; remove the line',
    'maxqueuesize': 'the web server bounds its queue itself; remove the line',
    'originalsyspath': 'sys.path is left alone now; modules beside a page are found without it; remove the line',
    'indexExtensions': 'it never had an effect; use indexFiles',
    'login_validator': 'it never had an effect; use login_defaultvalidator',
}
"""Options of 2.1 that no longer exist, and what to do about it."""

PATHS = ('root', 'tmp', 'site_data', 'session_folder')
PATH_LISTS = ('path', 'mime')

PLAIN = (str, bytes, int, float, list, tuple, dict, set, frozenset, type(None))

Import = Callable[..., types.ModuleType]


@dataclass(frozen=True)
class Loading:
    """What a config file that is being executed may ask for."""

    root: str
    folder: str
    schedule: Schedule


loading: ContextVar[Loading | None] = ContextVar('spyce_config_loading', default=None)


def load_config(root: str | os.PathLike[str] | None = None, config: Any = None,
                options: Mapping[str, Any] | None = None) -> Config:
    """The configuration of the site in the folder `root`, by default the current one.

    config: the path of a config file (relative paths in it are relative to its folder), a dictionary of options, or
    a Config to take as it is; None loads spyceconf.py from root, if it is there.
    options: win over the config; relative paths in them are relative to root.
    The environment variable SPYCE_SESSION_STORE is the url of the session store if neither names one.
    Raises ConfigError for a value that cannot be used, TypeError for an unknown option.
    """
    options = dict(options or {})
    _refuse_unknown(options)
    if isinstance(config, Config):
        if root is not None or options:
            raise TypeError('a ready Config takes neither root nor options: give them to load_config() instead')
        return config
    given_root = None if root is None else os.path.abspath(os.fspath(root))
    if 'root' in options:
        raise TypeError('root is given twice')
    folder = given_root or os.getcwd()
    if config is None and os.path.isfile(os.path.join(folder, CONFIG_NAME)):
        config = os.path.join(folder, CONFIG_NAME)
    extra: dict[str, Any] = {}
    search: list[str] = []
    if config is None:
        settings: dict[str, Any] = {}
    elif isinstance(config, Mapping):
        settings = _settings(config, 'config', folder)
    else:
        file = os.path.abspath(os.fspath(config))
        namespace, extra['site_imports'], search, extra['schedule'] = _run_file(file, folder)
        extra['file'], extra['namespace'] = file, namespace
        settings = _settings(namespace, file, os.path.dirname(file))
    final_root = given_root or settings.get('root') or folder
    settings.update(_settings(options, 'options', final_root))
    settings['root'] = final_root
    if settings.get('session_store') is None and os.environ.get(VARIABLE):
        settings['session_store'] = checked_store(os.environ[VARIABLE], final_root, f'environment variable {VARIABLE}')
    result = _make(settings, extra)
    search[:] = [result.root, *result.path]
    return result


def exec_config(code: types.CodeType, namespace: dict[str, Any], folder: str, importer: Import | None = None) -> None:
    """Execute a config file's code in `namespace`; its imports see the engine's own names first.

    importer: an `__import__` that finds the modules beside the config file; None for Python's own.
    """
    original = builtins.__import__ if importer is None else importer

    def config_import(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (),
                      level: int = 0) -> types.ModuleType:
        # `from spyceconf import *` must give the engine's defaults even if this very file is called spyceconf.py
        # and lies on sys.path.
        if level == 0 and legacy.is_legacy_name(name):
            package = 'spyce.modules' if legacy.is_module_name(name) else 'spyce.legacy'
            return importlib.import_module(f'{package}.{name}')
        return original(name, globals, locals, fromlist, level)

    legacy.install()
    namespace['__builtins__'] = dict(vars(builtins), __import__=config_import)
    exec(code, namespace)  # noqa: S102  a config file is Python


def _run_file(file: str, root: str) -> tuple[dict[str, Any], SiteImports, list[str], Schedule]:
    """Execute a config file. Returns its names, its importer, the list of folders that this one searches, and the
    tasks that it has registered."""
    from spyce.runtime.imports import SiteImports
    folder = os.path.dirname(file)
    try:
        with open(file, 'rb') as source:
            code = compile(source.read(), file, 'exec', dont_inherit=True)
    except OSError as error:
        raise ConfigError(f'cannot read the config file {file}: {error.strerror}') from error
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f'{file}:{getattr(error, "lineno", None) or 1}: {error.args[0]}') from error
    search = [folder]
    imports = SiteImports(lambda: search)
    namespace: dict[str, Any] = {'__name__': 'spyceConfig', '__file__': file}
    schedule = Schedule()
    with _loading(Loading(root, folder, schedule)):
        try:
            exec_config(code, namespace, folder, imports.builtins_for(folder)['__import__'])
        except (Exception, SystemExit) as error:
            raise ConfigError(f'{file}:{_line_in(file, error)}: {type(error).__name__}: {error}') from error
    return namespace, imports, search, schedule


@contextmanager
def _loading(now: Loading) -> Iterator[None]:
    token = loading.set(now)
    try:
        yield
    finally:
        loading.reset(token)


def _line_in(file: str, error: BaseException) -> int:
    """The last line of the config file that the error passed through."""
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _settings(names: Mapping[str, Any], where: str, base: str) -> dict[str, Any]:
    """The options among `names`, checked, with paths made absolute against `base`; hints for the others."""
    settings = {}
    for name, value in names.items():
        if name in OPTIONS:
            settings[name] = checked(name, _absolute(name, value, base), where)
            if name == 'login_storage' and hasattr(value, 'settle_in'):
                value.settle_in(base)
        elif name == 'session_store':
            settings[name] = checked_store(value, base, where)
        elif name in SESSION_OPTIONS:
            settings[name] = _absolute(name, value, base)
        else:
            _hint(name, value, where)
    return settings


def _absolute(name: str, value: Any, base: str) -> Any:
    """The value with the paths in it made absolute; a wrong type stays as it is, for the check to refuse."""
    if name in PATHS and isinstance(value, (str, os.PathLike)) and os.fspath(value):
        return os.path.join(base, os.fspath(value))
    if name in PATH_LISTS and isinstance(value, (list, tuple)):
        return [os.path.join(base, item) if isinstance(item, (str, os.PathLike)) else item for item in value]
    return value


def _hint(name: str, value: Any, where: str) -> None:
    """Warn about a name that looks like an option and is none. Helper names are the site's business."""
    if name.startswith('_'):
        return
    if name in REMOVED:
        warn(f'{where}: the option {name} no longer exists: {REMOVED[name]}')
    elif isinstance(value, PLAIN):
        close = difflib.get_close_matches(name, _known(), 1, 0.8)
        if close:
            warn(f'{where}: {name} is not an option and has no effect; did you mean {close[0]}?')


def _known() -> list[str]:
    return [*OPTIONS, *SESSION_OPTIONS]


def _refuse_unknown(options: Mapping[str, Any]) -> None:
    for name in options:
        if name not in OPTIONS and name not in SESSION_OPTIONS:
            close = difflib.get_close_matches(name, _known(), 1)
            hint = f'; did you mean {close[0]!r}?' if close else ''
            raise TypeError(f'{name!r} is not an option{hint}')


def _make(settings: dict[str, Any], extra: dict[str, Any]) -> Config:
    root = settings['root'] = os.path.normpath(settings['root'])
    if not os.path.isdir(root):
        raise ConfigError(f'there is no folder {root} to serve')
    session_options = {name: settings.pop(name) for name in SESSION_OPTIONS if name in settings}
    try:
        sessions = SessionOptions(**session_options)
    except ValueError as error:
        raise ConfigError(f'{extra.get("file") or "options"}: {error}') from None
    return Config(**settings, sessions=sessions, **extra)


def spyceconf_default(name: str) -> Any:
    """What `from spyceconf import *` gives for an option: a fresh default, and the root that is being loaded."""
    now = loading.get()
    if name == 'root':
        return now.root if now is not None else os.getcwd()
    return default_of(name)
