"""Where a request came from: the peer, or what a trusted proxy says about it."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address


def client_address(peer: str, forwarded_for: str | None, trusted: Sequence[IPv4Network | IPv6Network]) -> str:
    """The address of the client nearest to us that is not one of our own proxies.

    Read from the right: everything to the left of the first address that is not a trusted proxy's could have been
    written by anybody.
    """
    address = _plain(peer)
    hops = forwarded_for.split(",") if forwarded_for and trusted else []
    while hops and is_trusted(address, trusted):
        address = _plain(hops.pop().strip())
    return address


def _plain(address: str) -> str:
    """IPv4 as IPv4: a socket for both kinds shows it mapped into IPv6 (RFC 4291 section 2.5.5.2), all in one /64."""
    if ":" not in address:
        return address  # what nearly all are, without the parsing
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return address if mapped is None else str(mapped)


def is_trusted(address: str, trusted: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Whether this is the address of one of our own proxies."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in trusted)
