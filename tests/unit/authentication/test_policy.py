"""What is enough: every pair of credentials, every policy, every level."""

from __future__ import annotations

from itertools import combinations_with_replacement, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.authentication.means import Means
from ostiary.authentication.policy import (
    POLICIES,
    Requirement,
    amr_of,
    enough,
    factors_of,
    helps,
    level_of,
    proofs_of,
    strictest,
)
from ostiary.credentials.face import Proof

PASSWORD = Proof("password", ("knowledge",), ("pwd",), 0)
TOTP = Proof("totp", ("possession",), ("otp",), 0)
SMS = Proof("sms_code", ("possession",), ("sms",), 0, "restricted")
MAIL = Proof("email_code", ("possession",), ("otp", "mca"), 0, "mailbox")
RECOVERY = Proof("recovery_code", ("possession",), ("otp",), 0)
KEY = Proof("passkey", ("possession",), ("hwk", "user"), 0, "phishing_resistant")
PASSKEY = Proof("passkey", ("possession", "inherence"), ("swk", "user"), 0, "phishing_resistant")
ATTESTED = Proof("passkey", ("possession", "inherence"), ("hwk", "user"), 0, "hardware")
TRUSTED = Proof("trusted_device", ("possession",), (), 0, "remembered")
# Not offered here, but what is true of every second thing that is known: a PIN, the name of a pet.
PIN = Proof("password", ("knowledge",), ("pin",), 0)
QUESTION = Proof("password", ("knowledge",), ("kba",), 0)

SINGLE = [PASSWORD, TOTP, SMS, MAIL, RECOVERY, KEY, TRUSTED, PIN, QUESTION]
ALL = [*SINGLE, PASSKEY, ATTESTED]
OFFERED = [proof for proof in ALL if proof not in (PIN, QUESTION)]


def named(proof: object) -> str:
    """Of each in ``ALL`` one name, for the report."""
    return "-".join([proof.type, *proof.amr, str(len(proof.factors))]) if isinstance(proof, Proof) else str(proof)


TWO = Requirement("two_factors")


@pytest.mark.parametrize(("one", "other"), list(combinations_with_replacement(SINGLE, 2)), ids=named)
def test_two_credentials_are_two_factors_only_where_their_categories_differ(one: Proof, other: Proof) -> None:
    assert enough(TWO, [one, other]) == (one.factors != other.factors)
    assert enough(TWO, [other, one]) == enough(TWO, [one, other])


@pytest.mark.parametrize("known", [PIN, QUESTION, PASSWORD])
def test_a_password_and_something_else_that_is_known_never_add_up(known: Proof) -> None:
    assert level_of([PASSWORD, known]) == "aal1"
    assert not enough(TWO, [PASSWORD, known, PIN, QUESTION])


@pytest.mark.parametrize("proof", ALL)
def test_one_credential_is_two_factors_only_where_its_key_was_unlocked(proof: Proof) -> None:
    assert enough(TWO, [proof]) == (proof in (PASSKEY, ATTESTED))
    assert enough(Requirement("any"), [proof])


@pytest.mark.parametrize(("one", "other"), list(combinations_with_replacement(ALL, 2)), ids=named)
def test_phishing_resistance_takes_a_key_and_two_factors(one: Proof, other: Proof) -> None:
    both = [one, other]
    expected = any(proof in both for proof in (PASSKEY, ATTESTED)) or (
        KEY in both and len({factor for proof in both for factor in proof.factors}) == 2
    )
    assert enough(Requirement("phishing_resistant"), both) == expected


@pytest.mark.parametrize(
    ("proofs", "level"),
    [
        ([PASSWORD], "aal1"),
        ([TOTP], "aal1"),
        ([PASSWORD, TOTP], "aal2"),
        ([PASSWORD, SMS], "aal2"),
        ([PASSWORD, RECOVERY], "aal2"),
        ([PASSWORD, KEY], "aal2"),
        ([PASSKEY], "aal2"),
        ([PASSWORD, MAIL], "aal1"),  # SP 800-63B-4 section 3.1.3.1: e-mail is no out-of-band authenticator
        ([PASSWORD, TRUSTED], "aal1"),
        ([TOTP, SMS], "aal1"),
        ([ATTESTED], "aal3"),
        ([PASSWORD, ATTESTED], "aal3"),
    ],
)
def test_the_level_is_that_of_sp_800_63b(proofs: list[Proof], level: str) -> None:
    assert level_of(proofs) == level
    assert ("mfa" in amr_of(proofs)) == (level > "aal1")


def test_a_mail_box_is_no_second_factor_of_who_has_a_better_one() -> None:
    assert enough(Requirement("two_factors"), [PASSWORD, MAIL])
    assert not enough(Requirement("two_factors", mailbox=False), [PASSWORD, MAIL])
    assert not enough(Requirement("two_factors", mailbox=False), [PASSWORD, TRUSTED, MAIL][::2])


def test_nothing_is_never_enough() -> None:
    for policy in POLICIES:
        assert not enough(Requirement(policy), [])


@given(st.lists(st.sampled_from(OFFERED), min_size=1, max_size=4))
def test_reading_back_what_a_session_has_shown_never_overstates_it(proofs: list[Proof]) -> None:
    read = proofs_of(amr_of(proofs), 0)
    assert level_of(read) <= level_of(proofs)
    assert factors_of(read) <= factors_of(proofs)


@given(
    st.lists(st.sampled_from(ALL), max_size=3),
    st.sampled_from(POLICIES),
    st.sampled_from(["aal1", "aal2"]),
    st.booleans(),
)
def test_what_is_offered_brings_a_sign_in_to_its_end(
    proofs: list[Proof], policy: str, level: str, mailbox: bool
) -> None:
    """Whoever takes the first offer again and again gets there, or is told to add a credential; never in circles."""
    required = Requirement(policy, level, mailbox)  # type: ignore[arg-type]  # drawn from those
    means = Means(tuple({proof.type: proof for proof in [*ALL, *proofs]}.values()), second=True, policies=())
    shown = list(proofs)
    for _ in range(8):
        if shown and enough(required, shown):
            return
        due = means.due(required, shown)
        assert due, (required, shown)
        if due[0].startswith("enrol_"):
            assert not enough(required, [*shown, *means.has])
            return
        shown.append(next(proof for proof in means.has if proof.type == due[0]))
    raise AssertionError(f"no end: {required}, {shown}")


@given(st.lists(st.sampled_from(ALL), max_size=3), st.sampled_from(ALL), st.sampled_from(POLICIES))
def test_no_more_proof_is_ever_less(proofs: list[Proof], more: Proof, policy: str) -> None:
    required = Requirement(policy)  # type: ignore[arg-type]  # drawn from those
    assert enough(required, [*proofs, more]) or not enough(required, proofs)
    assert level_of([*proofs, more]) >= level_of(proofs)


def test_the_same_again_does_not_help() -> None:
    for policy, proof in product(POLICIES, ALL):
        assert not helps(Requirement(policy), [proof], proof)


def test_the_strictest_policy_holds() -> None:
    assert strictest([]) == "any"
    assert strictest(["any", "two_factors"]) == "two_factors"
    assert strictest(["phishing_resistant", "any", "two_factors"]) == "phishing_resistant"
