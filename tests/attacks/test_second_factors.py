"""Codes, whoever got hold of one or guesses: each once, in its own flow, for its own account, and few tries."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.base.clock import MINUTE, SECOND
from tests.attacks.evidence import assert_refused, contents, later
from tests.conftest import OpenInstallation
from tests.support.installation import Person, new_client, new_person, settings_for_test
from tests.support.second_factors import App, Attempt, add_app, mailed, new_person_with_app, new_recovery_codes
from tests.support.time import ManualClock

MANY = 100
EMAIL = "ada@example.com"
ANSWER, LINK = "/api/auth/flow/answer", "/api/auth/flow/link"


def statuses(answers: list[httpx.Response]) -> dict[int, int]:
    return dict(Counter(answer.status_code for answer in answers))


async def sessions_of(ostiary: Ostiary) -> int:
    return len((await contents(ostiary))["sessions"])


@pytest.fixture
async def crowded(database_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    """An installation in which a hundred may wait for a hash."""
    settings = settings_for_test(database_url, passwords__queue=1000)
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
        yield opened


async def by_passwords(ostiary: Ostiary, person: Person, many: int = MANY) -> list[Attempt]:
    """So many sign-ins of one person that wait for the second factor."""
    return list(await asyncio.gather(*(Attempt.by_password(ostiary, person) for _ in range(many))))


# Each code once


async def test_a_code_of_an_app_that_was_seen_in_use_is_refused(ostiary: Ostiary, clock: ManualClock) -> None:
    person, app = await new_person_with_app(ostiary, clock)
    seen, before = app.code(), app.code(-1)
    assert (await (await Attempt.by_password(ostiary, person)).answer("totp", seen)).status_code == 200
    for code in (seen, before):
        replayed = await (await Attempt.by_password(ostiary, person)).answer("totp", code)
        assert_refused(replayed, 400, "invalid_challenge")
    clock.advance(30 * SECOND)
    assert_refused(await (await Attempt.by_password(ostiary, person)).answer("totp", seen), 400, "invalid_challenge")
    assert (await (await Attempt.by_password(ostiary, person)).answer("totp", app.code())).status_code == 200


async def test_the_code_that_added_the_app_signs_nobody_in(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    app = await add_app(person, clock)
    clock.advance(-MINUTE)
    replayed = await (await Attempt.by_password(ostiary, person)).answer("totp", app.code())
    assert_refused(replayed, 400, "invalid_challenge")


@pytest.mark.parametrize("method", ["totp", "recovery_code"])
async def test_one_code_at_100_sign_ins_at_once_ends_one_of_them(
    crowded: Ostiary, clock: ManualClock, method: str
) -> None:
    person = await new_person(crowded)
    codes = await new_recovery_codes(person)
    app = await add_app(person, clock)
    before = await sessions_of(crowded)
    attempts = await by_passwords(crowded, person)
    code = app.code() if method == "totp" else codes[0]
    answers = await asyncio.gather(*(attempt.answer(method, code) for attempt in attempts))
    assert statuses(answers) == {200: 1, 400: MANY - 1}
    assert await sessions_of(crowded) == before + 1


@pytest.mark.parametrize("method", ["totp", "recovery_code"])
async def test_one_code_100_times_at_once_at_one_sign_in_ends_it_once(
    crowded: Ostiary, clock: ManualClock, method: str
) -> None:
    person = await new_person(crowded)
    codes = await new_recovery_codes(person)
    app = await add_app(person, clock)
    before = await sessions_of(crowded)
    attempt = await Attempt.by_password(crowded, person)
    body = {"flow": attempt.flow, "answer": {"method": method, "code": app.code() if method == "totp" else codes[0]}}
    answers = await asyncio.gather(*(new_client(crowded).post(ANSWER, json=body) for _ in range(MANY)))
    assert statuses(list(answers)) == {200: 1, 400: MANY - 1}
    assert await sessions_of(crowded) == before + 1


async def test_a_mailed_code_100_times_at_once_signs_in_once(crowded: Ostiary) -> None:
    person = await new_person(crowded, EMAIL)
    before = await sessions_of(crowded)
    attempt = await Attempt.begin(crowded, person.email)
    await attempt.ask("email_code")
    code, _ = await mailed(crowded, EMAIL)
    body = {"flow": attempt.flow, "answer": {"method": "email_code", "code": code}}
    answers = await asyncio.gather(*(new_client(crowded).post(ANSWER, json=body) for _ in range(MANY)))
    assert statuses(list(answers)) == {200: 1, 400: MANY - 1}
    assert await sessions_of(crowded) == before + 1


async def test_a_mailed_code_100_times_at_once_is_one_step_of_a_sign_in_that_has_more(
    crowded: Ostiary, clock: ManualClock
) -> None:
    """An answer that counts gives its try back: were it counted twice, there would be tries to win."""
    person, _ = await new_person_with_app(crowded, clock, EMAIL)
    attempt = await Attempt.begin(crowded, person.email)
    await attempt.ask("email_code")
    code, _ = await mailed(crowded, EMAIL)
    body = {"flow": attempt.flow, "answer": {"method": "email_code", "code": code}}
    answers = await asyncio.gather(*(new_client(crowded).post(ANSWER, json=body) for _ in range(MANY)))
    assert statuses(list(answers)) == {200: 1, 400: MANY - 1}
    assert next(answer for answer in answers if answer.status_code == 200).json()["next"] == ["password"]


async def test_a_mailed_link_100_times_at_once_signs_in_once(crowded: Ostiary) -> None:
    person = await new_person(crowded, EMAIL)
    before = await sessions_of(crowded)
    attempt = await Attempt.begin(crowded, person.email)
    await attempt.ask("email_code")
    _, link = await mailed(crowded, EMAIL)
    body = {"flow": attempt.flow, "token": link}
    answers = await asyncio.gather(*(new_client(crowded).post(LINK, json=body) for _ in range(MANY)))
    assert statuses(list(answers)) == {200: 1, 400: MANY - 1}
    assert await sessions_of(crowded) == before + 1


async def test_of_link_and_code_of_one_mail_one_signs_in(crowded: Ostiary) -> None:
    person = await new_person(crowded, EMAIL)
    before = await sessions_of(crowded)
    attempt = await Attempt.begin(crowded, person.email)
    await attempt.ask("email_code")
    code, link = await mailed(crowded, EMAIL)
    by_code = {"flow": attempt.flow, "answer": {"method": "email_code", "code": code}}
    by_link = {"flow": attempt.flow, "token": link}
    tries = [(ANSWER, by_code), (LINK, by_link)] * (MANY // 2)
    answers = await asyncio.gather(*(new_client(crowded).post(path, json=body) for path, body in tries))
    assert statuses(list(answers)) == {200: 1, 400: MANY - 1}
    assert await sessions_of(crowded) == before + 1


# Guessing


async def test_of_100_wrong_codes_at_once_a_flow_takes_five_and_no_right_one_after(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person, app = await new_person_with_app(ostiary, clock)
    attempt = await Attempt.by_password(ostiary, person)
    answers = await asyncio.gather(*(attempt.answer("totp", app.wrong(n)) for n in range(1, MANY + 1)))
    assert Counter(answer.json().get("detail") for answer in answers)["This code is not right."] == 5
    assert statuses(list(answers)) == {400: MANY}
    assert_refused(await attempt.answer("totp", app.code()), 400, "invalid_challenge")
    assert (await (await Attempt.by_password(ostiary, person)).answer("totp", app.code())).status_code == 200


async def test_wrong_codes_of_a_mail_count_against_its_flow_even_when_it_is_sent_again(ostiary: Ostiary) -> None:
    """A new mail is a new code; it is not five more tries."""
    person = await new_person(ostiary, EMAIL)
    attempt = await Attempt.begin(ostiary, person.email)
    for _ in range(5):
        await attempt.ask("email_code")
        code, _ = await mailed(ostiary, EMAIL)
        assert_refused(await attempt.answer("email_code", f"{(int(code) + 1) % 10**6:06d}"), 400, "invalid_challenge")
    await attempt.ask("email_code")
    code, _ = await mailed(ostiary, EMAIL)
    assert_refused(await attempt.answer("email_code", code), 400, "invalid_challenge")


@pytest.mark.parametrize("method", ["totp", "recovery_code"])
async def test_of_100_guesses_at_many_sign_ins_of_one_account_just_so_many_are_looked_at(
    installation: OpenInstallation, clock: ManualClock, method: str
) -> None:
    """Whoever knows the password begins as many sign-ins as he likes; asked of two processes at once."""
    both = [await installation(limits__second_factor_account="7/10m", passwords__queue=1000) for _ in range(2)]
    person = await new_person(both[0])
    await new_recovery_codes(person)
    app = await add_app(person, clock)
    attempts = [*await by_passwords(both[0], person, 10), *await by_passwords(both[1], person, 10)] * 5
    guesses = [app.wrong(n) if method == "totp" else f"zzzzz-{n:05d}" for n in range(1, MANY + 1)]
    answers = list(
        await asyncio.gather(*(each.answer(method, guess) for each, guess in zip(attempts, guesses, strict=True)))
    )
    assert statuses(answers) == {400: 7, 429: MANY - 7}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers if answer.status_code == 429)
    assert_refused(await attempts[0].answer("totp", app.code()), 429, "rate_limited")


async def test_who_guesses_codes_locks_the_owners_own_browser_out_of_nothing(
    installation: OpenInstallation, clock: ManualClock
) -> None:
    ostiary = await installation(limits__second_factor_account="3/10m")
    person, app = await new_person_with_app(ostiary, clock)
    for number in range(1, 5):
        await (await Attempt.by_password(ostiary, person)).answer("totp", app.wrong(number))
    stranger = await Attempt.by_password(ostiary, person)
    assert_refused(await stranger.answer("totp", app.code()), 429, "rate_limited")
    body = {"identifier": person.email, "password": person.password}
    begun = await person.client.post("/api/auth/login", json=body, headers=person.headers)
    own = {"flow": begun.json()["flow"], "answer": {"method": "totp", "code": app.code()}}
    assert (await person.client.post(ANSWER, json=own, headers=person.headers)).status_code == 200


async def test_what_is_no_code_is_refused_and_counts_like_a_wrong_one(ostiary: Ostiary, clock: ManualClock) -> None:
    person, app = await new_person_with_app(ostiary, clock)
    for number, junk in enumerate(["", "x" * 10_000, "１" * 5, "1.5e3", "\u200b"]):  # noqa: RUF001
        attempt = await Attempt.by_password(ostiary, person)
        for _ in range(5):
            assert_refused(await attempt.answer("totp", junk), 400, "invalid_challenge", number)
        assert_refused(await attempt.answer("totp", app.code()), 400, "invalid_challenge", number)


# Floods of messages


async def test_of_100_mails_asked_for_at_once_five_are_sent(installation: OpenInstallation) -> None:
    ostiary = await installation(limits__mail_account="6/1h")
    person = await new_person(ostiary, EMAIL)  # which takes one of them
    attempts = [await Attempt.begin(ostiary, person.email) for _ in range(MANY)]
    answers = list(await asyncio.gather(*(attempt.ask("email_code") for attempt in attempts)))
    assert statuses(answers) == {200: 5, 429: MANY - 5}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers if answer.status_code == 429)
    sent = [mail for mail in await ostiary.use.mailer.outbox(500) if "/login/link" in mail.text]
    assert len(sent) == 5


async def test_of_21_text_messages_that_are_asked_for_five_are_sent(
    installation: OpenInstallation, clock: ManualClock
) -> None:
    """A telephone that rings all night is answered in the end; and each message is paid for."""
    ostiary = await installation(limits__sms_account="5/1h", sms__sender="outbox", passwords__queue=1000)
    person = await new_person(ostiary)
    begun = await person.request("POST", "/api/credentials/sms_code", {"given": "+49 170 1234567"})
    body = {"flow": begun.json()["flow"], "answer": {"method": "sms_code", "code": await texted(ostiary)}}
    assert (await person.request("POST", "/api/credentials/sms_code/confirm", body)).status_code == 201
    attempts = await by_passwords(ostiary, person, 20)
    answers = list(await asyncio.gather(*(attempt.ask("sms_code") for attempt in attempts)))
    assert statuses(answers) == {200: 4, 429: 16}
    assert len([each for each in await ostiary.use.mailer.outbox(500) if each.kind == "sms"]) == 5


async def texted(ostiary: Ostiary) -> str:
    """The code in the newest SMS."""
    return next(each.text for each in await ostiary.use.mailer.outbox(500) if each.kind == "sms")[:6]


async def test_a_telephone_number_does_not_leave_the_server_whole(
    installation: OpenInstallation, clock: ManualClock
) -> None:
    ostiary = await installation(sms__sender="outbox")
    person = await new_person(ostiary)
    begun = await person.request("POST", "/api/credentials/sms_code", {"given": "+49 170 1234567"})
    body = {"flow": begun.json()["flow"], "answer": {"method": "sms_code", "code": await texted(ostiary)}}
    added = await person.request("POST", "/api/credentials/sms_code/confirm", body)
    asked = await (await Attempt.by_password(ostiary, person)).ask("sms_code")
    listed = await person.request("GET", "/api/credentials")
    assert asked.json()["sent_to"] == added.json()["details"]["number"] == "+49 ••• •••67"
    for answer in (begun, added, asked, listed):
        assert "1234567" not in answer.text.replace(" ", "")
    stored = repr(await contents(ostiary))
    assert "1234567" not in stored


# Of another flow, browser or account


async def test_a_mailed_code_answers_the_flow_that_asked_for_it_and_no_other(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, EMAIL)
    first, second = [await Attempt.begin(ostiary, person.email) for _ in range(2)]
    await first.ask("email_code")
    code, _ = await mailed(ostiary, EMAIL)
    assert_refused(await second.answer("email_code", code), 400, "invalid_challenge")
    await second.ask("email_code")
    other, _ = await mailed(ostiary, EMAIL)
    if other != code:
        assert_refused(await second.answer("email_code", code), 400, "invalid_challenge")
        assert_refused(await first.answer("email_code", other), 400, "invalid_challenge")
    assert (await first.answer("email_code", code)).status_code == 200
    assert (await second.answer("email_code", other)).status_code == 200


async def test_a_newer_mail_ends_code_and_link_of_the_one_before(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, EMAIL)
    attempt = await Attempt.begin(ostiary, person.email)
    await attempt.ask("email_code")
    code, link = await mailed(ostiary, EMAIL)
    await attempt.ask("email_code")
    newer, _ = await mailed(ostiary, EMAIL)
    dead = await attempt.client.post(LINK, json={"flow": attempt.flow, "token": link})
    assert_refused(dead, 400, "invalid_challenge")
    if newer != code:
        assert_refused(await attempt.answer("email_code", code), 400, "invalid_challenge")
    assert (await attempt.answer("email_code", newer)).status_code == 200


async def test_a_link_opened_in_another_browser_signs_nobody_in_and_is_not_spent(ostiary: Ostiary) -> None:
    """Else whoever begins a sign-in in somebody's name, and has him press the button in the mail, is signed in."""
    person = await new_person(ostiary, EMAIL)
    attempt = await Attempt.begin(ostiary, person.email)
    await attempt.ask("email_code")
    _, link = await mailed(ostiary, EMAIL)
    other = await Attempt.begin(ostiary, person.email)
    for body in ({"token": link}, {"token": link, "flow": other.flow}, {"token": link, "flow": "x" * 43}):
        assert_refused(await new_client(ostiary).post(LINK, json=body), 400, "invalid_challenge")
    opened = await attempt.client.post(LINK, json={"flow": attempt.flow, "token": link})
    assert opened.json()["status"] == "complete"


async def test_where_links_open_anywhere_the_browser_that_began_gets_nothing(installation: OpenInstallation) -> None:
    ostiary = await installation(sign_in__link_anywhere=True)
    person = await new_person(ostiary, EMAIL)
    attempt = await Attempt.begin(ostiary, person.email)
    await attempt.ask("email_code")
    code, link = await mailed(ostiary, EMAIL)
    opened = await new_client(ostiary).post(LINK, json={"token": link})
    assert opened.json()["status"] == "complete"
    assert_refused(await attempt.answer("email_code", code), 400, "invalid_challenge")


async def test_a_link_that_a_mail_scanner_looks_at_is_not_spent(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, EMAIL)
    attempt = await Attempt.begin(ostiary, person.email)
    await attempt.ask("email_code")
    _, link = await mailed(ostiary, EMAIL)
    before = await sessions_of(ostiary)
    for method in ("GET", "HEAD", "GET"):
        looked = await new_client(ostiary).request(method, f"/login/link?token={link}")
        assert looked.status_code < 500
        assert "ostiary_session" not in looked.cookies
    assert await sessions_of(ostiary) == before
    opened = await attempt.client.post(LINK, json={"flow": attempt.flow, "token": link})
    assert opened.json()["status"] == "complete"


async def test_codes_of_one_account_are_wrong_in_the_flow_of_another(ostiary: Ostiary, clock: ManualClock) -> None:
    eve = await new_person(ostiary)
    codes = await new_recovery_codes(eve)
    app = await add_app(eve, clock)
    ada, _ = await new_person_with_app(ostiary, clock)
    attempt = await Attempt.by_password(ostiary, ada)
    for method, code in (("totp", app.code()), ("recovery_code", codes[0])):
        assert_refused(await attempt.answer(method, code), 400, "invalid_challenge", method)
    own = await Attempt.by_password(ostiary, eve)
    assert (await own.answer("totp", app.code())).status_code == 200


async def test_a_second_factor_does_not_stand_for_the_first(ostiary: Ostiary, clock: ManualClock) -> None:
    """Nor do two of one category: a mail and an app are both possession."""
    person, app = await new_person_with_app(ostiary, clock, EMAIL)
    attempt = await Attempt.begin(ostiary, person.email)
    for method in ("totp", "recovery_code", "sms_code"):
        assert_refused(await attempt.answer(method, app.code()), 400, "invalid_challenge", method)
    await attempt.ask("email_code")
    code, _ = await mailed(ostiary, EMAIL)
    step = await attempt.answer("email_code", code)
    assert (step.json()["status"], step.json()["next"]) == ("challenge", ["password"])
    assert_refused(await attempt.answer("totp", app.code()), 400, "invalid_challenge")
    body = {"flow": attempt.flow, "answer": {"method": "password", "password": person.password}}
    step = await attempt.client.post(ANSWER, json=body)
    assert (step.json()["status"], step.json()["next"]) == ("challenge", ["totp"])
    assert (await attempt.answer("totp", app.code())).json()["status"] == "complete"


async def test_a_code_that_comes_too_late_is_refused(ostiary: Ostiary, clock: ManualClock) -> None:
    person, app = await new_person_with_app(ostiary, clock, EMAIL)
    by_mail, by_app = await Attempt.begin(ostiary, EMAIL), await Attempt.by_password(ostiary, person)
    await by_mail.ask("email_code")
    code, link = await mailed(ostiary, EMAIL)
    clock.advance(10 * MINUTE)
    assert_refused(await by_mail.answer("email_code", code), 400, "invalid_challenge")
    late = await by_mail.client.post(LINK, json={"flow": by_mail.flow, "token": link})
    assert_refused(late, 400, "invalid_challenge")
    assert_refused(await by_app.answer("totp", app.code()), 400, "invalid_challenge")


# Names that nobody has


async def test_for_a_name_that_nobody_has_all_is_the_same_but_the_mail(ostiary: Ostiary) -> None:
    """The rows that are written are as many and as long; no code ends the flow."""
    await new_person(ostiary, EMAIL)
    seen = []
    for identifier in (EMAIL, "eve@example.com"):
        rows = await contents(ostiary)
        attempt = await Attempt.begin(ostiary, identifier)
        asked = (await attempt.ask("email_code")).json()
        refused = await attempt.answer("email_code", "1234567")
        assert_refused(refused, 400, "invalid_challenge")
        added = {table: len(now) - len(rows[table]) for table, now in (await contents(ostiary)).items()}
        seen.append((asked | {"flow": "", "sent_to": asked["sent_to"] == identifier}, refused.json()["detail"], added))
        later(ostiary)
    assert seen[0] == seen[1]
    assert seen[0][2]["messages"] == 1
    sent = [mail.to for mail in await ostiary.use.mailer.outbox(500) if "/login/link" in mail.text]
    assert sent == [EMAIL]


async def test_names_that_nobody_has_get_as_few_mails(installation: OpenInstallation) -> None:
    ostiary = await installation(limits__mail_account="3/1h")
    attempts = [await Attempt.begin(ostiary, "eve@example.com") for _ in range(10)]
    answers = list(await asyncio.gather(*(attempt.ask("email_code") for attempt in attempts)))
    assert statuses(answers) == {200: 3, 429: 7}


# Adding


async def test_wrong_codes_add_no_app_and_end_the_enrolment(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    begun = (await person.request("POST", "/api/credentials/totp", {})).json()
    app = App(secret_of(begun["challenge"]["secret"]), clock)
    path = "/api/credentials/totp/confirm"
    for number in range(1, 6):
        body = {"flow": begun["flow"], "answer": {"method": "totp", "code": app.wrong(number)}}
        assert_refused(await person.request("POST", path, body), 400, "invalid_challenge")
    right = {"flow": begun["flow"], "answer": {"method": "totp", "code": app.code()}}
    assert_refused(await person.request("POST", path, right), 400, "invalid_challenge")
    assert (await contents(ostiary))["credentials"] == []


def secret_of(text: str) -> bytes:
    import base64

    return base64.b32decode(text.replace(" ", ""))


async def test_an_enrolment_is_confirmed_by_who_began_it_once(ostiary: Ostiary, clock: ManualClock) -> None:
    ada, eve = await new_person(ostiary), await new_person(ostiary)
    begun = (await ada.request("POST", "/api/credentials/totp", {})).json()
    body = {
        "flow": begun["flow"],
        "answer": {"method": "totp", "code": App(secret_of(begun["challenge"]["secret"]), clock).code()},
    }
    path = "/api/credentials/totp/confirm"
    assert_refused(await eve.request("POST", path, body), 400, "invalid_challenge")
    answers = await asyncio.gather(*(ada.request("POST", path, body) for _ in range(20)))
    assert Counter(answer.status_code for answer in answers)[201] == 1
    assert len((await contents(ostiary))["credentials"]) == 1
