"""``/api/credentials``: what protects a person's own account, and the devices that it is signed in from."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from starlette.responses import Response

from ostiary.authentication import ConfirmRequest, EnrolRequest, RenameRequest
from ostiary.authentication.factor_removal import FactorRemoval
from ostiary.authentication.own_credentials import view_of
from ostiary.base.pages import Page
from ostiary.credentials import CredentialType
from ostiary.errors import NotFound
from ostiary.web import answers
from ostiary.web.exchange import Exchange
from ostiary.web.route import Handler


class EnrolmentAnswer(msgspec.Struct, frozen=True):
    """An enrolment that waits to be confirmed. ``flow`` is a secret; ``expires_in`` in seconds.

    Attributes:
        challenge: for a passkey ``publicKey``, the options of the ceremony; for an authenticator app the ``secret``,
            its ``uri`` and ``qr_code``; for a telephone number where the code was sent.
    """

    status: Literal["challenge"]
    flow: str
    challenge: dict[str, Any]
    expires_in: int


class RecoveryCodesAnswer(msgspec.Struct, frozen=True):
    """Shown this once."""

    codes: list[str]


async def list_own(exchange: Exchange) -> Response:
    return answers.json(Page(await exchange.use.own_credentials.list(exchange.caller), None))


def enrol(kind: CredentialType) -> Handler:
    """Begins to add a credential of this type."""

    async def begin(exchange: Exchange) -> Response:
        body: EnrolRequest = exchange.body or EnrolRequest()
        begun = await exchange.use.enrolments.begin(exchange.caller, kind, body)
        return answers.json(EnrolmentAnswer("challenge", begun.flow, begun.challenge, begun.expires_in))

    return begin


def confirm(kind: CredentialType) -> Handler:
    """Adds it, once it is shown."""

    async def end(exchange: Exchange) -> Response:
        body: ConfirmRequest = exchange.body
        added = await exchange.use.enrolments.confirm(exchange.caller, kind, body)
        exchange.renew(added.renewed)
        return answers.json(view_of(added.enrolled, exchange.use.own_credentials.factor_of(kind)), 201)

    return end


async def rename(exchange: Exchange) -> Response:
    body: RenameRequest = exchange.body
    credential_id = exchange.parameters["credential_id"]
    return answers.json(await exchange.use.own_credentials.rename(exchange.caller, credential_id, body))


async def remove(exchange: Exchange) -> Response:
    # The password and the recovery codes have no id but their type, the last part of their path.
    credential_id = exchange.parameters.get("credential_id") or exchange.path.rpartition("/")[2]
    await exchange.use.own_credentials.remove(exchange.caller, credential_id)
    return answers.no_content()


async def new_recovery_codes(exchange: Exchange) -> Response:
    return answers.json(RecoveryCodesAnswer(await exchange.use.own_credentials.new_recovery_codes(exchange.caller)))


async def list_of_account(exchange: Exchange) -> Response:
    account_id = exchange.parameters["account_id"]
    return answers.json(Page(await exchange.use.own_credentials.list(exchange.caller, account_id), None))


async def get_own_removal(exchange: Exchange) -> Response:
    return _removal(await exchange.use.factor_removals.get(exchange.caller))


async def stop_own_removal(exchange: Exchange) -> Response:
    await exchange.use.factor_removals.stop(exchange.caller)
    return answers.no_content()


async def get_removal(exchange: Exchange) -> Response:
    return _removal(await exchange.use.factor_removals.get(exchange.caller, exchange.parameters["account_id"]))


async def request_removal(exchange: Exchange) -> Response:
    return _removal(await exchange.use.factor_removals.request(exchange.caller, exchange.parameters["account_id"]))


async def stop_removal(exchange: Exchange) -> Response:
    await exchange.use.factor_removals.stop(exchange.caller, exchange.parameters["account_id"])
    return answers.no_content()


async def mail_recovery(exchange: Exchange) -> Response:
    await exchange.use.factor_removals.mail_recovery(exchange.caller, exchange.parameters["account_id"])
    return answers.no_content()


def _removal(removal: FactorRemoval | None) -> Response:
    if removal is None:
        raise NotFound("No removal of second factors waits here.")
    return answers.json(removal)


async def list_devices(exchange: Exchange) -> Response:
    return answers.json(Page(await exchange.use.devices.list(exchange.caller), None))


async def forget_device(exchange: Exchange) -> Response:
    await exchange.use.devices.forget(exchange.caller, exchange.parameters["device_id"])
    return answers.no_content()
