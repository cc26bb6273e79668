"""Form tokens and origins."""

from __future__ import annotations

import pytest

from ostiary.errors import CsrfRejected
from ostiary.web.csrf import CsrfTokens, check_origin
from ostiary.web.identify import browser_binding, family_binding

ORIGIN = "https://example.org"


def test_a_token_counts_for_what_it_was_issued_for_and_looks_new_each_time() -> None:
    tokens = CsrfTokens(b"k" * 32)
    issued = {tokens.issue(b"session") for _ in range(50)}
    assert len(issued) == 50
    for token in issued:
        tokens.check(b"session", token)


@pytest.mark.parametrize("token", [None, "", "x", "A" * 43, "é" * 43, "\ud800", "=" * 44, "A" * 10_000])
def test_what_was_not_issued_does_not_count(token: str | None) -> None:
    with pytest.raises(CsrfRejected):
        CsrfTokens(b"k" * 32).check(b"session", token)


def test_nor_does_a_token_of_another_binding_or_of_another_key_or_a_changed_one() -> None:
    tokens = CsrfTokens(b"k" * 32)
    issued = tokens.issue(b"session")
    changed = ("B" if issued[0] == "A" else "A") + issued[1:]
    cases = [
        (tokens, b"other", issued),
        (CsrfTokens(b"l" * 32), b"session", issued),
        (tokens, b"session", changed),
        (tokens, None, issued),
    ]
    for checker, binding, token in cases:
        with pytest.raises(CsrfRejected):
            checker.check(binding, token)


def test_no_cookie_value_makes_the_binding_of_a_sign_in() -> None:
    assert browser_binding("family:fam_1") != family_binding("fam_1")
    assert not browser_binding("x").startswith(b"family:")


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, True),  # not a browser
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": ORIGIN}, False),
        ({"origin": ORIGIN}, True),
        ({"origin": "null"}, False),
        ({"origin": "http://example.org"}, False),
        ({"origin": "https://example.org:8443"}, False),
        ({"origin": "https://example.org.evil.example"}, False),
        ({"origin": "https://evil.example", "referer": ORIGIN + "/"}, False),
        ({"referer": ORIGIN + "/login?next=/"}, True),
        ({"referer": ORIGIN}, True),
        ({"referer": "https://example.org@evil.example/"}, False),
        ({"referer": "https://evil.example/https://example.org/"}, False),
        ({"referer": ""}, False),
    ],
)
def test_a_request_from_a_page_of_another_origin_is_refused(headers: dict[str, str], ours: bool) -> None:
    if ours:
        check_origin(headers, ORIGIN)
    else:
        with pytest.raises(CsrfRejected):
            check_origin(headers, ORIGIN)
