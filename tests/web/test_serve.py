"""`spyce serve` as a user starts it: a real process, a real socket."""
from __future__ import annotations

import http.client
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

SLOW = """[[
import time, os
open('{started}', 'w').close()
while not os.path.exists('{go}'): {{ time.sleep(0.02) }}
]]finished"""


def get(server, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=30)
    try:
        connection.request('GET', path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode().rstrip('\n')
    finally:
        connection.close()


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < deadline, f'{file.name} did not appear'
        time.sleep(0.02)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    root = tmp_path / 'site'
    root.mkdir()
    (root / 'index.spy').write_text('hello [[= request.env("wsgi.multiprocess") ]]')
    (root / 'slow.spy').write_text(SLOW.format(started=tmp_path / 'started', go=tmp_path / 'go'))
    return root


@pytest.fixture(params=[(), ('--workers', '2')], ids=['waitress', 'gunicorn'])
def server(request, spyce_serve, site):
    return spyce_serve(site, *request.param)


def test_one_line_says_where_the_site_is_and_then_it_answers(server, site):
    assert server.line == f'Serving {site} at http://127.0.0.1:{server.port}/\n'
    status, text = get(server, '/')
    assert (status, text) == (200, f'hello {"--workers" in server.process.args}')
    assert server.stop(signal.SIGTERM) == (0, '')


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT], ids=['SIGTERM', 'SIGINT'])
def test_a_request_in_flight_is_finished_before_the_server_stops(server, tmp_path, number):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(get(server, '/slow.spy')))
    thread.start()
    wait_for(tmp_path / 'started')
    server.process.send_signal(number)
    time.sleep(0.3)  # long enough for a server that does not wait to be gone
    (tmp_path / 'go').touch()
    thread.join(30)
    assert answers == [(200, 'finished')]
    assert server.process.wait(30) == 0


def test_what_is_flushed_arrives_before_the_page_ends(server, site, tmp_path):
    (site / 'stream.spy').write_text(
        '[[ import os, time ]]first[[ response.flush() ]]'
        f"[[ while not os.path.exists('{tmp_path / 'seen'}'): {{ time.sleep(0.02) }} ]]second")
    connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=20)
    connection.request('GET', '/stream.spy')
    answer = connection.getresponse()
    assert answer.read(5) == b'first'
    (tmp_path / 'seen').touch()
    assert answer.read() == b'second\n'
    connection.close()


def test_a_client_that_leaves_does_not_disturb_the_server(spyce_serve, site, tmp_path):
    (site / 'endless.spy').write_text(
        '[[ while not response.isCancelled(): { response.write("x" * 1_000_000); response.flush() } ]]'
        f"[[ open('{tmp_path / 'noticed'}', 'w').close() ]]")
    server = spyce_serve(site)
    connection = socket.create_connection(('127.0.0.1', server.port), timeout=20)
    connection.sendall(b'GET /endless.spy HTTP/1.1\r\nHost: x\r\n\r\n')
    connection.recv(1000)
    connection.close()
    wait_for(tmp_path / 'noticed')
    assert get(server, '/')[0] == 200
    assert server.stop(signal.SIGTERM)[0] == 0
    assert 'Traceback' not in (tmp_path / 'server0.log').read_text()


@pytest.mark.parametrize('length', ['-1', 'many', '99999999999'])
def test_a_length_that_is_wrong_is_refused(spyce_serve, site, length):
    server = spyce_serve(site)
    with socket.create_connection(('127.0.0.1', server.port), timeout=20) as connection:
        connection.sendall(f'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\na=1'.encode())
        first_line = connection.recv(1000).split(b'\r\n')[0]
    assert first_line.split()[1] in (b'400', b'413')
    assert get(server, '/')[0] == 200


def test_a_chunked_body_is_read(spyce_serve, site):
    (site / 'echo.spy').write_text('[[= request.post1("a") ]]')
    server = spyce_serve(site)
    with socket.create_connection(('127.0.0.1', server.port), timeout=20) as connection:
        connection.sendall(b'POST /echo.spy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n'
                           b'Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n'
                           b'3\r\na=h\r\n4\r\nello\r\n0\r\n\r\n')
        answer = b''.join(iter(lambda: connection.recv(1000), b''))
    assert answer.endswith(b'hello\n')
