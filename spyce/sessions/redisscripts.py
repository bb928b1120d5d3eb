"""What RedisStore has the server do in one step. Each script may be sent twice, should the first answer get lost.

A session is a hash at KEYS[1]:

    v   its items, pickled          c, i, x   created, idle seconds, expires: times of the engine's clock
    n   another at each change of v u         user, for the index
    t   token of who locked it, or changed it without a lock, last
    l   end of the lock's lease, w  until when somebody waits for it: both milliseconds of the server's clock

or, where regenerate() has replaced the id, only p: the new id, when that was, until when the old one is remembered. A
script that finds this does nothing and answers with it; of a key that is not there it answers nothing. KEYS[2] is the
list on which those wait who want the lock. All keys of a script have the same hash tag, so are in one slot.
"""
from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from spyce.sessions.blobs import blob
from spyce.sessions.values import Items

MARGIN = 60.0
"""Seconds that the server keeps what has expired: clocks of machines differ, and `expires` is what counts."""


def milliseconds(seconds: float) -> int:
    """How long the server is to keep what ends after so many seconds."""
    return max(int((seconds + MARGIN) * 1000), 1)


class Script(NamedTuple):
    """Lua for the server, and the name by which it knows a script that it has seen."""

    text: str
    sha: str


def changes(token: str | bytes, items: Items | None, version: str, now: float, slide: tuple[float, float] | None,
            user: str | None) -> list[Any]:
    """What the scripts that write are given."""
    arguments: list[Any] = [token, now, '' if slide is None else milliseconds(slide[1] - now)]
    if items is not None:
        arguments += 'n', version, 'v', blob(items)
    if slide is not None:
        arguments += 'i', slide[0], 'x', slide[1]
    if user is not None:
        arguments += 'u', user
    return arguments


def _script(*parts: str) -> Script:
    text = ''.join(parts)
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


_NOW = """
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
"""

_FIND = _NOW + """
local expires, token, lease, waits, user, version = unpack(redis.call('HMGET', KEYS[1], 'x', 't', 'l', 'w', 'u', 'n'))
if not expires then return redis.call('HGET', KEYS[1], 'p') end
"""

_WAKE = """
if waits and tonumber(waits) > now() and redis.call('LLEN', KEYS[2]) == 0 then
  redis.call('RPUSH', KEYS[2], '')
  redis.call('PEXPIRE', KEYS[2], 10000)
end
"""

def lock_script(lease: float, pause: float) -> Script:
    """Lock and load, for a lease of so many seconds; if somebody else has the lock, he wakes who asks for it within
    `pause` seconds.

    ARGV: token. The fields of the session; an integer if somebody else has the lock: the milliseconds left of it.
    """
    return _script(_NOW, _LOCK % {'lease': lease * 1000, 'pause': pause * 1000})


_LOCK = """
local found = redis.call('HMGET', KEYS[1], 'v', 'x', 'i', 'c', 'u', 'n', 't', 'l', 'w')
if not found[1] then return redis.call('HGET', KEYS[1], 'p') end
local moment = now()
local left = found[8] and found[7] ~= ARGV[1] and tonumber(found[8]) - moment or 0
if left > 0 then
  redis.call('HSET', KEYS[1], 'w', math.max(moment + %(pause)d, tonumber(found[9]) or 0))
  return left
end
redis.call('HSET', KEYS[1], 't', ARGV[1], 'l', moment + %(lease)d)
return found
"""

_RELEASE = """
if token ~= ARGV[1] then return -1 end
redis.call('HSET', KEYS[1], 'l', 0)
""" + _WAKE

RELEASE = _script(_FIND, _RELEASE)
"""ARGV: token. -1 if it is not the last one any more."""

_WRITE = """
if tonumber(expires) <= tonumber(ARGV[2]) then return 0 end
local last = KEYS[3] and #ARGV - 2 or #ARGV
if last > 3 then redis.call('HSET', KEYS[1], unpack(ARGV, 4, last)) end
if ARGV[3] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
if KEYS[3] then
  redis.call('RENAME', KEYS[1], KEYS[3])
  redis.call('HSET', KEYS[1], 'p', ARGV[#ARGV - 1])
  redis.call('PEXPIRE', KEYS[1], ARGV[#ARGV])
end
if ARGV[3] ~= '' then return {user} end
return 1
"""

SAVE_AND_RELEASE = _script(_NOW, """
local expires, token, waits = unpack(redis.call('HMGET', KEYS[1], 'x', 't', 'w'))
if not expires then return redis.call('HGET', KEYS[1], 'p') end
if token ~= ARGV[1] then return -1 end
local lives = tonumber(expires) > tonumber(ARGV[2])
if lives then
  redis.call('HSET', KEYS[1], 'l', '0', 'n', token, 'v', ARGV[3])
else
  redis.call('HSET', KEYS[1], 'l', '0')
end
""", _WAKE, """
return lives and 1 or 0
""")
"""ARGV: token, now, v. As WRITE_AND_RELEASE, in the usual case that nothing else changes, and faster."""

WRITE = _script(_FIND, _WRITE)
"""ARGV: anything, now, milliseconds to live or '', fields and values; then, to give the session a new id, whose key is
KEYS[3], p for the old one and its milliseconds to live. 0 if the session had expired; 1, or with milliseconds to live
the user that the session had in a list, when it is done."""

WRITE_AND_RELEASE = _script(_FIND, _RELEASE, _WRITE)
"""As WRITE, by the holder of the lock: ARGV[1] is his token. -1, and nothing done, if it is not the last one any
more."""

WRITE_IF_SAME = _script(_FIND, """
if version == ARGV[5] then return ARGV[3] ~= '' and {user} or 1 end
if version ~= ARGV[1] or (lease and tonumber(lease) > now()) then return -1 end
redis.call('HSET', KEYS[1], 't', ARGV[5])
""", _WRITE)
"""As WRITE, if n is ARGV[1] and nobody has the lock: -1 if not. The first field is n."""

CREATE = _script("""
if redis.call('HEXISTS', KEYS[1], 'v') == 1 then
  return redis.call('HGET', KEYS[1], 'n') == ARGV[2] and 1 or 0
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'n', ARGV[2], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
""")
"""ARGV: milliseconds to live, n, fields and values. 0 if there is such a session."""

REMOVE = _script(_FIND, """
if ARGV[1] ~= '' and tonumber(expires) > tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
""", _WAKE, """
return {user}
""")
"""ARGV: '', or the time by which the session must have expired, or 0 is the answer. The user in a list."""

INDEX = _script(_NOW, """
local moment = now()
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', moment)
redis.call('ZADD', KEYS[1], moment + ARGV[2], ARGV[1])
redis.call('PEXPIREAT', KEYS[1], redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2])
return 1
""")
"""KEYS: of a user. ARGV: id of a session, milliseconds for which it is remembered."""
