"""Codes by e-mail and by SMS on each database: what is sent, what is kept, and what an answer shows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from ostiary.base.http import HttpClient
from ostiary.base.tokens import digest
from ostiary.credentials.face import Challenge, Enrolled, Holder, Proof
from ostiary.credentials.one_time_code import EmailCodeAnswer, EmailCodes, SmsCodeAnswer, SmsCodes
from ostiary.credentials.store import CredentialStore
from ostiary.crypto import Sealer
from ostiary.database import Database, Transaction
from ostiary.errors import InvalidChallenge, InvalidRequest
from ostiary.notify import FailedMessage, Mailer, OutboxMessage
from ostiary.settings import Settings
from tests.support.installation import settings_for_test
from tests.support.time import ManualClock

NUMBER, MASKED = "+491701234567", "+49 ••• •••67"
OTHER = "+447400123456"
MANY = 100


@pytest.fixture
def settings() -> Settings:
    return settings_for_test("sqlite:////unused", "https://example.com/auth", dev=False, sms__sender="outbox")


@pytest.fixture
async def mailer(database: Database, sealer: Sealer, clock: ManualClock, settings: Settings) -> AsyncIterator[Mailer]:
    """One that shows what it is given to send."""

    async def note(tx: Transaction, now: int, message: FailedMessage) -> None:
        raise AssertionError(message.reason)

    http = HttpClient()
    yield Mailer(
        database, sealer, clock, settings.mail, settings.sms, http,
        site_name=settings.site_name, issuer=settings.issuer, on_failure=note,
    )  # fmt: skip
    await http.close()


@pytest.fixture
def email_codes(mailer: Mailer, sealer: Sealer, settings: Settings) -> EmailCodes:
    return EmailCodes(mailer, sealer, settings)


@pytest.fixture
def sms_codes(store: CredentialStore, mailer: Mailer, sealer: Sealer, settings: Settings) -> SmsCodes:
    return SmsCodes(store, mailer, sealer, settings)


async def ask(
    db: Database, codes: EmailCodes | SmsCodes, holder: Holder | None, clock: ManualClock, purpose: str = "sign_in"
) -> Challenge:
    clock.advance(1)  # so that one message is the newest
    async with db.transaction() as tx:
        return await codes.challenge(tx, holder, purpose, clock())


async def newest(mailer: Mailer) -> OutboxMessage:
    return (await mailer.outbox())[0]


async def sent_code(mailer: Mailer) -> str:
    found = re.search(r"\b\d{6}\b", (await newest(mailer)).text)
    assert found is not None
    return found[0]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


# By e-mail


async def test_the_mailed_code_proves_the_mail_box(
    database: Database, email_codes: EmailCodes, mailer: Mailer, holder: Holder, clock: ManualClock
) -> None:
    asked = await ask(database, email_codes, holder, clock)
    assert ((await newest(mailer)).to, asked.public) == (holder.email, {"sent_to": "a…@example.com"})
    code = await sent_code(mailer)
    proof = Proof("email_code", ("possession",), ("otp", "mca"), 7, "mailbox")
    for typed in (code, f" {code[:3]} {code[3:]} ", f"{code[:2]}-{code[2:]}"):
        assert await email_codes.verify(holder, EmailCodeAnswer(typed), asked.kept, 7) == proof
    for typed in (wrong(code), "", code[:5], code + "0", "x" * 1_000_000):
        assert await email_codes.verify(holder, EmailCodeAnswer(typed), asked.kept, 7) is None
    assert email_codes.opened(holder, 7) == proof


async def test_the_mail_holds_the_link_whose_hash_the_flow_keeps(
    database: Database, email_codes: EmailCodes, mailer: Mailer, holder: Holder, clock: ManualClock
) -> None:
    asked = await ask(database, email_codes, holder, clock)
    mail = await newest(mailer)
    link = re.search(r"https://example\.com/auth/login/link\?token=([\w-]{43})\s", mail.text)
    assert link is not None
    assert digest(link[1]) == asked.link_hash
    assert "within 10 minutes" in " ".join(mail.text.split())


@pytest.mark.parametrize(
    ("purpose", "subject"),
    [
        ("sign_in", "Sign in to Ostiary"),
        ("step_up", "Confirm that it is you at Ostiary"),
        ("recover", "A new password for Ostiary"),
    ],
)
async def test_each_purpose_has_a_mail_of_its_own(
    database: Database, email_codes: EmailCodes, mailer: Mailer, holder: Holder, clock: ManualClock,
    purpose: str, subject: str,
) -> None:  # fmt: skip
    await ask(database, email_codes, holder, clock, purpose)
    mail = await newest(mailer)
    assert mail.subject == subject
    # The link of a recovery opens anywhere: it only leads to a new password.
    assert ("opens in the browser" in " ".join(mail.text.split())) is (purpose != "recover")


class Row(msgspec.Struct):
    sealed: bytes
    due_at: int


@pytest.mark.parametrize("nobody", [True, False], ids=["unknown name", "account without address"])
async def test_where_nobody_can_be_mailed_the_same_is_done_and_no_code_is_right(
    database: Database, email_codes: EmailCodes, mailer: Mailer, sealer: Sealer, holder: Holder, clock: ManualClock,
    nobody: bool,
) -> None:  # fmt: skip
    whose = None if nobody else msgspec.structs.replace(holder, email=None)
    known = await ask(database, email_codes, holder, clock)
    asked = await ask(database, email_codes, whose, clock)
    rows = await database.fetch_all(Row, "SELECT sealed, due_at FROM messages ORDER BY id")
    assert [mail.to for mail in await mailer.outbox()] == [holder.email]
    assert len(rows) == 2
    assert rows[0].due_at == rows[1].due_at
    assert len(rows[0].sealed) - len(rows[1].sealed) == len(holder.email or "")
    assert (asked.public, len(asked.kept), asked.link_hash is None) == ({}, len(known.kept), False)
    if nobody:
        kept = msgspec.json.decode(sealer.open(asked.kept, "flows.data:/email_code"))
        assert await email_codes.verify(None, EmailCodeAnswer(kept["code"]), asked.kept, 7) is None


async def test_an_answer_belongs_to_the_challenge_of_its_flow_and_its_account(
    database: Database, email_codes: EmailCodes, mailer: Mailer, holder: Holder, stranger: Holder, clock: ManualClock
) -> None:
    first = await ask(database, email_codes, holder, clock)
    answer = EmailCodeAnswer(await sent_code(mailer))
    for whose, kept in ((holder, b""), (stranger, first.kept), (None, first.kept), (holder, first.kept[:-1])):
        with pytest.raises(InvalidChallenge):
            await email_codes.verify(whose, answer, kept, 7)
    second = await ask(database, email_codes, holder, clock)
    if answer.code != await sent_code(mailer):
        assert await email_codes.verify(holder, answer, second.kept, 7) is None


async def test_what_the_flow_keeps_does_not_tell_the_code(
    database: Database, email_codes: EmailCodes, mailer: Mailer, holder: Holder, clock: ManualClock
) -> None:
    """Six digits are tried against any hash of them within a second."""
    asked = await ask(database, email_codes, holder, clock)
    again = await ask(database, email_codes, holder, clock)
    code = await sent_code(mailer)
    assert code.encode() not in again.kept
    assert code not in repr((again, EmailCodeAnswer(code)))
    assert asked.kept != again.kept
    with pytest.raises(InvalidChallenge):
        await EmailCodes(mailer, Sealer(bytes(32)), settings_for_test("sqlite:////unused")).verify(
            holder, EmailCodeAnswer(code), again.kept, 7
        )


async def test_mail_in_place_of_a_password_is_offered_by_the_settings(mailer: Mailer, sealer: Sealer) -> None:
    for offered in (True, False):
        settings = settings_for_test("sqlite:////unused", sign_in__email=offered)
        assert EmailCodes(mailer, sealer, settings).available is offered


# By SMS


async def begin(db: Database, codes: SmsCodes, holder: Holder, clock: ManualClock, given: str = NUMBER) -> Challenge:
    clock.advance(1)
    async with db.transaction() as tx:
        return await codes.begin_enrolment(tx, holder, given, clock())


async def enrol(
    db: Database, codes: SmsCodes, holder: Holder, begun: Challenge, code: str, now: int = 7, name: str = ""
) -> tuple[Enrolled, Proof]:
    async with db.transaction() as tx:
        return await codes.enrol(tx, holder, SmsCodeAnswer(code), begun.kept, name, now)


async def new_number(
    db: Database, codes: SmsCodes, mailer: Mailer, holder: Holder, clock: ManualClock, given: str = NUMBER
) -> Enrolled:
    begun = await begin(db, codes, holder, clock, given)
    return (await enrol(db, codes, holder, begun, await sent_code(mailer)))[0]


async def test_a_number_is_added_by_the_code_that_was_sent_to_it(
    database: Database, sms_codes: SmsCodes, mailer: Mailer, holder: Holder, clock: ManualClock
) -> None:
    begun = await begin(database, sms_codes, holder, clock, "+49 170 1234567")
    assert begun.public == {"sent_to": MASKED}
    assert ((await newest(mailer)).kind, (await newest(mailer)).to) == ("sms", NUMBER)
    code = await sent_code(mailer)
    for typed in (wrong(code), ""):
        with pytest.raises(InvalidChallenge):
            await enrol(database, sms_codes, holder, begun, typed)
    assert await sms_codes.describe(holder) == []
    enrolled, proof = await enrol(database, sms_codes, holder, begun, f"{code[:3]} {code[3:]}", 7, "Work")
    assert await sms_codes.describe(holder) == [enrolled]
    details = {"number": MASKED, "weak": True}
    assert enrolled == Enrolled(enrolled.id, "sms_code", "Work", 7, None, second=True, details=details)
    assert proof == Proof("sms_code", ("possession",), ("sms",), 7, "restricted", credential_id=enrolled.id)


async def test_the_code_that_was_sent_proves_the_number_once(
    database: Database, sms_codes: SmsCodes, mailer: Mailer, holder: Holder, clock: ManualClock
) -> None:
    enrolled = await new_number(database, sms_codes, mailer, holder, clock)
    asked = await ask(database, sms_codes, holder, clock)
    assert ((await newest(mailer)).to, asked.public) == (NUMBER, {"sent_to": MASKED})
    code = await sent_code(mailer)
    assert await sms_codes.verify(holder, SmsCodeAnswer(wrong(code)), asked.kept, 9) is None
    tries = await asyncio.gather(*(sms_codes.verify(holder, SmsCodeAnswer(code), asked.kept, 9) for _ in range(MANY)))
    shown = Proof("sms_code", ("possession",), ("sms",), 9, "restricted", credential_id=enrolled.id)
    assert [each for each in tries if each is not None] == [shown]
    assert await sms_codes.verify(holder, SmsCodeAnswer(code), asked.kept, 9) is None
    assert [each.used_at for each in await sms_codes.describe(holder)] == [9]


async def test_a_confirmed_number_replaces_the_one_before(
    database: Database, sms_codes: SmsCodes, mailer: Mailer, holder: Holder, clock: ManualClock
) -> None:
    first = await new_number(database, sms_codes, mailer, holder, clock)
    asked = await ask(database, sms_codes, holder, clock)
    code = await sent_code(mailer)
    begun = await begin(database, sms_codes, holder, clock, OTHER)
    assert await sms_codes.describe(holder) == [first]
    second, _ = await enrol(database, sms_codes, holder, begun, await sent_code(mailer))
    assert await sms_codes.describe(holder) == [second]
    assert await sms_codes.verify(holder, SmsCodeAnswer(code), asked.kept, 9) is None
    await ask(database, sms_codes, holder, clock)
    assert (await newest(mailer)).to == OTHER


async def test_of_numbers_that_are_taken_at_once_one_is_left(
    database: Database, sms_codes: SmsCodes, mailer: Mailer, holder: Holder, clock: ManualClock
) -> None:
    begun = [(await begin(database, sms_codes, holder, clock), await sent_code(mailer)) for _ in range(10)]
    await asyncio.gather(*(enrol(database, sms_codes, holder, each, code) for each, code in begun))
    assert len(await sms_codes.describe(holder)) == 1


async def test_a_number_names_nobody(
    database: Database, sms_codes: SmsCodes, mailer: Mailer, holder: Holder, stranger: Holder, clock: ManualClock
) -> None:
    """Whoever enrols a number that is somebody's already learns nothing of that."""
    for whose in (holder, stranger):
        await new_number(database, sms_codes, mailer, whose, clock)
    assert len(await sms_codes.describe(holder)) == len(await sms_codes.describe(stranger)) == 1


async def test_an_enrolments_code_proves_no_sign_in_and_the_other_way_round(
    database: Database, sms_codes: SmsCodes, mailer: Mailer, holder: Holder, stranger: Holder, clock: ManualClock
) -> None:
    await new_number(database, sms_codes, mailer, holder, clock)
    begun = await begin(database, sms_codes, holder, clock, OTHER)
    answer = SmsCodeAnswer(await sent_code(mailer))
    for whose, kept in ((holder, begun.kept), (holder, b""), (stranger, begun.kept), (None, begun.kept)):
        with pytest.raises(InvalidChallenge):
            await sms_codes.verify(whose, answer, kept, 9)
    asked = await ask(database, sms_codes, holder, clock)
    for whose, other in ((holder, asked), (holder, Challenge()), (stranger, begun)):
        with pytest.raises(InvalidChallenge):
            await enrol(database, sms_codes, whose, other, answer.code)


async def test_where_there_is_no_number_nothing_is_sent_and_no_code_is_right(
    database: Database, sms_codes: SmsCodes, mailer: Mailer, sealer: Sealer, holder: Holder, clock: ManualClock
) -> None:
    for whose in (holder, None):
        asked = await ask(database, sms_codes, whose, clock)
        id_ = whose.account_id if whose else ""
        kept = msgspec.json.decode(sealer.open(asked.kept, f"flows.data:{id_}/sms_code"))
        assert await sms_codes.verify(whose, SmsCodeAnswer(kept["code"]), asked.kept, 9) is None
    assert await mailer.outbox() == []


@pytest.mark.parametrize("given", ["", "12", "0170 1234567", "+49 30 123456", "+1 900 555 0123", "+49" * 999, "\x00"])
async def test_what_is_no_mobile_number_is_refused_and_nothing_sent(
    database: Database, sms_codes: SmsCodes, mailer: Mailer, holder: Holder, clock: ManualClock, given: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await begin(database, sms_codes, holder, clock, given)
    assert refused.value.field == "given"
    assert await mailer.outbox() == []


async def test_neither_number_nor_code_is_stored_or_shown_in_clear(
    database: Database, store: CredentialStore, sms_codes: SmsCodes, mailer: Mailer, holder: Holder, clock: ManualClock
) -> None:
    begun = await begin(database, sms_codes, holder, clock)
    code = await sent_code(mailer)
    enrolled, _ = await enrol(database, sms_codes, holder, begun, code)
    asked = await ask(database, sms_codes, holder, clock)
    (row,) = await store.of_account(holder.account_id)
    for secret in (NUMBER, NUMBER[-7:], code):
        assert secret.encode() not in row.data + begun.kept + asked.kept
        assert secret not in repr((row, begun, asked, enrolled, SmsCodeAnswer(code)))


async def test_sms_is_offered_where_it_is_set_up(
    database: Database, store: CredentialStore, mailer: Mailer, sealer: Sealer, holder: Holder, clock: ManualClock
) -> None:
    changed: dict[str, dict[str, Any]] = {"off": {}, "outbox": {}, "webhook": {"sms__url": "https://sms.example.com"}}
    for sender, more in changed.items():
        codes = SmsCodes(store, mailer, sealer, settings_for_test("sqlite:////unused", sms__sender=sender, **more))
        assert codes.available is (sender != "off")
    off = SmsCodes(store, mailer, sealer, settings_for_test("sqlite:////unused", sms__sender="off"))
    with pytest.raises(InvalidRequest):
        await begin(database, off, holder, clock)
