"""What the engine takes before it has done anything: memory of a worker, time to import and to render once."""
from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks import apps, workplace
from benchmarks.client import first_visit
from benchmarks.http import SERVERS, serving
from benchmarks.measure import Goal, Row, Size, Table, is_installed, row

BARE = 'bare interpreter'
MEBIBYTE = 1 << 20


def tables(size: Size) -> list[Table]:
    """Memory, import, first page; each above a bare interpreter, which stands in a row of its own."""
    rounds = {'tiny': 1, 'full': 31}.get(size.name, 11)
    with tempfile.TemporaryDirectory(dir=workplace.folder()) as name:
        folder = Path(name)
        apps.spyce('memory', folder)  # writes the site
        found = [_import_time(size, rounds), _first_page(folder, rounds)]
        if os.path.exists('/proc/self/smaps_rollup'):
            found.append(_memory(size, folder))
        return found


def _import_time(size: Size, rounds: int) -> Table:
    commands = {BARE: ['-c', 'pass'], 'Spyce': ['-c', 'import spyce']}
    if size.peers:
        commands.update({name: ['-c', f'import {package}'] for name, package in
                         (('Flask', 'flask'), ('CherryPy', 'cherrypy'), ('Jinja2', 'jinja2')) if is_installed(package)})
    return _time_table('import', 'Time to import it, above a bare interpreter', commands, rounds, 0.040)


def _first_page(folder: Path, rounds: int) -> Table:
    page = folder / 'site' / 'plain.spy'
    commands = {BARE: ['-c', 'pass'], 'Spyce': ['-m', 'spyce', 'render', str(page)]}
    return _time_table('render', '`spyce render PAGE`, above a bare interpreter', commands, rounds, 0.120)


def _time_table(key: str, title: str, commands: Mapping[str, list[str]], rounds: int, limit: float) -> Table:
    for command in commands.values() if rounds > 1 else ():
        _seconds(command)  # compiles the modules
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        bare = _seconds(commands[BARE])
        times[BARE].append(bare)
        for name, command in commands.items():
            if name != BARE:
                times[name].append(_seconds(command) - bare)  # of the same moment, as the machine is noisy
    rows = [row(name, values) for name, values in times.items()]
    return Table(key, title, rows, BARE, [Goal('Spyce', at_most=limit)])


def _seconds(arguments: list[str]) -> float:
    # With compiled modules at hand, as an installed package has them, whatever the environment of this process says.
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONDONTWRITEBYTECODE'}
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - start


def _memory(size: Size, folder: Path) -> Table:
    bare = subprocess.Popen([sys.executable, '-c', 'print(flush=True); input()'], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
    assert bare.stdout is not None
    bare.stdout.readline()
    nothing = _private(bare.pid)
    bare.communicate(b'\n')
    rows = [Row(BARE, nothing)]
    serve = ['-m', 'spyce', 'serve', '{folder}/site', '--port', '{port}']
    if is_installed('gunicorn'):
        gunicorn = SERVERS['gunicorn, 2 workers']
        rows.append(_worker('Spyce', 'spyce', folder / 'a', [*serve, '--workers', '2']))
        rows.append(_worker('floor', 'floor', folder / 'b', gunicorn))
        if size.peers and all(map(is_installed, ('flask', 'flask_session', 'cachelib'))):
            rows.append(_worker('Flask', 'flask', folder / 'c', gunicorn))
    else:
        rows.append(_worker('Spyce', 'spyce', folder / 'a', serve))
    for one in rows[1:]:
        one.value -= nothing
    return Table('memory', 'Private memory of an idle worker (gunicorn), above a bare interpreter', rows, BARE,
                 [Goal('Spyce', at_most=25)], unit='MB')


def _worker(name: str, app: str, folder: Path, arguments: list[str]) -> Row:
    """What one process takes that has answered some requests with a session."""
    folder.mkdir()
    if app == 'spyce':
        apps.spyce('disk', folder)
    with serving(app, folder, arguments) as server:
        for _ in range(8):  # several workers: each gets one at least, in all likelihood
            first_visit(server.url + apps.URL)
        workers = Path(f'/proc/{server.pid}/task/{server.pid}/children').read_text().split() or [str(server.pid)]
        return Row(name, max(_private(int(worker)) for worker in workers))


def _private(pid: int) -> float:
    """Megabytes that no other process shares."""
    text = Path(f'/proc/{pid}/smaps_rollup').read_text()
    return sum(int(number) for number in re.findall(r'^Private_(?:Clean|Dirty): +(\d+) kB', text, re.MULTILINE)) \
        * 1024 / MEBIBYTE
