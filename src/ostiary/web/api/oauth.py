"""``/api/clients``, ``/api/apis``, and the consents of accounts."""

from __future__ import annotations

from starlette.responses import Response

from ostiary.base.pages import Page, PageQuery
from ostiary.oauth import ApiChange, ApiCreate, ClientChange, ClientCreate, SecretCreate
from ostiary.web import answers
from ostiary.web.exchange import Exchange


async def list_clients(exchange: Exchange) -> Response:
    listing: PageQuery = exchange.query
    return answers.json(await exchange.use.oauth.clients.list(exchange.caller, listing))


async def create_client(exchange: Exchange) -> Response:
    body: ClientCreate = exchange.body
    return answers.json(await exchange.use.oauth.clients.create(exchange.caller, body), 201)


async def get_client(exchange: Exchange) -> Response:
    return answers.json(await exchange.use.oauth.clients.get(exchange.caller, exchange.parameters["client_id"]))


async def change_client(exchange: Exchange) -> Response:
    body: ClientChange = exchange.body
    client_id = exchange.parameters["client_id"]
    return answers.json(await exchange.use.oauth.clients.change(exchange.caller, client_id, body))


async def delete_client(exchange: Exchange) -> Response:
    await exchange.use.oauth.clients.delete(exchange.caller, exchange.parameters["client_id"])
    return answers.no_content()


async def add_secret(exchange: Exchange) -> Response:
    body: SecretCreate = exchange.body or SecretCreate()
    client_id = exchange.parameters["client_id"]
    return answers.json(await exchange.use.oauth.clients.add_secret(exchange.caller, client_id, body), 201)


async def remove_secret(exchange: Exchange) -> Response:
    client_id, secret_id = exchange.parameters["client_id"], exchange.parameters["secret_id"]
    await exchange.use.oauth.clients.remove_secret(exchange.caller, client_id, secret_id)
    return answers.no_content()


async def list_apis(exchange: Exchange) -> Response:
    listing: PageQuery = exchange.query
    return answers.json(await exchange.use.oauth.apis.list(exchange.caller, listing))


async def create_api(exchange: Exchange) -> Response:
    body: ApiCreate = exchange.body
    return answers.json(await exchange.use.oauth.apis.create(exchange.caller, body), 201)


async def get_api(exchange: Exchange) -> Response:
    return answers.json(await exchange.use.oauth.apis.get(exchange.caller, exchange.parameters["api_id"]))


async def change_api(exchange: Exchange) -> Response:
    body: ApiChange = exchange.body
    return answers.json(await exchange.use.oauth.apis.change(exchange.caller, exchange.parameters["api_id"], body))


async def delete_api(exchange: Exchange) -> Response:
    await exchange.use.oauth.apis.delete(exchange.caller, exchange.parameters["api_id"])
    return answers.no_content()


async def list_consents(exchange: Exchange) -> Response:
    found = await exchange.use.oauth.consents.list(exchange.caller, exchange.parameters.get("account_id"))
    return answers.json(Page(found, None))


async def revoke_consent(exchange: Exchange) -> Response:
    consents, account_id = exchange.use.oauth.consents, exchange.parameters.get("account_id")
    await consents.revoke(exchange.caller, exchange.parameters["client_id"], account_id)
    return answers.no_content()
