"""What the attack tests share.

Those that never get as far as the database are tried on one kind of it. Those in a browser are on these hosts, all of
them this machine: Ostiary with TLS and all that production has, a sibling of it on the same site, and a foreign site.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from ostiary.app import Ostiary
from tests.attacks.hostile_site import ADDRESS, APP, FOREIGN, SIBLING, HostileSite
from tests.support.browser import Visitor, unguarded_chromium
from tests.support.https import Authority
from tests.support.installation import (
    LiveServer,
    Person,
    new_administrator,
    new_client,
    new_person,
    settings_for_test,
)
from tests.support.time import ManualClock


@pytest.fixture
async def sqlite(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    """The fixture ``ostiary``, on SQLite only."""
    async with await Ostiary.open(settings_for_test(sqlite_url), clock=clock) as opened:
        yield opened


@pytest.fixture
async def stranger(sqlite: Ostiary) -> AsyncIterator[httpx.AsyncClient]:
    """A client of ``sqlite`` that nobody has signed in with."""
    async with new_client(sqlite) as opened:
        yield opened


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs for every host of these attacks."""
    return Authority(tmp_path_factory.mktemp("authority"), [APP, SIBLING, FOREIGN], [ADDRESS])


@pytest.fixture(scope="module")
def browser(chromium_path: Path, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One for a module, as for the journeys. It has no guard of its own against what the attacks do."""
    profile = tmp_path_factory.mktemp("profile")
    with unguarded_chromium(chromium_path, profile, authority, ["*.test", ADDRESS]) as opened:
        yield opened


@pytest.fixture(scope="module")
def app(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Ostiary at ``https://app.example.test``; the tests of a module share it, and each brings its own people."""
    with LiveServer(tmp_path_factory.mktemp("app"), host=APP, authority=authority) as server:
        yield server


@pytest.fixture(scope="module")
def _hostile_site(authority: Authority) -> Iterator[HostileSite]:
    site = HostileSite(authority)
    yield site
    site.close()


@pytest.fixture
def hostile_site(_hostile_site: HostileSite) -> HostileSite:
    _hostile_site.forget()
    return _hostile_site


NewVisitor = Callable[..., Visitor]


@pytest.fixture
def new_visitor(browser: Browser, app: LiveServer) -> Iterator[NewVisitor]:
    """Opens a window that remembers nothing; of ``app`` where no other URL is given.

    With ``bypass_csp`` a script of the attacker's that got into a page of ours fetches what it wants.
    """
    visitors: list[Visitor] = []

    def arrive(url: str = app.url, **options: bool) -> Visitor:
        visitors.append(Visitor(browser, url, **options))
        return visitors[-1]

    yield arrive
    for visitor in visitors:
        visitor.close()


SignedIn = Callable[..., tuple[Visitor, Person]]


@pytest.fixture
def signed_in(new_visitor: NewVisitor, app: LiveServer) -> SignedIn:
    """Opens a window in which a new person is signed in, or a new administrator."""

    def arrive(server: LiveServer = app, *, administrator: bool = False, **options: bool) -> tuple[Visitor, Person]:
        person = server.call((new_administrator if administrator else new_person)(server.ostiary))
        visitor = new_visitor(server.url, **options)
        visitor.sign_in(person.email)
        assert visitor.page.url == f"{server.url}/account"
        return visitor, person

    return arrive


@pytest.fixture
def attacker(signed_in: SignedIn) -> tuple[Visitor, Person]:
    """Somebody with an account and a browser just like the victim's: no session is held against its device."""
    return signed_in()
