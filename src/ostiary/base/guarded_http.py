"""Asking servers whose addresses strangers choose: public ones only, nothing of what is behind our own wall (SSRF).

The name is resolved once, every address that it has is looked at, and the connection goes to the one that was looked
at: a name that resolves to something else a moment later (DNS rebinding) leads nowhere. What a URL may not reach, it
cannot reach by a redirect either, since none is followed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit, urlunsplit

from ostiary.base.http import Answer, HttpClient, NoAnswer
from ostiary.base.network import Network

Address = IPv4Address | IPv6Address

_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_LOOPBACK_NAMES = frozenset({"localhost"})


class GuardedHttp:
    """Asks over https at public addresses, and at those that the settings name.

    Args:
        hosts: names that may resolve to anything: of an intranet.
        networks: addresses that are no public ones, and are allowed.
        loopback: development mode: this machine may be asked, over http too.
    """

    def __init__(
        self, http: HttpClient, *, hosts: Sequence[str] = (), networks: Sequence[Network] = (), loopback: bool = False
    ) -> None:
        self._http = http
        self._hosts = frozenset(host.lower() for host in hosts)
        self._networks = tuple(networks)
        self._loopback = loopback

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        within: float = 5.0,
        at_most: int = 65_536,
    ) -> Answer:
        """Send one request; the answer is 200 or another success, and not longer than ``at_most`` bytes.

        Raises:
            NoAnswer: the URL may not be asked, or the server did not answer so.
        """
        parts = self._allowed_url(url)
        address = await self._resolve(parts, within)
        port = "" if parts.port is None else f":{parts.port}"
        shown = f"[{address}]" if address.version == 6 else str(address)
        pinned = urlunsplit((parts.scheme, shown + port, parts.path or "/", parts.query, ""))
        answer = await self._http.ask(
            method,
            pinned,
            headers={**headers, "Host": parts.netloc},
            body=body,
            within=within,
            at_most=at_most,
            server_name=parts.hostname,
        )
        if not 200 <= answer.status < 300:
            raise NoAnswer(f"the server answered {answer.status}")
        return answer

    def _allowed_url(self, url: str) -> SplitResult:
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            raise NoAnswer("the URL is not well formed") from None
        host = parts.hostname or ""
        plain = parts.scheme == "http" and self._loopback and _is_loopback_name(host)
        if (parts.scheme != "https" and not plain) or not host or "@" in parts.netloc:
            raise NoAnswer("only https URLs are asked")
        return parts

    async def _resolve(self, parts: SplitResult, within: float) -> Address:
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            async with asyncio.timeout(within):
                loop = asyncio.get_running_loop()
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError, UnicodeError):
            raise NoAnswer("the name does not resolve") from None
        addresses = [ip_address(str(each[4][0]).partition("%")[0]) for each in found]
        if not addresses or not (host.lower() in self._hosts or all(map(self._may_ask, addresses))):
            raise NoAnswer("the name resolves to an address that is not asked")
        return addresses[0]

    def _may_ask(self, address: Address) -> bool:
        if any(address in network for network in self._networks):
            return True
        meant = _meant(address)
        if self._loopback and meant.is_loopback:
            return True
        return meant.is_global and not (meant.is_multicast or meant.is_reserved or meant.is_unspecified)


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, where it stands for one."""
    if isinstance(address, IPv4Address):
        return address
    if any(address in network for network in _NAT64):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


def _is_loopback_name(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in _LOOPBACK_NAMES
