"""What the security page says of an account: every way to sign in, and the one best improvement."""

from __future__ import annotations

import pytest

from ostiary.authentication.means import Means
from ostiary.authentication.policy import Requirement
from ostiary.authentication.protection import Advice, protection_of
from ostiary.credentials.face import Proof
from ostiary.web.pages.security import sentence_of

PASSWORD = Proof("password", ("knowledge",), (), 0)
TOTP = Proof("totp", ("possession",), (), 0)
SMS = Proof("sms_code", ("possession",), (), 0, "restricted")
MAIL = Proof("email_code", ("possession",), (), 0, "mailbox")
RECOVERY = Proof("recovery_code", ("possession",), (), 0)
KEY = Proof("passkey", ("possession",), (), 0, "phishing_resistant")
PASSKEY = Proof("passkey", ("possession", "inherence"), (), 0, "phishing_resistant")

CASES: list[tuple[list[Proof], int, Advice | None, str]] = [
    ([PASSWORD], 0, "passkey", "with your password."),
    ([PASSWORD, MAIL], 0, "passkey", "with your password or with a code or link that we mail you."),
    ([MAIL], 0, "passkey", "with a code or link that we mail you."),
    ([PASSKEY], 0, None, "with a passkey."),
    ([PASSKEY, PASSWORD], 0, "second_factor", "with a passkey or with your password."),
    ([PASSWORD, MAIL, TOTP], 0, "recovery_codes", "with your password and a code from your authenticator app."),
    ([PASSWORD, TOTP, RECOVERY], 2, "new_recovery_codes", "with your password and a code from your authenticator app."),
    ([PASSWORD, TOTP, RECOVERY], 9, "passkey", "with your password and a code from your authenticator app."),
    ([PASSWORD, SMS, RECOVERY], 9, "passkey", "with your password and a code by text message."),
    ([PASSWORD, KEY, RECOVERY], 9, "passkey", "with your password and your security key."),
    (
        [PASSKEY, PASSWORD, TOTP, SMS, KEY, RECOVERY],
        9,
        None,
        (
            "with a passkey, or with your password and your security key, a code from your authenticator app"
            " or a code by text message."
        ),
    ),
]


def means(proofs: list[Proof]) -> Means:
    return Means(tuple(proofs), second=any(proof in (TOTP, SMS, KEY) for proof in proofs), policies=())


@pytest.mark.parametrize(("has", "codes", "advice", "sentence"), CASES)
def test_the_way_to_sign_in_and_the_next_improvement_follow_from_what_there_is(
    has: list[Proof], codes: int, advice: Advice | None, sentence: str
) -> None:
    found = means(has)
    protection = protection_of(found, found.requirement("any"), codes, 3, frozenset({"passkey"}))
    assert sentence_of(protection) == "You sign in " + sentence
    assert protection.advice == advice


def test_where_passkeys_are_not_offered_an_app_is_next() -> None:
    assert protection_of(means([PASSWORD]), Requirement(), 0, 3, frozenset()).advice == "totp"
    assert protection_of(means([PASSWORD, SMS]), Requirement(), 9, 3, frozenset()).advice == "better_than_sms"


def test_a_policy_of_two_factors_counts_for_who_has_set_up_none() -> None:
    found = means([PASSWORD, MAIL])
    protection = protection_of(found, found.requirement("two_factors"), 0, 3, frozenset({"passkey"}))
    assert sentence_of(protection) == "You sign in with your password and a code that we mail you."


def test_what_the_policy_asks_for_beyond_what_there_is_makes_no_way() -> None:
    """The sign-in adds what is missing, on the way."""
    found = means([PASSWORD])
    protection = protection_of(found, found.requirement("phishing_resistant"), 0, 3, frozenset({"passkey"}))
    assert sentence_of(protection) == "You sign in with your password."


def test_an_account_that_nothing_opens_yet_is_described_without_a_fault() -> None:
    protection = protection_of(means([]), Requirement(), 0, 3, frozenset({"passkey"}))
    assert sentence_of(protection) == "Nothing opens your account yet."
