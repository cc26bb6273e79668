"""Settings whose cookies a browser would drop, or never send back, are refused at start; Chromium is asked, too.

RFC 6265 sections 5.1.3 and 5.1.4, RFC 6265bis sections 4.1.3 and 5.7, and CHIPS for ``Partitioned``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ostiary.errors import ConfigurationError
from ostiary.settings import Settings, load, production_faults
from ostiary.web.cookies import REFRESH_PATH, Cookies
from tests.support.browser import ARGUMENTS
from tests.support.https import Authority

SITE, PLAIN, LOCAL = "https://login.example.com", "http://login.example.com", "http://localhost"


class Refused(NamedTuple):
    """Settings of the section ``cookies`` beside an issuer, and their one fault.

    Attributes:
        fault: the path of the setting, and what the text says to do about it.
        cookie: the end of a ``Set-Cookie`` that these settings would make; ``%`` is its name's end, and its value.
        kept: Chromium keeps it all the same; the reason is in the row's id.
    """

    issuer: str
    settings: dict[str, Any]
    fault: tuple[str, str]
    cookie: str
    kept: bool = False


PREFIX, DOMAIN, CHIPS = "cookies.prefix", "cookies.domain", "cookies.partitioned"
AUTO, UNSET, LAX = '"auto"', "unset it", 'set it to "lax"'
REFUSED = {
    "__Host- with a domain": Refused(
        SITE,
        {"prefix": "__Host-", "domain": "example.com"},
        (PREFIX, AUTO),
        "__Host-%; Path=/; Domain=example.com; Secure",
    ),
    "__Host- with the issuer's own domain": Refused(
        SITE,
        {"prefix": "__Host-", "domain": "login.example.com"},
        (PREFIX, AUTO),
        "__Host-%; Path=/; Domain=login.example.com; Secure",
    ),
    "__Host- with a path": Refused(
        SITE + "/auth", {"prefix": "__Host-", "path": "/auth"}, (PREFIX, AUTO), "__Host-%; Path=/auth; Secure"
    ),
    "__Host- over http": Refused(PLAIN, {"prefix": "__Host-"}, (PREFIX, AUTO), "__Host-%; Path=/"),
    "__Host- without Secure": Refused(
        SITE, {"prefix": "__Host-", "secure": "never"}, (PREFIX, AUTO), "__Host-%; Path=/"
    ),
    "__Secure- over http": Refused(PLAIN, {"prefix": "__Secure-"}, (PREFIX, AUTO), "__Secure-%; Path=/"),
    "__Secure- without Secure": Refused(
        SITE, {"prefix": "__Secure-", "secure": "never"}, (PREFIX, AUTO), "__Secure-%; Path=/"
    ),
    "SameSite=None over http": Refused(
        PLAIN, {"same_site": "none"}, ("cookies.same_site", LAX), "%; Path=/; SameSite=None"
    ),
    "SameSite=None without Secure": Refused(
        SITE, {"same_site": "none", "secure": "never"}, ("cookies.same_site", LAX), "%; Path=/; SameSite=None"
    ),
    "Partitioned over http": Refused(PLAIN, {"partitioned": True}, (CHIPS, UNSET), "%; Path=/; Partitioned"),
    "Partitioned without Secure": Refused(
        SITE, {"partitioned": True, "secure": "never"}, (CHIPS, UNSET), "%; Path=/; Partitioned"
    ),
    "Secure over http": Refused(PLAIN, {"secure": "always"}, ("cookies.secure", AUTO), "%; Path=/; Secure"),
    "another domain": Refused(
        SITE, {"domain": "example.org"}, (DOMAIN, "unset"), "%; Path=/; Domain=example.org; Secure"
    ),
    "a domain below the issuer's": Refused(
        SITE, {"domain": "a.login.example.com"}, (DOMAIN, "unset"), "%; Path=/; Domain=a.login.example.com; Secure"
    ),
    "a sibling's domain": Refused(
        SITE, {"domain": "shop.example.com"}, (DOMAIN, "unset"), "%; Path=/; Domain=shop.example.com; Secure"
    ),
    "half of a label": Refused(SITE, {"domain": "ple.com"}, (DOMAIN, "unset"), "%; Path=/; Domain=ple.com; Secure"),
    "a top-level domain": Refused(SITE, {"domain": "com"}, (DOMAIN, UNSET), "%; Path=/; Domain=com; Secure"),
    "localhost, which not every browser drops": Refused(
        LOCAL, {"domain": "localhost"}, (DOMAIN, UNSET), "%; Path=/; Domain=localhost", kept=True
    ),
    "an address, which some browsers take for the host alone": Refused(
        "http://127.0.0.1", {"domain": "127.0.0.1"}, (DOMAIN, UNSET), "%; Path=/; Domain=127.0.0.1", kept=True
    ),
    "the end of an address": Refused(
        "http://127.0.0.1", {"domain": "0.0.1"}, (DOMAIN, "unset"), "%; Path=/; Domain=0.0.1"
    ),
    "a path beside the issuer's": Refused(
        SITE + "/auth", {"path": "/shop"}, ("cookies.path", '"/"'), "%; Path=/shop; Secure"
    ),
    "a path below the issuer's": Refused(
        SITE + "/auth", {"path": "/auth/login"}, ("cookies.path", '"/"'), "%; Path=/auth/login; Secure"
    ),
    "a path that ends in a slash": Refused(
        SITE + "/auth", {"path": "/auth/"}, ("cookies.path", '"/"'), "%; Path=/auth/; Secure"
    ),
    "half of a segment": Refused(SITE + "/auth", {"path": "/au"}, ("cookies.path", '"/"'), "%; Path=/au; Secure"),
    "a path where the issuer has none": Refused(
        SITE, {"path": "/auth"}, ("cookies.path", '"/"'), "%; Path=/auth; Secure"
    ),
    "a semicolon in the issuer": Refused(
        SITE + "/auth;x", {}, ("issuer", "semicolon"), "%; Path=/auth;x/api/auth/refresh; Secure"
    ),
    "a prefix in the name": Refused(
        SITE + "/auth",
        {"name": "__Host-acme", "prefix": "none", "path": "/auth"},
        ("cookies.name", "cookies.prefix"),
        "__Host-acme%; Path=/auth; Secure",
    ),
    "a prefix in the name, in other letters": Refused(
        SITE,
        {"name": "__sEcUrE-acme", "prefix": "none", "secure": "never"},
        ("cookies.name", "cookies.prefix"),
        "__sEcUrE-acme%; Path=/",
    ),
    "a prefix for what no script reads": Refused(
        SITE,
        {"name": "__Http-acme", "prefix": "none"},
        ("cookies.name", "cookies.prefix"),
        "__Http-acme%; Path=/; Secure",
    ),
    "two halves of one": Refused(
        SITE, {"name": "Http-acme"}, ("cookies.name", "cookies.prefix"), "__Host-Http-acme%; Path=/; Secure"
    ),
}
ACCEPTED: dict[str, tuple[str, dict[str, Any]]] = {
    "the defaults": (SITE, {}),
    "the defaults over http": (PLAIN, {}),
    "the defaults below a path": (SITE + "/auth", {}),
    "Secure on localhost": (LOCAL, {"secure": "always"}),
    "Secure on a loopback address": ("http://127.0.0.1", {"secure": "always"}),
    "no Secure over https": (SITE, {"secure": "never"}),
    "__Host-": (SITE, {"prefix": "__Host-"}),
    "__Secure-": (SITE, {"prefix": "__Secure-"}),
    "no prefix": (SITE, {"prefix": "none"}),
    "the issuer's own domain": (SITE, {"domain": "login.example.com"}),
    "the domain above it": (SITE, {"domain": ".Example.com"}),
    "the issuer's own path": (SITE + "/a/b", {"path": "/a/b"}),
    "a path above it": (SITE + "/a/b", {"path": "/a/"}),
    "strict": (SITE, {"same_site": "strict"}),
    "SameSite=None, partitioned": (SITE, {"same_site": "none", "partitioned": True}),
}


def loaded(issuer: str, cookies: dict[str, Any]) -> Settings:
    return load({}, None, {"issuer": issuer, **{f"cookies.{name}": value for name, value in cookies.items()}})


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_cookies_that_a_browser_would_drop_are_one_fault_that_says_what_to_do(case: Refused) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(case.issuer, case.settings)
    [fault] = caught.value.faults
    path, remedy = case.fault
    assert fault.startswith(f"{path}: ")
    assert remedy in fault


@pytest.mark.parametrize("case", ACCEPTED.values(), ids=ACCEPTED)
def test_cookies_that_a_browser_takes_are_accepted(case: tuple[str, dict[str, Any]]) -> None:
    assert loaded(*case).issuer == case[0]


def test_all_that_is_wrong_is_said_at_once() -> None:
    wrong = {
        "name": "__Host-acme",
        "prefix": "__Secure-",
        "domain": "example.org",
        "path": "/shop",
        "secure": "never",
        "same_site": "none",
        "partitioned": True,
    }
    with pytest.raises(ConfigurationError) as caught:
        loaded(SITE + "/auth", wrong)
    faults = [fault.partition(":")[0] for fault in caught.value.faults]
    assert sorted(faults) == sorted(f"cookies.{name}" for name in wrong if name != "secure")


def test_production_refuses_cookies_that_go_over_http() -> None:
    """A browser takes them, so that is no fault where somebody develops behind a proxy with TLS."""
    faults = production_faults(loaded(SITE, {"secure": "never"}))
    assert [fault for fault in faults if "cookies" in fault] == [
        'cookies.secure: would send session cookies in clear text to whoever provokes an http request; set it to "auto"'
    ]
    assert not [fault for fault in production_faults(loaded(SITE, {})) if "cookies" in fault]


class Site:
    """A server for every host, over http and https: gives the cookies it was told to, notes by path what it is sent."""

    def __init__(self, authority: Authority) -> None:
        self.gives: tuple[str, ...] = ()
        self.sent: dict[str, str] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.sent[self.path] = self.headers.get("cookie", "")
                self.send_response(200)
                for cookie in site.gives if self.path != "/favicon.ico" else ():  # asked for when the browser likes
                    self.send_header("set-cookie", cookie)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.plain, self.tls = (ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2))
        self.tls.socket = authority.server_context().wrap_socket(self.tls.socket, server_side=True)

    @contextmanager
    def running(self) -> Iterator[None]:
        for server in (self.plain, self.tls):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        for server in (self.plain, self.tls):
            server.shutdown()
            server.server_close()

    def visit(self, page: Page, url: str, *gives: str) -> set[str]:
        """Have a browser open the address, and be given cookies there; the names of those that it sent along."""
        self.gives = gives
        page.goto(url, wait_until="commit")
        sent = self.sent[urlsplit(url).path or "/"]
        return {pair.partition("=")[0] for pair in sent.split("; ")} - {""}


@pytest.fixture(scope="module")
def site_and_browser(chromium_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Browser]]:
    authority = Authority(tmp_path_factory.mktemp("authority"), ["login.example.com"], ["127.0.0.1"])
    site = Site(authority)
    names = f"MAP *:443 127.0.0.1:{site.tls.server_port}, MAP *:80 127.0.0.1:{site.plain.server_port}"
    arguments = [
        *ARGUMENTS,
        f"--host-resolver-rules={names}",
        f"--ignore-certificate-errors-spki-list={authority.spki}",
    ]
    with ExitStack() as stack:
        stack.enter_context(site.running())
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium_path, args=arguments)
        stack.callback(browser.close)
        yield site, browser


def test_chromium_drops_what_is_refused(site_and_browser: tuple[Site, Browser]) -> None:
    site, browser = site_and_browser
    for issuer in {case.issuer for case in REFUSED.values()}:
        cases = [case for case in REFUSED.values() if case.issuer == issuer]
        offered = {case.cookie.partition(";")[0].replace("%", f"_{n}"): case for n, case in enumerate(cases)}
        cookies = [f"{name}=1;{case.cookie.partition(';')[2]}" for name, case in offered.items()]
        with browser.new_context() as context:
            page = context.new_page()
            site.visit(page, issuer, "control=1; Path=/", *cookies)
            kept = {"control"} | {name for name, case in offered.items() if case.kept}
            assert site.visit(page, issuer) == kept, issuer


def test_chromium_takes_sends_back_and_deletes_what_is_accepted(site_and_browser: tuple[Site, Browser]) -> None:
    site, browser = site_and_browser
    for issuer, changed in ACCEPTED.values():
        jar = Cookies(loaded(issuer, changed))
        common = [jar.session, jar.bound, jar.access, jar.csrf, jar.browser, jar.flow, jar.notice]
        names = {cookie.name for cookie in common}
        with browser.new_context() as context:
            page, refresh = context.new_page(), issuer + REFRESH_PATH
            site.visit(page, refresh, *(cookie.set("1") for cookie in (*common, jar.refresh)))
            assert site.visit(page, issuer + "/login") == names, (issuer, changed)
            sent = site.visit(page, refresh, *(cookie.delete() for cookie in (*common, jar.refresh)))
            assert sent == names | {jar.refresh.name}, (issuer, changed)
            assert site.visit(page, refresh) == set(), (issuer, changed)
