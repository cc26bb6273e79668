"""Who asks for a passkey: the origin of the pages, and where browsers let them."""

from __future__ import annotations

import pytest

from ostiary.credentials.relying_party import RelyingParty
from ostiary.settings import Settings


@pytest.mark.parametrize(
    ("issuer", "available", "origin"),
    [
        ("https://login.example.com", True, "https://login.example.com"),
        ("https://login.example.com:443/auth", True, "https://login.example.com"),
        ("https://LOGIN.example.com:8443/auth", True, "https://login.example.com:8443"),
        ("http://localhost:8000", True, "http://localhost:8000"),
        ("http://shop.localhost", True, "http://shop.localhost"),
        ("http://127.0.0.1:8000", False, "http://127.0.0.1:8000"),
        ("https://10.0.0.1", False, "https://10.0.0.1"),
        ("https://[::1]", False, "https://[::1]"),
        ("http://login.example.com", False, "http://login.example.com"),
    ],
)
def test_passkeys_are_offered_where_browsers_let_them(issuer: str, available: bool, origin: str) -> None:
    relying_party = RelyingParty.of(Settings(issuer=issuer))
    assert relying_party.available is available
    assert relying_party.origins == (origin,)
