"""Bodies that are wrong get their 4xx with a code, never a 500, and leave nothing behind."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx

from ostiary.app import Ostiary
from tests.attacks.evidence import assert_refused, contents
from tests.support.installation import PASSWORD, new_person

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
REGISTRATION = '{"email": "ada@example.com", "password": "' + PASSWORD + '"'

NOT_JSON_TYPES = [
    "",
    "text/plain",
    "text/plain; application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonx",
    "application/json, text/plain",
]

NOT_JSON: dict[str, bytes] = {
    "nothing": b"",
    "half": b'{"email": "ada@exa',
    "two values": b"{} {}",
    "a trailing comma": b'{"email": "ada@example.com",}',
    "single quotes": b"{'email': 'ada@example.com'}",
    "a comment": b'{/**/"email": "ada@example.com"}',
    "a byte order mark": b'\xef\xbb\xbf{"email": "ada@example.com"}',
    "UTF-16": '{"email": "ada@example.com"}'.encode("utf-16"),
    "Latin-1": REGISTRATION.encode() + b', "name": "Ren\xe9e"}',
    "overlong UTF-8": REGISTRATION.encode() + b', "name": "\xc0\x80"}',
    "not a number": REGISTRATION.encode() + b', "name": NaN}',
    "a number without end": REGISTRATION.encode() + b', "name": ' + b"9" * 5000 + b"}",
    "an infinite number": REGISTRATION.encode() + b', "name": 1e999}',
    "100 000 brackets": b"[" * 60_000,
    "100 000 brackets in a member": b'{"email":' * 6_000,
    "a raw NUL": REGISTRATION.encode() + b', "name": "a\x00b"}',
    "an escaped NUL": REGISTRATION.encode() + rb', "name": "a\u0000b"}',
    "an escaped NUL in a name": REGISTRATION.encode() + rb', "na\u0000me": "a"}',
    "a lone high surrogate": REGISTRATION.encode() + rb', "name": "\ud83d"}',
    "a lone low surrogate": REGISTRATION.encode() + rb', "name": "\udca9 "}',
    "surrogates the wrong way round": REGISTRATION.encode() + rb', "name": "\udca9\ud83d"}',
    "a surrogate in UTF-8": REGISTRATION.encode() + b', "name": "\xed\xa0\xbd"}',
    "a doubled member": REGISTRATION.encode() + b', "email": "eve@example.com"}',
    "a member doubled by an escape": REGISTRATION.encode() + rb', "\u0065mail": "eve@example.com"}',
}

NOT_A_REGISTRATION: dict[str, bytes] = {
    "null": b"null",
    "an array": b'["ada@example.com"]',
    "a text": b'"ada@example.com"',
    "an empty object": b"{}",
    "no password": b'{"email": "ada@example.com"}',
    "no address": b'{"password": "seven quiet lanterns"}',
    "a member too many": REGISTRATION.encode() + b', "role": "administrator"}',
    "the status": REGISTRATION.encode() + b', "status": "active"}',
    "a number for an address": b'{"email": 7, "password": "seven quiet lanterns"}',
    "an object for an address": b'{"email": {"$ne": ""}, "password": "seven quiet lanterns"}',
    "an array for a password": b'{"email": "ada@example.com", "password": ["seven quiet lanterns"]}',
    "null for a password": b'{"email": "ada@example.com", "password": null}',
    "a delivery that is none": REGISTRATION.encode() + b', "delivery": "pigeon"}',
    "no address in the address": b'{"email": "ada", "password": "seven quiet lanterns"}',
    "two addresses": b'{"email": "ada@example.com,eve@example.com", "password": "seven quiet lanterns"}',
    "an address of two lines": b'{"email": "ada@example.com\\nbcc: eve@example.com", "password": "x"}',
    "an address with a name": b'{"email": "Ada <ada@example.com>", "password": "seven quiet lanterns"}',
    "a quoted address": b'{"email": "\\"a b\\"@example.com", "password": "seven quiet lanterns"}',
    "an address of 10 000 letters": b'{"email": "'
    + b"a" * 10_000
    + b'@example.com", "password": "seven quiet lanterns"}',
    "a name of two lines": REGISTRATION.encode() + rb', "name": "Ada\nLovelace"}',
    "a name that turns text round": REGISTRATION.encode() + rb', "name": "Ada\u202eecalevoL"}',
    "a name of 10 000 letters": REGISTRATION.encode() + b', "name": "' + b"a" * 10_000 + b'"}',
    "a username like an address": REGISTRATION.encode() + b', "username": "eve@example.com"}',
    "a username that is not ASCII": REGISTRATION.encode() + ', "username": "\u0430da"}'.encode(),
}


async def test_what_is_not_json_is_refused_and_leaves_nothing(sqlite: Ostiary, stranger: httpx.AsyncClient) -> None:
    before = await contents(sqlite)
    for case, body in NOT_JSON.items():
        assert_refused(
            await stranger.post("/api/auth/register", content=body, headers=JSON), 400, "invalid_request", case
        )
    assert await contents(sqlite) == before


async def test_json_of_another_form_is_refused_and_leaves_nothing(ostiary: Ostiary, client: httpx.AsyncClient) -> None:
    before = await contents(ostiary)
    for case, body in NOT_A_REGISTRATION.items():
        assert_refused(
            await client.post("/api/auth/register", content=body, headers=JSON), 400, "invalid_request", case
        )
    assert await contents(ostiary) == before


async def test_the_member_at_fault_is_named(stranger: httpx.AsyncClient) -> None:
    for body, field in [
        (b'{"email": 7, "password": ""}', "email"),
        (b'{"email": "ada@example.com"}', "password"),
        (REGISTRATION.encode() + b', "role": "x"}', "role"),
    ]:
        answer = await stranger.post("/api/auth/register", content=body, headers=JSON)
        assert answer.json()["field"] == field, answer.text


async def test_json_under_another_content_type_is_refused(sqlite: Ostiary, stranger: httpx.AsyncClient) -> None:
    """Also what a form of another site can send without asking first: text/plain (a CSRF defence)."""
    before = await contents(sqlite)
    body = (REGISTRATION + "}").encode()
    cases: list[dict[str, str]] = [{}, *({"content-type": content_type} for content_type in NOT_JSON_TYPES)]
    for headers in cases:
        answer = await stranger.post("/api/auth/register", content=body, headers=headers)
        assert_refused(answer, 415, "unsupported_media_type", headers)
    assert await contents(sqlite) == before


async def test_a_body_over_64_kib_is_refused_with_and_without_its_length(
    sqlite: Ostiary, stranger: httpx.AsyncClient
) -> None:
    before = await contents(sqlite)
    body = (REGISTRATION + ', "name": "' + "a" * 65_536 + '"}').encode()

    async def chunked() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    cases: dict[str, bytes | AsyncIterator[bytes]] = {"announced": body, "chunked": chunked()}
    for case, content in cases.items():
        answer = await stranger.post("/api/auth/register", content=content, headers=JSON)
        assert_refused(answer, 413, "payload_too_large", case)
    for path in ("/login", "/register", "/verify", "/setup"):
        answer = await stranger.post(path, content=b"password=" + b"a" * 70_000, headers=FORM)
        assert answer.status_code == 413, path
    assert await contents(sqlite) == before


async def test_the_length_of_a_body_that_never_ends_is_not_believed(stranger: httpx.AsyncClient) -> None:
    for length, status, code in [
        ("65537", 413, "payload_too_large"),
        ("9" * 5000, 413, "payload_too_large"),
        ("-1", 400, "invalid_request"),
        ("+5", 400, "invalid_request"),
        ("0x10", 400, "invalid_request"),
        ("5, 5", 400, "invalid_request"),
    ]:
        answer = await stranger.post("/api/auth/register", content=b"{}", headers={**JSON, "content-length": length})
        assert_refused(answer, status, code, length[:20])


async def test_a_password_of_a_megabyte_is_refused_before_it_is_read(
    sqlite: Ostiary, stranger: httpx.AsyncClient
) -> None:
    body = {"email": "ada@example.com", "password": "a" * 1_000_000, "delivery": "cookie"}
    assert_refused(await stranger.post("/api/auth/register", json=body), 413, "payload_too_large")


async def test_a_password_that_is_dear_to_normalise_costs_no_more_than_another(stranger: httpx.AsyncClient) -> None:
    """Combining marks in the wrong order take quadratic time to sort: 60 KB of them would block for half a second."""
    marks = "\u0301\u0323" * 15_000
    answer = await stranger.post("/api/auth/register", json={"email": "ada@example.com", "password": marks})
    assert_refused(answer, 400, "weak_password")
    assert answer.elapsed.total_seconds() < 0.3
    answer = await stranger.post("/api/auth/login", json={"identifier": "ada@example.com", "password": marks})
    assert_refused(answer, 401, "invalid_credentials")
    assert answer.elapsed.total_seconds() < 0.3


async def test_forms_that_are_wrong_get_a_page_that_says_so(sqlite: Ostiary, stranger: httpx.AsyncClient) -> None:
    before = await contents(sqlite)
    cases: dict[str, bytes] = {
        "a doubled field": b"identifier=ada&identifier=eve&password=x",
        "a field that is not UTF-8": b"identifier=%ff&password=x",
        "a lone surrogate": b"identifier=%ED%A0%80&password=x",
        "a NUL": b"identifier=a%00b&password=x",
        "raw bytes": b"identifier=\xff\xfe&password=x",
        "51 fields": b"&".join(b"f%d=1" % n for n in range(51)),
    }
    for case, body in cases.items():
        answer = await stranger.post("/login", content=body, headers=FORM)
        assert answer.status_code == 400, (case, answer.status_code)
        assert answer.headers["content-type"].startswith("text/html"), case
        assert "invalid_request" in answer.text, case
    for content_type in ("multipart/form-data; boundary=x", "text/plain", "application/json"):
        answer = await stranger.post("/login", content=b"identifier=a", headers={"content-type": content_type})
        assert answer.status_code == 415, content_type
    assert await contents(sqlite) == before


async def test_wrong_members_of_somebody_signed_in_change_nothing(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    before = await contents(ostiary)
    cases: list[tuple[str, str, bytes]] = [
        ("PATCH", "/api/auth/me", b'{"email": "eve@example.com"}'),
        ("PATCH", "/api/auth/me", b'{"id": "acc_0"}'),
        ("PATCH", "/api/auth/me", b'{"name": null}'),
        ("PATCH", "/api/auth/me", rb'{"name": "\ud800"}'),
        ("PATCH", "/api/session/data", b"[]"),
        ("PATCH", "/api/session/data", b'{"a": 1, "a": 2}'),
        ("PATCH", "/api/session/data", rb'{"a": "\u0000"}'),
        ("PATCH", "/api/session/data", b'{"a":' * 40 + b"1" + b"}" * 40),
        ("PUT", "/api/credentials/password", b'{"current_password": 1, "new_password": 2}'),
        ("POST", "/api/auth/email", b'{"email": "nobody", "password": "x"}'),
    ]
    for method, path, body in cases:
        answer = await person.client.request(method, path, content=body, headers={**JSON, **person.headers})
        assert_refused(answer, 400, "invalid_request", (path, body))
    assert await contents(ostiary) == before


async def test_session_data_never_grows_over_64_kib(sqlite: Ostiary) -> None:
    person = await new_person(sqlite)
    assert (await person.request("PATCH", "/api/session/data", {"a": "x" * 40_000})).status_code == 200
    answer = await person.request("PATCH", "/api/session/data", {"b": "x" * 40_000})
    assert_refused(answer, 413, "payload_too_large")
    assert set((await person.request("GET", "/api/session/data")).json()) == {"a"}
