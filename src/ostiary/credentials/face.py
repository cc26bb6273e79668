"""The face that every credential has, and what verifying one of it shows."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Protocol, TypeVar

import msgspec

from ostiary.database import Transaction

Factor = Literal["knowledge", "possession", "inherence"]
CredentialType = Literal["password", "passkey", "totp", "recovery_code", "email_code", "sms_code"]
Strength = Literal["remembered", "mailbox", "restricted", "plain", "phishing_resistant", "hardware"]
"""What a proof is worth beside its factors, after NIST SP 800-63B-4.

``remembered``: a trusted device stands in for it. ``mailbox``: sent by e-mail, which counts at no level above AAL1
(section 3.1.3.1). ``restricted``: sent over the telephone network (section 3.1.3.3). ``phishing_resistant``: bound to
our origin (section 3.2.5). ``hardware``: and the key cannot leave an authenticator that has shown its make (section
2.3).
"""

A_contra = TypeVar("A_contra", contravariant=True)


class Holder(msgspec.Struct, frozen=True):
    """Whose credential it is. ``email`` is an address that was proved; ``name`` is how the account is called."""

    account_id: str
    name: str
    email: str | None


class Proof(msgspec.Struct, frozen=True):
    """What verifying one credential has shown.

    Attributes:
        factors: the categories: one; a passkey with user verification shows two.
        amr: RFC 8176 section 2.
        at: when, in milliseconds.
        credential_id: which of the account's (``cred_…``), where it has several of the type.
        account_id: whose it is, where the credential says so by itself.
    """

    type: CredentialType | Literal["trusted_device"]
    factors: tuple[Factor, ...]
    amr: tuple[str, ...]
    at: int
    strength: Strength = "plain"
    credential_id: str | None = None
    account_id: str | None = None


class Enrolled(msgspec.Struct, frozen=True):
    """One credential as its owner sees it. Times in milliseconds.

    Attributes:
        id: what it is renamed and removed by; the type itself for what an account has once at the most.
        second: having it makes every sign-in ask for a second factor.
        details: the type's own, for people: the masked number, how many codes are left, whether a passkey is synced.
    """

    id: str
    type: CredentialType
    name: str
    created_at: int
    used_at: int | None
    second: bool = False
    details: dict[str, Any] = {}


class Challenge(msgspec.Struct, frozen=True):
    """What has to be answered.

    Attributes:
        public: for the client: the options of a WebAuthn ceremony, where a code was sent, the secret to enrol.
        kept: for the flow: what ``verify`` or ``enrol`` needs again; sealed where it is secret.
        link_hash: SHA-256 of the token of a link that answers the challenge as well.
    """

    public: dict[str, Any] = {}
    kept: bytes = b""
    link_hash: bytes | None = None

    def __repr__(self) -> str:
        return "Challenge()"


class Credential(Protocol[A_contra]):
    """One kind of credential. ``A_contra`` is the form of its answer, a struct with the type as its tag ``method``."""

    type: ClassVar[CredentialType]
    factor: ClassVar[Factor]
    """The category it counts in by itself."""

    @property
    def available(self) -> bool:
        """Whether the settings offer it."""
        ...

    async def describe(self, holder: Holder) -> list[Enrolled]:
        """What the account has of this kind."""
        ...

    async def challenge(self, tx: Transaction, holder: Holder | None, purpose: str, now: int) -> Challenge:
        """Ask for a proof; a message that has to be sent goes out with ``tx``.

        Args:
            holder: None where nobody is known yet, and where nobody has the name that was typed; either way the
                challenge looks, and takes the time, as for somebody.
            purpose: of the flow: ``sign_in``, ``step_up``, ``recover``.

        Raises:
            RateLimited: too many messages.
        """
        ...

    async def verify(self, holder: Holder | None, answer: A_contra, kept: bytes, now: int) -> Proof | None:
        """What the answer shows, spending what can be used once; None for a wrong one.

        Args:
            kept: from the flow's challenge of this type; empty where none was made.

        Raises:
            InvalidChallenge: the answer belongs to another challenge, or to none.
        """
        ...


class Enrollable(Credential[A_contra], Protocol[A_contra]):
    """One that its owner adds by showing it: what was proved or chosen elsewhere, or is handed out, is not."""

    async def begin_enrolment(self, tx: Transaction, holder: Holder, given: str, now: int) -> Challenge:
        """Begin to add one.

        Args:
            given: what its owner says of it beforehand: the telephone number; ``security_key`` for a key that is to be
                a second factor only.

        Raises:
            InvalidRequest: ``given`` is not usable.
            RateLimited: too many messages.
            Conflict: the account has as many as it may have.
        """
        ...

    def shown(self, holder: Holder, kept: bytes) -> dict[str, Any]:
        """What the beginning has made public, once more, for whoever has typed a wrong code; nothing is made anew.

        Args:
            kept: from that challenge.
        """
        ...

    async def enrol(
        self, tx: Transaction, holder: Holder, answer: A_contra, kept: bytes, name: str, now: int
    ) -> tuple[Enrolled, Proof]:
        """Add it, once its possession is shown, which is a proof as well.

        Raises:
            InvalidChallenge: it is not shown.
            Conflict: it is somebody's already.
        """
        ...
