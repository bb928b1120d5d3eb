"""The manual: its examples do what it says, and it builds without a warning."""
from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import click
import pytest

import spyce
from spyce.cli import main
from spyce.config.options import OPTIONS
from spyce.config.sessions import SESSION_OPTIONS
from spyce.legacy.spyceModule import spyceModuleAPI
from spyce.legacy.spyceTag import spyceTag, spyceTagLibrary, spyceTagPlus
from spyce.page import PageSource, compile_page
from spyce.testing import Client
from tests.manual_examples import MANUAL, REQUEST, Example, chapters, examples


def write_site(root: Path, chapter: str) -> None:
    root.mkdir()
    for example in examples(chapter):
        if example.caption and not example.is_request:
            file = root / example.caption
            assert not file.exists(), f'{chapter}.txt:{example.line}: a second {example.caption}'
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(example.text, 'utf-8')


def matches(expected: str, text: str) -> bool:
    """Whether a text is the expected one, white space aside; `...` stands for anything."""
    parts = [re.sub(r'>(\\s\+)?<', r'>\\s*<', r'\s+'.join(map(re.escape, part.split())))
             for part in expected.split('...')]
    return re.fullmatch(r'\s*' + r'.*?'.join(rf'\s*{part}\s*' for part in parts) + r'\s*', text, re.DOTALL) is not None


def ask(client: Client, caption: str, last: Any) -> Any:
    request = REQUEST.fullmatch(caption)
    assert request is not None
    method, rest = request.groups()
    if method == 'PRESS':
        button, *fields = re.split(r' (?=[\w:]+=)', rest)
        return client.press(last, button, fill=dict(field.split('=', 1) for field in fields))
    path, _, body = rest.partition(' ')
    if method == 'POST':
        return client.post(path, dict(parse_qsl(body, keep_blank_values=True)))
    return client.get(path)


@pytest.mark.parametrize('chapter', chapters())
def test_the_examples_of_a_chapter_print_what_it_says(chapter: str, tmp_path: Path) -> None:
    if 'spyce.db' in ''.join(example.text for example in examples(chapter)):
        pytest.importorskip('sqlalchemy', reason='SQLAlchemy is not installed: the extra sql has it')
    root = tmp_path / 'www'
    write_site(root, chapter)
    client = Client(spyce.make_app(str(root), session_store='memory:', site_data=str(tmp_path / 'data')))
    answer = None
    for example in examples(chapter):
        if example.is_request:
            answer = ask(client, example.caption, answer)
            assert matches(example.text, answer.text), \
                f'{chapter}.txt:{example.line}: {example.caption} gives\n{answer.text}\n{answer.errors}'
    if client.app.config.db is not None:
        client.app.config.db.engine.dispose()


@pytest.mark.parametrize('chapter', chapters())
def test_the_other_examples_of_a_chapter_compile(chapter: str) -> None:
    check: dict[str, Callable[[Example], object]] = {
        'spyce': lambda example: compile_page(PageSource(example.text, f'{chapter}.txt:{example.line}')),
        'python': lambda example: compile(example.text, f'{chapter}.txt:{example.line}', 'exec'),
    }
    for example in examples(chapter):
        if example.language in check and not example.caption:
            check[example.language](example)


def chapter_text(chapter: str) -> str:
    return (MANUAL / f'{chapter}.txt').read_text('utf-8')


@pytest.mark.parametrize('option', [*OPTIONS, *SESSION_OPTIONS])
def test_the_chapter_on_configuration_has_every_option(option: str) -> None:
    assert f'``{option}``' in chapter_text('configuration')


MODULES = ('request', 'response', 'redirect', 'include', 'cookie', 'transform', 'compress', 'pool', 'stdout', 'error',
           'spylambda')
HOOKS = {'start', 'init', 'finish'}


def public_names(cls: type[Any]) -> list[str]:
    return [name for name in vars(cls) if not name.startswith('_')]


@pytest.mark.parametrize('module', MODULES)
def test_the_chapter_on_modules_has_every_method(module: str) -> None:
    text = chapter_text('modules')
    cls = getattr(importlib.import_module(f'spyce.modules.{module}'), module)
    assert [name for name in public_names(cls) if name not in HOOKS and not re.search(rf'\b{name}\b', text)] == []


@pytest.mark.parametrize(('chapter', 'names'), [
    ('writing-modules', spyceModuleAPI),
    ('writing-tags', [name for cls in (spyceTag, spyceTagPlus, spyceTagLibrary) for name in public_names(cls)])])
def test_the_chapters_on_writing_have_every_name(chapter: str, names: list[str]) -> None:
    text = chapter_text(chapter)
    assert [name for name in names if f'``{name}' not in text] == []


def all_commands(command: click.Command, name: str) -> dict[str, click.Command]:
    """Each command that does something, by the words that call it."""
    if not isinstance(command, click.Group):
        return {name: command}
    return {full: each for word, child in command.commands.items()
            for full, each in all_commands(child, f'{name} {word}').items()}


@pytest.mark.parametrize(('name', 'command'), all_commands(main, 'spyce').items())
def test_the_chapter_on_commands_has_every_command_and_option(name: str, command: click.Command) -> None:
    text = chapter_text('commands')
    assert re.search(rf'^(``)?{name}\b', text, re.MULTILINE)
    for parameter in command.params:
        for option in parameter.opts if isinstance(parameter, click.Option) else ():
            assert re.search(rf'``{option}\b', text), f'{name} {option}'


def test_what_stands_for_anything() -> None:
    assert matches('a ... z', 'a b\nc  z')
    assert matches('a b', ' a\n b ')
    assert matches('<b> <i>', '<b><i>')
    assert matches('<b><i>', '<b> <i>')
    assert not matches('a ... z', 'a b')
    assert not matches('a', 'a b')


def test_the_manual_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip('sphinx', reason='Sphinx is not installed: make docs builds the manual')
    pytest.importorskip('furo', reason='the theme of the manual is not installed: make docs builds the manual')
    built = subprocess.run([sys.executable, '-m', 'sphinx', '-q', '-W', '--keep-going', '-b', 'html', str(MANUAL),
                            str(tmp_path / 'html')], capture_output=True, text=True)
    assert built.stderr == ''
    assert '<a class="reference internal" href="forms.html">' in (tmp_path / 'html' / 'index.html').read_text('utf-8')
    sections = re.findall(r'<section id="([\w-]+)"', (tmp_path / 'html' / 'sessions.html').read_text('utf-8'))
    assert {'the-promises', 'lock-modes', 'options', 'limits'} <= set(sections)  # of docs/sessions.txt
