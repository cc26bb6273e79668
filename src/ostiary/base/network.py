"""Network addresses as limits count them, and networks as people write them."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from ostiary.errors import InvalidRequest

Network = IPv4Network | IPv6Network


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """What a limit counts by: the address, or for IPv6 its /64, which one subscriber has whole (RFC 6177)."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    return str(parsed) if parsed.version == 4 else str(IPv6Network((parsed, 64), strict=False))


def parse_network(text: str, field: str = "networks") -> Network:
    """A network in CIDR notation (RFC 4632 section 3.1), or one address.

    Raises:
        InvalidRequest: it is neither, or has bits beyond its prefix.
    """
    try:
        found = ip_network(text if "%" not in text else "")
    except ValueError:
        raise InvalidRequest(
            "A network is written like 203.0.113.0/24 or 2001:db8::/32, without bits beyond its prefix.", field=field
        ) from None
    if isinstance(found, IPv6Network) and found.network_address.ipv4_mapped is not None:
        raise InvalidRequest("Write an IPv4 network as IPv4: no request comes from a mapped one.", field=field)
    return found
