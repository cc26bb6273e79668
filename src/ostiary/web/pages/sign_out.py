"""``/oauth/end_session``: an application asks to sign somebody out (OpenID Connect RP-Initiated Logout)."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from ostiary.oauth.logout import EndRequest
from ostiary.web.answers import redirect
from ostiary.web.delivery import forget
from ostiary.web.exchange import Exchange
from ostiary.web.pages.consent import source_of
from ostiary.web.pages.render import Pages

END_SESSION = "/oauth/end_session"
SIGN_OUT = "/sign-out"
_KEPT = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state")


class SignOutPages:
    """Asks, unless the application has shown that it is about this very session; then signs out and leads on."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def post(self, exchange: Exchange) -> Response:
        """By POST it comes from another site's page, without our cookies: it goes on as one by GET."""
        return redirect(f"{exchange.base}{END_SESSION}?{urlencode(exchange.form)}")

    async def show(self, exchange: Exchange) -> Response:
        parameters: dict[str, str] = exchange.query or {}
        request = await exchange.use.oauth.end_session.read(exchange.caller, parameters)
        if request.certain or exchange.caller.kind == "anonymous":
            return await self._end(exchange, request)
        return self._pages.render(
            exchange,
            "sign_out.html",
            account=exchange.own_account(),
            name=None if request.client is None else request.client.name,
            kept={name: parameters[name] for name in _KEPT if name in parameters},
            form_action="" if request.following is None else source_of(request.following),
        )

    async def confirm(self, exchange: Exchange) -> Response:
        parameters = {name: value for name, value in exchange.form.items() if name in _KEPT}
        return await self._end(exchange, await exchange.use.oauth.end_session.read(exchange.caller, parameters))

    async def _end(self, exchange: Exchange, request: EndRequest) -> Response:
        frames = await exchange.use.oauth.end_session.frames(exchange.caller)
        await exchange.use.sign_ins.sign_out(exchange.caller)
        forget(exchange)
        if frames:
            return self._pages.render(
                exchange,
                "signed_out.html",
                frames=frames,
                following=request.following,
                name=None if request.client is None else request.client.name,
                frame_sources=" ".join(dict.fromkeys(source_of(frame) for frame in frames)),
            )
        if request.following is not None:
            return redirect(request.following)
        return self._pages.go(exchange, "/login", "signed_out")
