"""From a template and what it wants to a page, with the headers that every page has."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import jinja2
from starlette.responses import Response

from ostiary.accounts import Account
from ostiary.errors import InsufficientAuthentication, OstiaryError
from ostiary.permissions import Permission
from ostiary.settings import Settings
from ostiary.web.answers import redirect
from ostiary.web.exchange import Exchange
from ostiary.web.identify import browser_binding
from ostiary.web.problems import problem_headers
from ostiary.web.static_files import StaticFiles

_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'; connect-src 'self'"
)
_ERROR = "error.html"

NOTICES = {
    "signed_out": "You are signed out.",
    "profile_saved": "Your profile is saved.",
    "password_changed": "Your password is changed. Every other sign-in has ended.",
    "password_set": "Your password is set. Every other sign-in has ended.",
    "credential_added": "It is added, and asked for from now on where it is due.",
    "credential_named": "It has its new name.",
    "credential_removed": "It is removed.",
    "device_forgotten": "That device is forgotten.",
    "key_revoked": "That key is revoked.",
    "email_changed": "Your e-mail address is changed.",
    "sign_in_ended": "That sign-in has ended.",
    "others_ended": "You are signed out everywhere else.",
    "consent_revoked": "That application has no access any more.",
    "code_sent": "A new message is on its way.",
    "verified": "Your address is confirmed.",
    "took_too_long": "That took too long, or was ended somewhere else. Begin again.",
    "too_many_tries": "That was wrong too often. Begin again.",
}
"""What a page says after a redirect. The cookie that carries it names one of these, so it can say nothing else."""
_WARNINGS = frozenset({"took_too_long", "too_many_tries"})


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
        form_action: str = "",
        frame_sources: str = "",
        **context: Any,
    ) -> Response:
        """A page for this request.

        Args:
            account: whose page it is; None for those that need nobody.
            problem: what was wrong with the form that was sent; its fields are filled in again.
            form_action: besides our own pages, where a form may lead: sources of a Content Security Policy.
            frame_sources: whose pages it may show in frames.
        """
        if template != _ERROR:  # it has no form, and addresses that never set a cookie may answer with it
            self._bind_browser(exchange)
        notice = self._notice(exchange) if problem is None else ""
        page = self._environment.get_template(template).render(
            site=self._site,
            csrf=exchange.csrf_token() or "",
            me=None if account is None else _me(account, administrator),
            notice=NOTICES.get(notice) if problem is None else None,
            warning=notice in _WARNINGS,
            problem=None if problem is None else _problem(problem),
            values=exchange.form,
            request_id=exchange.facts.request_id,
            **context,
        )
        response = Response(page, 200 if problem is None else problem.status, media_type="text/html")
        response.headers["referrer-policy"] = "same-origin"
        response.headers["cross-origin-opener-policy"] = "same-origin"
        response.headers["content-security-policy"] = _policy(form_action, frame_sources)
        if problem is not None:
            response.headers.update(problem_headers(problem, exchange.use.settings))
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
        return redirect(f"{exchange.base}{path}?next={quote(_here(exchange), safe='/')}")

    def to_step_up(self, exchange: Exchange, error: InsufficientAuthentication) -> Response:
        """Have the person prove better, or once more, who they are, and come back: to this page, or, where a form was
        sent, to the page that it stands on.
        """
        following = _here(exchange)
        if exchange.scope["method"] not in ("GET", "HEAD"):
            following = _page_of(exchange) or exchange.base + "/account"
        asked = {"next": following, "level": error.level}
        if error.max_age is not None:
            asked["max_age"] = str(error.max_age)
        return redirect(f"{exchange.base}/step-up?{urlencode(asked)}")

    def lead_on(self, exchange: Exchange, path: str) -> Response:
        """Go to a page of ours that may lead to another site.

        Not by a redirect where a form was sent: browsers hold all that follows one against the policy of the page that
        the form stood on, and that lets forms go nowhere but here (Content Security Policy, ``form-action``).
        """
        if exchange.scope["method"] in ("GET", "HEAD"):
            return redirect(path)
        exchange.form = {}
        return self.render(exchange, "going_on.html", following=path)

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

    def _notice(self, exchange: Exchange) -> str:
        name = exchange.cookies.get(exchange.jar.notice.name)
        if name is None:
            return ""
        exchange.set_cookies.append(exchange.jar.notice.delete())
        return name


def _policy(form_action: str, frame_sources: str) -> str:
    policy = _CSP.replace("form-action 'self'", f"form-action 'self' {form_action}") if form_action else _CSP
    return f"{policy}; frame-src {frame_sources}" if frame_sources else policy


def asked(exchange: Exchange, name: str) -> str:
    """A field of the page's query; empty where it is not there."""
    fields: dict[str, str] = exchange.query or {}
    return fields.get(name, "")


def moment(text: str) -> dict[str, str]:
    """An RFC 3339 time for people and for machines."""
    at = datetime.fromisoformat(text).astimezone(UTC)
    return {"text": f"{at:%d %B %Y, %H:%M} UTC".lstrip("0"), "datetime": text}


async def is_administrator(exchange: Exchange) -> bool:
    """Whether to show the way to administration; what is behind it decides for itself."""
    return bool(await exchange.caller.decide(Permission.ACCOUNTS_READ))


def _here(exchange: Exchange) -> str:
    query: bytes = exchange.scope["query_string"]
    return quote(exchange.path) + ("?" + query.decode("latin-1") if query else "")


def _page_of(exchange: Exchange) -> str:
    """The page of this origin that a form was sent from, as the browser says; empty where it does not."""
    page = urlsplit(exchange.headers.get("referer", ""))
    issuer = urlsplit(exchange.use.settings.issuer)
    if (page.scheme, page.netloc) != (issuer.scheme, issuer.netloc):
        return ""
    return page.path + ("?" + page.query if page.query else "")


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
