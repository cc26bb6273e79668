"""Named windows of time, such as business hours: days of the week and hours of the day, by the clock of one place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import cast

import msgspec

from ostiary.authorization.conditions.faults import InvalidCondition
from ostiary.authorization.conditions.times import Timestamp, local_time, time_zone

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MEMBERS = frozenset({"time_zone", "days", "from", "to"})
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)
_DAY = 24 * 60


class Window(msgspec.Struct, frozen=True):
    """A window that opens on ``days`` (Monday 0) at ``starts`` and closes just before ``ends``.

    ``starts`` and ``ends`` are minutes of the day on the clock of ``time_zone`` (IANA). ``ends`` is past 1440 where the
    window closes on the next day; the day that counts is the one that it opens on.
    """

    name: str
    time_zone: str
    days: frozenset[int]
    starts: int
    ends: int


def within(moment: Timestamp, window: Window) -> bool:
    """Whether the window is open. It goes by the clock on the wall: an hour that is skipped in spring is skipped here,
    one that comes twice in autumn counts both times. Raises ValueError at the ends of the calendar.
    """
    local = local_time(moment, time_zone(window.time_zone))
    minute, day = local.hour * 60 + local.minute, local.weekday()
    if window.starts <= minute < window.ends and day in window.days:
        return True
    return minute + _DAY < window.ends and (day - 1) % 7 in window.days


def parse_window(name: str, data: Mapping[str, object]) -> Window:
    """``{"time_zone": "Europe/Berlin", "days": ["mon", "tue"], "from": "09:00", "to": "17:00"}``.

    Without ``days`` it opens every day. A window whose ``to`` is not after its ``from`` closes on the next day. The end
    of a day is ``24:00``.

    Raises:
        InvalidCondition: it is no window; ``path`` names the member, such as ``window.business_hours.from``.
    """
    path = f"window.{name}"
    if not _NAME.fullmatch(name):
        raise InvalidCondition("This is no name of a window.", hint="Use a-z, 0-9 and _.", path="window")
    if unknown := next((member for member in data if member not in _MEMBERS), None):
        raise InvalidCondition(
            "A window has no such member.", hint="It has time_zone, days, from, to.", path=f"{path}.{unknown}"
        )
    starts, ends = (_minutes(data.get(member), f"{path}.{member}") for member in ("from", "to"))
    if starts in (ends, _DAY):
        raise InvalidCondition("The window is empty.", hint="A whole day is from 00:00 to 24:00.", path=f"{path}.to")
    return Window(
        name=name,
        time_zone=_zone(data.get("time_zone"), f"{path}.time_zone"),
        days=_days(data.get("days", DAYS), f"{path}.days"),
        starts=starts,
        ends=ends if ends > starts else ends + _DAY,
    )


def _minutes(value: object, path: str) -> int:
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidCondition("This is no time of the day.", hint='Write "09:00".', path=path)
    hours, minutes = found.groups()
    return _DAY if hours is None else int(hours) * 60 + int(minutes)


def _zone(value: object, path: str) -> str:
    try:
        if isinstance(value, str):
            time_zone(value)
            return value
    except ValueError:
        pass
    raise InvalidCondition("There is no such time zone.", hint='Write "Europe/Berlin" or "UTC".', path=path)


def _days(value: object, path: str) -> frozenset[int]:
    if isinstance(value, list | tuple | AbstractSet) and value and all(day in DAYS for day in value):
        return frozenset(DAYS.index(cast("str", day)) for day in value)
    raise InvalidCondition("These are no days.", hint=f"Give a list of {', '.join(DAYS)}.", path=path)
