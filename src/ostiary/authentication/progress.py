"""How far a flow has come: what its row keeps from one step to the next."""

from __future__ import annotations

from typing import Literal

import msgspec

from ostiary.authentication.outcome import Delivery
from ostiary.authorization.caller import Level
from ostiary.credentials import (
    EmailCodeAnswer,
    PasskeyAnswer,
    PasswordAnswer,
    PasswordText,
    RecoveryCodeAnswer,
    SmsCodeAnswer,
    TotpAnswer,
)
from ostiary.credentials.face import Proof


class Progress(msgspec.Struct, frozen=True):
    """Of a flow that the dispatcher leads.

    Attributes:
        identifier: the name that was typed, which need not be anybody's; empty for none.
        delivery, remember: how a sign-in arrives.
        level: what an application asks for.
        proofs: what was shown so far.
        kept: of each challenge that was made and not answered yet, what its credential keeps, by the step's name.
        sign_in: the session or family that a step-up is about.
        carried: what the session that is stepped up has shown, and still counts.
        reached: the level that the session had.
        whole: a step-up has to show all that a sign-in would.
        password_hash: the new password of a recovery.
        suspicious: so many have guessed that a password alone is not enough.
        stand_in: what a trusted device shows in place of a second factor.
        trust: the browser or client is not to be asked for the second factor again.
    """

    identifier: str = ""
    delivery: Delivery = "cookie"
    remember: bool = False
    level: Level = "aal1"
    proofs: tuple[Proof, ...] = ()
    kept: dict[str, bytes] = {}
    sign_in: str = ""
    carried: tuple[Proof, ...] = ()
    reached: Level = "aal1"
    whole: bool = False
    password_hash: str | None = None
    suspicious: bool = False
    stand_in: Proof | None = None
    trust: bool = False

    def __repr__(self) -> str:
        return f"Progress({[proof.type for proof in self.proofs]})"

    def proved(self, proof: Proof) -> Progress:
        """One more proof; every challenge that is open ends with it."""
        return msgspec.structs.replace(self, proofs=(*self.proofs, proof), kept={})

    def asked(self, step: str, kept: bytes) -> Progress:
        """One more challenge, in place of an earlier one of the same step."""
        return msgspec.structs.replace(self, kept=self.kept | {step: kept})


class FlowRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Begins a flow.

    Attributes:
        purpose: ``sign_in``; ``step_up``, for who has signed in; ``recover``, for who has forgotten the password.
        identifier: an e-mail address or a username; a sign-in by passkey needs none.
        acr_values: the level to reach (RFC 9470 section 3).
    """

    purpose: Literal["sign_in", "step_up", "recover"] = "sign_in"
    identifier: str = ""
    delivery: Delivery = "cookie"
    remember: bool = False
    acr_values: Level = "aal1"

    def __repr__(self) -> str:
        return f"FlowRequest({self.purpose})"


class StepUpRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A step-up by password in one go."""

    password: PasswordText

    def __repr__(self) -> str:
        return "StepUpRequest()"


class NewPasswordAnswer(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="new_password"
):
    """The end of a recovery."""

    password: PasswordText

    def __repr__(self) -> str:
        return "NewPasswordAnswer()"


Answer = (
    PasswordAnswer
    | PasskeyAnswer
    | TotpAnswer
    | SmsCodeAnswer
    | EmailCodeAnswer
    | RecoveryCodeAnswer
    | NewPasswordAnswer
)


class ChallengeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Asks for the challenge of a step. ``method`` is one of the flow's ``next``.

    ``given`` belongs to an enrolment: ``security_key`` for a key that is to be a second factor only.
    """

    flow: str
    method: str
    given: str = ""

    def __repr__(self) -> str:
        return f"ChallengeRequest({self.method})"


class AnswerRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answers a step.

    Attributes:
        trust_device: do not ask for the second factor again on this browser or client for some time.
        name: of what is enrolled by the answer.
        device: the client's own secret, from an earlier sign-in by token; browsers have a cookie instead.
    """

    flow: str
    answer: Answer
    trust_device: bool = False
    name: str = ""
    device: str = ""

    def __repr__(self) -> str:
        return "AnswerRequest()"


def method_of(answer: Answer) -> str:
    """Which step an answer is for."""
    return str(answer.__struct_config__.tag)
