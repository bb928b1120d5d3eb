"""`spyce project`: the new site runs, and its tests pass."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import spyce
from spyce.cli import main
from spyce.testing import Client


def make(folder: Path) -> str:
    result = CliRunner().invoke(main, ['project', str(folder)])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def site(tmp_path: Path) -> Path:
    make(tmp_path / 'new')
    return tmp_path / 'new'


def test_it_says_what_to_do_next(tmp_path):
    output = make(tmp_path / 'a site')
    assert f"spyce serve --dev '{tmp_path}/a site'" in output
    assert f"python -m pytest '{tmp_path}/a site'" in output


def test_the_site_runs(site):
    client = Client(spyce.make_app(site, session_store='memory:'), raise_errors=True)
    page = client.get('/').text
    assert page.lstrip().startswith('<!DOCTYPE html>')
    assert '<title>Welcome</title>' in page
    assert 'Hello, World!' in page
    assert '[[' not in page
    assert client.get('/style.css').status == 200


def test_it_is_served_as_the_command_says(site, spyce_serve):
    from urllib.request import urlopen
    with urlopen(spyce_serve(site).url + '/?name=Ann', timeout=30) as answer:
        assert b'Hello, Ann!' in answer.read()


def test_only_pages_and_the_style_sheet_are_sent(site):
    client = Client(spyce.make_app(site, session_store='memory:'))
    sent = {str(file.relative_to(site)) for file in site.rglob('*')
            if file.is_file() and client.get(f'/{file.relative_to(site)}').status == 200}
    assert sent == {'index.spy', 'style.css'}


def test_its_own_tests_pass(site):
    arguments = ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-W', 'error', str(site)]
    if not _plugin_is_installed():
        arguments[2:2] = ['-p', 'spyce.pytest_plugin']
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=site)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '3 passed' in done.stdout


def _plugin_is_installed() -> bool:
    from importlib.metadata import entry_points
    return any(point.value == 'spyce.pytest_plugin' for point in entry_points(group='pytest11'))


def test_an_empty_folder_is_taken(tmp_path):
    make(tmp_path)
    assert (tmp_path / 'index.spy').exists()


@pytest.mark.parametrize('what', ['file', 'full', 'link'])
def test_a_folder_that_is_in_use_is_refused(tmp_path, what):
    target = tmp_path / 'taken'
    if what == 'file':
        target.write_text('mine')
    elif what == 'link':
        target.symlink_to(tmp_path / 'nowhere')
    else:
        target.mkdir()
        (target / '.mine').write_text('mine')
    result = CliRunner().invoke(main, ['project', str(target)])
    assert result.exit_code == 1
    assert 'not an empty folder' in result.output
    assert sorted(os.listdir(tmp_path)) == ['taken']
    if what == 'full':
        assert os.listdir(target) == ['.mine']


def test_a_folder_that_cannot_be_made_is_an_error_in_one_line(tmp_path):
    (tmp_path / 'file').write_text('')
    result = CliRunner().invoke(main, ['project', str(tmp_path / 'file' / 'site')])
    assert result.exit_code == 1
    assert result.output.startswith('Error: the site cannot be made')


def test_the_files_are_part_of_the_package():
    # Of an installed package too: every file of the folder is in package_data.
    folder = Path(spyce.__file__).parent / 'project'
    assert {file.suffix for file in folder.rglob('*') if file.is_file()} == {'.txt'}
