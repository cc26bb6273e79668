"""E-mail addresses: what was typed, and the key under which it counts as one address.

Letter case never makes a second account, so the key is folded whole, although RFC 5321 section 2.4 lets a domain
tell local parts apart by case: no domain that people use does. Spellings that fold together reach one account, whose
mail goes to the address that was stored, never to the one that was typed. Compatibility letters (full-width, ligatures,
superscripts), which only serve to look like another address, are refused (UTS #39 section 3.3). Plus signs and dots
stay distinct.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated

import msgspec
from msgspec import Meta

from ostiary.errors import InvalidRequest

MAX_ADDRESS = 254
"""RFC 5321 section 4.5.3.1.3, without the angle brackets."""

# For the published schema only: ``parse_email`` is the rule, and says what is wrong in words for people.
TypedAddress = Annotated[
    str,
    Meta(extra_json_schema={"maxLength": MAX_ADDRESS, "format": "idn-email", "examples": ["ada@example.com"]}),
]


class EmailAddress(msgspec.Struct, frozen=True):
    """A syntactically valid address.

    Attributes:
        address: as written by its owner, domain in lower case; where mail is sent.
        key: its normal form; equal keys are one address.
    """

    address: str
    key: str


def parse_email(text: str, field: str = "email") -> EmailAddress:
    """Parse an address (RFC 5322 addr-spec without comments or quoting, RFC 6531 for Unicode).

    Raises:
        InvalidRequest: it is not one; ``field`` names the input member in the answer.
    """
    if len(text) > MAX_ADDRESS:
        raise InvalidRequest(f"An e-mail address has at most {MAX_ADDRESS} characters.", field=field)
    # Imported here: the library costs 25 ms and is not needed to answer the requests that matter most.
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise InvalidRequest("This is not an e-mail address.", field=field) from None
    local, domain = found.local_part, found.ascii_domain.lower()
    if unicodedata.normalize("NFKC", local) != local:
        raise InvalidRequest("Write this address in ordinary letters.", field=field)
    return EmailAddress(f"{local}@{found.domain}", f"{_fold(local)}@{domain}")


def masked_email(address: str) -> str:
    """An address for its owner to recognise and nobody else to learn: ``a…@example.com``."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"


def _fold(text: str) -> str:
    # Folding can undo normalisation and the other way round; the second pass makes it a fixed point (UAX #15).
    once = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", once).casefold()
