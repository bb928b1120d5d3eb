"""What operators ask a site: health_path for load balancers, metrics_path for Prometheus."""
from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from spyce.config import ConfigError
from spyce.sessions import DbmStore, MemoryStore, SessionManager, open_store
from spyce.sessions.errors import StoreError
from spyce.testing import Client

PAGES = {'page.spy': '[[.import name=session]][[= session.incr("n") ]]', 'plain.spy': 'plain',
         'end.spy': '[[.import name=session]][[ session.invalidate() ]]', 'health.spy': 'a page of that name'}

MEANWHILE = '[[ import spyce; spyce.getServer().globals["meanwhile"]() ]]'


def value(client: Client, name: str) -> float:
    """Of one figure, with its labels as Prometheus writes them; 0 if it is not there yet."""
    answer = client.get('/metrics')
    assert answer.status == 200
    found = re.search(rf'^{re.escape(name)} (\S+)$', answer.text, re.MULTILINE)
    return float(found[1]) if found else 0.0


class TestHealth:
    def test_a_site_whose_sessions_work_is_well(self, site):
        client = site(PAGES, health_path='/health')
        answer = client.get('/health')
        assert (answer.status, answer.text, answer.headers['Cache-Control']) == (200, 'ok\n', 'no-store')
        assert client.head('/health').text == ''
        assert not list(client.cookies)

    def test_nothing_is_stored(self, site):
        store = MemoryStore()
        site(PAGES, health_path='/health', session_store=store).get('/health')
        assert store.list() == []

    def test_a_store_that_cannot_be_used_is_said_without_a_word_about_it(self, site, caplog):
        class Broken(MemoryStore):
            broken = False

            def check(self) -> None:
                if self.broken:
                    raise StoreError('/secret/place cannot be reached')

        store = Broken()
        client = site(PAGES, health_path='/health', session_store=store)
        store.broken = True
        answer = client.get('/health')
        assert answer.status == 503
        assert 'secret' not in answer.text
        assert '/secret/place' in caplog.text

    def test_a_store_that_breaks_while_it_is_used_is_noticed(self, site, tmp_path):
        (tmp_path / 'data').mkdir()
        client = site(PAGES, health_path='/health', session_store=DbmStore(tmp_path / 'data'))
        assert client.get('/page.spy').status == 200
        file = tmp_path / 'data' / 'spyce-sessions' / 'sessions.db'
        for part in file.parent.glob('sessions.db*'):
            part.write_bytes(b'damaged' * 1000)
        assert client.get('/health').status == 503

    def test_a_flood_of_questions_does_not_reach_the_store(self, site):
        asked = []

        class Asked(MemoryStore):
            def resolve(self, sessionid):
                asked.append(sessionid)
                return super().resolve(sessionid)

        client = site(PAGES, health_path='/health', session_store=Asked())
        for _ in range(50):
            assert client.get('/health').status == 200
        assert len(asked) < 5

    def test_questions_during_a_slow_look_are_answered_at_once(self, site, monkeypatch):
        monkeypatch.setattr('spyce.web.health.KEPT', 0.0)
        looking, go_on = threading.Event(), threading.Event()

        class Slow(MemoryStore):
            is_slow = False

            def resolve(self, sessionid):
                if self.is_slow:
                    looking.set()
                    assert go_on.wait(10)
                return super().resolve(sessionid)

        store = Slow()
        client = site(PAGES, health_path='/health', session_store=store)
        assert client.get('/health').status == 200
        store.is_slow = True
        first = threading.Thread(target=client.get, args=('/health',))
        first.start()
        assert looking.wait(10)
        assert [client.get('/health').status for _ in range(5)] == [200] * 5
        go_on.set()
        first.join()

    def test_it_is_that_path_and_no_other_and_for_reading(self, site):
        client = site(PAGES, health_path='/health')
        assert client.get('/health.spy').text.strip() == 'a page of that name'
        assert client.get('/health/').status == 404
        assert client.post('/health', {}).status == 404

    def test_without_the_option_there_is_none(self, site):
        assert site(PAGES).get('/health').status == 404


class TestMetrics:
    @pytest.fixture
    def client(self, site):
        return site(PAGES, metrics_path='/metrics')

    def test_requests_are_counted_by_the_class_of_their_status(self, client):
        client.get('/plain.spy')
        client.get('/nothing.spy')
        client.get('/nothing.spy')
        assert value(client, 'spyce_requests_total{status="2xx"}') == 1
        assert value(client, 'spyce_requests_total{status="4xx"}') == 2
        assert value(client, 'spyce_request_seconds_count') == 3

    def test_so_is_what_becomes_of_sessions(self, client):
        client.get('/page.spy')
        client.get('/page.spy')
        client.get('/end.spy')
        assert value(client, 'spyce_session_events_total{event="created"}') == 1
        assert value(client, 'spyce_session_events_total{event="ended"}') == 1
        assert value(client, 'spyce_store_seconds_count{operation="save"}') == 1
        assert value(client, 'spyce_session_lock_seconds_count') == 2

    def test_sessions_in_the_store_are_counted(self, site):
        client = site(PAGES, metrics_path='/metrics')
        client.get('/page.spy')
        assert value(client, 'spyce_sessions{state="live"}') == 1

    def test_a_store_that_cannot_count_leaves_the_other_figures(self, site, monkeypatch, caplog):
        monkeypatch.setattr('spyce.metrics.STATS_SECONDS', 0.0)

        class Broken(MemoryStore):
            is_broken = False

            def stats(self, now):
                if self.is_broken:
                    raise OSError('the disk is gone')
                return super().stats(now)

        store = Broken()
        client = site(PAGES, metrics_path='/metrics', session_store=store)
        client.get('/page.spy')
        assert value(client, 'spyce_sessions{state="live"}') == 1
        store.is_broken = True
        assert math.isnan(value(client, 'spyce_sessions{state="live"}'))
        assert value(client, 'spyce_requests_total{status="2xx"}') == 1
        assert 'the disk is gone' in caplog.text

    def test_a_store_that_hangs_does_not_hold_them_up(self, site, monkeypatch):
        monkeypatch.setattr('spyce.metrics.PATIENCE', 0.05)
        go_on = threading.Event()

        class Hanging(MemoryStore):
            def stats(self, now):
                assert go_on.wait(10)
                return super().stats(now)

        client = site(PAGES, metrics_path='/metrics', session_store=Hanging())
        client.get('/page.spy')
        assert value(client, 'spyce_requests_total{status="2xx"}') == 1
        go_on.set()

    def test_who_waits_in_vain_is_counted(self, site):
        client = site(PAGES, metrics_path='/metrics', session_lock_timeout=0.05)
        client.get('/page.spy')
        holder = client.app.server.sessions.request_session([('sessionid', client.cookies['sessionid'])], secure=False)
        try:
            assert holder['n'] == 1
            assert client.get('/page.spy').status == 503
        finally:
            holder.abandon()
        assert value(client, 'spyce_session_refusals_total{reason="in use"}') == 1

    def test_so_are_changes_that_another_request_came_before(self, site, tmp_path):
        pytest.importorskip('sqlalchemy', reason='the package SQLAlchemy is not installed')
        page = '[[.import name=session args="lock=\'merge\'"]][[= session["n"] ]]'
        page += MEANWHILE + '[[ session.put("m", 1) ]]'
        meanwhile = []
        client = site({**PAGES, 'merge.spy': page}, metrics_path='/metrics', globals={
            'meanwhile': lambda: [client.get(path) for path in meanwhile]}, session_store=f'sqlite:///{tmp_path}/s.db')
        client.get('/page.spy')
        assert client.get('/merge.spy').status == 200
        assert value(client, 'spyce_session_conflicts_total') == 0
        meanwhile.append('/page.spy')
        assert client.get('/merge.spy').status == 200
        assert value(client, 'spyce_session_conflicts_total') == 1
        assert value(client, 'spyce_session_refusals_total{reason="taken"}') == 0

    def test_so_are_changes_that_were_refused_since_the_lease_was_lost(self, site, tmp_path):
        pytest.importorskip('sqlalchemy', reason='the package SQLAlchemy is not installed')
        url = f'sqlite:///{tmp_path}/s.db'

        def take_over():
            time.sleep(0.1)
            manager = SessionManager.for_store(open_store(url))
            session = manager.request_session([('sessionid', client.cookies['sessionid'])], secure=False)
            session['n'] = 99
            session.finish()

        client = site({**PAGES, 'slow.spy': '[[.import name=session]][[= session.incr("n") ]]' + MEANWHILE},
                      metrics_path='/metrics', session_store=open_store(url, lease=0.05),
                      globals={'meanwhile': take_over})
        client.get('/page.spy')
        assert client.get('/slow.spy').status == 503
        assert value(client, 'spyce_session_refusals_total{reason="taken"}') == 1
        assert value(client, 'spyce_session_refusals_total{reason="store"}') == 0
        assert client.get('/page.spy').text.strip() == '100'

    def test_sessions_are_exact_with_them_too(self, client):
        assert [client.get('/page.spy').text.strip() for _ in range(3)] == ['1', '2', '3']

    @pytest.mark.parametrize(('address', 'headers', 'status'), [
        ('127.0.0.1', {}, 200), ('::1', {}, 200), ('203.0.113.9', {}, 404), ('10.0.0.9', {}, 404), ('', {}, 404),
        ('127.0.0.1', {'X-Forwarded-For': '203.0.113.9'}, 404), ('127.0.0.1', {'Via': '1.1 proxy'}, 404),
        ('127.0.0.1', {'X-Real-IP': '203.0.113.9'}, 404), ('127.0.0.1', {'X-Forwarded-Proto': 'https'}, 404)])
    def test_strangers_do_not_see_them(self, client, address, headers, status):
        client.app = with_address(client.app, address)
        assert client.get('/metrics', headers=headers).status == status

    @pytest.mark.parametrize(('forwarded', 'status'), [
        ('10.1.2.3', 200), ('203.0.113.9', 404), ('203.0.113.9:4711', 404), ('unknown', 404), ('', 404)])
    def test_the_config_says_who_does(self, site, forwarded, status):
        client = site(PAGES, metrics_path='/metrics', metrics_clients=['10.0.0.0/8', '127.0.0.1'],
                      trusted_proxies=['127.0.0.1'])
        client.app = with_address(client.app, '127.0.0.1')
        headers = {'X-Forwarded-For': forwarded, 'X-Forwarded-Proto': 'https'}
        assert client.get('/metrics', headers=headers).status == status

    def test_nothing_that_a_client_sends_is_in_them(self, client):
        client.get('/planted-path', query={'planted': 'query'}, headers={'User-Agent': 'planted', 'X-Planted': 'x'})
        client.cookies['sessionid'] = 'planted' + 'x' * 36
        client.get('/page.spy')
        assert 'planted' not in client.get('/metrics').text

    def test_without_the_option_prometheus_is_not_imported(self, tmp_path):
        (tmp_path / 'page.spy').write_text('hello')
        program = ('import sys, spyce; app = spyce.make_app(sys.argv[1]); from spyce.testing import Client; '
                   "Client(app).get('/page.spy'); print('prometheus_client' in sys.modules)")
        assert run(program, tmp_path).stdout == 'False\n'

    def test_without_the_package_the_start_says_what_to_install(self, tmp_path):
        program = ("import sys; sys.modules['prometheus_client'] = None; import spyce; "
                   "spyce.make_app(sys.argv[1], metrics_path='/metrics')")
        assert "pip install 'spyce-session[metrics]'" in run(program, tmp_path).stderr

    def test_with_a_folder_for_them_all_processes_count(self, tmp_path: Path):
        (tmp_path / 'www').mkdir()
        (tmp_path / 'figures').mkdir()
        (tmp_path / 'www' / 'page.spy').write_text('hello')
        program = ("import sys, spyce; from spyce.testing import Client; "
                   "client = Client(spyce.make_app(sys.argv[1], metrics_path='/metrics')); client.get('/page.spy'); "
                   "print(client.get('/metrics').text)")
        run(program, tmp_path / 'www', PROMETHEUS_MULTIPROC_DIR=str(tmp_path / 'figures'))
        second = run(program, tmp_path / 'www', PROMETHEUS_MULTIPROC_DIR=str(tmp_path / 'figures'))
        assert 'spyce_requests_total{status="2xx"} 2.0' in second.stdout


def test_one_path_for_both_stops_the_start(site):
    with pytest.raises(ConfigError, match='both'):
        site(PAGES, health_path='/operators', metrics_path='/operators')


def test_a_folder_for_the_figures_that_is_not_there_stops_the_start(site, monkeypatch, tmp_path):
    monkeypatch.setenv('PROMETHEUS_MULTIPROC_DIR', str(tmp_path / 'nowhere'))
    with pytest.raises(ConfigError, match='PROMETHEUS_MULTIPROC_DIR .*nowhere'):
        site(PAGES, metrics_path='/metrics')


@pytest.mark.parametrize('option', ['health_path', 'metrics_path'])
@pytest.mark.parametrize('path', ['health', 7, '/ö'])
def test_what_is_no_path_stops_the_start(site, option, path):
    with pytest.raises(ConfigError, match=option):
        site(PAGES, **{option: path})


def run(program: str, root: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, '-c', program, str(root)], capture_output=True, text=True, check=False,
                          env={**os.environ, **environment})


def with_address(app, address):
    """The application as it is to a client of that address."""
    def application(environ, start_response):
        return app({**environ, 'REMOTE_ADDR': address}, start_response)
    return application
