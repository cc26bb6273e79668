"""Which proofs are enough, and what they add up to. Pure: facts in, answer out.

Two credentials of one category count once, so a password and a security question never make two factors (NIST SP
800-63B-4 section 2.2). A passkey with user verification shows two by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from ostiary.authorization.caller import Level
from ostiary.authorization.model import SignInPolicy
from ostiary.credentials.face import Factor, Proof, Strength

POLICIES: tuple[SignInPolicy, ...] = ("any", "two_factors", "phishing_resistant")
"""Each asks for more than the one before."""

_NO_LEVEL: frozenset[Strength] = frozenset({"remembered", "mailbox"})
_RESISTANT: frozenset[Strength] = frozenset({"phishing_resistant", "hardware"})


class Requirement(msgspec.Struct, frozen=True):
    """What a flow has to show.

    Attributes:
        level: what an application asks for, whatever the policy.
        mailbox: a message to the mail box counts as a second factor: not for who has another thing to show, nor to get
            back into an account, whose mail box proves it already.
    """

    policy: SignInPolicy = "any"
    level: Level = "aal1"
    mailbox: bool = True


def strictest(policies: Iterable[str]) -> SignInPolicy:
    """The one of them that asks for most; ``any`` where there is none."""
    return max((policy for policy in POLICIES if policy in set(policies)), key=POLICIES.index, default="any")


def enough(required: Requirement, proofs: Sequence[Proof]) -> bool:
    """Whether these proofs meet the requirement."""
    if not proofs or level_of(proofs) < required.level:
        return False
    if required.policy == "any":
        return True
    counted = [proof for proof in proofs if required.mailbox or proof.strength != "mailbox"]
    if len(factors_of(counted)) < 2:
        return False
    return required.policy == "two_factors" or any(proof.strength in _RESISTANT for proof in counted)


def helps(required: Requirement, proofs: Sequence[Proof], other: Proof) -> bool:
    """Whether one more proof like ``other`` would bring these nearer to the requirement."""
    if any(proof.type == other.type and proof.factors == other.factors for proof in proofs):
        return False
    if not proofs or enough(required, [*proofs, other]):
        return True
    if other.strength in _NO_LEVEL and (required.level > "aal1" or not required.mailbox):
        return False
    return not factors_of([other]) <= factors_of(proofs) or (
        required.policy == "phishing_resistant" and other.strength in _RESISTANT
    )


def factors_of(proofs: Iterable[Proof]) -> frozenset[Factor]:
    """The categories that they cover."""
    return frozenset(factor for proof in proofs for factor in proof.factors)


def level_of(proofs: Iterable[Proof]) -> Level:
    """The assurance level (acr): AAL2 takes two factors, AAL3 besides a hardware key that resists phishing."""
    counted = [proof for proof in proofs if proof.strength not in _NO_LEVEL]
    if len(factors_of(counted)) < 2:
        return "aal1"
    return "aal3" if any(proof.strength == "hardware" for proof in counted) else "aal2"


def amr_of(proofs: Iterable[Proof]) -> tuple[str, ...]:
    """How it was proved, in the values of RFC 8176; ``mfa`` where it reaches AAL2."""
    shown = list(proofs)
    values = dict.fromkeys(value for proof in shown for value in proof.amr)
    if level_of(shown) > "aal1":
        values["mfa"] = None
    return tuple(values)


def proofs_of(amr: Iterable[str], at: int) -> list[Proof]:
    """What a session's ``amr`` still tells of the proofs behind it; where it leaves a doubt, less rather than more."""
    known = frozenset(amr)
    found: list[Proof] = []
    if "pwd" in known:
        found.append(Proof("password", ("knowledge",), ("pwd",), at))
    if "hwk" in known or "swk" in known:
        keys = tuple(sorted(known & {"hwk", "swk", "user"}))
        verified = "mfa" in known and "pwd" not in known
        found.append(
            Proof(
                "passkey", ("possession", "inherence") if verified else ("possession",), keys, at, "phishing_resistant"
            )
        )
    if "sms" in known:
        found.append(Proof("sms_code", ("possession",), ("sms",), at, "restricted"))
    elif "otp" in known and "mca" not in known:
        found.append(Proof("totp", ("possession",), ("otp",), at))
    return found
