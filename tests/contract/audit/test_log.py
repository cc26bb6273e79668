"""The audit log, on both databases."""

from __future__ import annotations

import pytest

from ostiary.audit import ANONYMOUS, OPERATOR, SYSTEM, Actor, AuditEvent, Event, read, record
from ostiary.base.clock import MINUTE
from ostiary.database import Database
from ostiary.errors import InvalidRequest
from tests.support.time import ManualClock

SOMEBODY = Actor("account", "acc_1", address="192.0.2.7", request_id="req_1", user_agent="curl/8")


async def _record(
    db: Database, now: int, event: Event = Event.SIGN_OUT, actor: Actor = SYSTEM, **values: object
) -> None:
    async with db.transaction() as tx:
        await record(tx, now, event, actor, **values)  # type: ignore[arg-type]


async def _events(db: Database) -> list[AuditEvent]:
    return (await read(db)).items


@pytest.mark.parametrize("event", list(Event))
def test_a_member_is_named_as_its_event(event: Event) -> None:
    assert event.name == event.value.replace(".", "_").upper()


def test_an_actor_says_who_acted() -> None:
    assert [str(actor) for actor in (SOMEBODY, OPERATOR, SYSTEM, ANONYMOUS)] == [
        "account:acc_1",
        "operator",
        "system",
        "anonymous",
    ]


@pytest.mark.parametrize(("kind", "account_id"), [("account", None), ("operator", "acc_1"), ("anonymous", "acc_1")])
def test_only_an_account_acts_as_an_account(kind: str, account_id: str | None) -> None:
    with pytest.raises(ValueError, match="account_id"):
        Actor(kind, account_id)  # type: ignore[arg-type]


async def test_what_is_recorded_is_read(database: Database) -> None:
    await _record(
        database,
        1_767_225_600_123,
        Event.ROLE_ASSIGNED,
        SOMEBODY,
        account_id="acc_2",
        role="editor",
        on=["doc", 7, None],
    )
    [found] = await _events(database)
    assert found.id.startswith("evt_")
    assert (found.at, found.event, found.actor) == ("2026-01-01T00:00:00.123Z", "role.assigned", "account:acc_1")
    assert (found.account_id, found.address, found.request_id) == ("acc_2", "192.0.2.7", "req_1")
    assert found.data == {"user_agent": "curl/8", "role": "editor", "on": ["doc", 7, None]}


async def test_what_is_rolled_back_is_not_recorded(database: Database, clock: ManualClock) -> None:
    async def fail() -> None:
        async with database.transaction() as tx:
            await record(tx, clock(), Event.SIGN_OUT, SYSTEM)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await _events(database) == []


async def test_pages_give_every_event_once_newest_first(database: Database, clock: ManualClock) -> None:
    for number in range(7):
        clock.advance(1)
        await _record(database, clock(), number=number)
    seen, cursor, pages = [], None, 0
    while True:
        page = await read(database, cursor=cursor, limit=3)
        seen += [event.data["number"] for event in page.items]
        pages, cursor = pages + 1, page.next
        if cursor is None:
            break
        clock.advance(1)
        await _record(database, clock(), number="later")  # what comes in between is not on a later page
    assert seen == [6, 5, 4, 3, 2, 1, 0]
    assert pages == 3


async def test_a_list_that_ends_with_its_page_has_no_next(database: Database, clock: ManualClock) -> None:
    for _ in range(2):
        await _record(database, clock())
    assert (await read(database, limit=2)).next is None


async def test_events_are_chosen_by_account_name_and_time(database: Database, clock: ManualClock) -> None:
    start = clock()
    for account in ("acc_1", "acc_2"):
        for event in (Event.SIGN_IN_FAILED, Event.SIGN_IN_SUCCEEDED):
            clock.advance(MINUTE)
            await _record(database, clock(), event, account_id=account)

    async def count(**chosen: object) -> int:
        return len((await read(database, **chosen)).items)  # type: ignore[arg-type]

    assert await count() == 4
    assert await count(account_id="acc_1") == 2
    assert await count(event=Event.SIGN_IN_FAILED) == 2
    assert await count(account_id="acc_1", event=Event.SIGN_IN_FAILED) == 1
    assert await count(since=start + 2 * MINUTE) == 3
    assert await count(until=start + 2 * MINUTE) == 1
    assert await count(since=start + 2 * MINUTE, until=start + 4 * MINUTE) == 2


@pytest.mark.parametrize("limit", [0, -1, 201])
async def test_a_limit_outside_1_to_200_is_refused(database: Database, limit: int) -> None:
    with pytest.raises(InvalidRequest):
        await read(database, limit=limit)


@pytest.mark.parametrize("cursor", ["!", "%%%%", "gA", "AA", "a" * 100_000, "é"])
async def test_a_cursor_that_no_list_gave_out_is_refused(database: Database, cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        await read(database, cursor=cursor)


@pytest.mark.parametrize(
    "data",
    [
        {"password": "x"},
        {"new_password": "x"},
        {"refresh_token": "x"},
        {"tokens": ["x"]},
        {"code": "123456"},
        {"Cookie": "x"},
        {"nested": [{"client_secret": "x"}]},
    ],
)
async def test_a_member_named_like_a_secret_is_refused(
    database: Database, clock: ManualClock, data: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match="secrets"):
        await _record(database, clock(), Event.SIGN_OUT, SYSTEM, **data)
    assert await _events(database) == []


async def test_bytes_are_refused(database: Database, clock: ManualClock) -> None:
    with pytest.raises(TypeError):
        await _record(database, clock(), key_id=b"\0")


async def test_long_texts_are_cut_and_too_much_data_is_left_out(database: Database, clock: ManualClock) -> None:
    await _record(database, clock(), identifier="x" * 1_000_000)
    clock.advance(1)
    await _record(database, clock(), first="kept", many=["y" * 512] * 100, last="kept")
    newest, oldest = await _events(database)
    assert oldest.data == {"identifier": "x" * 512}
    assert newest.data == {"first": "kept", "last": "kept", "truncated": True}


@pytest.mark.parametrize("typed", ["\0", "\ud800", "Ж", "'; DROP TABLE audit_events; --"])
async def test_whatever_somebody_typed_can_be_recorded(database: Database, clock: ManualClock, typed: str) -> None:
    await _record(database, clock(), identifier=typed)
    [found] = await _events(database)
    assert found.data == {"identifier": typed.replace("\ud800", "?")}
