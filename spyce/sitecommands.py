"""The commands `spyce check` and `spyce migrate`, which look at all files of a site."""
from __future__ import annotations

import logging
import sys

import click


@click.command()
@click.argument('folder', metavar='DIR', default='.', type=click.Path(exists=True, file_okay=False))
@click.option('--config', metavar='FILE', help='Config file; by default spyceconf.py in DIR, if it is there.')
def check(folder: str, config: str | None) -> None:
    """Compile all of the site in DIR and print what is wrong with it.

    Each line says file:line:column: message. Looked at are pages (.spy, .spi), Python files, the config, what lies in
    the folders of its path; and what compiles and will surely fail: Spyce modules, parents and included files that
    are not there. Links are not followed.

    The config is Python, and is run; so are the tag libraries that pages load. No page runs, nor any other module. A
    .spi file that a page includes at compile time is compiled there only, as it may be part of a block.

    The exit status is 1 if anything is wrong, 0 if not; warnings do not count.
    """
    from spyce.checking import SiteCheck
    logging.getLogger('spyce.config').setLevel(logging.ERROR)  # its warnings are among the findings
    site = SiteCheck(folder, config)
    for finding in sorted(site.findings):
        click.echo(str(finding))
    errors, others = len(site.failing), len(site.findings) - len(site.failing)
    result = [_count(errors, 'error') if errors else 'no errors', *([_count(others, 'warning')] if others else [])]
    click.echo(f'{_count(site.pages, "page")}, {_count(site.modules, "Python file")}: {", ".join(result)}.')
    if errors:
        sys.exit(1)


@click.command()
@click.argument('folder', metavar='DIR', default='.', type=click.Path(exists=True, file_okay=False))
@click.option('--write', is_flag=True, help='Write the changes. Each file that changes is kept as FILE.orig, unless '
                                            'there is one.')
def migrate(folder: str, write: bool) -> None:
    """Move the site in DIR from Spyce 2.1 to Python 3.

    Shows, as a unified diff, how its pages (.spy, .spi), modules and config have to change, and what a human has to
    decide or do, with its place in the files as they are. Nothing of the site is run. Links are not followed.

    Pages that are not UTF-8 are read as Western European text, unless the config names an encoding, and are written
    as UTF-8. Code that runs in both Pythons and means something else in Python 3 (a division of integers, keys()
    taken for a list) is changed or told only while some file of the site is of Python 2: keep what this prints.

    The exit status is 0 if all runs as it is, else 1.
    """
    try:
        from spyce.migrate.site import Migration
    except ModuleNotFoundError as error:
        if (error.name or '').partition('.')[0] != 'fissix':
            raise
        raise click.ClickException("spyce migrate needs fissix: pip install 'spyce-session[migrate]'") from error
    migration = Migration(folder)
    failed = False
    for file in migration.changed:
        if not write:
            click.echo(file.diff(), nl=False)
            continue
        try:
            file.write()
            click.echo(f'written: {file.name}')
        except OSError as error:
            failed = True
            click.echo(f'{file.name}:1:1: cannot be written: {error.strerror}')
    for finding in migration.findings:
        click.echo(str(finding))
    click.echo(_summary(len(migration.files), len(migration.changed), len(migration.findings), write))
    if failed or migration.findings or migration.changed:
        sys.exit(1)


def _summary(files: int, changed: int, findings: int, written: bool) -> str:
    if not changed and not findings:
        return f'{_count(files, "file")}: nothing to change.'
    changes = 'written' if written else 'to change (--write does it)'
    return f'{_count(files, "file")}: {changed} {changes}, {_count(findings, "place")} for you to look at.'


def _count(number: int, what: str) -> str:
    return f'{number} {what}' if number == 1 else f'{number} {what}s'
