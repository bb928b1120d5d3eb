"""The command `spyce`: what it prints, its exit status, and errors of one line."""
from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import spyce


@pytest.fixture
def run(tmp_path: Path):
    """run('render', 'page.spy'): the finished process, started in tmp_path."""
    def run_spyce(*arguments: str, module: str = 'spyce', **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, '-m', module, *arguments], capture_output=True, text=True, cwd=tmp_path,
                              timeout=60, env={**os.environ, 'XDG_STATE_HOME': str(tmp_path / 'state'), **environment})
    return run_spyce


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)


def test_version(run):
    assert run('--version').stdout == f'spyce, version {spyce.__version__}\n'


def test_what_only_operators_need_is_imported_for_them():
    code = "import sys, spyce.cli; sys.exit('spyce.operator' in sys.modules)"
    assert subprocess.run([sys.executable, '-c', code], timeout=60).returncode == 0


def test_a_mistyped_name_is_answered_alike_for_all_commands(run):
    hint = 'Did you mean'  # if this click gives any
    assert (hint in run('session').stderr) == (hint in run('rende').stderr)


class TestRender:
    def test_the_body_is_printed(self, run, tmp_path):
        write(tmp_path, 'page.spy', '[[= request.get1("q") ]] [[= request.getHeader("Cookie") ]] é')
        done = run('render', 'page.spy', '--query', 'q=a%26b', '--cookie', 'x=1', PYTHONIOENCODING='utf-8')
        assert (done.returncode, done.stdout, done.stderr) == (0, 'a&b x=1 é\n', '')

    def test_status_and_headers_come_first_if_asked_for(self, run, tmp_path):
        write(tmp_path, 'page.spy', '[[ response.setReturnCode(203); response.addHeader("X-A", "b") ]]x')
        done = run('render', 'page.spy', '--headers')
        head, _, body = done.stdout.partition('\n\n')
        assert body == 'x\n'
        assert head.splitlines() == ['203 NON AUTHORITATIVE INFORMATION', 'Content-Type: text/html; charset=utf-8',
                                     'X-A: b', 'Content-Length: 2']

    def test_an_error_page_is_exit_status_1(self, run, tmp_path):
        write(tmp_path, 'page.spy', 'one\n[[= 1/0 ]]')
        done = run('render', 'page.spy')
        assert done.returncode == 1
        assert 'ZeroDivisionError' in done.stderr
        assert 'page.spy", line 2' in done.stderr

    def test_the_site_is_the_current_folder_or_the_one_given(self, run, tmp_path):
        write(tmp_path, 'top.spi', 'top')
        write(tmp_path, 'sub/page.spy', '[[.include file="/top.spi"]]')
        assert run('render', 'sub/page.spy').stdout.rstrip() == 'top'
        assert run('render', 'sub/page.spy', '--root', 'sub').returncode == 1

    def test_a_hint_about_the_config_is_one_line(self, run, tmp_path):
        write(tmp_path, 'page.spy', 'x')
        write(tmp_path, 'spyceconf.py', 'adminport = 8001')
        done = run('render', 'page.spy')
        assert done.stdout == 'x\n'
        assert 'the option adminport no longer exists' in done.stderr
        assert done.stderr.count('\n') == 1

    def test_a_file_that_is_not_there(self, run):
        done = run('render', 'nosuch.spy')
        assert (done.returncode, done.stderr) == (1, 'Error: there is no file nosuch.spy\n')


class TestCompile:
    def test_the_python_is_printed(self, run, tmp_path):
        write(tmp_path, 'page.spy', '[[ x = 1 ]][[= x ]]')
        done = run('compile', 'page.spy')
        assert done.returncode == 0
        compile(done.stdout, 'page', 'exec')
        assert 'x = 1' in done.stdout

    def test_the_tags_of_a_collection_are_printed(self, run, tmp_path):
        write(tmp_path, 'tags.spi', '[[.tagcollection]][[.begin name=a]][[ x = 1 ]][[.end]][[.begin name=b]][[.end]]')
        done = run('compile', 'tags.spi')
        assert done.returncode == 0
        compile(done.stdout, 'tags', 'exec')
        assert 'x = 1' in done.stdout
        assert '# <b>, line 1' in done.stdout

    def test_an_error_in_the_page_is_located(self, run, tmp_path):
        write(tmp_path, 'page.spy', 'one\n[[ x = ]]')
        done = run('compile', 'page.spy')
        assert (done.returncode, done.stdout) == (1, '')
        assert 'page.spy:2' in done.stderr
        assert 'Traceback' not in done.stderr


class TestServe:
    def test_a_root_that_is_not_there(self, run, tmp_path):
        done = run('serve', 'nosuch')
        assert (done.returncode, done.stderr) == (1, f'Error: there is no folder {tmp_path}/nosuch to serve\n')

    def test_a_port_that_is_taken(self, run):
        with socket.create_server(('127.0.0.1', 0)) as taken:
            port = str(taken.getsockname()[1])
            done = run('serve', '--port', port)
        assert done.returncode == 1
        assert done.stderr == (f'Error: cannot listen at 127.0.0.1 port {port}: Address already in use; '
                               'another port can be given with --port\n')

    def test_a_host_that_is_none(self, run):
        done = run('serve', '--host', 'no such host')
        assert done.returncode == 1
        assert done.stderr.startswith('Error: cannot listen at no such host: ')
        assert done.stderr.count('\n') == 1

    @pytest.mark.parametrize('config, message', [
        ("debug = 'x'", "debug = 'x' cannot be used: expected True or False"),
        ('1/0', 'ZeroDivisionError: division by zero'),
        ("session_store = 'redis:'", "'redis:' names no session store")])
    def test_a_config_that_is_wrong(self, run, tmp_path, config, message):
        write(tmp_path, 'spyceconf.py', config)
        done = run('serve', '--port', '0')
        assert done.returncode == 1
        assert message in done.stderr
        assert done.stderr.count('\n') == 1

    def test_several_workers_without_gunicorn(self, run, tmp_path):
        write(tmp_path, 'hidden/gunicorn.py', 'raise ImportError')
        done = run('serve', '--port', '0', '--workers', '2', PYTHONPATH=str(tmp_path / 'hidden'))
        assert done.returncode == 1
        assert done.stderr == "Error: several workers need gunicorn: pip install 'spyce-session[workers]'\n"

    def test_a_store_that_several_workers_cannot_share(self, run, tmp_path):
        write(tmp_path, 'spyceconf.py', 'import session\nsession_store = session.MemoryStore()')
        done = run('serve', '--port', '0', '--workers', '2')
        assert (done.returncode, done.stdout) == (1, '')
        assert 'MemoryStore' in done.stderr
        assert done.stderr.count('\n') == 1

    def test_a_wrong_option_is_exit_status_2(self, run):
        assert run('serve', '--port', 'x').returncode == 2
        assert run('serve', '--threads', '0').returncode == 2


class TestCgi:
    def test_a_prefix_and_an_action(self, run, tmp_path):
        write(tmp_path, 'page.spy', '[[= request.uri() ]] [[= request.post1("a") ]]')
        common = {'REQUEST_METHOD': 'GET', 'PATH_INFO': '/page.spy', 'QUERY_STRING': 'x=1', 'SERVER_NAME': 'x',
                  'SERVER_PORT': '80', 'SERVER_PROTOCOL': 'HTTP/1.0', 'SPYCE_ROOT': str(tmp_path)}
        prefix = run(module='spyce.web.cgi', SCRIPT_NAME='/cgi-bin/a.cgi', REQUEST_URI='/cgi-bin/a.cgi/page.spy?x=1',
                     **common)
        assert prefix.stdout.startswith('Status: 200 OK\n')
        assert prefix.stdout.endswith('\n\n/cgi-bin/a.cgi/page.spy?x=1 \n')
        action = run('cgi', SCRIPT_NAME='/cgi-bin/a.cgi', REQUEST_URI='/page.spy?x=1', **common)
        assert action.stdout.endswith('\n\n/page.spy?x=1 \n')
