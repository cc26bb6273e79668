"""``/api/accounts``: accounts, and what each of them, and each group, holds. For administrators."""

from __future__ import annotations

from starlette.responses import Response

from ostiary.accounts import AccountChange, AccountCreate, account_view
from ostiary.authorization import AssignmentCreate, GrantChange, GrantCreate, GrantQuery, Group, Holder
from ostiary.base.pages import PageQuery
from ostiary.web import answers
from ostiary.web.exchange import Exchange


async def list_accounts(exchange: Exchange) -> Response:
    listing: PageQuery = exchange.query
    return answers.json(await exchange.use.account_administration.list(exchange.caller, listing))


async def create(exchange: Exchange) -> Response:
    body: AccountCreate = exchange.body
    return answers.json(account_view(await exchange.use.account_administration.create(exchange.caller, body)), 201)


async def get(exchange: Exchange) -> Response:
    account = await exchange.use.account_administration.get(exchange.caller, exchange.parameters["account_id"])
    return answers.json(account_view(account))


async def change(exchange: Exchange) -> Response:
    body: AccountChange = exchange.body
    account = await exchange.use.account_administration.change(exchange.caller, exchange.parameters["account_id"], body)
    return answers.json(account_view(account))


async def delete(exchange: Exchange) -> Response:
    await exchange.use.account_administration.delete(exchange.caller, exchange.parameters["account_id"])
    return answers.no_content()


async def list_roles(exchange: Exchange) -> Response:
    listing: PageQuery = exchange.query
    found = await exchange.use.assignments.list(exchange.caller, _holder(exchange), listing.cursor, listing.limit)
    return answers.json(found)


async def assign_role(exchange: Exchange) -> Response:
    body: AssignmentCreate = exchange.body
    assignment = await exchange.use.assignments.assign(exchange.caller, _holder(exchange), body)
    return answers.json(assignment, 201)


async def get_role(exchange: Exchange) -> Response:
    found = await exchange.use.assignments.get(exchange.caller, _holder(exchange), exchange.parameters["assignment_id"])
    return answers.json(found)


async def unassign_role(exchange: Exchange) -> Response:
    await exchange.use.assignments.unassign(exchange.caller, _holder(exchange), exchange.parameters["assignment_id"])
    return answers.no_content()


async def list_grants(exchange: Exchange) -> Response:
    listing: PageQuery = exchange.query
    found = await exchange.use.grants.list(exchange.caller, _holder(exchange), listing.cursor, listing.limit)
    return answers.json(found)


async def find_grants(exchange: Exchange) -> Response:
    query: GrantQuery = exchange.query
    return answers.json(await exchange.use.grants.find(exchange.caller, query))


async def create_grant(exchange: Exchange) -> Response:
    body: GrantCreate = exchange.body
    return answers.json(await exchange.use.grants.create(exchange.caller, _holder(exchange), body), 201)


async def get_grant(exchange: Exchange) -> Response:
    found = await exchange.use.grants.get(exchange.caller, _holder(exchange), exchange.parameters["grant_id"])
    return answers.json(found)


async def change_grant(exchange: Exchange) -> Response:
    body: GrantChange = exchange.body
    grant = await exchange.use.grants.change(exchange.caller, _holder(exchange), exchange.parameters["grant_id"], body)
    return answers.json(grant)


async def delete_grant(exchange: Exchange) -> Response:
    await exchange.use.grants.delete(exchange.caller, _holder(exchange), exchange.parameters["grant_id"])
    return answers.no_content()


def _holder(exchange: Exchange) -> Holder:
    """Whose roles and grants the path is about."""
    group = exchange.parameters.get("group_id")
    return exchange.parameters["account_id"] if group is None else Group(group)
