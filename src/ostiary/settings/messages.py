"""The settings of what is sent: mail and SMS."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ostiary.settings.forms import ADDRESS, REGIONS, SECRET, WEB_URL, WEBHOOK_KEY, Secret, setting


class MailSettings(msgspec.Struct, frozen=True):
    """Outgoing e-mail."""

    sender: Annotated[
        Literal["outbox", "smtp"], setting("`outbox` keeps mail in the database for the developer to read.")
    ] = "outbox"
    host: Annotated[str | None, setting("SMTP server.")] = None
    port: Annotated[int, setting("Its port.", ge=1, le=65535)] = 587
    security: Annotated[
        Literal["starttls", "tls", "none"], setting("`starttls` is required to succeed; it never falls back.")
    ] = "starttls"
    username: Annotated[str | None, setting("Who signs in to the SMTP server.")] = None
    password: Annotated[Secret | None, setting("And with what.", SECRET)] = None
    from_address: Annotated[str | None, setting("The address that mail comes from.", ADDRESS)] = None
    from_name: Annotated[str | None, setting("The name beside it; `site_name` when not set.")] = None


class SmsSettings(msgspec.Struct, frozen=True):
    """Outgoing SMS. Weak beside everything else that is offered, and paid by the message: off unless it is set up."""

    sender: Annotated[
        Literal["off", "outbox", "webhook"],
        setting(
            "`webhook` hands each SMS to the gateway at `url`; `outbox` keeps it in the database for the developer to "
            "read. Both need `ostiary[phone]`."
        ),
    ] = "off"
    url: Annotated[str | None, setting("The gateway; each SMS is a POST to it.", WEB_URL)] = None
    token: Annotated[Secret | None, setting("Goes along with each as `Authorization: Bearer`.", SECRET)] = None
    signing_key: Annotated[
        Secret | None,
        setting("Signs each (HMAC-SHA256, Standard Webhooks), so that the gateway can tell who sent it.", WEBHOOK_KEY),
    ] = None
    regions: Annotated[
        tuple[str, ...],
        setting("Countries whose numbers are taken; empty is all of them, which invites toll fraud.", REGIONS),
    ] = ()

    @property
    def default_region(self) -> str | None:
        """Where a number without country code is read: the one country that is allowed, if it is only one."""
        return self.regions[0] if len(self.regions) == 1 else None
