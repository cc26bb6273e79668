"""The generic cell rate algorithm: so many at once, then one each so often; one number a key (ITU-T I.371)."""

from __future__ import annotations

from collections import OrderedDict

from ostiary.errors import RateLimited


class Limiter:
    """Counts one kind of event for many keys, in this process.

    A key costs one number, the time at which its last event would be due if events came evenly. Keys whose time is
    past count as unseen, so memory is bounded by ``max_keys``: when it is reached, the key that was used longest ago is
    forgotten, and an attacker who spreads over that many keys is the per-account limits' business.
    """

    def __init__(self, count: int, seconds: int, max_keys: int = 100_000) -> None:
        """At most ``count`` events at once, and in the long run ``count`` in ``seconds`` seconds."""
        self._interval = seconds * 1000 / count
        self._burst = seconds * 1000 - self._interval
        self._max_keys = max_keys
        self._due: OrderedDict[str, float] = OrderedDict()

    def hit(self, key: str, now: int) -> None:
        """Count one event for ``key`` at ``now`` (milliseconds).

        Raises:
            RateLimited: it is one too many; not counted, ``retry_after`` says when the next one is allowed.
        """
        due = max(self._due.get(key, 0.0), float(now))
        wait = due - self._burst - now
        if wait > 0:
            raise RateLimited(retry_after=int(wait // 1000) + 1)
        self._due[key] = due + self._interval
        self._due.move_to_end(key)
        if len(self._due) > self._max_keys:
            self._due.popitem(last=False)

    def take_back(self, key: str) -> None:
        """Uncount one event for ``key``: it was let through here and then not carried out."""
        if key in self._due:
            self._due[key] -= self._interval

    def forget(self, key: str) -> None:
        """Start afresh for ``key``: it has proved itself."""
        self._due.pop(key, None)
