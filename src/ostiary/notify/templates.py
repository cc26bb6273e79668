"""What each mail says. One function a mail, plain text first; HTML is the same blocks in another dress.

No mail repeats a name that somebody typed at registration: whoever registers chooses both the name and the recipient,
and a name may be an advertisement. No subject holds a code: subjects are shown on locked screens.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from ostiary.base.clock import DAY, HOUR, MINUTE
from ostiary.base.email import masked_email
from ostiary.notify.layout import Code, Link, Mail, lay_out

Template = Literal[
    "address_in_use",
    "api_key_issued",
    "credentials_changed",
    "email_change_requested",
    "email_change_verify",
    "email_changed",
    "new_device",
    "password_changed",
    "recover",
    "sign_in",
    "step_up",
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


def api_key_issued(
    *, site_name: str, hint: str, when: int, address: str | None, device: str | None, account_link: str
) -> Mail:
    """To the owner of a key that was created or given another secret. ``hint``: its last characters."""
    return lay_out(
        f"A new API key for your account at {site_name}",
        site_name,
        f"An API key that ends in {hint} was made for your account at {site_name} "
        f"{_circumstances(when, address, device)}. With it a program can act as you, as far as its permissions go.",
        "If that was you, or somebody who administers this site told you of it, there is nothing to do.",
        "If not, somebody else may be using your account. Revoke the key and change your password now:",
        Link("See your account", account_link),
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
        f"its e-mail address to {masked_email(new_address)}. It changes as soon as the new address is confirmed.",
        "If that was you, there is nothing to do here.",
        "If it was not you, change your password now:",
        Link("See your account", account_link),
    )


def email_changed(*, site_name: str, new_address: str, when: int, account_link: str) -> Mail:
    """To both addresses, after the change; the new one is shown masked."""
    return lay_out(
        f"Your e-mail address for {site_name} was changed",
        site_name,
        f"The e-mail address of your account at {site_name} was changed to {masked_email(new_address)} on "
        f"{_moment(when)}.",
        "If that was you, there is nothing to do.",
        "If it was not you, tell whoever runs this site at once.",
        Link("See your account", account_link),
    )


def sign_in(*, site_name: str, link: str, code: str, valid_for: int, anywhere: bool) -> Mail:
    """To who signs in by mail. ``valid_for`` in milliseconds; ``anywhere``: the link opens in any browser."""
    return lay_out(
        f"Sign in to {site_name}",
        site_name,
        f"Somebody asked to sign in to your account at {site_name} with this address.",
        Link("Sign in", link),
        "Or type this code on the page where you asked for it:",
        Code(code),
        _once(valid_for, anywhere),
        "If you did not ask, ignore this mail: without the link or the code nobody gets in. Do not give the code to "
        "anybody.",
    )


def step_up(*, site_name: str, link: str, code: str, valid_for: int, anywhere: bool) -> Mail:
    """To who has signed in and is to confirm it. ``valid_for`` in milliseconds; ``anywhere`` as in a sign-in."""
    return lay_out(
        f"Confirm that it is you at {site_name}",
        site_name,
        f"Somebody who is signed in to your account at {site_name} is about to do something that only you may do.",
        Link("Confirm that it is me", link),
        "Or type this code on the page where you were asked for it:",
        Code(code),
        _once(valid_for, anywhere),
        "If that is not you, somebody else can use your account: sign in, end the other sessions and change your "
        "password. Do not give the code to anybody.",
    )


def recover(*, site_name: str, link: str, code: str, valid_for: int, anywhere: bool) -> Mail:
    """To who has forgotten the password. ``valid_for`` in milliseconds; ``anywhere`` as in a sign-in."""
    return lay_out(
        f"A new password for {site_name}",
        site_name,
        f"Somebody asked to replace the password of your account at {site_name}.",
        Link("Choose a new password", link),
        "Or type this code on the page where you asked for it:",
        Code(code),
        _once(valid_for, anywhere),
        "If you did not ask, ignore this mail: your password stays as it is. Do not give the code to anybody.",
    )


def new_device(*, site_name: str, when: int, address: str | None, device: str | None, account_link: str) -> Mail:
    """To the owner of an account that was signed in to from where it was not before."""
    return lay_out(
        f"New sign-in to {site_name}",
        site_name,
        f"Your account at {site_name} was signed in to from a new device {_circumstances(when, address, device)}.",
        "If that was you, there is nothing to do.",
        "If it was not you, sign that device out and change your password now:",
        Link("See your account", account_link),
    )


def credentials_changed(
    *, site_name: str, what: str, when: int, address: str | None, device: str | None, account_link: str
) -> Mail:
    """To the owner. ``what`` is a sentence of ours about the change, never anything that was typed."""
    return lay_out(
        f"Your sign-in to {site_name} has changed",
        site_name,
        f"{what} It happened {_circumstances(when, address, device)}.",
        "If that was you, there is nothing to do.",
        "If it was not you, somebody else can use your account. Look at what protects it now:",
        Link("See your security settings", account_link),
    )


TEMPLATES: dict[Template, Callable[..., Mail]] = {
    "address_in_use": address_in_use,
    "api_key_issued": api_key_issued,
    "credentials_changed": credentials_changed,
    "email_change_requested": email_change_requested,
    "email_change_verify": email_change_verify,
    "email_changed": email_changed,
    "new_device": new_device,
    "password_changed": password_changed,
    "recover": recover,
    "sign_in": sign_in,
    "step_up": step_up,
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


def _once(valid_for: int, anywhere: bool) -> str:
    where = "" if anywhere else " The link opens in the browser where you asked for it."
    return f"The link and the code work once, within {_duration(valid_for)}.{where}"


def _circumstances(when: int, address: str | None, device: str | None) -> str:
    place = f" from {address}" if address else ""
    means = f" with {device[:200]}" if device else ""
    return f"on {_moment(when)}{place}{means}"
