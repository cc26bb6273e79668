"""From a template and what it wants to a page, with the headers that every page has."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import quote

import jinja2
from starlette.responses import Response

from ostiary.accounts import Account
from ostiary.errors import OstiaryError
from ostiary.permissions import Permission
from ostiary.settings import Settings
from ostiary.web.answers import redirect
from ostiary.web.exchange import Exchange
from ostiary.web.identify import browser_binding
from ostiary.web.problems import problem_headers
from ostiary.web.static_files import StaticFiles

_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
_ERROR = "error.html"
_CSP_DOCS = _CSP + "; connect-src 'self'"

NOTICES = {
    "signed_out": "You are signed out.",
    "profile_saved": "Your profile is saved.",
    "password_changed": "Your password is changed. Every other sign-in has ended.",
    "email_changed": "Your e-mail address is changed.",
    "sign_in_ended": "That sign-in has ended.",
    "others_ended": "You are signed out everywhere else.",
    "code_sent": "A new message is on its way.",
    "verified": "Your address is confirmed.",
}
"""What a page says after a redirect. The cookie that carries it names one of these, so it can say nothing else."""


class Site:
    """What every template knows of the installation."""

    def __init__(self, settings: Settings, files: StaticFiles) -> None:
        self.name = settings.site_name
        self.base = settings.base_path
        self.dev = settings.dev
        self.registration_open = settings.registration.open
        self._files = files

    def static(self, path: str) -> str:
        """The address of a file of ours, with its digest, so that it may be cached for good."""
        return f"{self.base}/static/{path}?v={self._files.version(path)}"


class Pages:
    """Renders templates. Compiled at first use and kept."""

    def __init__(self, settings: Settings) -> None:
        self.files = StaticFiles()
        self._site = Site(settings, self.files)
        self._environment = jinja2.Environment(
            loader=jinja2.PackageLoader("ostiary.web"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(
        self,
        exchange: Exchange,
        template: str,
        *,
        account: Account | None = None,
        administrator: bool = False,
        problem: OstiaryError | None = None,
        **context: Any,
    ) -> Response:
        """A page for this request.

        Args:
            account: whose page it is; None for those that need nobody.
            problem: what was wrong with the form that was sent; its fields are filled in again.
        """
        if template != _ERROR:  # it has no form, and addresses that never set a cookie may answer with it
            self._bind_browser(exchange)
        page = self._environment.get_template(template).render(
            site=self._site,
            csrf=exchange.csrf_token() or "",
            me=None if account is None else _me(account, administrator),
            notice=self._notice(exchange) if problem is None else None,
            problem=None if problem is None else _problem(problem),
            values=exchange.form,
            request_id=exchange.facts.request_id,
            **context,
        )
        response = Response(page, 200 if problem is None else problem.status, media_type="text/html")
        response.headers["referrer-policy"] = "same-origin"
        response.headers["cross-origin-opener-policy"] = "same-origin"
        response.headers["content-security-policy"] = _CSP_DOCS if template == "docs.html" else _CSP
        if problem is not None:
            response.headers.update(problem_headers(problem))
        return response

    def error(self, exchange: Exchange, error: OstiaryError) -> Response:
        """The page for an error that no form can show."""
        again = quote(exchange.path) if exchange.scope["method"] == "GET" else None
        return self.render(
            exchange,
            _ERROR,
            problem=error,
            status=error.status,
            code=error.code,
            again=again,
            retry_after=error.retry_after,
        )

    def to(self, path: str, exchange: Exchange) -> Response:
        """Have the person prove who they are, there, and come back."""
        query: bytes = exchange.scope["query_string"]
        here = quote(exchange.path) + ("?" + query.decode("latin-1") if query else "")
        return redirect(f"{exchange.base}{path}?next={quote(here, safe='/')}")

    def go(self, exchange: Exchange, path: str, notice: str | None = None) -> Response:
        """Go to another page of ours, which shows ``notice``."""
        if notice is not None:
            exchange.set_cookies.append(exchange.jar.notice.set(notice, 60))
        return redirect(exchange.base + path)

    def _bind_browser(self, exchange: Exchange) -> None:
        """Give a browser that has nothing yet the cookie that its form tokens are tied to."""
        if exchange.binding is None:
            value = secrets.token_urlsafe(32)
            exchange.binding = browser_binding(value)
            exchange.set_cookies.append(exchange.jar.browser.set(value))

    def _notice(self, exchange: Exchange) -> str | None:
        name = exchange.cookies.get(exchange.jar.notice.name)
        if name is None:
            return None
        exchange.set_cookies.append(exchange.jar.notice.delete())
        return NOTICES.get(name)


async def is_administrator(exchange: Exchange) -> bool:
    """Whether to show the way to administration; what is behind it decides for itself."""
    return bool(await exchange.caller.decide(Permission.ACCOUNTS_READ))


def _me(account: Account, administrator: bool) -> dict[str, Any]:
    shown = account.name or account.username or account.email or "?"
    initials = "".join(word[0] for word in shown.replace("@", " ").replace(".", " ").split()[:2]).upper()
    return {
        "name": account.name,
        "email": account.email or "",
        "username": account.username or "",
        "initials": initials,
        "administrator": administrator,
    }


def _problem(error: OstiaryError) -> dict[str, str | None]:
    return {"title": error.title, "detail": error.detail, "field": error.field}
