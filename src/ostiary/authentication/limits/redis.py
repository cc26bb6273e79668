"""Limits counted in Redis: one script for all that an event counts on, and keys that go by themselves.

Their keys are ``{limits}:`` and the hash, behind the prefix. What is in braces puts all of them on one node of a
cluster, since a script may reach no other. How long keys live goes by Redis' time, and everything else by the caller's;
they live a second longer than they have to, for callers whose clocks differ.
"""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.authentication.limits.model import Counted, Limits
from ostiary.database.redis import Redis, Script

# Numbers are doubles in Lua, exact to 2^53: microseconds until the year 2255. `tostring` would round them.
# KEYS: limits. ARGV: now, then of each limit its interval and its burst. Returns how long to wait, 0 where all counted.
_COUNT = Script("""
local now, longest, due = tonumber(ARGV[1]), 0, {}
for i, key in ipairs(KEYS) do
  due[i] = math.max(tonumber(redis.call('GET', key) or 0), now)
  longest = math.max(longest, due[i] - tonumber(ARGV[2 * i + 1]) - now)
end
if longest > 0 then return longest end
for i, key in ipairs(KEYS) do
  local later = due[i] + tonumber(ARGV[2 * i])
  redis.call('SET', key, string.format('%.0f', later), 'PX', math.ceil((later - now) / 1000) + 1000)
end
return 0
""")

# KEYS: limits. ARGV: the interval of each.
_TAKE_BACK = Script("""
for i, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 1 then redis.call('DECRBY', key, ARGV[i]) end
end
return 0
""")


class RedisLimits(Limits):
    """See :class:`Limits`."""

    def __init__(self, redis: Redis, secret: bytes) -> None:
        super().__init__(secret)
        self._redis = redis

    async def _count(self, counted: Sequence[Counted], now: int) -> int:
        arguments = [number for each in counted for number in (each.interval, each.burst)]
        wait: int = await self._redis.script(_COUNT, self._keys(counted), [now, *arguments])
        return wait

    async def _due(self, counted: Counted) -> int:
        return int(await self._redis.execute("GET", self._key(counted)) or 0)

    async def _take_back(self, counted: Sequence[Counted]) -> None:
        await self._redis.script(_TAKE_BACK, self._keys(counted), [each.interval for each in counted])

    async def _forget(self, counted: Sequence[Counted]) -> None:
        await self._redis.execute("DEL", *self._keys(counted))

    def _keys(self, counted: Sequence[Counted]) -> list[bytes]:
        return [self._key(each) for each in counted]

    def _key(self, counted: Counted) -> bytes:
        return self._redis.prefix + b"{limits}:" + counted.key_hash
