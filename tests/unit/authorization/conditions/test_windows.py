"""Windows of time go by the clock on the wall: over midnight, over changes of daylight-saving time, in any zone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.authorization.conditions import Undetermined, compile_cel, compile_json, parse_window

_WEEKDAYS = ["mon", "tue", "wed", "thu", "fri"]


def _is_open(window: Mapping[str, object], at: str) -> bool:
    """``at`` is UTC."""
    condition = compile_json({"time": "w"}, {"w": parse_window("w", {"time_zone": "Europe/Berlin", **window})})
    return condition.holds({}, {}, {}, {}, int(datetime.fromisoformat(f"{at}+00:00").timestamp() * 1000))


# Berlin is an hour ahead of UTC in winter, two in summer.
@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-01-30T07:59:59.999", False),
        ("2026-01-30T08:00:00", True),
        ("2026-01-30T15:59:59.999", True),
        ("2026-01-30T16:00:00", False),
        ("2026-01-31T12:00:00", False),
        ("2026-07-31T06:59:59", False),
        ("2026-07-31T07:00:00", True),
        ("2026-07-31T15:00:00", False),
    ],
)
def test_business_hours_open_and_close_to_the_moment(at: str, is_open: bool) -> None:
    assert _is_open({"days": _WEEKDAYS, "from": "09:00", "to": "17:00"}, at) is is_open


# 2026-01-30 is a Friday.
@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-01-30T20:59:59", False),
        ("2026-01-30T21:00:00", True),
        ("2026-01-30T23:30:00", True),
        ("2026-01-31T04:59:59", True),
        ("2026-01-31T05:00:00", False),
        ("2026-01-31T21:00:00", False),
        ("2026-01-30T02:00:00", False),
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_that_it_opens_on(at: str, is_open: bool) -> None:
    assert _is_open({"days": ["fri"], "from": "22:00", "to": "06:00"}, at) is is_open


def test_a_window_over_midnight_on_sunday_ends_on_monday() -> None:
    night = {"days": ["sun"], "from": "22:00", "to": "06:00"}
    assert _is_open(night, "2026-02-02T04:59:59")
    assert not _is_open(night, "2026-02-01T04:59:59")


def test_a_whole_day_is_from_0_to_24() -> None:
    day = {"days": ["sat"], "from": "00:00", "to": "24:00"}
    assert [_is_open(day, at) for at in ("2026-01-30T22:59:59", "2026-01-30T23:00:00", "2026-01-31T22:59:59")] == [
        False, True, True,
    ]  # fmt: skip
    assert not _is_open(day, "2026-01-31T23:00:00")


def test_an_hour_that_is_skipped_in_spring_is_skipped_in_the_window() -> None:
    # On 29 March 2026 the clock goes from 02:00 to 03:00, at 01:00 UTC.
    early = {"from": "01:00", "to": "03:00"}
    assert [_is_open(early, f"2026-03-29T{at}") for at in ("00:00:00", "00:59:59", "01:00:00")] == [True, True, False]
    assert not _is_open({"from": "02:00", "to": "03:00"}, "2026-03-29T01:00:00")


def test_an_hour_that_comes_twice_in_autumn_counts_both_times() -> None:
    # On 25 October 2026 the clock goes from 03:00 back to 02:00, at 01:00 UTC.
    hour = {"from": "02:00", "to": "03:00"}
    assert [_is_open(hour, f"2026-10-25T0{at}") for at in ("0:00:00", "0:59:59", "1:00:00", "1:59:59", "2:00:00")] == [
        True, True, True, True, False,
    ]  # fmt: skip


def test_a_night_with_a_change_of_the_clock_ends_on_time() -> None:
    night = {"days": ["sat"], "from": "22:00", "to": "06:00"}
    assert [_is_open(night, at) for at in ("2026-03-29T03:59:59", "2026-03-29T04:00:00")] == [True, False]
    assert [_is_open(night, at) for at in ("2026-10-25T04:59:59", "2026-10-25T05:00:00")] == [True, False]


_ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
_DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@given(
    zone=st.sampled_from(_ZONES),
    days=st.sets(st.sampled_from(_DAYS), min_size=1),
    starts=st.integers(0, 1439),
    ends=st.integers(0, 1440),
    at=st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1)),  # noqa: DTZ001
)
def test_a_window_is_open_when_the_wall_clock_is_in_it(
    zone: str, days: set[str], starts: int, ends: int, at: datetime
) -> None:
    if starts == ends:
        return
    local = at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    minute, today = local.hour * 60 + local.minute, _DAYS[local.weekday()]
    yesterday = _DAYS[(local.replace(tzinfo=None) - timedelta(days=1)).weekday()]
    if starts < ends:
        expected = today in days and starts <= minute < ends
    else:
        expected = (today in days and minute >= starts) or (yesterday in days and minute < ends)
    clock = [f"{at // 60:02}:{at % 60:02}" for at in (starts, ends)]
    window = parse_window("w", {"time_zone": zone, "days": list(days), "from": clock[0], "to": clock[1]})
    now = int(at.replace(tzinfo=UTC).timestamp()) * 1000
    assert compile_cel("within(now, 'w')", {"w": window}).holds({}, {}, {}, {}, now) is expected


def test_any_moment_may_be_asked_about() -> None:
    window = parse_window("w", {"time_zone": "Europe/Berlin", "days": ["fri"], "from": "09:00", "to": "17:00"})
    condition = compile_cel("within(timestamp(resource.due) - duration('1h'), 'w')", {"w": window})
    assert condition.holds({}, {"due": "2026-01-30T09:00:00Z"}, {}, {}, 0)
    assert not condition.holds({}, {"due": "2026-01-30T08:59:59Z"}, {}, {}, 0)
    with pytest.raises(Undetermined) as fault:
        condition.holds({}, {"due": "soon"}, {}, {}, 0)
    assert fault.value.path == "resource.due"


def test_the_ends_of_the_calendar_are_undetermined() -> None:
    window = parse_window("w", {"time_zone": "Asia/Kathmandu", "from": "09:00", "to": "17:00"})
    with pytest.raises(Undetermined):
        compile_cel("within(timestamp('9999-12-31T23:59:59Z'), 'w')", {"w": window}).holds({}, {}, {}, {}, 0)
