"""What comes of a step, as a person sees it: the next page."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from ostiary.authentication import Challenged, Outcome, Recovered, SignedIn
from ostiary.web.answers import redirect
from ostiary.web.delivery import deliver
from ostiary.web.exchange import Exchange
from ostiary.web.pages.flow_cookie import forget_flow, keep_flow, local_path
from ostiary.web.pages.render import Pages

CONSENT = "/consent"
"""Where an application's request is answered, which may lead to the application at once."""


class Arrival:
    """Leads on: to the next step, or to where the person wanted to go."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def go_on(
        self,
        exchange: Exchange,
        outcome: Outcome,
        following: str,
        notice: str | None = None,
        *,
        by_recovery_code: bool = False,
    ) -> Response:
        """Answer a step with what came of it.

        Args:
            following: ``next``, as it was given.
            notice: what the account's page says, where nothing else was wanted.
            by_recovery_code: one was spent, so their owner is told how many are left.
        """
        if isinstance(outcome, Challenged):
            return self.to_step(exchange, outcome, following)
        forget_flow(exchange)
        if isinstance(outcome, Recovered):
            return self._pages.go(exchange, "/login", "password_changed")
        return self._signed_in(exchange, outcome, following, notice, by_recovery_code)

    def to_step(self, exchange: Exchange, challenged: Challenged, following: str) -> Response:
        """To the page of the step; the proof of an address, whose mail is under way, has one of its own."""
        keep_flow(exchange, challenged, following)
        proves_address = challenged.purpose == "sign_in" and bool(challenged.sent_to)
        return self._pages.go(exchange, "/verify" if proves_address else "/login/step")

    def go_on_to(self, exchange: Exchange, following: str, notice: str | None = None) -> Response:
        """To the page that ``next`` named, perhaps an embedder's; otherwise to the account, which shows ``notice``."""
        path = local_path(following)
        if path.startswith(f"{exchange.base}{CONSENT}?"):
            return self._pages.lead_on(exchange, path)
        return redirect(path) if path else self._pages.go(exchange, "/account", notice)

    def _signed_in(
        self, exchange: Exchange, signed_in: SignedIn, following: str, notice: str | None, by_recovery_code: bool
    ) -> Response:
        deliver(exchange, signed_in)
        if not by_recovery_code:
            return self.go_on_to(exchange, following, notice)
        path = local_path(following)
        return self._pages.go(exchange, "/login/recovery-codes" + ("?" + urlencode({"next": path}) if path else ""))
