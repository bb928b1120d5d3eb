"""How often a password may be tried: bounded in time and memory, for each process by itself."""
from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address, ip_network

WINDOW = 15 * 60.0
"""Seconds, from the first attempt that fails, in which attempts are counted."""

PER_NAME_AND_ADDRESS = 10
PER_NAME = 100
PER_ADDRESS = 100
"""Attempts that may fail. The first stops who guesses; the others, who guesses from many addresses or many names. They
are higher, since many people can share an address, and nobody should be able to lock out a user with ten requests."""

MOST_KEYS = 20_000
"""Counters kept; the oldest are forgotten first."""

IPV6_NETWORK = 64
"""Bits of an IPv6 address that one customer has for himself."""


class Throttle:
    """Counts the attempts of one process. Safe for threads."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._mutex = threading.Lock()
        self._counters: OrderedDict[bytes, tuple[int, float]] = OrderedDict()  # key -> attempts, end of the window

    def attempt(self, name: str, address: str) -> float:
        """Count an attempt to log in. 0.0 if it may be made, else the seconds after which another one may.

        It counts as failed until succeeded() is called: attempts at once cannot slip in while the first is checked.
        """
        now = self._clock()
        limits = _keys(name, address)
        with self._mutex:
            wait = max(self._wait(key, limit, now) for key, limit in limits)
            if not wait:
                for key, _ in limits:
                    self._count(key, now)
        return wait

    def succeeded(self, name: str, address: str) -> None:
        """The password of the last attempt was right: those before it are forgotten, but for the address, where an
        account of his own would give the guesser new attempts."""
        (pair, _), (name_key, _), (address_key, _) = _keys(name, address)
        with self._mutex:
            self._counters.pop(pair, None)
            for key in (name_key, address_key):
                count, until = self._counters.get(key, (0, 0.0))
                if count:
                    self._counters[key] = (count - 1, until)

    def __len__(self) -> int:
        return len(self._counters)

    def _wait(self, key: bytes, limit: int, now: float) -> float:
        count, until = self._counters.get(key, (0, 0.0))
        return until - now if count >= limit and now < until <= now + WINDOW else 0.0

    def _count(self, key: bytes, now: float) -> None:
        count, until = self._counters.pop(key, (0, 0.0))
        if not now < until <= now + WINDOW:  # over, or the clock was set back
            count, until = 0, now + WINDOW
        self._counters[key] = (count + 1, until)
        if len(self._counters) > MOST_KEYS:
            self._counters.popitem(last=False)


def _keys(name: str, address: str) -> tuple[tuple[bytes, int], tuple[bytes, int], tuple[bytes, int]]:
    """The counters of an attempt, each with its limit; hashed, as a name may be long, and may be a password."""
    who = _digest('name', name.casefold())
    where = _digest('address', _network(address))
    return (who + where, PER_NAME_AND_ADDRESS), (who, PER_NAME), (where, PER_ADDRESS)


def _digest(kind: str, text: str) -> bytes:
    return hashlib.blake2b(f'{kind} {text}'.encode('utf-8', 'surrogatepass'), digest_size=16).digest()


def _network(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    mapped = parsed.ipv4_mapped  # how a server that listens for both writes an IPv4 address
    return str(mapped or ip_network((parsed, IPV6_NETWORK), strict=False))
