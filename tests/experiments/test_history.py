"""What many visitors saw of their sessions, while workers were killed under them, has an exact explanation."""
from __future__ import annotations

import os
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from spyce.sessions import DbmStore
from tests.experiments.crowd import Crowd, report
from tests.experiments.server import running
from tests.experiments.shop import PAGE_ERROR, make_shop

STORE_FILES = {'sessions.db', 'sessions.db-wal', 'sessions.db-shm', 'lock'}


@pytest.mark.skipif(sys.platform != 'linux', reason='finds the workers in /proc')
def test_every_history_has_an_explanation(tmp_path: Path) -> None:
    with running(make_shop(tmp_path), '--workers', '2') as server:
        crowd = Crowd(server)
        crowd.run(crowd.kill_a_worker)
        assert crowd.surprises == []
        during = Counter(crowd.outcomes)
        crowd.count_once_in_each_session()
        refused = crowd.outcomes['count', 'refused'] - during['count', 'refused']
        assert refused == 0, 'a lock was left behind'
        check_store(tmp_path / 'sessions', crowd, during)
        check_log(server.log.read_text(), crowd)

    assert crowd.find_contradiction() is None
    report(crowd, during)


def check_store(folder: Path, crowd: Crowd, outcomes: Counter[tuple[str, str]]) -> None:
    """Nothing is left behind in the store: no lock, no file, no session that cannot be read."""
    assert set(os.listdir(folder)) == {'spyce-sessions'}
    assert set(os.listdir(folder / 'spyce-sessions')) <= STORE_FILES
    store = DbmStore(folder)
    try:
        ids = store.list()
        for sessionid in ids:
            found = store.fetch(sessionid)
            assert found is not None
            store.lock(found[0].key, timeout=0, max_waiters=0).release()
        alive = sum(life.history[-1].outcome == 'seen' for life in crowd.lives)
        whose_id_got_lost = outcomes['login', 'unknown'] + outcomes['regenerate', 'unknown']
        assert alive <= len(ids) <= alive + whose_id_got_lost
    finally:
        store.close()


def check_log(log: str, crowd: Crowd) -> None:
    """Nothing went wrong but what the pages did wrong, and no id can be learned from the log."""
    errors = set(re.findall(r'^[\w.]*(?:Error|Exception|Locked)\b.*', log, re.MULTILINE))
    assert errors == {f'RuntimeError: {PAGE_ERROR}'}
    assert not any(sessionid in log for life in crowd.lives for sessionid in life.ids)
