"""Networks as people write them."""

from __future__ import annotations

import pytest

from ostiary.base.network import parse_network
from ostiary.errors import InvalidRequest


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("203.0.113.7", "203.0.113.7/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("2001:db8:0:0::1", "2001:db8::1/128"),
    ],
)
def test_a_network_has_one_form(written: str, read: str) -> None:
    assert str(parse_network(written)) == read


@pytest.mark.parametrize(
    "written",
    [
        "",
        "x",
        "203.0.113.7/24",
        "203.0.113.0/33",
        "203.0.113",
        "::ffff:203.0.113.0/120",
        "fe80::1%eth0",
        "1.2.3.4 ",
        "1",
    ],
)
def test_what_is_no_network_is_refused_in_words(written: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_network(written)
    assert refused.value.field == "networks"
