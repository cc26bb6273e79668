"""Ostiary inside an application: the application's routes are guarded by the rules of Ostiary's own."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, Response, WebSocket
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from ostiary import Caller
from ostiary.app import Ostiary
from ostiary.authorization import Effect, GrantCreate, Resource
from ostiary.errors import ConfigurationError, Conflict
from ostiary.integrations import starlette
from ostiary.integrations.fastapi import Auth
from tests.support.embedding import ORIGIN, Embedded, browser_of, running
from tests.support.installation import PASSWORD, new_person, settings_for_test

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "embedding.md"
PAGE = {"Accept": "text/html,application/xhtml+xml"}


def application(auth: Auth, **options: Any) -> FastAPI:
    """Routes as an embedder has them; each says what it found out of who calls."""
    app = FastAPI(**options)
    auth.mount(app)
    _reading(app, auth)
    _writing(app, auth)

    @app.get("/conflict")
    async def conflict() -> None:
        raise Conflict("There is one already.")

    return app


def _reading(app: FastAPI, auth: Auth) -> None:
    anyone, signed_in, reader = Depends(auth.caller), Depends(auth.signed_in), Depends(auth.require("documents.read"))

    @app.get("/who")
    async def who(caller: Caller = anyone) -> dict[str, str | None]:
        return {"kind": caller.kind, "id": caller.account_id}

    @app.get("/own-response")
    async def own_response(caller: Caller = anyone) -> Response:
        return Response(caller.kind)

    @app.get("/mine")
    async def mine(caller: Caller = signed_in) -> str | None:
        return (await auth.account(caller)).email

    @app.get("/documents")
    async def documents(caller: Caller = reader) -> str | None:
        return caller.account_id

    @app.get("/documents/{document_id}", dependencies=[Depends(auth.require("documents.read", "document_id"))])
    async def document(document_id: str) -> str:
        return document_id

    def named(request: Request) -> Resource:
        return Resource("documents", request.query_params["id"])

    @app.get("/named", dependencies=[Depends(auth.require("documents.read", named))])
    async def found() -> str:
        return "found"

    @app.get("/misspelt/{document_id}", dependencies=[Depends(auth.require("documents.read", "documentid"))])
    async def misspelt(document_id: str) -> str:
        return document_id

    @app.get("/token")
    async def token(csrf_token: str = Depends(auth.csrf_token)) -> str:
        return csrf_token


def _writing(app: FastAPI, auth: Auth) -> None:
    signed_in = Depends(auth.signed_in)

    @app.post("/notes", dependencies=[signed_in])
    async def note(request: Request) -> str:
        return (await request.body()).decode()

    @app.post("/json")
    async def json(body: dict[str, str], caller: Caller = signed_in) -> dict[str, str]:
        return body

    @app.post("/anonymous", dependencies=[Depends(auth.caller)])
    async def anonymous() -> str:
        return "done"


@pytest.fixture(params=["", "/auth"], ids=["at the root", "below a path"])
async def embedded(request: pytest.FixtureRequest, sqlite_url: str) -> AsyncIterator[Embedded]:
    """The application with Ostiary in it, once with an issuer without a path and once with one."""
    auth = Auth(settings_for_test(sqlite_url, ORIGIN + request.param))
    async with running(auth, application(auth), request.param) as opened:
        yield opened


@pytest.fixture
def auth(sqlite_url: str) -> Auth:
    return Auth(settings_for_test(sqlite_url, ORIGIN + "/auth"))


def guide() -> tuple[str, list[str]]:
    """The application of the guide, and the routes that it speaks of further down."""
    first, *others = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return first, [block for block in others if block.startswith("@app.")]


async def test_the_example_of_the_guide_works_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, _ = guide()
    assert len([line for line in code.splitlines() if line.strip()]) < 10
    module: dict[str, Any] = {}
    exec(code, module)
    async with running(module["auth"], module["app"]) as embedded:
        person = await embedded.person()
        assert (await embedded.client.get("/documents")).status_code == 401
        assert (await person.client.get("/documents")).status_code == 403
        use, operator = module["auth"].ostiary.use, module["auth"].ostiary.operator()
        await use.grants.create(operator, person.id, GrantCreate("documents.read", Effect.ALLOW))
        assert (await person.client.get("/documents")).json() == {"documents_of": person.id}


async def test_the_routes_of_the_guide_work_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, routes = guide()
    module: dict[str, Any] = {"HTTPException": HTTPException, "WebSocket": WebSocket}
    for block in (code, *routes):
        exec(block, module)
    async with running(module["auth"], module["app"]) as embedded:
        person, visitor = await embedded.person(), embedded.client
        assert (await visitor.get("/csrf-token")).json() == {"csrf_token": ""}
        assert (await visitor.post("/cart/storm")).json() == {"storm": 1}
        token = (await visitor.get("/csrf-token")).json()["csrf_token"]
        added = await visitor.post("/cart/paper", headers={"X-CSRF-Token": token})
        assert added.json() == {"storm": 1, "paper": 1}
        cookie = f"ostiary_session={person.client.cookies['ostiary_session']}"
        agent = person.client.headers["User-Agent"]
        headers = {"Host": "localhost:8000", "Origin": ORIGIN, "Cookie": cookie, "User-Agent": agent}
        assert (await embedded.socket("/news", headers))[1]["text"] == f"Good evening, {person.email}."


async def test_a_route_answers_401_403_and_200_like_one_of_ostiary(embedded: Embedded) -> None:
    nobody, stranger, reader = embedded.client, await embedded.person(), await embedded.reader()
    unknown = await nobody.get("/documents")
    assert (unknown.status_code, unknown.json()["code"]) == (401, "unauthenticated")
    assert unknown.headers["content-type"] == "application/problem+json"
    assert unknown.headers["www-authenticate"].startswith("Bearer")
    refused = await stranger.client.get("/documents")
    assert (refused.status_code, refused.json()["permission"]) == (403, "documents.read")
    allowed = await reader.client.get("/documents")
    assert (allowed.status_code, allowed.json()) == (200, reader.id)


async def test_a_browser_is_led_to_the_sign_in_page_and_back(embedded: Embedded) -> None:
    person = await new_person(embedded.auth.ostiary)
    browser, page = embedded.client, f"{embedded.path}/login"
    sent = await browser.get("/mine?sort=new&name=%C3%A9", headers=PAGE)
    assert sent.status_code == 303
    assert sent.headers["location"] == f"{page}?next=/mine%3Fsort%3Dnew%26name%3D%25C3%25A9"
    form = await browser.get(sent.headers["location"])
    of_the_name = form.text.partition("</form>")[0]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', of_the_name))
    fields["next"] = fields["next"].replace("&amp;", "&")
    done = await browser.post(page, data=fields | {"identifier": person.email, "password": PASSWORD})
    assert (done.status_code, done.headers["location"]) == (303, "/mine?sort=new&name=%C3%A9")
    assert (await browser.get(done.headers["location"], headers=PAGE)).json() == person.email


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/\t/evil.example",
        "evil",
        "/" + "a" * 2000,
        "/é",
        "",
    ],
)
async def test_next_never_leads_away(embedded: Embedded, elsewhere: str) -> None:
    person = await embedded.person()
    sent = await person.client.get(f"{embedded.path}/login", params={"next": elsewhere})
    assert (sent.status_code, sent.headers["location"]) == (303, f"{embedded.path}/account")


async def test_signing_out_can_lead_back_to_the_application(embedded: Embedded) -> None:
    person = await embedded.person()
    token = (await person.client.get("/token")).json()
    out = await person.client.post(f"{embedded.path}/logout", data={"csrf_token": token, "next": "/who"})
    assert out.headers["location"] == "/who"
    assert (await person.client.get("/who")).json()["kind"] == "anonymous"


async def test_a_permission_may_hold_on_one_resource_only(embedded: Embedded) -> None:
    person, ostiary = await embedded.person(), embedded.auth.ostiary
    grant = GrantCreate("documents.read", Effect.ALLOW, Resource("documents", "7"))
    await ostiary.use.grants.create(ostiary.operator(), person.id, grant)
    answers = {
        path: (await person.client.get(path)).status_code
        for path in ("/documents/7", "/documents/8", "/documents", "/named?id=7", "/named?id=8", "/documents/%00")
    }
    assert answers == {
        "/documents/7": 200,
        "/documents/8": 403,
        "/documents": 403,
        "/named?id=7": 200,
        "/named?id=8": 403,
        "/documents/%00": 400,
    }


async def test_a_resource_that_no_parameter_names_is_refused(embedded: Embedded) -> None:
    reader = await embedded.reader()
    assert (await reader.client.get("/misspelt/7")).status_code == 500


@pytest.mark.parametrize("permission", ["documents", "documents.*", "*", "Documents.read", ""])
def test_only_one_action_can_be_required(auth: Auth, permission: str) -> None:
    with pytest.raises(ConfigurationError, match="require"):
        auth.require(permission)


async def test_an_unsafe_request_with_a_cookie_needs_the_form_token(embedded: Embedded) -> None:
    person, other = await embedded.person(), await embedded.person()
    mine, theirs = (await person.client.get("/token")).json(), (await other.client.get("/token")).json()

    async def post(path: str = "/notes", **request: Any) -> int:
        return (await person.client.post(path, **request)).status_code

    assert await post() == 403
    assert await post(data={"text": "a"}) == 403
    assert await post(data={"text": "a", "csrf_token": theirs}) == 403
    assert await post(headers={"X-CSRF-Token": theirs}) == 403
    assert await post(content=f"csrf_token={mine}", headers={"Content-Type": "text/plain"}) == 403
    assert await post("/json", json={"csrf_token": mine}) == 403
    assert await post("/json", json={"a": "b"}, headers={"X-CSRF-Token": mine}) == 200
    assert await post(headers={"X-CSRF-Token": mine}) == 200
    assert await post("/anonymous") == 403


async def test_the_token_in_a_form_leaves_the_form_to_the_handler(embedded: Embedded) -> None:
    person = await embedded.person()
    token = (await person.client.get("/token")).json()
    written = await person.client.post("/notes", data={"csrf_token": token, "size": ["1", "2"]})
    assert written.json() == f"csrf_token={token}&size=1&size=2"


async def test_who_is_anonymous_needs_no_form_token(embedded: Embedded) -> None:
    assert (await embedded.client.post("/anonymous")).status_code == 200
    assert (await embedded.client.get("/token")).json() == ""


async def test_a_bearer_token_is_recognised_and_needs_no_form_token(embedded: Embedded) -> None:
    person = await embedded.person("token")
    assert (await person.request("GET", "/mine")).json() == person.email
    assert (await person.request("POST", "/json", {"a": "b"})).json() == {"a": "b"}
    forged = await embedded.client.get("/who", headers={"Authorization": "Bearer no.such.token"})
    assert (forged.status_code, forged.json()["code"]) == (401, "invalid_token")


async def test_the_token_cookie_is_recognised_and_needs_the_form_token(embedded: Embedded) -> None:
    person = await embedded.person("token_cookie")
    assert (await person.client.get("/mine")).json() == person.email
    assert (await person.client.post("/notes")).status_code == 403
    assert (await person.request("POST", "/notes")).status_code == 200


async def test_two_credentials_are_refused(embedded: Embedded) -> None:
    person, other = await embedded.person(), await embedded.person("token")
    both = await person.client.get("/who", headers=other.headers)
    assert (both.status_code, both.json()["code"]) == (400, "ambiguous_credentials")


async def test_a_session_cookie_that_opens_nothing_leaves_the_caller_unknown(embedded: Embedded) -> None:
    person = await embedded.person()
    await embedded.auth.ostiary.use.sign_ins.end_all(embedded.auth.ostiary.operator(), person.id)
    assert (await person.client.get("/who")).json() == {"kind": "anonymous", "id": None}
    assert (await person.client.get("/documents")).status_code == 401
    assert (await person.client.post("/anonymous")).status_code == 200


async def test_no_cache_keeps_what_was_made_for_one_caller(embedded: Embedded) -> None:
    person = await embedded.person()
    assert (await person.client.get("/mine")).headers["cache-control"] == "no-store"
    assert "cache-control" not in (await person.client.get("/openapi.json")).headers


async def test_an_error_of_the_application_is_a_problem_or_a_page(embedded: Embedded) -> None:
    problem = await embedded.client.get("/conflict")
    assert (problem.status_code, problem.json()["detail"]) == (409, "There is one already.")
    assert problem.headers["x-request-id"] == problem.json()["request_id"]
    page = await embedded.client.get("/conflict", headers=PAGE)
    assert (page.status_code, page.headers["content-type"]) == (409, "text/html; charset=utf-8")
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_at_the_root_the_application_comes_first_and_misses_nothing(auth: Auth, sqlite_url: str) -> None:
    auth = Auth(settings_for_test(sqlite_url, ORIGIN))
    app = application(auth)

    @app.get("/account")
    async def account() -> str:
        return "of the application"

    async with running(auth, app) as embedded:
        client = embedded.client
        assert (await client.get("/account")).json() == "of the application"
        assert (await client.get("/openapi.json")).json()["info"]["title"] == "FastAPI"
        assert (await client.get("/login")).status_code == 200
        assert (await client.get("/api/auth/me")).json()["code"] == "unauthenticated"
        assert (await client.get("/logout")).json()["code"] == "method_not_allowed"
        assert (await client.get("/nowhere")).json() == {"detail": "Not Found"}
        assert (await client.post("/who")).json() == {"detail": "Method Not Allowed"}


async def test_all_below_the_path_is_ostiarys_and_nothing_beside_it(auth: Auth) -> None:
    app = FastAPI()

    @app.get("/{path:path}")
    async def everything(path: str) -> str:
        return path

    auth.mount(app)

    async with running(auth, app) as embedded:
        client = embedded.client
        assert (await client.get("/auth/login")).status_code == 200
        assert (await client.get("/auth")).headers["location"] == "/auth/login"
        assert (await client.get("/auth/nowhere")).json()["code"] == "not_found"
        assert (await client.get("/auth/docs/errors")).status_code == 200
        assert (await client.get("/authority")).json() == "authority"
        assert (await client.get("/login")).json() == "login"


async def test_an_application_whose_server_has_a_root_path_has_ostiary_below_it(sqlite_url: str) -> None:
    auth = Auth(settings_for_test(sqlite_url, ORIGIN + "/shop/auth"))
    app = application(auth)
    transport = httpx.ASGITransport(app, root_path="/shop")
    async with running(auth, app), httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        assert (await client.get("/shop/auth/login")).status_code == 200
        sent = await client.get("/shop/mine", headers=PAGE)
        assert sent.headers["location"] == "/shop/auth/login?next=/shop/mine"


async def test_an_application_mounted_in_another_one_has_ostiary_below_it(sqlite_url: str) -> None:
    auth = Auth(settings_for_test(sqlite_url, ORIGIN + "/shop/auth"))
    inner = application(auth)
    outer = Starlette(routes=[Mount("/shop", inner)])
    async with running(auth, inner), browser_of(outer) as client:
        assert (await client.get("/shop/auth/login")).status_code == 200
        assert (await client.get("/shop/who")).json()["kind"] == "anonymous"
        sent = await client.get("/shop/mine", headers=PAGE)
        assert sent.headers["location"] == "/shop/auth/login?next=/shop/mine"


@pytest.mark.parametrize("path", ["/who", "/documents", "/auth/login"])
async def test_nothing_is_answered_before_ostiary_is_open_or_after_it_is_closed(auth: Auth, path: str) -> None:
    app = application(auth)
    async with browser_of(app) as client:
        assert (await client.get(path)).status_code == 503
        async with app.router.lifespan_context(app):
            assert (await client.get(path)).status_code != 503
        assert (await client.get(path)).status_code == 503


async def test_the_applications_own_lifespan_runs_while_ostiary_is_open(auth: Auth) -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        seen.append((await auth.ostiary.use.roles.list(auth.ostiary.operator())).items[0].name)
        yield {"of": "the application"}
        seen.append((await auth.ostiary.use.roles.list(auth.ostiary.operator())).items[0].name)

    app = application(auth, lifespan=lifespan)
    async with app.router.lifespan_context(app) as state:
        assert dict(state or {}) == {"of": "the application"}
    assert seen == ["administrator", "administrator"]


async def test_an_application_that_fails_to_start_leaves_nothing_open(auth: Auth) -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        raise LookupError("no documents")
        yield

    app = application(auth, lifespan=lifespan)
    with pytest.raises(LookupError):
        async with app.router.lifespan_context(app):
            pass
    with pytest.raises(Exception, match="not started"):
        _ = auth.ostiary


def test_what_is_not_fit_for_production_is_refused_all_at_once(sqlite_url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Auth(settings_for_test(sqlite_url, dev=False))
    assert [fault.partition(":")[0] for fault in refused.value.faults] == ["issuer", "mail.sender"]


async def test_in_production_a_database_behind_its_migrations_is_refused(empty_sqlite_url: str) -> None:
    fit = {"dev": False, "mail__sender": "smtp", "mail__host": "localhost", "mail__from_address": "shop@example.com"}
    settings = settings_for_test(empty_sqlite_url, "https://example.com", **fit)
    auth = Auth(settings)
    app = application(auth)
    with pytest.raises(ConfigurationError, match="migrat"):
        async with app.router.lifespan_context(app):
            pass
    await (await Ostiary.open(settings, migrate_first=True)).close()
    async with app.router.lifespan_context(app):
        pass


async def test_a_route_of_an_application_that_was_not_mounted_lets_nobody_in(auth: Auth) -> None:
    app = FastAPI()

    @app.get("/open", dependencies=[Depends(auth.caller)])
    async def unguarded() -> str:
        return "in"

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        assert (await client.get("/open")).status_code == 500


async def test_the_applications_reference_says_how_to_authenticate(embedded: Embedded) -> None:
    described = (await embedded.client.get("/openapi.json")).json()
    assert (
        described["components"]["securitySchemes"]["Ostiary"] | {"type": "http", "scheme": "bearer"}
        == (described["components"]["securitySchemes"]["Ostiary"])
    )
    for path in ("/who", "/mine", "/documents"):
        assert described["paths"][path]["get"]["security"] == [{"Ostiary": []}]


async def test_an_application_of_starlette_alone(sqlite_url: str) -> None:
    auth = starlette.Auth(settings_for_test(sqlite_url, ORIGIN + "/auth"))

    async def mine(request: Request) -> JSONResponse:
        return JSONResponse((await auth.signed_in(request)).account_id)

    app = Starlette(routes=[Route("/mine", mine)])
    auth.mount(app)
    async with running(auth, app) as embedded:
        person = await embedded.person()
        assert (await embedded.client.get("/mine")).json()["code"] == "unauthenticated"
        assert (await person.client.get("/mine")).json() == person.id
