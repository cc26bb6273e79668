"""Asking other servers over HTTP, within limits of time and size that each question sets.

It follows no redirect, keeps no cookie, asks no proxy that the environment names, and takes no certificate that the
system does not trust. It does not look at where the URL leads: that is for who lets strangers choose one.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from httpx2 import AsyncHTTPTransport, Request, Response

_OWN_HEADERS = {
    "User-Agent": "ostiary",
    "Accept-Encoding": "identity",  # what is compressed has no size until it is too late
}


class Answer(msgspec.Struct, frozen=True):
    """What a server said; names of headers in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"Answer({self.status})"


class NoAnswer(Exception):
    """A server did not answer, or not as it was asked to. ``reason`` is for the operator and holds no URL."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class HttpClient:
    """Asks; connections are made when they are needed, kept for a while, and belong to the event loop that asks.

    Args:
        tls_context: whose certificates are trusted; the system's by default.
    """

    def __init__(self, tls_context: ssl.SSLContext | None = None) -> None:
        self._tls_context = tls_context
        self._transport: AsyncHTTPTransport | None = None

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        within: float,
        at_most: int,
        server_name: str | None = None,
    ) -> Answer:
        """Send one request and read the whole answer, whatever its status.

        Args:
            server_name: whose certificate the server has to show, where ``url`` has its address in place of its name.
            within: seconds for all of it.
            at_most: bytes that the body of the answer may have.

        Raises:
            NoAnswer: there was none in time, it was longer, or it was none in HTTP.
        """
        import httpx2  # 180 ms that nobody spends who asks nobody

        extensions = {} if server_name is None else {"sni_hostname": server_name}
        request = httpx2.Request(method, url, headers={**_OWN_HEADERS, **headers}, content=body, extensions=extensions)
        try:
            async with asyncio.timeout(within):
                return await self._asked(request, at_most)
        except TimeoutError as fault:
            raise NoAnswer(f"no answer in {within:g} s") from fault
        except httpx2.ConnectError as fault:
            raise NoAnswer(f"no connection: {str(fault)[:200]}") from fault
        except (httpx2.HTTPError, OSError) as fault:
            raise NoAnswer(f"connection lost: {type(fault).__name__}") from fault

    async def close(self) -> None:
        """Close what is open."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()

    async def _asked(self, request: Request, at_most: int) -> Answer:
        response = await self._open_transport().handle_async_request(request)
        try:
            return Answer(response.status_code, await _body(response, at_most), dict(response.headers.items()))
        finally:
            await response.aclose()

    def _open_transport(self) -> AsyncHTTPTransport:
        # The transport and not the client over it, which would follow netrc, cookies and the environment.
        if self._transport is None:
            from httpx2 import AsyncHTTPTransport

            self._transport = AsyncHTTPTransport(
                verify=self._tls_context or ssl.create_default_context(), trust_env=False
            )
        return self._transport


async def _body(response: Response, at_most: int) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise NoAnswer("the answer is compressed, which was not asked for")
    read = bytearray()
    async for part in response.aiter_raw():
        read += part
        if len(read) > at_most:
            raise NoAnswer(f"the answer is longer than {at_most} bytes")
    return bytes(read)
