"""NIST SP 800-63B-4 section 3.1.1.2, password verifiers; each test is one of its sentences."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import AsyncIterator

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.crypto import PasswordHasher
from tests.support.installation import new_client, new_person, settings_for_test
from tests.support.time import ManualClock

GOOD = "seven quiet lanterns"


@pytest.fixture
async def installed(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    async with await Ostiary.open(settings_for_test(sqlite_url), clock=clock, migrate_first=True) as opened:
        yield opened


async def register(ostiary: Ostiary, password: str, **fields: str) -> httpx.Response:
    body = {"email": "ada.lovelace@example.com", "password": password, **fields}
    return await new_client(ostiary).post("/api/auth/register", json=body)


async def refused(ostiary: Ostiary, reason: str, *passwords: str, **fields: str) -> None:
    for password in passwords:
        answer = await register(ostiary, password, **fields)
        problem = answer.json()
        assert (answer.status_code, problem.get("code"), problem.get("reason")) == (400, "weak_password", reason), (
            password
        )
        assert problem["field"] == "password"
        assert problem["detail"], "the subscriber is told why"
        assert len(password) < 12 or password not in answer.text


async def accepted(ostiary: Ostiary, *passwords: str) -> None:
    """It can be set, and it can be used."""
    for number, password in enumerate(passwords):
        person = await new_person(ostiary, f"person{number}@example.com", password=password)
        await person.sign_in()


async def test_passwords_have_a_minimum_length(installed: Ostiary) -> None:
    await refused(installed, "too_short", "", "a", "quiet lamps", " " * 11)
    await accepted(installed, "quiet lampsy")


async def test_a_maximum_length_of_at_least_64_characters_is_permitted(installed: Ostiary) -> None:
    words = "every morning the keeper walks along the wall and puts out lanterns "
    await accepted(installed, words[:64], (words * 4)[:256])
    await refused(installed, "too_long", (words * 4)[:257], words * 500)


async def test_all_printing_characters_spaces_and_unicode_are_accepted(installed: Ostiary) -> None:
    await accepted(
        installed,
        "".join(chr(32 + (7 * code * code + 11 * code) % 95) for code in range(95)),
        r"""a ~!@#$%^&*()_+`-={}[]|\:;"'<>,.?/ of everything""",
        "  leading and trailing spaces  ",
        "sieben stille Lämpchen",
        "七つの静かな灯籠が夜道を照らす",
        "семь тихих фонарей",
        "\U0001f3ee\U0001f319 quiet \U0001f525\U0001f30a lamp \U0001f6aa",
    )


async def test_each_code_point_counts_as_one_character(installed: Ostiary) -> None:
    await refused(installed, "too_short", "七つの静かな灯籠が照ら", "\U0001f3ee" * 11)
    await accepted(installed, "七つの静かな灯籠が照らす")


async def test_unicode_is_normalised_before_hashing(installed: Ostiary) -> None:
    """The same password typed on another keyboard (section 3.1.1.2: NFKC or NFKD before hashing)."""
    composed = "s\u00e9ven qu\u00efet l\u00e4mps \ufb01re"
    person = await new_person(installed, password=composed)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        person.password = unicodedata.normalize(form, composed)
        await person.sign_in()


async def test_length_counts_in_normal_form_however_it_is_typed(installed: Ostiary) -> None:
    decomposed = unicodedata.normalize("NFD", "\u00e9\u00e8\u00ea\u00eb\u00e5\u00e3\u00fc\u00f1" * 25)
    assert len(decomposed) == 400
    await accepted(installed, decomposed)
    await refused(installed, "too_short", unicodedata.normalize("NFD", "\u00e9\u00e8\u00ea\u00eb\u00e5\u00e3"))
    await refused(installed, "too_long", "\ufdfa" * 60)  # one character that becomes 18


async def test_the_entire_password_is_verified_and_not_truncated(installed: Ostiary) -> None:
    password = ("every morning the keeper walks along the wall " * 6)[:256]
    person = await new_person(installed, password=password)
    for wrong in (password[:-1], password[:72], password + "x", password[:-1] + "X", password + "\u00a0"):
        body = {"identifier": person.email, "password": wrong}
        assert (await new_client(installed).post("/api/auth/login", json=body)).status_code == 401
    await person.sign_in()


async def test_no_composition_rules_are_imposed(installed: Ostiary) -> None:
    await accepted(installed, "quietlanternsburn", "QUIETLANTERNSBURN", "86273950418827", "~!?&/(%)§$=*+'#")


async def test_commonly_used_and_expected_passwords_are_refused(installed: Ostiary) -> None:
    await refused(
        installed,
        "common",
        "password1234",
        "passwordpassword",
        "123456789012",
        "qwertyuiop12",
        "aaaaaaaaaaaa",
        "111111111111",
        "abcdefghijkl",
        "P@ssw0rd1234",
    )


async def test_context_specific_words_are_refused(installed: Ostiary) -> None:
    """The subscriber's own names and address, in whatever case and letters."""
    fields = {"username": "countess", "name": "Augusta Ada King"}
    await refused(
        installed,
        "own_name",
        "ada.lovelace@example.com",
        "my LOVELACE lantern",
        "\uff2covelace and lanterns",
        "the countess of lanterns",
        "augusta and the lanterns",
        **fields,
    )
    assert (await register(installed, GOOD, **fields)).status_code == 200


async def test_a_changed_password_follows_the_same_rules(installed: Ostiary) -> None:
    person = await new_person(installed, "ada.lovelace@example.com")
    for password, reason in {"short": "too_short", "password1234": "common", "my lovelace lantern": "own_name"}.items():
        body = {"current_password": person.password, "new_password": password}
        answer = await person.request("PUT", "/api/credentials/password", body)
        assert (answer.status_code, answer.json()["reason"]) == (400, reason)
    await person.sign_in()


async def test_passwords_are_not_required_to_change_periodically(installed: Ostiary, clock: ManualClock) -> None:
    person = await new_person(installed)
    clock.advance(10 * 365 * 86_400_000)
    await person.sign_in()


async def test_pages_permit_pasting_and_password_managers(installed: Ostiary) -> None:
    client = new_client(installed)
    token = re.search(r'name="csrf_token" value="([^"]+)"', (await client.get("/login")).text)
    form = {"identifier": "ada@example.com", "csrf_token": token[1] if token else ""}
    assert (await client.post("/login", data=form)).headers["location"] == "/login/step"
    for path, kind in {"/login/step": "current-password", "/register": "new-password"}.items():
        page = (await client.get(path)).text
        assert f'autocomplete="{kind}"' in page
        assert "maxlength" not in page, "a pasted password must not be cut off"
        assert "onpaste" not in page


async def test_passwords_are_salted_and_hashed_with_a_suitable_scheme(installed: Ostiary) -> None:
    hashes = set()
    for _ in range(3):
        person = await new_person(installed, password=GOOD)
        stored = await installed.use.passwords.stored(person.id)
        assert stored is not None
        assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        hashes.add(stored)
    assert len(hashes) == 3, "the salt is random"


async def test_a_hash_of_older_parameters_is_upgraded_at_sign_in(installed: Ostiary) -> None:
    person = await new_person(installed)
    old = await PasswordHasher(memory_kib=8192, passes=1).hash(person.password)
    async with installed.use.db.transaction() as tx:
        await installed.use.passwords.store(tx, person.id, old, 0)
    body = {"identifier": person.email, "password": "a wrong password"}
    await new_client(installed).post("/api/auth/login", json=body)
    assert await installed.use.passwords.stored(person.id) == old, "a wrong password upgrades nothing"
    await person.sign_in()
    upgraded = await installed.use.passwords.stored(person.id)
    assert upgraded is not None
    assert upgraded.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await person.sign_in()
