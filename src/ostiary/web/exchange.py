"""One request on its way through, and what its handler needs to answer it."""

from __future__ import annotations

from typing import Any

from starlette.types import Scope

from ostiary.accounts import Account
from ostiary.authentication import Renewed, RequestFacts
from ostiary.authorization import Caller
from ostiary.base.clock import SECOND
from ostiary.errors import Unauthenticated
from ostiary.sessions import Session
from ostiary.web.cookies import Cookies
from ostiary.web.csrf import CsrfTokens, session_binding
from ostiary.web.route import Route
from ostiary.web.use_cases import UseCases

_NO_FACTS = RequestFacts("", "", "", 0)
_NOBODY = Caller.anonymous()


class Exchange:
    """Made by ``web.application`` for each request, read by the handler.

    Attributes:
        path: what was asked for, from the root of the origin, so with the path of the issuer; percent-decoded.
        headers: by lower-case name; one that came more than once is joined by commas.
        cookies: ours only.
        caller: who asks; anonymous until recognised.
        account: the caller's own, as it was when the caller was recognised.
        binding: what a form token of this request is tied to: the session, or the browser; None for a bearer token.
        cookie_authenticated: a cookie identified the caller, so an unsafe request needs a form token.
        body: parsed by the route's struct; query likewise.
        form: the form's fields as they came, to fill the page in again.
        set_cookies: ``Set-Cookie`` values to send along with whatever is answered; set_headers: other headers.
        answering: the head of the answer is on its way already, so no cookie can be sent along.
    """

    __slots__ = (
        "account",
        "answering",
        "binding",
        "body",
        "caller",
        "cookie_authenticated",
        "cookies",
        "csrf",
        "facts",
        "form",
        "headers",
        "jar",
        "parameters",
        "path",
        "query",
        "route",
        "scope",
        "set_cookies",
        "set_headers",
        "use",
    )

    def __init__(self, scope: Scope, use: UseCases, jar: Cookies, csrf: CsrfTokens) -> None:
        self.scope = scope
        self.path: str = scope["path"]
        self.use = use
        self.jar = jar
        self.csrf = csrf
        self.route: Route | None = None
        self.parameters: dict[str, str] = {}
        self.headers: dict[str, str] = {}
        self.cookies: dict[str, str] = {}
        self.facts = _NO_FACTS
        self.caller = _NOBODY
        self.account: Account | None = None
        self.binding: bytes | None = None
        self.cookie_authenticated = False
        self.body: Any = None
        self.query: Any = None
        self.form: dict[str, str] = {}
        self.set_cookies: list[str] = []
        self.answering = False
        self.set_headers: list[tuple[bytes, bytes]] = []

    @property
    def base(self) -> str:
        """The prefix of every path of ours, ``""`` or ``"/auth"``."""
        return self.use.settings.base_path

    @property
    def wants_page(self) -> bool:
        """Whether a person in a browser waits for the answer."""
        if self.route is not None:
            return self.route.page
        return "text/html" in self.headers.get("accept", "")

    def own_account(self) -> Account:
        """The caller's account, which recognising the caller has read.

        Raises:
            Unauthenticated: nobody is signed in.
        """
        if self.account is None:
            raise Unauthenticated
        return self.account

    def keep_session(self, token: str, session: Session) -> None:
        """Give the browser the session's cookie, which outlives the browser only where the person asked for it."""
        max_age = (session.expires_at - self.facts.at) // SECOND if session.remembered else None
        self.set_cookies.append(self.jar.session.set(token, max_age))
        self.binding = session_binding(session.id)

    def renew(self, renewed: Renewed | None) -> None:
        """Give the browser its session's new secret, where there is one."""
        if renewed is not None:
            self.keep_session(renewed.token, renewed.session)

    def csrf_token(self) -> str | None:
        """A form token for this session or browser; None where none is needed."""
        return None if self.binding is None else self.csrf.issue(self.binding)
