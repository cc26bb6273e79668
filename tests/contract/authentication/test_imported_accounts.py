"""Who was imported signs in with the password they had, and from then on has a hash like everybody's."""

from __future__ import annotations

from ostiary.app import Ostiary
from ostiary.audit import Event, read
from tests.support.foreign_hashes import one_of_each_format, vector
from tests.support.importing import import_lines, stored_hash
from tests.support.installation import code_for, new_client
from tests.support.time import ManualClock


async def _login(ostiary: Ostiary, email: str, password: str) -> tuple[int, str]:
    answer = await new_client(ostiary).post("/api/auth/login", json={"identifier": email, "password": password})
    return answer.status_code, answer.json().get("code") or answer.json()["status"]


async def test_an_account_of_each_format_signs_in_and_its_hash_is_argon2id_then(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    formats = one_of_each_format()
    lines = [{"email": f"{each.format}@example.com", "email_verified": True} | each.members for each in formats]
    summary, _ = await import_lines(ostiary, lines)
    assert summary.created == len(formats) == 11
    for each in formats:
        email = f"{each.format}@example.com"
        imported = await stored_hash(ostiary, email)
        assert imported is not None
        assert imported.startswith("imported$"), each.name
        assert await _login(ostiary, email, "x" + each.password) == (401, "invalid_credentials"), each.name
        assert await stored_hash(ostiary, email) == imported
        assert await _login(ostiary, email, each.password) == (200, "complete"), each.name
        ours = await stored_hash(ostiary, email)
        assert ours is not None
        assert ours.startswith("$argon2id$v=19$m=19456,t=2,p=1$"), each.name
        assert await _login(ostiary, email, each.password) == (200, "complete"), each.name
        assert await stored_hash(ostiary, email) == ours
        clock.advance(1)
    rehashed = (await read(ostiary.use.db, event=Event.PASSWORD_REHASHED)).items
    assert len(rehashed) == len(formats)


async def test_a_password_that_is_not_in_normal_form_fits_before_and_after(ostiary: Ostiary) -> None:
    """Hashed as it was typed there, and in normal form here: so it may be typed either way from then on."""
    found = vector("django, Unicode")
    await import_lines(ostiary, [{"email": "ada@example.com", "email_verified": True} | found.members])
    typed = found.password
    normal = typed.replace("ﬁ", "fi")
    assert typed != normal
    assert await _login(ostiary, "ada@example.com", normal) == (401, "invalid_credentials")
    assert await _login(ostiary, "ada@example.com", typed) == (200, "complete")
    assert await _login(ostiary, "ada@example.com", normal) == (200, "complete")


async def test_an_address_without_proof_is_proved_at_the_first_sign_in(ostiary: Ostiary) -> None:
    found = vector("bcrypt 2b")
    await import_lines(ostiary, [{"email": "ada@example.com"} | found.members])
    client = new_client(ostiary)
    login = {"identifier": "ada@example.com", "password": found.password}
    challenge = (await client.post("/api/auth/login", json=login)).json()
    assert challenge["status"] == "challenge"
    proof = {"flow": challenge["flow"], "code": await code_for(ostiary, "ada@example.com")}
    proved = (await client.post("/api/auth/verify", json=proof)).json()
    assert (proved["status"], proved["account"]["email_verified"]) == ("complete", True)
    assert await _login(ostiary, "ada@example.com", found.password) == (200, "complete")


async def test_a_disabled_account_stays_so(ostiary: Ostiary) -> None:
    found = vector("bcrypt 2b")
    line = {"email": "ada@example.com", "email_verified": True, "disabled": True} | found.members
    await import_lines(ostiary, [line])
    assert await _login(ostiary, "ada@example.com", found.password) == (403, "account_disabled")
    assert await _login(ostiary, "ada@example.com", "wrong") == (401, "invalid_credentials")


async def test_an_account_without_a_hash_has_no_password(ostiary: Ostiary) -> None:
    await import_lines(ostiary, [{"email": "ada@example.com", "email_verified": True}])
    assert await _login(ostiary, "ada@example.com", "") == (401, "invalid_credentials")
