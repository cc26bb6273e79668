"""Every template: what it says, in both dresses, and what nobody can smuggle into it."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from ostiary.base.clock import DAY, HOUR, MINUTE
from ostiary.notify import Template
from ostiary.notify.templates import TEMPLATES

EVIL = '"><script>alert(1)</script>'
WHEN = 1_767_225_600_000
CODE_AND_LINK = {"link": "https://example.com/l", "code": "493817", "valid_for": 10 * MINUTE, "anywhere": False}
VALUES: dict[Template, dict[str, Any]] = {
    "address_in_use": {"login_link": "https://example.com/login"},
    "api_key_issued": {
        "hint": "x7Qd",
        "when": WHEN,
        "address": "192.0.2.7",
        "device": EVIL,
        "account_link": "https://example.com/account",
    },
    "credentials_changed": {
        "what": "A passkey or security key was added to your account.",
        "when": WHEN,
        "address": "192.0.2.7",
        "device": EVIL,
        "account_link": "https://example.com/account/security",
    },
    "email_change_requested": {
        "new_address": "grace@example.org",
        "when": WHEN,
        "address": "192.0.2.7",
        "device": EVIL,
        "account_link": "https://example.com/account",
    },
    "email_change_verify": {"link": "https://example.com/v", "code": "493817", "valid_for": HOUR},
    "email_changed": {"new_address": "grace@example.org", "when": WHEN, "account_link": "https://example.com/account"},
    "new_device": {
        "when": WHEN,
        "address": "192.0.2.7",
        "device": EVIL,
        "account_link": "https://example.com/account",
    },
    "password_changed": {
        "when": WHEN,
        "address": "192.0.2.7",
        "device": EVIL,
        "account_link": "https://example.com/account",
    },
    "recover": CODE_AND_LINK,
    "sign_in": CODE_AND_LINK,
    "step_up": CODE_AND_LINK,
    "verify_email": {"link": "https://example.com/v", "code": "493817", "valid_for": 90 * MINUTE},
}


def test_every_template_is_in_the_table_and_tested() -> None:
    assert set(get_args(Template)) == set(TEMPLATES) == set(VALUES)


@pytest.mark.parametrize("template", get_args(Template))
def test_text_and_html_say_the_same_and_nothing_typed_is_markup(template: Template) -> None:
    mail = TEMPLATES[template](site_name=f"Site{EVIL}", **VALUES[template])
    assert "<script" not in mail.html
    assert "&lt;script" in mail.html
    assert "{" not in mail.text
    for name, value in VALUES[template].items():
        if name.endswith("link") or name == "code":
            assert value in mail.text
            assert value in mail.html


@pytest.mark.parametrize("template", ["verify_email", "email_change_verify", "sign_in", "step_up", "recover"])
def test_no_subject_holds_a_code(template: Template) -> None:
    mail = TEMPLATES[template](site_name="Ostiary", **VALUES[template])
    assert "493817" not in mail.subject
    assert "493817" not in repr(mail)


@pytest.mark.parametrize("template", ["sign_in", "step_up", "recover"])
def test_where_a_link_opens_is_said_where_that_is_not_everywhere(template: Template) -> None:
    for anywhere in (False, True):
        mail = TEMPLATES[template](site_name="Ostiary", **VALUES[template] | {"anywhere": anywhere})
        text = " ".join(mail.text.split())
        assert ("opens in the browser where you asked" in text) is not anywhere
        assert "work once, within 10 minutes." in text


@pytest.mark.parametrize("template", ["email_change_requested", "email_changed"])
def test_the_new_address_is_shown_masked(template: Template) -> None:
    mail = TEMPLATES[template](site_name="Ostiary", **VALUES[template])
    assert "g…@example.org" in mail.text
    assert "grace" not in mail.text + mail.html


def test_times_are_in_utc_and_say_so() -> None:
    mail = TEMPLATES["password_changed"](site_name="Ostiary", **VALUES["password_changed"])
    assert "on 1 January 2026 at 00:00 UTC from 192.0.2.7" in " ".join(mail.text.split())


@pytest.mark.parametrize(
    ("valid_for", "said"),
    [
        (10 * MINUTE, "10 minutes"),
        (HOUR, "1 hour"),
        (90 * MINUTE, "90 minutes"),
        (30 * HOUR, "30 hours"),
        (2 * DAY, "2 days"),
        (1, "a minute"),
    ],
)
def test_validity_is_said_in_the_largest_whole_unit(valid_for: int, said: str) -> None:
    mail = TEMPLATES["verify_email"](site_name="Ostiary", link="https://example.com", code="1", valid_for=valid_for)
    assert f"within {said}." in mail.text
