"""What an account could prove itself with, and what is asked of it: read at once, at each step of a flow."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ostiary.accounts import Account
from ostiary.authentication.policy import POLICIES, Requirement, enough, helps, level_of, strictest
from ostiary.authorization.caller import Level
from ostiary.authorization.membership import SETS_OF_ACCOUNT, account_keys
from ostiary.authorization.model import SignInPolicy
from ostiary.credentials.face import CredentialType, Factor, Proof, Strength
from ostiary.database import Reader

_INHERENT: tuple[Factor, ...] = ("possession", "inherence")
_STRENGTHS: dict[str, Strength] = {
    "passkey": "phishing_resistant",
    "sms_code": "restricted",
    "email_code": "mailbox",
}
ORDER: tuple[CredentialType, ...] = ("passkey", "totp", "sms_code", "password", "email_code", "recovery_code")
"""In which they are offered."""
_SECOND: frozenset[str] = frozenset({"passkey", "totp", "sms_code", "recovery_code"})
"""What shows that who has the password, or the mail, is the owner; a recovery code where the others are lost."""


class _Row(msgspec.Struct, frozen=True):
    type: str
    second: int


class Means(msgspec.Struct, frozen=True):
    """Of one account.

    Attributes:
        has: what it could show, one proof a kind.
        second: it has set up a second factor, so that it is asked for one.
        policies: what its roles ask for.
        pending: nobody has proved its address yet.
    """

    has: tuple[Proof, ...]
    second: bool
    policies: tuple[str, ...]
    pending: bool = False

    def requirement(self, setting: SignInPolicy, *, level: Level = "aal1", suspicious: bool = False) -> Requirement:
        """What a sign-in to the account has to show."""
        mailbox = not self.possesses
        # Not where there is nothing else to show: whoever has guessed the password would add it, and keep it.
        doubted = suspicious and enough(Requirement("two_factors", mailbox=mailbox), self.has)
        own: SignInPolicy = "two_factors" if self.second or doubted else "any"
        return Requirement(strictest([setting, own, *self.policies]), level, mailbox=mailbox)

    def due(self, required: Requirement, proofs: Sequence[Proof]) -> tuple[str, ...]:
        """What to go on with, the best first: a proof that the account has, or, where it lacks one, an enrolment.

        Who is to add a credential shows first all that the account has: else a password alone could add what the
        policy asks for beside it. A second factor is shown also where nothing in the account adds up with it.
        """
        found: set[str]
        goal = next(goal for goal in _lesser(required) if enough(goal, [*proofs, *self.has]))
        if not enough(goal, proofs):
            found = {proof.type for proof in self.has if helps(goal, proofs, proof)}
        elif self.second and not any(proof.type in _SECOND for proof in proofs):
            found = {proof.type for proof in self.has if proof.type in _SECOND}
        else:
            app = _potential("totp", second=True)
            return ("enrol_passkey", "enrol_totp") if enough(required, [*proofs, app]) else ("enrol_passkey",)
        return tuple(kind for kind in ORDER if kind in found)

    @property
    def possesses(self) -> bool:
        """It has something to show beside a mail box, which a forgotten password is replaced by already."""
        return self.second or any(proof.type == "passkey" for proof in self.has)

    @property
    def ways_in(self) -> tuple[Proof, ...]:
        """What a sign-in to the account can begin with and get to its end.

        A key that is a second factor only is none of it; nor is the mail box beside a second factor, with which it
        never adds up.
        """
        return tuple(
            proof
            for proof in self.has
            if proof.type == "password"
            or (proof.type == "email_code" and not self.second)
            or (proof.type == "passkey" and len(proof.factors) > 1)
        )

    @property
    def level(self) -> Level:
        """The best that it could reach."""
        return level_of(self.has)


async def means_of(reader: Reader, account: Account, offered: frozenset[str]) -> Means:
    """What the account has, as the reader sees it.

    Args:
        offered: the types that the settings offer.
    """
    rows = await reader.fetch_all(
        _Row,
        "SELECT 'password' AS type, 0 AS second FROM passwords WHERE account_id = :id"
        " UNION ALL SELECT type, second FROM credentials WHERE account_id = :id"
        " UNION ALL SELECT DISTINCT 'recovery_code', 0 FROM recovery_codes WHERE account_id = :id"
        " UNION ALL SELECT sign_in_policy, -1 FROM roles WHERE sign_in_policy IS NOT NULL AND name IN ("
        f"{SETS_OF_ACCOUNT}, reached (role) AS (SELECT role FROM role_assignments"
        " WHERE account_id = :id OR group_id IN (SELECT subject FROM held)"
        " UNION SELECT included FROM role_includes JOIN reached ON reached.role = role_includes.role)"
        " SELECT role FROM reached)",
        id=account.id,
        **account_keys(account.id),
    )
    kinds = {(row.type, row.second) for row in rows if row.second >= 0 and row.type in offered}
    if account.email_verified_at is not None and "email_code" in offered:
        kinds.add(("email_code", 0))
    return Means(
        has=tuple(_potential(kind, second=bool(second)) for kind, second in sorted(kinds)),
        second=any(second == 1 for _, second in kinds),
        policies=tuple(row.type for row in rows if row.second < 0),
        pending=account.status == "pending",
    )


def _potential(kind: str, *, second: bool) -> Proof:
    """A proof of this kind, as it could come; a security key that is a second factor only shows its possession."""
    if kind == "password":
        factors: tuple[Factor, ...] = ("knowledge",)
    elif kind == "passkey" and not second:
        factors = _INHERENT
    else:
        factors = ("possession",)
    strength = _STRENGTHS.get(kind, "plain")
    return Proof(kind, factors, (), 0, strength)  # type: ignore[arg-type]  # the types of the table are those


def _lesser(required: Requirement) -> list[Requirement]:
    """The requirement, then what asks for less and less, down to any proof at all."""
    policies = POLICIES[: POLICIES.index(required.policy) + 1]
    return [required, *[Requirement(policy, mailbox=required.mailbox) for policy in reversed(policies)]]
