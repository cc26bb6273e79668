"""``/oauth/authorize`` and ``/consent``: where an application sends people, and what they are asked."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from starlette.responses import Response

from ostiary.errors import InvalidRequest
from ostiary.oauth.authorize import Answer, ConsentNeeded, Continue, Outcome, SignInNeeded
from ostiary.web.answers import redirect
from ostiary.web.bodies import form_struct
from ostiary.web.delivery import forget
from ostiary.web.exchange import Exchange
from ostiary.web.pages.arrival import CONSENT
from ostiary.web.pages.render import Pages, asked

AUTHORIZE = "/oauth/authorize"
IDENTITY = {
    "openid": "Know who you are here",
    "profile": "See your name and profile",
    "email": "See your e-mail address",
    "phone": "See your telephone number",
    "address": "See your postal address",
    "offline_access": "Keep this access while you are away, until you take it back",
}
"""What the scopes of OpenID Connect let an application do, in plain words."""


class ConsentForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    request: str
    answer: str

    def __repr__(self) -> str:
        return f"ConsentForm({self.answer})"


class ConsentPages:
    """Leads from an application's request to its answer."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def authorize(self, exchange: Exchange) -> Response:
        outcome = await exchange.use.oauth.authorize(exchange.caller, exchange.query or {})
        return self._lead(exchange, outcome, "")

    async def post(self, exchange: Exchange) -> Response:
        """A request by POST comes from another site's page, without our cookies: it goes on as one by GET."""
        return redirect(f"{exchange.base}{AUTHORIZE}?{urlencode(exchange.form)}")

    async def consent(self, exchange: Exchange) -> Response:
        secret = asked(exchange, "request")
        return self._lead(exchange, await exchange.use.oauth.authorize.resume(exchange.caller, secret), secret)

    async def answer(self, exchange: Exchange) -> Response:
        form: ConsentForm = form_struct(exchange.form, ConsentForm)
        authorize, caller = exchange.use.oauth.authorize, exchange.caller
        if form.answer in ("allow", "deny"):
            outcome = await authorize.decide(caller, form.request, allow=form.answer == "allow")
            return self._lead(exchange, outcome, form.request)
        if form.answer == "go_on":
            await authorize.choose(caller, form.request)
        elif form.answer == "other":
            await exchange.use.sign_ins.sign_out(caller)
            forget(exchange)
        else:
            raise InvalidRequest("There is no such answer.", field="answer")
        return self._pages.lead_on(exchange, _here(exchange, form.request))

    def _lead(self, exchange: Exchange, outcome: Outcome, secret: str) -> Response:
        if isinstance(outcome, Continue):
            return redirect(_here(exchange, outcome.secret))
        if isinstance(outcome, Answer):
            return self._answered(exchange, outcome)
        if isinstance(outcome, SignInNeeded):
            return self._sign_in(exchange, outcome, secret)
        return self._ask(exchange, outcome, secret)

    def _answered(self, exchange: Exchange, answer: Answer) -> Response:
        """To the application. It is one of the addresses that it has registered, see ``oauth.parameters.reply_to``."""
        uri = answer.redirect_uri
        if answer.mode == "form_post":
            return self._pages.render(
                exchange,
                "form_post.html",
                action=uri,
                fields_sent=answer.parameters,
                application=urlsplit(uri).netloc,
                form_action=source_of(uri),
            )
        query = urlencode(answer.parameters)
        if answer.mode == "fragment":
            return redirect(f"{uri}#{query}")
        return redirect(uri + ("&" if "?" in uri else "?") + query)

    def _sign_in(self, exchange: Exchange, needed: SignInNeeded, secret: str) -> Response:
        following = _here(exchange, secret)
        if needed.kind == "select_account":
            return self._pages.render(
                exchange,
                "select_account.html",
                account=exchange.own_account(),
                request=secret,
                application=_application(needed.client),
            )
        query = {"next": following}
        if needed.kind == "step_up":
            return redirect(f"{exchange.base}/step-up?{urlencode({**query, 'level': needed.level})}")
        if needed.kind == "sign_up" and exchange.use.settings.registration.open:
            return redirect(f"{exchange.base}/register?{urlencode(query)}")
        hint = {"hint": needed.hint} if needed.hint else {}
        return redirect(f"{exchange.base}/login?{urlencode(query | hint)}")

    def _ask(self, exchange: Exchange, needed: ConsentNeeded, secret: str) -> Response:
        metadata = needed.client.metadata
        return self._pages.render(
            exchange,
            "consent.html",
            account=exchange.own_account(),
            request=secret,
            application=_application(needed.client),
            allowed=[
                {"text": IDENTITY.get(scope, text or scope), "api": api, "new": scope not in needed.remembered}
                for scope, text, api in needed.scopes
            ],
            remembered=bool(needed.remembered),
            details=[msgspec.json.format(msgspec.json.encode(each)).decode() for each in needed.request.details],
            destination=_destination(needed.request.reply.redirect_uri),
            policy=metadata.policy_uri,
            terms=metadata.tos_uri,
            form_action=source_of(needed.request.reply.redirect_uri),
        )


def _application(client: Any) -> dict[str, Any]:
    metadata = client.metadata
    return {
        "name": client.name,
        "uri": metadata.client_uri,
        "stranger": client.source != "administrator",
        "host": urlsplit(client.id).netloc if client.source == "document" else None,
    }


def _destination(uri: str) -> str:
    """Where the answer goes, for people: the host, or the program on this machine."""
    url = urlsplit(uri)
    if url.scheme not in ("http", "https"):
        return f"the application that opens {url.scheme}: links"
    return "an application on this device" if url.scheme == "http" else url.netloc


def _here(exchange: Exchange, secret: str) -> str:
    return f"{exchange.base}{CONSENT}?{urlencode({'request': secret})}"


def source_of(uri: str) -> str:
    """The source of a Content Security Policy that stands for where this URI leads."""
    url = urlsplit(uri)
    return f"{url.scheme}://{url.netloc}" if url.scheme in ("http", "https") else f"{url.scheme}:"
