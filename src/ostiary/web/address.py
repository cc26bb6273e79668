"""Where a request came from: the peer, or what a trusted proxy says about it."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address


def client_address(peer: str, forwarded_for: str | None, trusted: Sequence[IPv4Network | IPv6Network]) -> str:
    """The address of the client nearest to us that is not one of our own proxies.

    Read from the right: everything to the left of the first address that is not a trusted proxy's could have been
    written by anybody.
    """
    address = peer
    hops = forwarded_for.split(",") if forwarded_for and trusted else []
    while hops and _is_trusted(address, trusted):
        address = hops.pop().strip()
    return address


def network_of(address: str) -> str:
    """What a limit counts by: the address, or for IPv6 its /64, which one subscriber has whole (RFC 6177)."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    return str(parsed) if parsed.version == 4 else str(IPv6Network((parsed, 64), strict=False))


def _is_trusted(address: str, trusted: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in trusted)
