"""The command `spyce project`: a small new site to begin with, from the files in spyce/project/."""
from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

MODEL = Path(__file__).with_name('project')

ENDING = '.txt'
"""What each file in spyce/project/ has after its name, so that nothing takes it for a part of the engine."""


@click.command()
@click.argument('folder', metavar='DIR')
def project(folder: str) -> None:
    """Make a small new site in DIR: a page, a layout, a configuration, a module, and a test."""
    try:
        if os.path.lexists(folder) and (not os.path.isdir(folder) or os.listdir(folder)):
            raise click.ClickException(f'{folder} is there and not an empty folder; name one that is new or empty')
        for model in sorted(MODEL.rglob('*' + ENDING)):
            path = os.path.join(folder, model.relative_to(MODEL).with_suffix(''))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'xb') as file:
                file.write(model.read_bytes())
    except OSError as error:
        raise click.ClickException(f'the site cannot be made: {error}') from error
    shown = shlex.quote(folder)
    click.echo(f'There is a site in {folder} now. Next:\n'
               f'    spyce serve --dev {shown}    work on it, and look at it at http://127.0.0.1:8000/\n'
               f'    python -m pytest {shown}     run its tests (pip install pytest)\n'
               f'    spyce serve {shown}          let others see it')
