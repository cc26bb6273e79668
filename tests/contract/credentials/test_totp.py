"""Authenticator apps on each database: enrolment, codes as people type them, each code once."""

from __future__ import annotations

import asyncio
import base64
import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from ostiary.base.clock import SECOND
from ostiary.credentials.face import Challenge, Enrolled, Holder, Proof
from ostiary.credentials.store import CredentialStore
from ostiary.credentials.totp import MAX_APPS, Totp, TotpAnswer
from ostiary.crypto import Sealer
from ostiary.crypto.otp import hotp, time_step
from ostiary.database import Database
from ostiary.errors import Conflict, InvalidChallenge
from tests.support.time import ManualClock

RFC_6238_SECRET = b"12345678901234567890"
MANY = 100


@pytest.fixture
def totp(store: CredentialStore, sealer: Sealer) -> Totp:
    return Totp(store, sealer, site_name="Lantern shop")


async def begin(db: Database, totp: Totp, holder: Holder, now: int) -> Challenge:
    async with db.transaction() as tx:
        return await totp.begin_enrolment(tx, holder, "", now)


async def enrol(
    db: Database, totp: Totp, holder: Holder, begun: Challenge, code: str, now: int, name: str = ""
) -> tuple[Enrolled, Proof]:
    async with db.transaction() as tx:
        return await totp.enrol(tx, holder, TotpAnswer(code), begun.kept, name, now)


def secret_of(begun: Challenge) -> bytes:
    text: str = begun.public["secret"]
    return base64.b32decode(text.replace(" ", ""))


async def new_app(db: Database, totp: Totp, holder: Holder, now: int) -> bytes:
    """The secret of an app that was added 10 minutes ago."""
    then = now - 600 * SECOND
    begun = await begin(db, totp, holder, then)
    await enrol(db, totp, holder, begun, hotp(secret_of(begun), time_step(then)), then)
    return secret_of(begun)


async def test_an_app_is_added_by_its_first_code(
    database: Database, totp: Totp, holder: Holder, clock: ManualClock
) -> None:
    begun = await begin(database, totp, holder, clock())
    assert await totp.describe(holder) == []
    code = hotp(secret_of(begun), time_step(clock()))
    enrolled, proof = await enrol(database, totp, holder, begun, code, clock(), "Telephone")
    assert await totp.describe(holder) == [enrolled]
    assert (enrolled.type, enrolled.name, enrolled.second, enrolled.used_at) == ("totp", "Telephone", True, None)
    assert proof == Proof("totp", ("possession",), ("otp",), clock(), credential_id=enrolled.id)


async def test_the_code_that_added_an_app_is_spent(
    database: Database, totp: Totp, holder: Holder, clock: ManualClock
) -> None:
    begun = await begin(database, totp, holder, clock())
    step = time_step(clock())
    await enrol(database, totp, holder, begun, hotp(secret_of(begun), step), clock())
    assert await totp.verify(holder, TotpAnswer(hotp(secret_of(begun), step)), b"", clock()) is None
    assert await totp.verify(holder, TotpAnswer(hotp(secret_of(begun), step + 1)), b"", clock()) is not None


async def test_values_of_rfc_6238_appendix_b_prove_possession_once(
    database: Database, store: CredentialStore, sealer: Sealer, totp: Totp, holder: Holder
) -> None:
    """The last six digits of the appendix's values for SHA-1."""
    sealed = sealer.seal(RFC_6238_SECRET, f"credentials.data:{holder.account_id}/totp")
    async with database.transaction() as tx:
        row = await store.insert(
            tx, 0, account_id=holder.account_id, kind="totp", name="RFC", second=True, data=sealed, counter=-1
        )
    assert row is not None
    for seconds, code in [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]:
        now = seconds * SECOND
        shown = Proof("totp", ("possession",), ("otp",), now, credential_id=row.id)
        assert await totp.verify(holder, TotpAnswer(code), b"", now) == shown
        assert await totp.verify(holder, TotpAnswer(code), b"", now) is None
    assert [each.used_at for each in await totp.describe(holder)] == [20000000000 * SECOND]


async def test_a_code_of_before_the_last_used_one_is_refused(
    database: Database, totp: Totp, holder: Holder, clock: ManualClock
) -> None:
    secret = await new_app(database, totp, holder, clock())
    step = time_step(clock())
    assert await totp.verify(holder, TotpAnswer(hotp(secret, step + 1)), b"", clock()) is not None
    for earlier in (step - 1, step, step + 1):
        assert await totp.verify(holder, TotpAnswer(hotp(secret, earlier)), b"", clock()) is None


async def test_of_100_parallel_uses_of_one_code_one_wins(
    database: Database, totp: Totp, holder: Holder, clock: ManualClock
) -> None:
    code = hotp(await new_app(database, totp, holder, clock()), time_step(clock()))
    tries = await asyncio.gather(*(totp.verify(holder, TotpAnswer(code), b"", clock()) for _ in range(MANY)))
    assert sum(proof is not None for proof in tries) == 1


@pytest.mark.parametrize("form", ["{0}{1}", "{0} {1}", "{0}-{1}", " {0}\u00a0{1}\n", "\u200e{0}\u2011{1}", "full"])
async def test_a_code_is_taken_as_people_type_it(
    database: Database, totp: Totp, holder: Holder, clock: ManualClock, form: str
) -> None:
    code = hotp(await new_app(database, totp, holder, clock()), time_step(clock()))
    full_width = code.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    typed = full_width if form == "full" else form.format(code[:3], code[3:])
    assert await totp.verify(holder, TotpAnswer(typed), b"", clock()) is not None


ARABIC_DIGITS = "\u0661\u0662\u0663\u0664\u0665\u0666"
WRONG = ["", " ", "12345", "1234567", "12345a", "+12345", "1e5000", ARABIC_DIGITS, "\x00" * 6, "\ud800" * 6]


@pytest.mark.parametrize("typed", [*WRONG, "1" * 1_000_000], ids=repr)
async def test_what_is_no_code_is_a_wrong_one(
    database: Database, totp: Totp, holder: Holder, clock: ManualClock, typed: str
) -> None:
    await new_app(database, totp, holder, clock())
    assert await totp.verify(holder, TotpAnswer(typed), b"", clock()) is None
    begun = await begin(database, totp, holder, clock())
    with pytest.raises(InvalidChallenge):
        await enrol(database, totp, holder, begun, typed, clock())


async def test_a_code_proves_nothing_of_somebody_else(
    database: Database, totp: Totp, holder: Holder, stranger: Holder, clock: ManualClock
) -> None:
    secret = await new_app(database, totp, stranger, clock())
    await new_app(database, totp, holder, clock())
    answer = TotpAnswer(hotp(secret, time_step(clock())))
    assert await totp.verify(holder, answer, b"", clock()) is None
    assert await totp.verify(None, answer, b"", clock()) is None
    assert await totp.verify(stranger, answer, b"", clock()) is not None


async def test_a_wrong_code_and_an_answer_without_a_challenge_add_nothing(
    database: Database, totp: Totp, holder: Holder, clock: ManualClock
) -> None:
    begun = await begin(database, totp, holder, clock())
    right = hotp(secret_of(begun), time_step(clock()))
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    for attempt, code in ((begun, wrong), (Challenge(), right)):
        with pytest.raises(InvalidChallenge):
            await enrol(database, totp, holder, attempt, code, clock())
    assert await totp.describe(holder) == []


async def test_several_apps_each_with_its_codes_up_to_a_limit(
    database: Database, totp: Totp, holder: Holder, clock: ManualClock
) -> None:
    early = await begin(database, totp, holder, clock())
    secrets = [await new_app(database, totp, holder, clock()) for _ in range(MAX_APPS)]
    shown = [await totp.verify(holder, TotpAnswer(hotp(each, time_step(clock()))), b"", clock()) for each in secrets]
    assert len({proof.credential_id for proof in shown if proof is not None}) == MAX_APPS
    with pytest.raises(Conflict):
        await begin(database, totp, holder, clock())
    with pytest.raises(Conflict):
        await enrol(database, totp, holder, early, hotp(secret_of(early), time_step(clock())), clock())


async def test_enrolments_at_once_do_not_exceed_the_limit(
    database: Database, totp: Totp, holder: Holder, clock: ManualClock
) -> None:
    begun = [await begin(database, totp, holder, clock()) for _ in range(2 * MAX_APPS)]
    tries = await asyncio.gather(
        *(enrol(database, totp, holder, each, hotp(secret_of(each), time_step(clock())), clock()) for each in begun),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Conflict) for each in tries) == MAX_APPS
    assert len(await totp.describe(holder)) == MAX_APPS


async def test_the_secret_is_sealed_for_its_account(
    database: Database, store: CredentialStore, totp: Totp, holder: Holder, stranger: Holder, clock: ManualClock
) -> None:
    begun = await begin(database, totp, holder, clock())
    await enrol(database, totp, holder, begun, hotp(secret_of(begun), time_step(clock())), clock())
    (row,) = await store.of_account(holder.account_id)
    assert secret_of(begun) not in row.data + begun.kept
    assert begun.public["secret"] not in repr((begun, row))
    with pytest.raises(Exception, match="cannot open the sealed value"):
        await enrol(database, totp, stranger, begun, hotp(secret_of(begun), time_step(clock())), clock())


# What is shown


def read_qr_code(svg: str) -> str:
    """What a camera reads of the picture, light on the page's ground or dark."""
    import zxingcpp

    path = re.search(r'<path stroke="#000" d="([^"]+)"', svg)
    size = re.search(r'viewBox="0 0 (\d+) (\d+)"', svg)
    assert path is not None
    assert size is not None
    edge, scale = int(size[1]), 4
    pixels = bytearray(b"\xff" * (edge * scale) ** 2)
    for x, y, length in _strokes(path[1]):
        for line in range(y * scale, (y + 1) * scale):
            start = line * edge * scale + x * scale
            pixels[start : start + length * scale] = bytes(length * scale)
    (found,) = zxingcpp.read_barcodes(memoryview(pixels).cast("B", (edge * scale, edge * scale)))
    text: str = found.text
    return text


def _strokes(path: str) -> list[tuple[int, int, int]]:
    """``(x, y, length)`` of every dark row of modules; a stroke of width 1 lies half above and half below its line."""
    found, x, y = [], 0, 0.0
    for command, first, second in re.findall(r"([Mmh])(-?[\d.]+)(?: (-?[\d.]+))?", path):
        if command == "h":
            found.append((x, int(y - 0.5), int(first)))
        x = int(first) + (0 if command == "M" else x)
        if command != "h":
            y = float(second) + (0 if command == "M" else y)
    return found


async def test_the_qr_code_holds_the_uri(database: Database, totp: Totp, holder: Holder, clock: ManualClock) -> None:
    begun = await begin(database, totp, holder, clock())
    assert read_qr_code(begun.public["qr_code"]) == begun.public["uri"]


async def test_the_uri_names_site_and_account_and_holds_the_secret(
    database: Database, totp: Totp, holder: Holder, clock: ManualClock
) -> None:
    begun = await begin(database, totp, holder, clock())
    uri = urlsplit(begun.public["uri"])
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", "/Lantern shop:ada@example.com")
    secret = base64.b32encode(secret_of(begun)).decode()
    assert parse_qs(uri.query) == {"secret": [secret], "issuer": ["Lantern shop"]}
    assert re.fullmatch(r"([A-Z2-7]{4} ){7}[A-Z2-7]{4}", begun.public["secret"])
    assert (begun.public["digits"], begun.public["period"]) == (6, 30)


@pytest.mark.parametrize("name", ["🪔" * 300, "a:b/c?d&e=f#g%h", "Zoë"])
async def test_any_name_fits_into_the_qr_code(
    database: Database, store: CredentialStore, sealer: Sealer, holder: Holder, clock: ManualClock, name: str
) -> None:
    named = Holder(holder.account_id, name, None)
    begun = await begin(database, Totp(store, sealer, site_name=name[:64]), named, clock())
    assert read_qr_code(begun.public["qr_code"]) == begun.public["uri"]
    label = unquote(urlsplit(begun.public["uri"]).path)
    assert label.count(":") == 1
    assert label.partition(":")[2] == name[:64].replace(":", " ")


async def test_the_qr_code_has_a_name_a_size_of_its_page_and_no_style(
    database: Database, totp: Totp, holder: Holder, clock: ManualClock
) -> None:
    svg: str = (await begin(database, totp, holder, clock())).public["qr_code"]
    root: Any = _parsed(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert (root.get("role"), root[0].tag.endswith("title"), bool(root[0].text)) == ("img", True, True)
    assert "viewBox" in root.attrib
    assert not {"width", "height"} & set(root.attrib)
    assert not re.search(r"style|class|<script|href", svg)
    edge = root.get("viewBox").split()[2]
    assert (root[1].get("fill"), root[1].get("d")) == ("#fff", f"M0 0h{edge}v{edge}h-{edge}z")


def _parsed(svg: str) -> Any:
    from xml.etree import ElementTree as ET

    return ET.fromstring(svg)
