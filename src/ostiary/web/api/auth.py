"""``/api/auth``: a person's own way in and out, for clients without pages of ours."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from starlette.responses import Response

from ostiary.accounts import Account, AccountView, ProfileChange, account_view
from ostiary.authentication import (
    AnswerRequest,
    Challenged,
    ChallengeRequest,
    Delivery,
    EmailChangeRequest,
    FlowRequest,
    Outcome,
    PasswordChangeRequest,
    Recovered,
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
    device: str | None = None


class ChallengeAnswer(msgspec.Struct, frozen=True, tag_field="status", tag="challenge", omit_defaults=True):
    """A step is due. ``flow`` is a secret: it goes with the next request of this client and to nobody else.

    Attributes:
        next: the steps to choose from, the best first.
        challenge: of the step that was asked for: the options of a WebAuthn ceremony, or the secret to enrol.
    """

    flow: str
    purpose: str
    next: tuple[str, ...]
    sent_to: str
    expires_in: int
    challenge: dict[str, Any] = {}


class RecoveredAnswer(msgspec.Struct, frozen=True, tag_field="status", tag="recovered"):
    """The password is a new one, and every sign-in has ended: sign in with it."""


class ChangedAnswer(msgspec.Struct, frozen=True, tag_field="status", tag="changed"):
    """The address of the account has changed."""

    account: AccountView


class MeAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who the request came from, and how that was proved. ``scopes`` is there for an API key, which is limited to them.

    A key has proved nothing: ``sign_in`` is its id, and ``authenticated_at`` is null.
    """

    account: AccountView
    method: str
    sign_in: str
    amr: tuple[str, ...]
    acr: str
    authenticated_at: Timestamp | None
    csrf_token: str | None
    scopes: tuple[str, ...] | None = None


class RefreshBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Left out for the delivery ``token_cookie``: its refresh token comes in a cookie, along with ``X-CSRF-Token``."""

    refresh_token: str | None = None

    def __repr__(self) -> str:
        return "RefreshBody()"


class LinkBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``token`` of the mailed link, and the ``flow`` that asked for it, where this client began it."""

    token: str
    flow: str | None = None

    def __repr__(self) -> str:
        return "LinkBody()"


class ResendBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    flow: str

    def __repr__(self) -> str:
        return "ResendBody()"


async def register(exchange: Exchange) -> Response:
    body: RegistrationRequest = exchange.body
    return _challenge(await exchange.use.registration(exchange.caller, body))


async def login(exchange: Exchange) -> Response:
    body: SignInRequest = exchange.body
    return outcome_of(exchange, await exchange.use.sign_in(exchange.caller, body))


async def step_up(exchange: Exchange) -> Response:
    body: StepUpRequest = exchange.body
    return outcome_of(exchange, await exchange.use.dispatcher.step_up(exchange.caller, body))


async def begin_flow(exchange: Exchange) -> Response:
    body: FlowRequest = exchange.body
    return _challenge(await exchange.use.dispatcher.begin(exchange.caller, body))


async def challenge(exchange: Exchange) -> Response:
    body: ChallengeRequest = exchange.body
    return _challenge(await exchange.use.dispatcher.challenge(exchange.caller, body))


async def answer(exchange: Exchange) -> Response:
    body: AnswerRequest = exchange.body
    return outcome_of(exchange, await exchange.use.dispatcher.answer(exchange.caller, body))


async def open_link(exchange: Exchange) -> Response:
    body: LinkBody = exchange.body
    return outcome_of(exchange, await exchange.use.dispatcher.open_link(exchange.caller, body.token, body.flow))


async def verify(exchange: Exchange) -> Response:
    body: VerificationRequest = exchange.body
    outcome = await exchange.use.verification(exchange.caller, body)
    if isinstance(outcome, Account):
        return answers.json(ChangedAnswer(account_view(outcome)))
    return outcome_of(exchange, outcome)


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
    exchange.caller.require_account()  # an application asks the userinfo endpoint, by what its person has allowed
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


def outcome_of(exchange: Exchange, outcome: Outcome) -> Response:
    """What came of a step."""
    if isinstance(outcome, Challenged):
        return _challenge(outcome)
    if isinstance(outcome, Recovered):
        return answers.json(RecoveredAnswer())
    return complete(exchange, outcome)


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
            device=signed_in.device if in_body else None,
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
            challenge=challenged.challenge,
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
        authenticated_at=None if caller.authenticated_at is None else rfc3339(caller.authenticated_at),
        csrf_token=exchange.csrf_token() if exchange.cookie_authenticated else None,
        scopes=None if caller.scopes is None else tuple(sorted(caller.scopes)),
    )
