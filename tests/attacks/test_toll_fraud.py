"""Telephone numbers that somebody earns by, and text smuggled through a number: none reaches the gateway."""

from __future__ import annotations

import json

import pytest

from ostiary.app import Ostiary
from ostiary.base.clock import MINUTE
from ostiary.base.phone import parse_phone
from ostiary.errors import InvalidRequest
from tests.support.http_servers import Reply, serve_http
from tests.support.installation import settings_for_test
from tests.support.time import ManualClock

EARNING = {
    "premium rate, USA": "+1 900 555 0100",
    "premium rate, Great Britain": "+44 909 8790000",
    "premium rate, Germany": "+49 900 1234567",
    "premium rate, France": "+33 899 123456",
    "international premium rate": "+979 123 456 789",
    "shared cost, Germany": "+49 180 5 123456",
    "shared cost, international": "+808 1234 5678",
    "free for the caller, USA": "+1 800 234 5678",
    "a personal number, Great Britain": "+44 70 1234 5678",
    "a satellite, Globalstar": "+881 8 12345678",
    "a satellite, Iridium": "+881 6 12345678",
    "a satellite, Inmarsat": "+870 773 111632",
    "a network of no country": "+883 5100 12345678",
    "a landline": "+49 30 123456",
    "a voice mailbox": "+49 170 55 1234567",
    "a pager": "+49 164 1234567",
    "a short number": "22333",
    "an emergency": "112",
}

SMUGGLED = {
    "a header": "+491701234567\r\nX-Injected: yes",
    "a line": "+491701234567\n",
    "a second number": "+491701234567,+19005550100",
    "a second number after a semicolon": "+491701234567;+19005550100",
    "a member of the JSON": '+491701234567","text":"buy',
    "an extension": "+491701234567;ext=1",
    "an extension in words": "+491701234567 x1234",
    "a context": "tel:1234567;phone-context=+49170",
    "a pause": "+491701234567,,1",
    "a service code": "*#06#",
    "forwarding": "**21*+19005550100#",
    "a NUL": "+491701234567\x00",
    "letters": "+49170CALLNOW",
    "a tab": "+49170\t1234567",
    "a line separator": "+49170\u20281234567",
    "a superscript": "+49170123456\u2077",
}


@pytest.mark.parametrize("number", EARNING.values(), ids=EARNING.keys())
def test_numbers_that_somebody_earns_by_are_refused(number: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_phone(number, "DE")


@pytest.mark.parametrize("number", SMUGGLED.values(), ids=SMUGGLED.keys())
def test_nothing_is_smuggled_through_a_number(number: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_phone(number, "DE")


async def test_nothing_of_that_is_written_or_sent(sqlite_url: str, clock: ManualClock) -> None:
    async with serve_http() as gateway:
        settings = settings_for_test(sqlite_url, sms__sender="webhook", sms__url=gateway.url)
        async with await Ostiary.open(settings, clock=clock, migrate_first=True) as ostiary:
            for number in [*EARNING.values(), *SMUGGLED.values()]:
                with pytest.raises(InvalidRequest):
                    await _send(ostiary, number)
            assert await ostiary.use.db.fetch_value("SELECT COUNT(*) FROM messages") == 0
            assert await ostiary.use.mailer.deliver_due() == 0
        assert gateway.requests == []


async def test_a_number_goes_out_as_plus_and_digits_however_it_was_written(sqlite_url: str, clock: ManualClock) -> None:
    async with serve_http() as gateway:
        settings = settings_for_test(sqlite_url, sms__sender="webhook", sms__url=gateway.url)
        async with await Ostiary.open(settings, clock=clock, migrate_first=True) as ostiary:
            await _send(ostiary, "\u202a+49 (0)\u0661\u0667\u0660\u00a0/ 12-34.567\u202c")
            assert await ostiary.use.mailer.deliver_due() == 1
    assert json.loads(gateway.requests[0].body)["to"] == "+491701234567"


async def test_a_country_that_is_not_allowed_any_more_gets_nothing(sqlite_url: str, clock: ManualClock) -> None:
    jamaica = "+1 876 555 1234"  # the code of the USA is Jamaica's, too, and what a call there costs is not
    async with serve_http() as gateway:
        for regions, written in (("US,JM", True), ("US", False)):
            settings = settings_for_test(sqlite_url, sms__sender="webhook", sms__url=gateway.url, sms__regions=regions)
            async with await Ostiary.open(settings, clock=clock, migrate_first=True) as ostiary:
                if written:
                    await _send(ostiary, jamaica)
                else:
                    with pytest.raises(InvalidRequest):
                        await _send(ostiary, jamaica)
                await ostiary.use.mailer.deliver_due()
        assert len(gateway.requests) == 1


async def test_a_number_is_in_no_log_and_no_audit_event_when_the_gateway_repeats_it(
    sqlite_url: str, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve_http() as gateway:
        echo = Reply(raw=b"+491701234567 493817\r\nX: +491701234567\r\n\r\n")
        gateway.replies = [Reply(500, b"+491701234567 493817"), echo, Reply(400, b"+491701234567 493817")]
        settings = settings_for_test(sqlite_url, sms__sender="webhook", sms__url=gateway.url)
        async with await Ostiary.open(settings, clock=clock, migrate_first=True) as ostiary:
            await _send(ostiary, "+491701234567", valid_for=60 * MINUTE)
            for _ in range(3):
                await ostiary.use.mailer.deliver_due()
                clock.advance(2 * MINUTE)
            data = await ostiary.use.db.fetch_value("SELECT data FROM audit_events WHERE event = 'sms.failed'")
    assert b"the gateway answered 400" in bytes(data)
    for secret in ("1701234567", "493817"):
        assert secret not in caplog.text
        assert secret.encode() not in bytes(data)


async def _send(ostiary: Ostiary, number: str, valid_for: int = 10 * MINUTE) -> None:
    async with ostiary.use.db.transaction() as tx:
        await ostiary.use.mailer.send_sms(tx, "code", to=number, valid_for=valid_for, code="493817")
