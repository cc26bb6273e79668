"""How an account is protected: what opens it now, and what would protect it better. Pure: facts in, answer out."""

from __future__ import annotations

from typing import Literal

import msgspec

from ostiary.authentication.means import ORDER, Means
from ostiary.authentication.policy import Requirement, enough
from ostiary.credentials.face import CredentialType, Proof

Advice = Literal["passkey", "totp", "second_factor", "recovery_codes", "new_recovery_codes", "better_than_sms"]
Shown = CredentialType | Literal["security_key"]
"""A security key, which is a passkey for second steps only, is called by its own name."""


class Protection(msgspec.Struct, frozen=True):
    """Of one account.

    Attributes:
        ways: that a sign-in can go, each by what it takes, first step first; a recovery code is for emergencies, and
            stands in none.
        advice: what would protect the account best next; None where nothing is missing.
    """

    ways: tuple[tuple[Shown, ...], ...]
    advice: Advice | None


def protection_of(
    means: Means, required: Requirement, codes_left: int, few: int, offered: frozenset[str]
) -> Protection:
    """How the account is protected.

    Args:
        codes_left: recovery codes; few: with so many or fewer, new ones are due.
        offered: the types that can be added here.
    """
    # Where the policy asks for more than the account has, a sign-in shows what there is, and then adds the rest.
    ways = _ways(means, required) or _ways(means, Requirement(mailbox=required.mailbox))
    return Protection(ways, _advice(means, ways, codes_left, few, offered))


def _ways(means: Means, required: Requirement) -> tuple[tuple[Shown, ...], ...]:
    begins, has = sorted(means.ways_in, key=_place), sorted(means.has, key=_place)
    alone = [proof for proof in begins if enough(required, [proof])]
    found = [(_shown(proof),) for proof in alone]
    pairs: dict[frozenset[str], tuple[Shown, ...]] = {}
    for first in begins:
        for other in has:
            if other.type != "recovery_code" and first not in alone and other not in alone:
                pair = (_shown(first), _shown(other))
                if enough(required, [first, other]):
                    pairs.setdefault(frozenset(pair), pair)
    return (*found, *pairs.values())


def _advice(
    means: Means, ways: tuple[tuple[Shown, ...], ...], codes_left: int, few: int, offered: frozenset[str]
) -> Advice | None:
    shown = {_shown(proof) for proof in means.has}
    if not means.second:
        if "passkey" in shown:
            return "second_factor" if ("password",) in ways else None
        return "passkey" if "passkey" in offered else "totp"
    if codes_left <= few:
        return "new_recovery_codes" if codes_left else "recovery_codes"
    if "passkey" in offered and "passkey" not in shown:
        return "passkey"
    return "better_than_sms" if not shown & {"passkey", "security_key", "totp"} else None


def _shown(proof: Proof) -> Shown:
    if proof.type == "passkey" and len(proof.factors) == 1:
        return "security_key"
    return proof.type  # type: ignore[return-value]  # no trusted device is among what an account has


def _place(proof: Proof) -> int:
    return ORDER.index(proof.type)
