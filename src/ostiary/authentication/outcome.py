"""What a step of a flow ends with: somebody signed in, or a next step."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ostiary.accounts import Account
from ostiary.sessions import Session

Delivery = Literal["cookie", "token", "token_cookie"]
"""How a sign-in reaches the client: a session cookie, both tokens in the body, or both tokens in cookies."""


class Renewed(msgspec.Struct, frozen=True):
    """A session behind a new secret."""

    token: str
    session: Session

    def __repr__(self) -> str:
        return f"Renewed({self.session.id})"


class SignedIn(msgspec.Struct, frozen=True):
    """Somebody has proved who they are.

    Attributes:
        sign_in_id: public id of the session (``ses_…``) or of the token family (``fam_…``).
        session_token: for ``cookie``.
        access_token, refresh_token, expires_in: for the other two; seconds.
        device: what this browser or client is known by from now on; None where that was not asked.
    """

    account: Account
    delivery: Delivery
    sign_in_id: str
    session: Session | None = None
    session_token: str | None = None
    access_token: str | None = None
    refresh_token: str | None = None
    expires_in: int | None = None
    device: str | None = None

    def __repr__(self) -> str:
        return f"SignedIn({self.account.id}, {self.delivery})"


class Challenged(msgspec.Struct, frozen=True):
    """A next step is due.

    Attributes:
        flow: the secret by which this browser or client goes on.
        next: the steps to choose from, the best first: types of credentials; ``enrol_…`` where one has to be added
            first; ``new_password``. ``email_code``: type the code, or open the link, that was mailed.
        sent_to: the address, as far as whoever typed it knows it already.
        expires_in: seconds.
        challenge: of the step that was asked for: the options of a WebAuthn ceremony, the secret to enrol.
    """

    flow: str
    purpose: str
    next: tuple[str, ...]
    sent_to: str
    expires_in: int
    challenge: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"Challenged({self.purpose})"


class Recovered(msgspec.Struct, frozen=True):
    """The password is a new one; every sign-in has ended."""

    account: Account


Outcome = SignedIn | Challenged | Recovered
