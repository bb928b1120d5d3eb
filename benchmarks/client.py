"""Clients of an HTTP server: wrk, or where it is not installed processes of our own, which take more of the machine."""
from __future__ import annotations

import http.client
import itertools
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

CONNECTIONS = 16
PROCESSES = 2
SCRIPT = Path(__file__).with_name('visits.lua')
CLIENT = 'wrk' if shutil.which('wrk') else 'a client in Python'


def first_visit(url: str) -> str:
    """The cookies that a new visitor gets, as he sends them back."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or '', place.port, timeout=30)
    connection.request('GET', place.path)
    response = connection.getresponse()
    response.read()
    connection.close()
    if response.status != 200:
        raise AssertionError(f'{url}: {response.status}')
    return '; '.join(value.partition(';')[0] for name, value in response.getheaders() if name.lower() == 'set-cookie')


def visit(url: str, cookie: str) -> bytes:
    """The page that a visitor gets."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or '', place.port, timeout=30)
    connection.request('GET', place.path, headers={'Cookie': cookie})
    body = connection.getresponse().read()
    connection.close()
    return body


def seconds_per_request(url: str, cookies: Path, seconds: float) -> float:
    """What one request takes while CONNECTIONS are busy all the time. cookies: a file, those of a visitor a line."""
    if CLIENT != 'wrk':
        return _python(url, cookies, seconds)
    done = subprocess.run(['wrk', '-t1', f'-c{CONNECTIONS}', f'-d{max(1, round(seconds))}s', '--timeout', '20s', '-s',
                           SCRIPT, url, '--', cookies], capture_output=True, text=True, check=True)
    rate = re.search(r'Requests/sec:\s*([\d.]+)', done.stdout)
    if rate is None or not float(rate[1]) or 'Non-2xx' in done.stdout or 'Socket errors' in done.stdout:
        raise AssertionError(f'{url}: {done.stdout}{done.stderr}')
    return 1 / float(rate[1])


def _python(url: str, cookies: Path, seconds: float) -> float:
    command = [sys.executable, '-m', 'benchmarks.client', url, str(cookies), str(seconds)]
    clients = [subprocess.Popen([*command, str(number)], stdout=subprocess.PIPE, text=True)
               for number in range(PROCESSES)]
    return 1 / sum(float(client.communicate()[0]) for client in clients)


def _connection(host: str, port: int, requests: Sequence[bytes], offset: int, end: float, counts: list[int]) -> None:
    """Send one request after the other over one connection until the time is over."""
    with socket.create_connection((host, port), 30) as connection, connection.makefile('rb') as stream:
        for request in itertools.islice(itertools.cycle(requests), offset, None):
            if time.monotonic() > end:
                return
            connection.sendall(request)
            if b' 200 ' not in stream.readline():
                raise AssertionError('no 200')
            length = 0
            while (line := stream.readline()) not in (b'\r\n', b''):
                if line.lower().startswith(b'content-length:'):
                    length = int(line[15:])
            stream.read(length)
            counts.append(1)


def main(url: str, cookies: str, seconds: str, number: str) -> None:
    """One process of the client: prints requests per second."""
    place = urlsplit(url)
    requests = [f'GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nCookie: {line}\r\n\r\n'.encode()
                for line in Path(cookies).read_text().splitlines()]
    counts: list[int] = []
    end = time.monotonic() + float(seconds)
    threads = [threading.Thread(target=_connection, args=(
        place.hostname, place.port, requests, (int(number) * 8 + thread) * 13, end, counts))
        for thread in range(CONNECTIONS // PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(len(counts) / float(seconds))


if __name__ == '__main__':
    main(*sys.argv[1:])
