"""Asking another server: what it says is bounded in time and size, and it leads nowhere else."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ostiary.base.http import Answer, HttpClient, NoAnswer
from tests.contract.notify.postbox import certificate
from tests.support.http_servers import SILENCE, HttpServer, Reply, serve_http


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    yield client
    await client.close()


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    async with serve_http() as serving:
        yield serving


async def get(http: HttpClient, url: str, *, within: float = 5.0, at_most: int = 1000) -> Answer:
    return await http.ask("GET", url, headers={"X-Asked": "yes"}, within=within, at_most=at_most)


async def test_an_answer_is_read_whole_whatever_its_status(http: HttpClient, server: HttpServer) -> None:
    server.replies = [Reply(body=b"x" * 1000), Reply(418, b"no")]
    found = await get(http, f"{server.url}/a?b=c")
    assert (found.status, found.body) == (200, b"x" * 1000)
    found = await get(http, server.url)
    assert (found.status, found.body) == (418, b"no")
    asked = server.requests[0]
    assert (asked.method, asked.target, asked.headers["x-asked"]) == ("GET", "/a?b=c", "yes")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"x" * 1001),
        Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 100_000),
        Reply(
            raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n" + b"1" * 9
        ),
        Reply(raw=b"HTTP/1.1 200 OK\r\nX: " + b"x" * 500_000),
        Reply(body=gzip.compress(b"x" * 500_000), headers=(("Content-Encoding", "gzip"),)),
        Reply(raw=b"220 mx ESMTP\r\n\r\n"),
        Reply(raw=b"\x00" * 5000),
    ],
    ids=["too long", "longer than it is read", "in pieces", "a header without end", "a bomb", "mail", "noise"],
)
async def test_what_is_too_long_compressed_or_not_http_is_no_answer(
    http: HttpClient, server: HttpServer, reply: Reply
) -> None:
    server.replies = [reply]
    with pytest.raises(NoAnswer) as caught:
        await get(http, server.url)
    assert server.url.removeprefix("http://") not in caught.value.reason
    assert (await get(http, server.url)).status == 200


async def test_silence_and_an_answer_that_trickles_end_in_time(http: HttpClient) -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        try:
            while True:
                writer.write(b".")
                await asyncio.sleep(0.02)
        finally:
            writer.transport.abort()

    listening = await asyncio.start_server(trickle, "127.0.0.1", 0)
    async with listening, serve_http() as silent:
        silent.replies = [SILENCE]
        for url in (silent.url, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"):
            with pytest.raises(NoAnswer, match=r"no answer in 0\.2 s"):
                await get(http, url, within=0.2)


async def test_nobody_there_is_no_answer(http: HttpClient) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(NoAnswer, match="no connection"):
            await get(http, f"http://127.0.0.1:{unused.getsockname()[1]}")


async def test_a_redirect_is_an_answer_and_is_not_followed(http: HttpClient, server: HttpServer) -> None:
    async with serve_http() as elsewhere:
        server.replies = [Reply(307, headers=(("Location", elsewhere.url),))]
        assert (await get(http, server.url)).status == 307
        assert elsewhere.requests == []


async def test_no_cookie_is_kept(http: HttpClient, server: HttpServer) -> None:
    server.replies = [Reply(headers=(("Set-Cookie", "a=b; Path=/"),))]
    await get(http, server.url)
    await get(http, server.url)
    assert "cookie" not in server.requests[1].headers


async def test_neither_a_proxy_nor_a_password_of_the_environment_is_used(
    http: HttpClient, server: HttpServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    async with serve_http() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        await get(http, server.url)
        assert proxy.requests == []
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("host", ["localhost", "elsewhere.example"])
async def test_a_certificate_that_is_not_trusted_or_not_the_servers_is_told_nothing(tmp_path: Path, host: str) -> None:
    server_side, trusting = certificate(tmp_path, host)
    http = HttpClient(None if host == "localhost" else trusting)
    async with serve_http(tls=server_side) as server:
        with pytest.raises(NoAnswer, match="CERTIFICATE_VERIFY_FAILED"):
            await get(http, server.url)
    await http.close()
    assert server.requests == []


async def test_a_certificate_that_is_trusted_is_good(tmp_path: Path) -> None:
    server_side, trusting = certificate(tmp_path, "localhost")
    http = HttpClient(trusting)
    async with serve_http(tls=server_side) as server:
        assert (await get(http, server.url)).status == 200
        await http.close()


async def test_a_connection_serves_many_questions(http: HttpClient, server: HttpServer) -> None:
    answers = await asyncio.gather(*(get(http, server.url) for _ in range(50)))
    assert [answer.status for answer in answers] == [200] * 50
