"""A site whose pages do to a session whatever a session allows, and report what they saw."""
from __future__ import annotations

from pathlib import Path

LOCK_TIMEOUT = 0.25
HOLD = 0.5
PAGE_ERROR = 'an error of the page'
WORK = 0.004
"""Seconds that pages take at most between reading and writing, so that they overlap."""

LOGIN = """[[.import name=session]][[.import name=request]][[
session.put('life', request.get1('life'))
]][[= session.sessionid ]]"""

# Each page answers "none" if there is no session, else a JSON object. The branches are the operations.
ACT = """[[.import name=session]][[.import name=request]][[\\
import json, random, time
do, key, value = request.get1('do'), request.get1('key'), request.get1('value')
life = session.get('life')
time.sleep(random.uniform(0, WORK))
answer = None
if life is not None:
    if do in ('count', 'hold', 'fail', 'rollback'):
        answer = session.get('n', 0) + 1
        session.put('n', answer)
    if do == 'hold':
        time.sleep(HOLD)
    elif do == 'fail':
        raise RuntimeError('PAGE_ERROR')
    elif do == 'rollback':
        session.rollback()
        raise RuntimeError('PAGE_ERROR')
    elif do == 'put':
        answer = session.get(key)
        session.put(key, value)
    elif do == 'delete':
        answer = session.get(key)
        session.delete(key)
    elif do == 'regenerate':
        session.regenerate()
        answer = session.sessionid
    elif do == 'invalidate':
        session.invalidate()
]][[= json.dumps([life, answer]) ]]"""

MERGE = """[[.import name=session args="lock='merge'"]][[.import name=request]][[\\
import json, random, time
do, key, value = request.get1('do'), request.get1('key'), request.get1('value')
life = session.get('life')
time.sleep(random.uniform(0, WORK))
answer = None
if life is not None:
    if do == 'incr':
        answer = session.incr('n')
    elif do == 'merge put':
        session.put(key, value)
    elif do == 'merge delete':
        session.delete(key)
]][[= json.dumps([life, answer]) ]]"""

READ = """[[.import name=session args="readonly=True"]][[\\
import json
items = dict(session)
life = items.pop('life', None)
]][[= json.dumps([life, items]) ]]"""

CONFIG = f"""from spyceconf import *
import session
session_store = STORE
session_lock_timeout = {LOCK_TIMEOUT}
session_expire = 600
"""

PAGE_OF = {'read': 'read', 'incr': 'merge', 'merge put': 'merge', 'merge delete': 'merge'}


def make_shop(folder: Path, store: str = "session.DbmStore('../sessions')") -> Path:
    """Write the site into `folder`; its root. store: what its config says; by default they are in folder/sessions."""
    root = folder / 'www'
    root.mkdir(parents=True)
    (folder / 'sessions').mkdir()
    (root / 'login.spy').write_text(LOGIN)
    (root / 'act.spy').write_text(_filled(ACT))
    (root / 'merge.spy').write_text(_filled(MERGE))
    (root / 'read.spy').write_text(READ)
    (root / 'spyceconf.py').write_text(CONFIG.replace('STORE', store))
    return root


def _filled(page: str) -> str:
    return page.replace('HOLD', str(HOLD)).replace('WORK', str(WORK)).replace('PAGE_ERROR', PAGE_ERROR)
