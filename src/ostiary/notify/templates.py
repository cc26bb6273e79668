"""What each mail says. One function a mail, plain text first; HTML is the same blocks in another dress.

No mail repeats a name that somebody typed at registration: whoever registers chooses both the name and the recipient,
and a name may be an advertisement. No subject holds a code: subjects are shown on locked screens.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from ostiary.base.clock import DAY, HOUR, MINUTE
from ostiary.notify.layout import Code, Link, Mail, lay_out

Template = Literal[
    "address_in_use",
    "email_change_requested",
    "email_change_verify",
    "email_changed",
    "password_changed",
    "verify_email",
]


def verify_email(*, site_name: str, link: str, code: str, valid_for: int) -> Mail:
    """To an address that was registered. ``valid_for`` in milliseconds."""
    return lay_out(
        f"Confirm your e-mail address for {site_name}",
        site_name,
        f"Confirm that this address is yours to finish creating your account at {site_name}.",
        Link("Confirm e-mail address", link),
        "Or type this code on the page where you registered:",
        Code(code),
        f"The link and the code work once, within {_duration(valid_for)}.",
        "If you did not register, ignore this mail: without the confirmation nobody can use the account. Do not give "
        "the code to anybody.",
    )


def address_in_use(*, site_name: str, login_link: str) -> Mail:
    """To an address that somebody registered although it has an account already."""
    return lay_out(
        f"You already have an account at {site_name}",
        site_name,
        f"Somebody asked to use this address for an account at {site_name}. It has an account already, so nothing was "
        "changed.",
        "If that was you, sign in instead.",
        Link("Sign in", login_link),
        "If it was not you, there is nothing to do.",
    )


def password_changed(*, site_name: str, when: int, address: str | None, device: str | None, account_link: str) -> Mail:
    """To its owner. ``when`` in milliseconds, ``address`` of the network, ``device`` by its name."""
    return lay_out(
        f"Your password for {site_name} was changed",
        site_name,
        f"The password of your account at {site_name} was changed {_circumstances(when, address, device)}. Every other "
        "session was signed out.",
        "If that was you, there is nothing to do.",
        "If it was not you, somebody else can use your account. Tell whoever runs this site at once, and see what was "
        "done in your account:",
        Link("See your account", account_link),
    )


def email_change_verify(*, site_name: str, link: str, code: str, valid_for: int) -> Mail:
    """To the address that an account is to have. ``valid_for`` in milliseconds."""
    return lay_out(
        f"Confirm your new e-mail address for {site_name}",
        site_name,
        f"Confirm that this address is yours to use it for your account at {site_name}.",
        Link("Confirm new address", link),
        "Or type this code on the page where you asked for the change:",
        Code(code),
        f"The link and the code work once, within {_duration(valid_for)}.",
        "If you did not ask for this, ignore this mail: without the confirmation nothing changes. Do not give the code "
        "to anybody.",
    )


def email_change_requested(
    *, site_name: str, new_address: str, when: int, address: str | None, device: str | None, account_link: str
) -> Mail:
    """To the address that an account has, when another is asked for; it is shown masked."""
    return lay_out(
        f"A new e-mail address for your account at {site_name}",
        site_name,
        f"Somebody signed in to your account at {site_name} asked {_circumstances(when, address, device)} to change "
        f"its e-mail address to {_masked(new_address)}. It changes as soon as the new address is confirmed.",
        "If that was you, there is nothing to do here.",
        "If it was not you, change your password now:",
        Link("See your account", account_link),
    )


def email_changed(*, site_name: str, new_address: str, when: int, account_link: str) -> Mail:
    """To both addresses, after the change; the new one is shown masked."""
    return lay_out(
        f"Your e-mail address for {site_name} was changed",
        site_name,
        f"The e-mail address of your account at {site_name} was changed to {_masked(new_address)} on {_moment(when)}.",
        "If that was you, there is nothing to do.",
        "If it was not you, tell whoever runs this site at once.",
        Link("See your account", account_link),
    )


TEMPLATES: dict[Template, Callable[..., Mail]] = {
    "address_in_use": address_in_use,
    "email_change_requested": email_change_requested,
    "email_change_verify": email_change_verify,
    "email_changed": email_changed,
    "password_changed": password_changed,
    "verify_email": verify_email,
}


def _moment(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%d %B %Y at %H:%M} UTC".lstrip("0")


def _duration(milliseconds: int) -> str:
    for size, unit in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        # Two days are said as days, but thirty hours as hours: never rounded up to a promise that does not hold.
        if milliseconds >= size and (milliseconds % size == 0 or size == MINUTE):
            count = milliseconds // size
            return f"{count} {unit}" + ("s" if count > 1 else "")
    return "a minute"


def _circumstances(when: int, address: str | None, device: str | None) -> str:
    place = f" from {address}" if address else ""
    means = f" with {device[:200]}" if device else ""
    return f"on {_moment(when)}{place}{means}"


def _masked(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"
