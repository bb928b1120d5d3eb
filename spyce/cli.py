"""The command `spyce`: serve a site, run a page, show what a page compiles to, answer as CGI."""
from __future__ import annotations

import io
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from wsgiref.util import setup_testing_defaults

import click

from spyce import __version__
from spyce.newsite import project
from spyce.sitecommands import check, migrate

if TYPE_CHECKING:
    from spyce.web.wsgi import Application

Command = Callable[..., Any]

LOG_FORMAT = '%(asctime)s %(levelname)s %(name)s: %(message)s'


def _config_option(command: Command) -> Command:
    text = 'Config file; by default spyceconf.py in ROOT, if it is there.'
    return click.option('--config', metavar='FILE', help=text)(command)


@contextmanager
def _clear_errors() -> Iterator[None]:
    """An error that the user can mend becomes one line on stderr and exit status 1."""
    from spyce.config import ConfigError, ConfigWarning
    from spyce.web.errors import ServeError
    warnings.simplefilter('ignore', ConfigWarning)  # the log has it, in one line
    try:
        yield
    except (ConfigError, ServeError) as error:
        raise click.ClickException(str(error)) from error


class _Commands(click.Group):
    """All commands; those for operators, which are large, are imported when none of the others is meant: a CGI program
    starts at each request."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._add_operators()
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands:
            self._add_operators()
        return super().get_command(ctx, cmd_name)

    def _add_operators(self) -> None:
        from spyce.operator import sessions
        self.add_command(sessions)


@click.group(cls=_Commands)
@click.version_option(__version__, prog_name='spyce')
def main() -> None:
    """Spyce: pages with Python in them, and sessions that lose nothing."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)


main.add_command(check)
main.add_command(migrate)
main.add_command(project)


@main.command()
@click.argument('root', default='.', type=click.Path())
@_config_option
@click.option('--host', help='Address to listen at.  [default: 127.0.0.1]')
@click.option('--port', type=click.IntRange(0, 65535), help='Port; 0 picks a free one.  [default: 8000]')
@click.option('--threads', type=click.IntRange(1), help='Requests answered at once in a process.  [default: 8]')
@click.option('--workers', type=click.IntRange(1), help='Processes; more than one needs gunicorn.  [default: 1]')
@click.option('--dev', is_flag=True, help='For work on the site: full error pages; restart and refresh on changes.')
def serve(root: str, config: str | None, host: str | None, port: int | None, threads: int | None,
          workers: int | None, dev: bool) -> None:
    """Serve the pages below ROOT, by default the current folder."""
    from spyce.config import load_config
    from spyce.runtime.terminal import log_to_terminal
    from spyce.web.dev import serve_for_development
    from spyce.web.serve import listen, serve_with_processes, serve_with_threads
    from spyce.web.wsgi import app_for
    logging.getLogger('waitress').setLevel(logging.ERROR)
    os.environ['SPYCE_ENTRY'] = 'www'
    options: dict[str, Any] = {name: value for name, value in
                               [('threads', threads), ('processes', workers)] if value is not None}
    log_to_terminal(root, LOG_FORMAT)
    with _clear_errors():
        if dev:
            if workers not in (None, 1):
                raise click.UsageError('--dev serves with one process: leave --workers out')
            serve_for_development(root, config, host, port, options, LOG_FORMAT)
            return
        settings = load_config(root, config, options)
        with listen(host or settings.ipaddr or '127.0.0.1', settings.port if port is None else port) as listener:
            if settings.processes == 1:
                serve_with_threads(app_for(settings), listener)
            else:
                # Each process reads the configuration itself: what it makes (stores, locks) must not cross a fork.
                serve_with_processes(lambda waits_for_stores: app_for(load_config(root, config, options),
                                                                      waits_for_stores), settings, listener)


@main.command()
@click.argument('page', type=click.Path())
@click.option('--query', default='', metavar='QUERY', help='Query string, such as "a=1&b=2".')
@click.option('--cookie', default='', metavar='COOKIES', help='Cookie header, such as "sessionid=x; lang=en".')
@click.option('--headers', is_flag=True, help='Print status and headers first.')
@click.option('--root', metavar='FOLDER', help="Folder of the site; by default the current one, if PAGE is below it, "
                                               "else PAGE's own.")
@_config_option
def render(page: str, query: str, cookie: str, headers: bool, root: str | None, config: str | None) -> None:
    """Run the file PAGE once and print what it gives. The exit status is 1 if that is an error page."""
    from spyce.runtime.terminal import log_to_terminal
    file, root = _page_and_root(page, root)
    os.environ['SPYCE_ENTRY'] = 'cmd'
    log_to_terminal(root, LOG_FORMAT)
    with _clear_errors():
        app = _make_app(root, config)
    status, header_list, body = _run(app, file, query, cookie)
    out = sys.stdout.buffer
    if headers:
        lines = [status, *(f'{name}: {value}' for name, value in header_list), '', '']
        out.write('\r\n'.join(lines).encode('latin-1'))
    out.write(body)
    out.flush()
    if int(status[:3]) >= 400:
        sys.exit(1)


@main.command('compile')
@click.argument('page', type=click.Path())
@click.option('--root', metavar='FOLDER', help='Folder of the site, as for render.')
@_config_option
def compile_command(page: str, root: str | None, config: str | None) -> None:
    """Print the Python that the file PAGE compiles to, a page or a tag collection, or where it is wrong."""
    from spyce.page import PageSyntaxError
    file, root = _page_and_root(page, root)
    with _clear_errors():
        app = _make_app(root, config)
    server: Any = app.server
    try:
        python = server.compile_collection(file)[0].python if server.is_collection(file) \
            else server.load_page(file).compiled.python
    except PageSyntaxError as error:
        raise click.ClickException(str(error)) from error
    click.echo(python, nl=False)


@main.command()
@click.option('--root', metavar='FOLDER', help='Folder of the site; by default SPYCE_ROOT or DOCUMENT_ROOT.')
@_config_option
def cgi(root: str | None, config: str | None) -> None:
    """Answer one request as a CGI program."""
    from spyce.web.cgi import run
    with _clear_errors():
        run(root, config)


def _make_app(root: str, config: str | None) -> Application:
    from spyce.web.wsgi import make_app
    return make_app(root, config)


def _page_and_root(page: str, root: str | None) -> tuple[str, str]:
    """The absolute name of a page given on the command line, and the root to run it under."""
    file = os.path.abspath(page)
    if not os.path.isfile(file):
        raise click.ClickException(f'there is no file {page}')
    if root is None:
        here = os.getcwd()
        root = here if file.startswith(os.path.join(here, '')) else os.path.dirname(file)
    return file, root


def _run(app: Application, file: str, query: str, cookie: str) -> tuple[str, list[tuple[str, str]], bytes]:
    """Run a page file as a GET request without a web server. Returns status line, headers, body."""
    from spyce.web.request import WebRequest
    from spyce.web.response import WebResponse
    path = quote(os.path.relpath(file, app.root).replace(os.sep, '/'))
    environ: dict[str, Any] = {'PATH_INFO': f'/{path}', 'QUERY_STRING': query, 'REMOTE_ADDR': '127.0.0.1',
                               'wsgi.input': io.BytesIO(), 'wsgi.errors': sys.stderr}
    if cookie:
        environ['HTTP_COOKIE'] = cookie
    setup_testing_defaults(environ)
    started: list[Any] = []
    body = io.BytesIO()

    def start_response(status: str, headers: list[tuple[str, str]]) -> Callable[[bytes], object]:
        started.extend((status, headers))
        return body.write

    request = WebRequest(environ, app.config)
    response = WebResponse(start_response, request, app.config)
    app.server.handle_page(request, response, os.path.realpath(file))
    for part in response.close():
        body.write(part)
    request.close()
    return started[0], started[1], body.getvalue()
