"""`spyce serve --dev`: a site that is being worked on.

Two processes. The first keeps the listening socket and nothing of the site. It starts the second, which serves and
watches the files of the site. When code has changed the second asks for another one; that begins to serve at once,
while the former answers what it has begun, so no request is lost and none finds the door closed. If the site cannot
start, the second serves the reason, and goes on watching.
"""
from __future__ import annotations

import contextlib
import glob
import ipaddress
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterable
from types import FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from spyce.config import Config, ConfigError, ConfigWarning, load_config
from spyce.runtime.errorpage import full_error_page
from spyce.runtime.errortext import error_text
from spyce.runtime.frames import examine, short_name
from spyce.runtime.stdout import real_stdout
from spyce.runtime.terminal import log_to_terminal
from spyce.web.filetypes import content_type
from spyce.web.refresh import STREAMS, RefreshedSite
from spyce.web.reload import Activity, Watcher
from spyce.web.response import StartResponse
from spyce.web.serve import listen, serve_with_threads
from spyce.web.wsgi import app_for

if TYPE_CHECKING:
    from spyce.web.wsgi import Application

log = logging.getLogger('spyce.dev')

# The second process has the import path of the first, whichever way that was started.
_BOOT = """import sys
sys.path[:] = sys.argv[1].split('\\n')
from spyce.web.dev import run_child
run_child(sys.argv[2])"""

_AGAIN = b'again\n'

_OPTIONS: dict[str, Any] = {'debug': True, 'check_mtime': True, 'processes': 1}


def serve_for_development(root: str, config: str | None, host: str | None, port: int | None, options: dict[str, Any],
                          log_format: str) -> None:
    """Serve a site and start it again whenever its code has changed, until SIGTERM or SIGINT.

    host, port: None for this machine alone, and for the port that the config names.  options: of the configuration.
    log_format: of the log, as for logging.Formatter.  Raises ServeError if the address cannot be had.
    """
    host = host or '127.0.0.1'  # not the config's: that is for visitors
    if port is None:
        try:
            port = load_config(root, config, options).port
        except ConfigError:  # it is told by the process that serves
            port = Config().port
    with listen(host, port) as listener:
        if not _is_loopback(listener):
            log.warning('THIS SITE IS OPEN TO OTHERS: --dev shows source, values and errors of the site to whoever '
                        'can reach %s. Leave --host out unless that is meant.', host)
        arguments = {'root': os.path.abspath(root), 'config': config and os.path.abspath(config), 'options': options,
                     'log_format': log_format}
        if os.name == 'posix':
            _Supervisor(listener, arguments).run()
        else:  # sockets and signals are not handed on there: changed code needs a restart by hand
            _serve_site(listener, arguments, None)


def _is_loopback(listener: socket.socket) -> bool:
    return ipaddress.ip_address(listener.getsockname()[0].partition('%')[0]).is_loopback


def _means_this_machine(host: str) -> bool:
    """Whether a Host header cannot be a name that somebody else gives addresses to."""
    try:
        name = urlsplit(f'//{host}').hostname or ''
        if name == 'localhost' or name.endswith('.localhost'):
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class _Supervisor:
    """Starts the process that serves, and its successors."""

    def __init__(self, listener: socket.socket, arguments: dict[str, Any]) -> None:
        self._listener = listener
        self._arguments = arguments
        self._serving: subprocess.Popen[bytes] | None = None
        self._former: list[subprocess.Popen[bytes]] = []
        self._stops = 0

    def run(self) -> None:
        """Until SIGTERM or SIGINT; then what has begun is finished, at a second one it is not."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        failure = ''
        while not self._stops:
            said = self._serve_once(failure)
            if said == _AGAIN:
                failure = ''
            elif not self._stops:
                assert self._serving is not None
                status = self._serving.wait()
                if failure:  # without the site too
                    sys.exit(f'the server ended with status {status}')
                failure = f'the process that serves the site ended by itself, with status {status}'
            self._former = [process for process in self._former if process.poll() is None]
        for process in [self._serving, *self._former]:
            if process is not None:
                process.wait()

    def _serve_once(self, failure: str) -> bytes:
        """Start a process in the place of the one that serves; returns what it says, b'' if it has ended."""
        receiver, sender = os.pipe()
        with open(receiver, 'rb') as pipe:
            descriptors = {'listener': self._listener.fileno(), 'report': sender, 'failure': failure}
            process = subprocess.Popen(
                [sys.executable, '-c', _BOOT, '\n'.join(sys.path), json.dumps(self._arguments | descriptors)],
                pass_fds=(self._listener.fileno(), sender))
            os.close(sender)
            former, self._serving = self._serving, process
            if former is not None:
                former.send_signal(signal.SIGTERM)
                self._former.append(former)
            if self._stops:
                process.terminate()
            return pipe.readline()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stops += 1
        # The former ones have been told already; to be told twice means at once.
        for process in [self._serving, *(self._former if self._stops > 1 else [])]:
            if process is not None:
                process.send_signal(signal.SIGTERM)


def run_child(arguments: str) -> None:
    """The second process. arguments: as JSON."""
    given = json.loads(arguments)
    sys.argv[:] = ['spyce']
    os.set_inheritable(given['listener'], False)
    os.set_inheritable(given['report'], False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C comes to both: the first tells when to end
    logging.basicConfig(level=logging.INFO, format=given['log_format'])
    logging.getLogger('waitress').setLevel(logging.ERROR)
    os.environ['SPYCE_ENTRY'] = 'www'
    warnings.simplefilter('ignore', ConfigWarning)  # the log has it, in one line
    if 'PYTHONBREAKPOINT' not in os.environ:
        sys.breakpointhook = _stop_here
    _serve_site(socket.socket(fileno=given['listener']), given, given['report'])


def _stop_here() -> None:
    """breakpoint(): the debugger talks with the terminal, while what a page prints goes to its visitor."""
    import pdb  # noqa: T100
    pdb.Pdb(stdout=real_stdout(), nosigint=True).set_trace(sys._getframe(1))


def _serve_site(listener: socket.socket, arguments: dict[str, Any], report: int | None) -> None:
    """Serve, and say `again` to `report` when code has changed."""
    root = arguments['root']
    log_to_terminal(root, arguments['log_format'])
    activity = Activity()
    watcher = Watcher(root, activity)  # before the site is loaded: what changes meanwhile is seen
    app: Application | _BrokenSite
    try:
        if arguments.get('failure'):
            raise ConfigError(arguments['failure'])
        app = app_for(load_config(root, arguments['config'], {**arguments['options'], **_OPTIONS}))
        _hint_at_lost_sessions(app.config)
    except Exception as error:
        app = _BrokenSite(root, arguments['config'], error)
    _watch_all(watcher, app.config, arguments['config'])
    site = _DevSite(app, activity, _is_loopback(listener))
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(watcher, site, report, ended), daemon=True)
    thread.start()

    def finish() -> None:
        ended.set()
        site.stop()

    serve_with_threads(site, listener, threads=app.config.threads + STREAMS, before_finish=finish,
                       signals=(signal.SIGTERM,) if report is not None else (signal.SIGTERM, signal.SIGINT))


class _DevSite(RefreshedSite):
    """The site as the web server sees it."""

    def __init__(self, app: Application | _BrokenSite, activity: Activity, is_local: bool) -> None:
        """is_local: whether it is for browsers of this machine only."""
        super().__init__(app, app.config.threads, activity)
        self.config = app.config
        self.start_background = app.start_background
        self._is_local = is_local

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        host = environ.get('HTTP_HOST', '')
        if not self._is_local or _means_this_machine(host):
            return super().__call__(environ, start_response)
        # A page from elsewhere whose name has come to mean this machine would read all that is shown here.
        body = f'This server is for this machine. Ask for it as localhost, not as {host[:100]}.\n'.encode()
        start_response('403 Forbidden', [('Content-Type', 'text/plain; charset=utf-8'),
                                         ('Content-Length', str(len(body)))])
        return [body]


class _BrokenSite:
    """Answers every request with the reason why the site cannot start."""

    def __init__(self, root: str, config: str | None, error: Exception) -> None:
        self.config = load_config(root, {}, _OPTIONS)
        self.config.file = config or os.path.join(root, 'spyceconf.py')
        # A ConfigError tells where it is in one line; if it has a cause, that knows the source as well.
        self._reason: BaseException = error
        if isinstance(error, ConfigError):
            self._reason = error.__cause__ or error.with_traceback(None)
        log.error('the site cannot start: it is started again when a file has changed\n%s',
                  error_text(examine(self._reason, root), root).rstrip())

    def start_background(self) -> None:
        """Nothing is to be done."""

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        body = full_error_page(self._reason, self.config.root).encode()
        start_response('500 Internal Server Error', [('Content-Type', 'text/html; charset=utf-8'),
                                                     ('Content-Length', str(len(body))), ('Cache-Control', 'no-store')])
        return [body]


def _hint_at_lost_sessions(config: Config) -> None:
    from spyce.sessions import MemoryStore
    if isinstance(config.session_store, MemoryStore):
        log.warning('session_store = MemoryStore(): sessions are lost at each restart; without that option they are '
                    'kept')


def _watch_all(watcher: Watcher, config: Config, given_config: str | None) -> None:
    private = [config.site_data, config.sessions.session_folder, getattr(config.session_store, 'folder', None)]
    file = config.file or given_config
    # Beside the config only what is there now, and not below: it may lie anywhere.
    beside = glob.glob(os.path.join(glob.escape(os.path.dirname(file)), '*.py')) if file else []
    watcher.watch(list(config.path), list({*beside, *([file] if file else [])}),
                  [os.fspath(folder) for folder in private if isinstance(folder, (str, os.PathLike))],
                  lambda name: content_type(name, config) is not None)


def _watch(watcher: Watcher, site: _DevSite, report: int | None, ended: threading.Event) -> None:
    """Refresh browsers for a changed page or file, ask for a new process for changed code."""
    parent = os.getppid()
    while not ended.wait(watcher.pause):
        if report is not None and os.getppid() != parent:  # killed: nobody would end this process
            os.kill(os.getpid(), signal.SIGTERM)
            return
        changed = watcher.changes()
        code = [name for name in changed if name.endswith('.py')]
        if code and report is not None:
            log.info('changed: %s; starting again', _names(code, site.config.root))
            site.stop()
            with contextlib.suppress(BrokenPipeError):  # killed meanwhile
                os.write(report, _AGAIN)
            return
        if code:
            log.warning('changed: %s; start the server again', _names(code, site.config.root))
        if changed:
            site.refresh()


def _names(files: list[str], root: str) -> str:
    named = ', '.join(short_name(file, root) for file in files[:5])
    return f'{named} and {len(files) - 5} more' if len(files) > 5 else named
