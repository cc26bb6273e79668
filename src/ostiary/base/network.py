"""Network addresses as limits count them."""

from __future__ import annotations

from ipaddress import IPv6Network, ip_address


def network_of(address: str) -> str:
    """What a limit counts by: the address, or for IPv6 its /64, which one subscriber has whole (RFC 6177)."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    return str(parsed) if parsed.version == 4 else str(IPv6Network((parsed, 64), strict=False))
