"""What a step of a flow ends with: somebody signed in, or a next step."""

from __future__ import annotations

from typing import Literal

import msgspec

from ostiary.accounts import Account
from ostiary.sessions import Session

Delivery = Literal["cookie", "token", "token_cookie"]
"""How a sign-in reaches the client: a session cookie, both tokens in the body, or both tokens in cookies."""

PASSWORD_AMR = "pwd"
"""RFC 8176 section 2."""
AAL1 = "aal1"
"""One factor, in the sense of NIST SP 800-63B-4 section 2.1."""


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
    """

    account: Account
    delivery: Delivery
    sign_in_id: str
    session: Session | None = None
    session_token: str | None = None
    access_token: str | None = None
    refresh_token: str | None = None
    expires_in: int | None = None

    def __repr__(self) -> str:
        return f"SignedIn({self.account.id}, {self.delivery})"


class Challenged(msgspec.Struct, frozen=True):
    """A next step is due.

    Attributes:
        flow: the secret by which this browser or client goes on.
        next: the steps to choose from; ``email_code``: type the code, or open the link, that was mailed.
        sent_to: the address, as far as whoever typed it knows it already.
        expires_in: seconds.
    """

    flow: str
    purpose: str
    next: tuple[str, ...]
    sent_to: str
    expires_in: int

    def __repr__(self) -> str:
        return f"Challenged({self.purpose})"
