"""The command `spyce sessions`: what a site's operator can see of its sessions, and end."""
from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, cast

import click

if TYPE_CHECKING:
    from spyce.sessions import SessionManager
    from spyce.sessions.info import SessionInfo
    from spyce.sessions.native import Entry, NativeStore

Command = Callable[..., Any]

SHOWN = 8
"""Characters shown of an id, which is a key to the session."""
LEAST = 4
"""Characters of an id that show and destroy want at least."""
WIDEST = 100
"""Characters shown of a value or of a list of names."""
SECRET = re.compile(r'passw|token|secret', re.IGNORECASE)
MASK = '(hidden; --values shows it)'
UNITS = {'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 604800}


def _seconds(context: click.Context, option: click.Parameter, text: str | None) -> float | None:
    """A time such as 90m in seconds."""
    match = re.fullmatch(r'([0-9]+(?:\.[0-9]+)?)([smhdw])', text or '')
    if text is not None and match is None:
        raise click.BadParameter(f'{text!r} is not a time: give a number with s, m, h, d or w, such as 90m or 30d')
    return None if match is None else float(match[1]) * UNITS[match[2]]


def _site_options(command: Command) -> Command:
    for option in (
        click.option('--json', 'as_json', is_flag=True, help='Print JSON: one document, of list one for each line.'),
        click.option('--config', metavar='FILE', help='Config file; by default spyceconf.py in ROOT, if it is there.'),
        click.option('--root', metavar='ROOT', help='Folder of the site; by default the current one.'),
    ):
        command = option(command)
    return command


def _full_ids_option(command: Command) -> Command:
    return click.option('--full-ids', is_flag=True, help='Print ids in full. Whoever sees one can use that session.')(
        command)


@click.group('sessions')
def sessions() -> None:
    """See, clean away and end the sessions of a site, while it is served or not."""
    logging.getLogger().setLevel(logging.WARNING)  # what the command says is its output


@sessions.command('list')
@_site_options
@_full_ids_option
@click.option('--limit', type=click.IntRange(1), default=1000, show_default=True, help='Most sessions to list.')
def list_command(root: str | None, config: str | None, as_json: bool, full_ids: bool, limit: int) -> None:
    """List the sessions in the store, with those that have ended and are not cleaned away yet."""
    with _manager(root, config) as manager:
        found = list(manager.sessions(limit + 1))
        infos, now = found[:limit], manager.clock()
        if as_json:
            for info in infos:
                _print_json(_facts(info, full_ids))
        else:
            titles = ['ID', 'CREATED', 'ENDS', 'BYTES', 'USER', 'ITEMS']
            _print_table(titles, [_row(info, full_ids, now) for info in infos])
        if len(found) > limit:
            click.echo(f'These are {limit}; there are more: see --limit.', err=True)


@sessions.command(context_settings={'ignore_unknown_options': True})  # an id may begin with -
@click.argument('sessionid', metavar='ID')
@_site_options
@_full_ids_option
@click.option('--values', is_flag=True, help='Print the values in full, also those of names that look like secrets.')
def show(sessionid: str, root: str | None, config: str | None, as_json: bool, full_ids: bool, values: bool) -> None:
    """Show the session ID, of which the first characters are enough, with its items."""
    with _manager(root, config) as manager:
        info, items = manager.show(_full_id(manager, sessionid))
        printed = {name: _printed(name, value, values) for name, value in items.items()}
        if as_json:
            _print_json({**_facts(info, full_ids), 'items': printed})
            return
        _print_table(['SESSION', _shown_id(info.id, full_ids)], [
            ['created', _local(info.created)], ['ends', _end(info, manager.clock())],
            ['idle time', f'{info.idle:g} s'], ['bytes', str(info.size)], ['user', _user(info)]])
        click.echo()
        _print_table(['ITEM', 'VALUE'], [[_clean(name), text] for name, text in printed.items()])


@sessions.command()
@_site_options
def stats(root: str | None, config: str | None, as_json: bool) -> None:
    """Count sessions and bytes."""
    with _manager(root, config) as manager:
        numbers = manager.stats()
        if as_json:
            _print_json({name: _utc(value) if name in ('oldest', 'newest') else value
                         for name, value in numbers.items()})
            return
        rows = [[name, _local(value) if name in ('oldest', 'newest') else str(value)]
                for name, value in numbers.items() if name != 'files']
        files = [[_clean(name), f'{size} bytes'] for name, size in numbers.get('files', {}).items()]
        _print_table(['STORE', _clean(repr(manager.store))], rows + files)


@sessions.command()
@_site_options
def clean(root: str | None, config: str | None, as_json: bool) -> None:
    """Remove the sessions that have ended from the store."""
    with _manager(root, config) as manager:
        _print_count('removed', manager.clean(), 'that had ended', as_json)


@sessions.command(context_settings={'ignore_unknown_options': True})
@click.argument('sessionid', metavar='ID', required=False)
@click.option('--older-than', callback=_seconds, metavar='DURATION',
              help='End all sessions that were made longer ago, such as 12h or 30d, used or not.')
@click.option('--yes', is_flag=True, help='Do not ask.')
@_site_options
def destroy(sessionid: str | None, older_than: float | None, yes: bool, root: str | None, config: str | None,
            as_json: bool) -> None:
    """End the session ID at once, or all that are older than DURATION; what requests still put into it is lost."""
    if (sessionid is None) == (older_than is None):
        raise click.UsageError('Give either ID or --older-than DURATION.')
    with _manager(root, config) as manager:
        if older_than is None:
            assert sessionid is not None
            if not manager.destroy(_full_id(manager, sessionid)):
                _fail_unknown(sessionid)
            _print_count('ended', 1, '', as_json)
            return
        if not yes and sys.stdin.isatty():
            since = _local(manager.clock() - older_than)
            click.confirm(f'End all sessions that were made before {since}?', abort=True, err=True)
        _print_count('ended', manager.destroy_older_than(older_than), '', as_json)


@sessions.command('copy')
@click.argument('source', metavar='FROM')
@click.argument('target', metavar='TO')
@click.option('--again', is_flag=True, help='Bring an earlier copy up to date, before TO is used: also remove there '
                                            'what FROM has no more.')
@_site_options
def copy_command(source: str, target: str, again: bool, root: str | None, config: str | None, as_json: bool) -> None:
    """Copy the sessions of the store FROM to the store TO.

    Both are URLs, as session_store in a config can be, such as dbm:/var/lib/site or redis://host; `site:` is the store
    of the site. FROM may be in use; TO must be empty, and not in use yet.
    """
    from spyce.sessions.copying import NotEmpty, Nothing, copy_sessions
    if again and target == 'site:':
        raise click.UsageError('--again ends what FROM has no more, so TO cannot be the store that the site uses.')
    with _manager(root, config) as manager, _store_at(source, manager) as from_store, \
            _store_at(target, manager) as to_store:
        try:
            copied = copy_sessions(from_store, to_store, manager.clock(), partial(_user_of, manager), again)
        except Nothing:
            raise click.ClickException(f'{from_store!r} has no sessions, so all those of {to_store!r} would end: look '
                                       'whether you have named the right stores, in the right order') from None
        except ValueError as error:
            raise click.ClickException(f'{to_store!r} has something that cannot be read under the id of a session of '
                                       f'FROM: remove it, or name an empty store ({error})') from error
        except NotEmpty:
            raise click.ClickException(f'{to_store!r} has sessions already: name an empty store, or bring an earlier '
                                       'copy up to date with --again') from None
        if as_json:
            _print_json(copied._asdict())
        else:
            click.echo(', '.join(f'{count} {what}' for what, count in copied._asdict().items()))


def _user_of(manager: SessionManager, sessionid: str, entry: Entry) -> str:
    """Whose session or login it is. A store with the five methods of 2.1 does not know."""
    from spyce.login.storage import USER
    from spyce.sessions.ids import LOGIN_PREFIX
    from spyce.sessions.users import index_of
    index = USER if sessionid.startswith(LOGIN_PREFIX) else manager.options.session_index
    return entry.user or (index_of(entry.items, index, manager.values) if index else '')


@contextmanager
def _store_at(url: str, manager: SessionManager) -> Iterator[NativeStore]:
    """The store that an argument of copy names. An error that the operator can mend is raised as ClickException."""
    from spyce.sessions import open_store
    if url == 'site:':
        yield manager.native
        return
    try:
        store = cast('NativeStore', open_store(url))
        if getattr(store, 'keeps_live', False):
            raise ValueError('memory: is the memory of this command alone')
        store.check()
    except (ValueError, ImportError) as error:
        raise click.ClickException(str(error)) from error
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _manager(root: str | None, config: str | None) -> Iterator[SessionManager]:
    """The sessions of a site. An error that the operator can mend becomes one line and exit status 1."""
    from spyce.cli import _clear_errors
    from spyce.config import load_config
    from spyce.runtime.context import serving
    from spyce.sessions import MemoryStore, SessionError
    from spyce.web.wsgi import app_for
    os.environ['SPYCE_ENTRY'] = 'cmd'
    with _clear_errors():
        app = app_for(load_config(root, config))
        server: Any = app.server
        if isinstance(server.config.session_store, MemoryStore):
            raise click.ClickException('session_store = MemoryStore(): these sessions are in the memory of the '
                                       'process that serves them, where no command can see them')
        try:
            with serving(server, None):  # values may be of classes that only the site's own modules have
                yield server.sessions
        except SessionError as error:
            raise click.ClickException(str(error)) from error
        finally:
            server.sessions.close()


def _full_id(manager: SessionManager, text: str) -> str:
    """The id that `text` is, or is the beginning of."""
    start = text.removesuffix('...')
    if len(start) < LEAST:
        raise click.ClickException(f'{text!r} is too short: give at least {LEAST} characters of the id')
    found = [sessionid for sessionid in manager.native.list() if sessionid.startswith(start)]
    if not found:
        _fail_unknown(text)
    if len(found) > 1 and start not in found:
        raise click.ClickException(f'{len(found)} sessions have ids that begin with {start!r}: give more of it (list '
                                   '--full-ids prints ids in full)')
    return start if start in found else found[0]


def _fail_unknown(text: str) -> NoReturn:
    raise click.ClickException(f'there is no session {text!r}')


def _facts(info: SessionInfo, full_ids: bool) -> dict[str, Any]:
    return {'id': _shown_id(info.id, full_ids), 'created': _utc(info.created), 'ends': _utc(info.expires),
            'idle': info.idle, 'bytes': info.size, 'user': info.user, 'names': list(info.names)}


def _row(info: SessionInfo, full_ids: bool, now: float) -> list[str]:
    return [_shown_id(info.id, full_ids), _local(info.created), _end(info, now), str(info.size), _user(info),
            _cut(' '.join(map(_clean, info.names)))]


def _shown_id(sessionid: str, full: bool) -> str:
    return sessionid if full else sessionid[:SHOWN] + '...'


def _user(info: SessionInfo) -> str:
    return '' if info.user is None else _cut(_clean(str(info.user)))


def _end(info: SessionInfo, now: float) -> str:
    return _local(info.expires) + (' (ended)' if info.expires <= now else '')


def _local(moment: float | None) -> str:
    return '' if moment is None else datetime.fromtimestamp(moment).strftime('%Y-%m-%d %H:%M:%S')


def _utc(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec='seconds')


def _printed(name: str, value: Any, in_full: bool) -> str:
    if in_full:
        return _repr(value)
    return MASK if SECRET.search(name) else _cut(_repr(_masked(value)))


def _masked(value: Any) -> Any:
    """The value without what lies under names that look like secrets."""
    if type(value) is dict:
        return {name: MASK if isinstance(name, str) and SECRET.search(name) else _masked(item)
                for name, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_masked, value))
    return value


def _repr(value: Any) -> str:
    try:
        return _clean(repr(value))
    except Exception as error:
        return f'<{type(value).__name__} whose repr() fails: {type(error).__name__}>'


def _clean(text: str) -> str:
    """The text as it is safe for a terminal: visitors' data may be in it."""
    return ''.join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _cut(text: str) -> str:
    return text if len(text) <= WIDEST else text[:WIDEST - 3] + '...'


def _print_json(document: object) -> None:
    click.echo(json.dumps(document))


def _print_count(done: str, count: int, which: str, as_json: bool) -> None:
    if as_json:
        _print_json({done: count})
    else:
        click.echo(f'{done} {count} session{"" if count == 1 else "s"} {which}'.rstrip())


def _print_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """On a terminal a table by rich, if that is installed; else aligned columns."""
    rows = list(rows)
    if sys.stdout.isatty():
        try:
            from rich.console import Console
            from rich.table import Table
            from rich.text import Text
        except ImportError:
            pass  # it is optional
        else:
            table = Table(*titles)
            for row in rows:
                table.add_row(*map(Text, row))
            Console().print(table)
            return
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for line in [titles, *rows]:
        click.echo('  '.join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
