"""A message on its way out, and what takes it there."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

Kind = Literal["mail", "sms"]


class Outgoing(msgspec.Struct, frozen=True):
    """One message to one recipient.

    Attributes:
        id: the same at every try.
        to: an e-mail address, or a telephone number in E.164.
        subject: empty for an SMS.
        html: the same as ``text``; empty for an SMS.
        created_at: in milliseconds.
    """

    id: str
    kind: Kind
    to: str
    subject: str
    text: str
    html: str
    created_at: int

    def __repr__(self) -> str:
        return f"Outgoing({self.id})"


class Undelivered(Exception):
    """A message was not taken.

    Attributes:
        reason: for the operator; holds no address.
        permanent: whether trying again can be of no use.
        unreachable: whether there is no answer, so that the next message would fare no better.
    """

    def __init__(self, reason: str, *, permanent: bool = False, unreachable: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.unreachable = unreachable


class Sender(Protocol):
    """The way out for messages of one kind: a mail server, or a gateway for SMS."""

    async def send(self, message: Outgoing) -> None:
        """Hand the message over.

        Raises:
            Undelivered: it was not taken, or nobody was reached.
        """
