"""``/api/auth``: a person's own way in and out, for clients without pages of ours."""

from __future__ import annotations

from typing import Literal

import msgspec
from starlette.responses import Response

from ostiary.accounts import Account, AccountView, ProfileChange, account_view
from ostiary.authentication import (
    Challenged,
    Delivery,
    EmailChangeRequest,
    PasswordChangeRequest,
    RegistrationRequest,
    SignedIn,
    SignInRequest,
    StepUpRequest,
    VerificationRequest,
)
from ostiary.base.clock import Timestamp, rfc3339
from ostiary.errors import AmbiguousCredentials, InvalidRequest, InvalidToken
from ostiary.web import answers
from ostiary.web.csrf import HEADER
from ostiary.web.delivery import deliver, forget
from ostiary.web.exchange import Exchange
from ostiary.web.identify import family_binding


class CompleteAnswer(msgspec.Struct, frozen=True, tag_field="status", tag="complete", omit_defaults=True):
    """Signed in. The tokens are there for the delivery ``token``, the CSRF token for the two deliveries by cookie."""

    account: AccountView
    delivery: Delivery
    token_type: Literal["Bearer"] | None = None
    access_token: str | None = None
    refresh_token: str | None = None
    expires_in: int | None = None
    csrf_token: str | None = None


class ChallengeAnswer(msgspec.Struct, frozen=True, tag_field="status", tag="challenge"):
    """A step is due. ``flow`` is a secret: it goes with the next request of this client and to nobody else."""

    flow: str
    purpose: str
    next: tuple[str, ...]
    sent_to: str
    expires_in: int


class ChangedAnswer(msgspec.Struct, frozen=True, tag_field="status", tag="changed"):
    """The address of the account has changed."""

    account: AccountView


class MeAnswer(msgspec.Struct, frozen=True):
    """Who the request came from, and how that was proved."""

    account: AccountView
    method: str
    sign_in: str
    amr: tuple[str, ...]
    acr: str
    authenticated_at: Timestamp
    csrf_token: str | None


class RefreshBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Left out for the delivery ``token_cookie``: its refresh token comes in a cookie, along with ``X-CSRF-Token``."""

    refresh_token: str | None = None

    def __repr__(self) -> str:
        return "RefreshBody()"


class ResendBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    flow: str

    def __repr__(self) -> str:
        return "ResendBody()"


async def register(exchange: Exchange) -> Response:
    body: RegistrationRequest = exchange.body
    return _challenge(await exchange.use.registration(exchange.caller, body))


async def login(exchange: Exchange) -> Response:
    body: SignInRequest = exchange.body
    outcome = await exchange.use.sign_in(exchange.caller, body)
    return _challenge(outcome) if isinstance(outcome, Challenged) else complete(exchange, outcome)


async def step_up(exchange: Exchange) -> Response:
    body: StepUpRequest = exchange.body
    return complete(exchange, await exchange.use.step_up(exchange.caller, body))


async def verify(exchange: Exchange) -> Response:
    body: VerificationRequest = exchange.body
    outcome = await exchange.use.verification(exchange.caller, body)
    if isinstance(outcome, Account):
        return answers.json(ChangedAnswer(account_view(outcome)))
    return complete(exchange, outcome)


async def resend(exchange: Exchange) -> Response:
    body: ResendBody = exchange.body
    return _challenge(await exchange.use.verification.resend(exchange.caller, body.flow))


async def refresh(exchange: Exchange) -> Response:
    body: RefreshBody = exchange.body or RefreshBody()
    cookie = exchange.cookies.get(exchange.jar.refresh.name)
    exchange.caller = exchange.use.recognition.anonymous(exchange.facts)
    if body.refresh_token is not None and cookie is not None:
        raise InvalidRequest("Send one refresh token, in the body or in its cookie.")
    if body.refresh_token is not None:
        return complete(exchange, await exchange.use.sign_ins.refresh(exchange.caller, body.refresh_token, "token"))
    if cookie is None:
        raise InvalidToken("There is no refresh token.")
    family = await exchange.use.sign_ins.family_of(cookie)
    if family is not None:  # what is no token of ours needs no protection from being spent
        exchange.csrf.check(family_binding(family.id), exchange.headers.get(HEADER))
    return complete(exchange, await exchange.use.sign_ins.refresh(exchange.caller, cookie, "token_cookie"))


async def logout(exchange: Exchange) -> Response:
    body: RefreshBody = exchange.body or RefreshBody()
    if body.refresh_token is not None and exchange.cookie_authenticated:
        raise AmbiguousCredentials("Sign out by the cookie or by the refresh token, not by both.")
    await exchange.use.sign_ins.sign_out(exchange.caller, body.refresh_token)
    forget(exchange)
    return answers.no_content()


async def me(exchange: Exchange) -> Response:
    return answers.json(_me(exchange, exchange.own_account()))


async def change_me(exchange: Exchange) -> Response:
    body: ProfileChange = exchange.body
    return answers.json(_me(exchange, await exchange.use.profiles.change(exchange.caller, body)))


async def change_password(exchange: Exchange) -> Response:
    body: PasswordChangeRequest = exchange.body
    exchange.renew(await exchange.use.password_change(exchange.caller, body))
    return answers.no_content()


async def change_email(exchange: Exchange) -> Response:
    body: EmailChangeRequest = exchange.body
    return _challenge(await exchange.use.email_change(exchange.caller, body))


def complete(exchange: Exchange, signed_in: SignedIn) -> Response:
    """Hand over the sign-in by its delivery."""
    csrf_token = deliver(exchange, signed_in)
    in_body = signed_in.delivery == "token"
    return answers.json(
        CompleteAnswer(
            account=account_view(signed_in.account),
            delivery=signed_in.delivery,
            token_type="Bearer" if in_body else None,
            access_token=signed_in.access_token if in_body else None,
            refresh_token=signed_in.refresh_token if in_body else None,
            expires_in=signed_in.expires_in,
            csrf_token=csrf_token,
        )
    )


def _challenge(challenged: Challenged) -> Response:
    return answers.json(
        ChallengeAnswer(
            flow=challenged.flow,
            purpose=challenged.purpose,
            next=challenged.next,
            sent_to=challenged.sent_to,
            expires_in=challenged.expires_in,
        )
    )


def _me(exchange: Exchange, account: Account) -> MeAnswer:
    caller = exchange.caller
    return MeAnswer(
        account=account_view(account),
        method=caller.method,
        sign_in=caller.session_id or "",
        amr=caller.amr,
        acr=caller.acr,
        authenticated_at=rfc3339(caller.authenticated_at or 0),
        csrf_token=exchange.csrf_token() if exchange.cookie_authenticated else None,
    )
