"""What each SMS says. One function an SMS; with a site name in Latin letters each fits into one (160 characters)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from ostiary.base.clock import MINUTE

SmsTemplate = Literal["code"]


def code(*, site_name: str, host: str, code: str, valid_for: int) -> str:
    """A code to type. ``valid_for`` in milliseconds.

    The last line binds the code to the site (WICG, "Origin-bound one-time codes delivered via SMS"): browsers offer the
    code there, and on no page that only looks like it.
    """
    minutes = max(1, valid_for // MINUTE)
    within = "a minute" if minutes == 1 else f"{minutes} minutes"
    return f"{code} is your code for {site_name}. It works for {within}. Do not give it to anybody.\n\n@{host} #{code}"


TEXTS: dict[SmsTemplate, Callable[..., str]] = {"code": code}
