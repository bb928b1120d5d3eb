"""Logins of a site that several processes serve."""
from __future__ import annotations

import json
import subprocess
import sys

import pytest

SITE = '''
import sys, time
import spyce
from spyce.login import FileStorage
from spyce.sessions import DbmStore, MemoryStore
from spyce.testing import Client

root, kind = sys.argv[1:3]
options = dict(session_store=DbmStore(root + '/../data')) if kind == 'dbm' else dict(
    session_store=MemoryStore(), login_storage=FileStorage(root + '/../data'))
client = Client(spyce.make_app(root, site_data=root + '/../data/site', **options))
'''

PAGE = '<spy:login_required validator="auth.check"/>secret for [[= request.login_id() ]]'


@pytest.fixture(params=['dbm', 'files'])
def run(request, tmp_path):
    """run(code, *arguments) -> a process that serves the site and runs `code`, not waited for."""
    root = tmp_path / 'www'
    root.mkdir()
    (tmp_path / 'data').mkdir()
    (root / 'page.spy').write_text(PAGE)
    (root / 'auth.py').write_text('def check(login, password): return 7 if password == "pw" else None')
    started = []

    def start(code, *arguments):
        process = subprocess.Popen([sys.executable, '-c', SITE + code, str(root), request.param, *arguments],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def answer(process):
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return json.loads(out)


LOG_IN = '''
import json
client.post('/page.spy', {'_spy_login_user': 'ann', '_spy_login_password': 'pw', '_spy_login_rememberme': '1'})
print(json.dumps(client.cookies['_spy_login']))
'''

VISIT = '''
import json
from spyce.login.manager import ROTATION
client.app.server.sessions.clock = lambda: time.time() + float(sys.argv[4])
client.cookies['_spy_login'] = sys.argv[3]
print('ready', flush=True)
sys.stdin.readline()
answer = client.get('/page.spy')
print(json.dumps([answer.text, [cookie.value for cookie in answer.set_cookies]]))
'''


def test_a_login_of_one_process_is_known_to_the_others_and_changes_once(run):
    token = answer(run(LOG_IN))
    processes = [run(VISIT, token, str(2 * 86400)) for _ in range(3)]
    for process in processes:
        assert process.stdout.readline() == 'ready\n'
    for process in processes:  # all at once
        process.stdin.write('\n')
        process.stdin.flush()
    answers = [answer(process) for process in processes]
    assert [text for text, _ in answers] == ['secret for 7\n'] * 3
    [new] = [cookie for _, cookies in answers for cookie in cookies]
    assert new.partition('.')[0] == token.partition('.')[0] and new != token


END = '''
import json
import spyce.login
from spyce.runtime.context import serving
with serving(client.app.server, None):
    print(json.dumps(spyce.login.end_all(7)))
'''


def test_a_program_beside_the_server_logs_a_user_out(run):
    token = answer(run(LOG_IN))
    assert answer(run(END)) == 1
    visit = run(VISIT, token, '0')
    assert visit.stdout.readline() == 'ready\n'
    visit.stdin.write('\n')
    text, _ = answer(visit)
    assert 'secret' not in text
