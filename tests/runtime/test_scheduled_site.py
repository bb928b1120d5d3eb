"""Tasks that a config registers run in the workers that serve it, and clean its sessions as the 2.1 manual says."""
from __future__ import annotations

import time

import spyce
from spyce.config import load_config
from spyce.testing import Client
from tests.experiments.server import Visitor, running

CONFIG = """
from spyceconf import *
import os, scheduler, session
session_store = session.DbmStore('.')
scheduler.schedule_daily(0, 0, session.clean_store)
scheduler.schedule(0.05, lambda: open('ran', 'a').write('%d\\n' % os.getpid()))
os.chdir(os.path.dirname(__file__))
"""


def test_a_config_registers_tasks_of_its_own(tmp_path):
    (tmp_path / 'spyceconf.py').write_text("import scheduler\nscheduler.schedule(60, print)\n")
    assert not load_config(tmp_path).schedule.is_empty()
    (tmp_path / 'spyceconf.py').write_text('')
    assert load_config(tmp_path).schedule.is_empty()


def test_a_page_reaches_the_schedule_of_its_server(tmp_path):
    (tmp_path / 'page.spy').write_text('[[ import scheduler; t = scheduler.schedule(60, print) ]]'
                                       '[[= response._api.getServer().schedule.is_empty() ]]'
                                       '[[ scheduler.unschedule(t) ]]'
                                       '[[= response._api.getServer().schedule.is_empty() ]]')
    assert Client(spyce.make_app(tmp_path)).get('/page.spy').text == 'FalseTrue\n'


CALLS = ("scheduler.schedule(60, print), scheduler.schedule(60, print, True), scheduler.schedule_daily(0, 30, print), "
         "scheduler.schedule_daily(0, 30, print, once=True), scheduler.schedule_weekly(6, 23, 59, print), "
         "scheduler.schedule_weekly(day=0, hours=1, minutes=2, callable=print, once=False)")


def test_the_calls_of_2_1_from_a_config_and_from_a_page(tmp_path):
    (tmp_path / 'spyceconf.py').write_text(f"import scheduler\ntasks = [{CALLS}]\nscheduler.unschedule(tasks[0])\n"
                                           "scheduler.pause()\nscheduler.unpause()\n"
                                           "globals = {'tasks': tasks}\n")
    (tmp_path / 'page.spy').write_text(f'[[ import scheduler; tasks = [{CALLS}] ]]'
                                       '[[ for task in tasks: { scheduler.unschedule(task) } ]]'
                                       '[[ scheduler.pause(); scheduler.unpause() ]]'
                                       '[[= [task.last for task in tasks], [task.is_shared for task in tasks] ]]')
    app = spyce.make_app(tmp_path)
    assert [task.is_shared for task in app.config.globals['tasks']] == [True] * 6
    assert Client(app).get('/page.spy').text == f'{([False, True, False, True, False, False], [False] * 6)}\n'


def test_a_paused_schedule_runs_nothing_until_a_page_goes_on(tmp_path):
    (tmp_path / 'spyceconf.py').write_text('import scheduler\nran = []\n'
                                           'scheduler.schedule(0.01, lambda: ran.append(1))\n'
                                           "scheduler.pause()\nglobals = {'ran': ran}\n")
    (tmp_path / 'page.spy').write_text('[[ import scheduler; scheduler.unpause() ]]')
    app = spyce.make_app(tmp_path)
    time.sleep(0.05)
    app.config.schedule.run_due()
    assert app.config.globals['ran'] == []
    Client(app).get('/page.spy')
    app.config.schedule.run_due()
    assert app.config.globals['ran'] == [1]


def test_one_of_several_workers_runs_the_tasks(tmp_path):
    (tmp_path / 'spyceconf.py').write_text(CONFIG)
    (tmp_path / 'page.spy').write_text('ok')
    with running(tmp_path, '--workers', '2') as server, Visitor(server) as visitor:
        assert visitor.get('/page.spy') == (200, 'ok\n')
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            time.sleep(0.1)
            lines = (tmp_path / 'ran').read_text().split() if (tmp_path / 'ran').exists() else []
            if len(lines) >= 5:
                break
    assert len(lines) >= 5
    assert len(set(lines)) == 1
