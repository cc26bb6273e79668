"""What an application keeps in the session of whoever calls, signed in or not."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, WebSocket
from fastapi.responses import StreamingResponse

from ostiary import authorization
from ostiary.integrations.fastapi import Auth, Caller
from tests.support.embedding import ORIGIN, Embedded, browser_of, running
from tests.support.installation import PASSWORD, new_person, settings_for_test

DATA = "/auth/api/session/data"


def application(auth: Auth) -> FastAPI:
    app = FastAPI()
    auth.mount(app)
    anyone = Annotated[Caller, Depends(auth.caller)]

    @app.get("/cart")
    async def cart(caller: anyone) -> dict[str, Any]:
        if caller.session is None:
            return {"session": None}
        kept = await caller.session.data.read()
        return {"session": caller.session.id, "data": kept.data, "version": kept.version}

    @app.post("/cart")
    async def change(patch: dict[str, Any], caller: anyone, if_version: int | None = None) -> dict[str, Any]:
        assert caller.session is not None
        changed = await caller.session.data.change(patch, if_version)
        read = await caller.session.data.read()
        assert (read.data, read.version) == (changed.data, changed.version)
        return {"session": caller.session.id, "data": changed.data, "version": changed.version}

    @app.post("/twice")
    async def twice(caller: anyone, again: anyone, csrf_token: str = "") -> str:
        assert caller.session is not None
        assert again.session is not None
        await caller.session.data.change({"a": 1})
        await again.session.data.change({"b": 2})
        return caller.session.id or ""

    @app.post("/begun")
    async def begun(caller: anyone) -> StreamingResponse:
        async def late() -> AsyncIterator[bytes]:
            yield b"head"
            assert caller.session is not None
            await caller.session.data.change({"late": True})

        return StreamingResponse(late())

    @app.post("/later")
    async def later(caller: anyone, tasks: BackgroundTasks) -> None:
        assert caller.session is not None
        tasks.add_task(caller.session.data.change, {"later": True})

    @app.post("/token")
    async def token(caller: anyone, csrf_token: Annotated[str, Depends(auth.csrf_token)]) -> str:
        return csrf_token

    @app.websocket("/socket")
    async def socket(socket: WebSocket, caller: anyone) -> None:
        assert caller.session is not None
        await caller.session.data.change({"socket": True})
        await socket.accept()
        await socket.send_text(caller.session.id or "")

    return app


@pytest.fixture
async def embedded(sqlite_url: str) -> AsyncIterator[Embedded]:
    auth = Auth(settings_for_test(sqlite_url, ORIGIN + "/auth"))
    async with running(auth, application(auth), "/auth") as opened:
        opened.client.headers["Sec-Fetch-Site"] = "same-origin"
        yield opened


def session_cookies(answer: httpx.Response) -> list[str]:
    return [cookie for cookie in answer.headers.get_list("set-cookie") if cookie.startswith("ostiary_session=")]


async def test_who_has_no_session_reads_nothing_and_is_given_none(embedded: Embedded) -> None:
    answer = await embedded.client.get("/cart")
    assert answer.json() == {"session": None, "data": {}, "version": 0}
    assert session_cookies(answer) == []


async def test_the_first_change_begins_a_session_whose_cookie_goes_out_with_the_answer(embedded: Embedded) -> None:
    visitor = embedded.client
    answer = await visitor.post("/cart", json={"lamp": 1, "wick": 1})
    kept = answer.json()
    assert (kept["data"], kept["version"]) == ({"lamp": 1, "wick": 1}, 1)
    assert kept["session"].startswith("ses_")
    (cookie,) = session_cookies(answer)
    assert "HttpOnly" in cookie
    changed = await visitor.post("/cart", json={"wick": None})
    assert changed.json() == {"session": kept["session"], "data": {"lamp": 1}, "version": 2}
    assert session_cookies(changed) == []
    assert (await visitor.get("/cart")).json() == changed.json()


async def test_it_is_what_the_api_reads_and_changes(embedded: Embedded) -> None:
    visitor = embedded.client
    await visitor.post("/cart", json={"lamp": 1})
    assert (await visitor.get(DATA)).json() == {"lamp": 1}
    assert (await visitor.patch(DATA, json={"wick": 2})).json() == {"lamp": 1, "wick": 2}
    assert (await visitor.get("/cart")).json()["data"] == {"lamp": 1, "wick": 2}


async def test_a_cart_is_kept_at_sign_in_behind_another_secret(embedded: Embedded) -> None:
    visitor = embedded.client
    person = await new_person(embedded.auth.ostiary)
    await visitor.post("/cart", json={"lamp": 1})
    planted = dict(visitor.cookies)
    credentials = {"identifier": person.email, "password": PASSWORD}
    assert (await visitor.post("/auth/api/auth/login", json=credentials)).status_code == 200
    assert (await visitor.get("/cart")).json()["data"] == {"lamp": 1}
    before = browser_of(embedded.app, cookies=planted)
    assert (await before.get("/cart")).json()["data"] == {}


async def test_a_change_of_an_older_version_is_refused(embedded: Embedded) -> None:
    visitor = embedded.client
    refused = await visitor.post("/cart?if_version=3", json={"lamp": 1})
    assert (refused.status_code, session_cookies(refused)) == (412, [])
    assert (await visitor.post("/cart?if_version=0", json={"lamp": 1})).json()["version"] == 1
    assert (await visitor.post("/cart?if_version=0", json={"lamp": 2})).json()["code"] == "precondition_failed"


async def test_too_much_is_refused_and_begins_nothing(embedded: Embedded) -> None:
    refused = await embedded.client.post("/cart", json={"lamp": "x" * 65_536})
    assert (refused.status_code, session_cookies(refused)) == (413, [])


@pytest.mark.parametrize("delivery", ["token", "token_cookie"])
async def test_who_comes_with_a_token_has_no_session(embedded: Embedded, delivery: str) -> None:
    person = await embedded.person(delivery)
    assert (await person.client.get("/cart", headers=person.headers)).json() == {"session": None}


async def test_however_many_ask_in_one_request_one_session_begins(embedded: Embedded) -> None:
    answer = await embedded.client.post("/twice")
    assert len(session_cookies(answer)) == 1
    kept = (await embedded.client.get("/cart")).json()
    assert kept == {"session": answer.json(), "data": {"a": 1, "b": 2}, "version": 2}


async def test_no_session_begins_once_the_answer_has(embedded: Embedded) -> None:
    with pytest.raises(RuntimeError, match="once the answer has"):
        await embedded.client.post("/begun")
    with pytest.raises(RuntimeError, match="once the answer has"):
        await embedded.client.post("/later")
    await embedded.client.post("/cart", json={"lamp": 1})
    assert (await embedded.client.post("/later")).status_code == 200
    assert (await embedded.client.get("/cart")).json()["data"] == {"lamp": 1, "later": True}


async def test_a_handshake_begins_a_session_whose_cookie_goes_out_with_it(embedded: Embedded) -> None:
    headers = {"Host": "localhost:8000", "Origin": ORIGIN, "User-Agent": embedded.client.headers["User-Agent"]}
    accepted, said = await embedded.socket("/socket", headers)
    cookie = dict(accepted["headers"])[b"set-cookie"].decode()
    embedded.client.cookies.set("ostiary_session", cookie.partition("=")[2].partition(";")[0])
    kept = (await embedded.client.get("/cart")).json()
    assert (kept["session"], kept["data"]) == (said["text"], {"socket": True})


async def test_the_caller_is_ostiarys_and_frozen(embedded: Embedded) -> None:
    assert issubclass(Caller, authorization.Caller)
    with pytest.raises(AttributeError):
        Caller("anonymous").session = None  # type: ignore[misc]


async def test_the_applications_reference_has_the_caller_nowhere(embedded: Embedded) -> None:
    described = (await embedded.client.get("/openapi.json")).json()
    operation = described["paths"]["/cart"]["get"]
    assert operation["security"] == [{"Ostiary": []}]
    assert "parameters" not in operation
    assert "requestBody" not in operation
    assert "Caller" not in described["components"].get("schemas", {})
