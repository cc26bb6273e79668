"""Attacks on sessions that are bound to a key of their browser: theft, forgery of proofs, and replay."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ostiary.app import Ostiary
from tests.support import device_bound
from tests.support.device_bound import Bound, DeviceBoundBrowser, SoftwareKey, base64url, number, signed
from tests.support.time import ManualClock

secure, email, browser = device_bound.secure, device_bound.email, device_bound.browser

MINUTE = 60_000
REGISTER = "/api/session/bound/register"
BOUND_COOKIE = "__Host-ostiary_bound"


def _session(browser: DeviceBoundBrowser) -> Bound:
    [session] = browser.bound.values()
    return session


async def _offered(browser: DeviceBoundBrowser, email: str) -> str:
    """Sign in without binding; the challenge that would have been answered."""
    offer = (await browser.sign_in(email)).headers["secure-session-registration"]
    return offer.rpartition("=")[2].strip('"')


async def _challenged(browser: DeviceBoundBrowser) -> str:
    answer = await browser.send("POST", _session(browser).instructions["refresh_url"])
    return answer.headers["secure-session-challenge"].split('"')[1]


async def _answer(browser: DeviceBoundBrowser, path: str, proof: str) -> httpx.Response:
    return await browser.send("POST", path, headers={"secure-session-response": proof})


def _refused(answer: httpx.Response) -> bool:
    return 400 <= answer.status_code < 500 and "set-cookie" not in answer.headers


async def test_a_stolen_session_cookie_is_worth_nothing_without_the_key(
    browser: DeviceBoundBrowser, clock: ManualClock, email: str
) -> None:
    thief = browser.stolen()
    del thief.cookies[BOUND_COOKIE]
    assert await thief.who() == "device_proof_required"
    assert (await thief.request("GET", "/account")).headers["location"] == "/login?next=/account"
    assert await browser.who() == email


async def test_all_stolen_cookies_together_are_worth_nothing_after_minutes(
    browser: DeviceBoundBrowser, clock: ManualClock, email: str
) -> None:
    thief = browser.stolen()
    thief.cookies = {name: (value, None) for name, (value, _) in thief.cookies.items()}
    clock.advance(11 * MINUTE)
    assert await thief.who() == "device_proof_required"
    assert await browser.who() == email


async def test_a_thief_gets_no_bound_cookie_with_a_key_of_their_own(browser: DeviceBoundBrowser, email: str) -> None:
    thief = browser.stolen()
    proof = SoftwareKey().proof(await _challenged(browser), first=True)
    assert _refused(await _answer(thief, _session(browser).instructions["refresh_url"], proof))


async def test_a_thief_cannot_bind_a_session_that_its_owner_has_bound(
    secure: Ostiary, clock: ManualClock, email: str
) -> None:
    owner = DeviceBoundBrowser(secure, clock, keeps=False)
    challenge = await _offered(owner, email)
    assert (await _answer(owner, REGISTER, SoftwareKey().proof(challenge, first=True))).status_code == 200
    again = await _answer(owner.stolen(), REGISTER, SoftwareKey().proof(challenge, first=True))
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert "set-cookie" not in again.headers


async def test_a_thief_cannot_bind_a_session_that_is_not_bound_without_its_challenge(
    secure: Ostiary, clock: ManualClock, email: str
) -> None:
    """The challenge went to the browser that signed in, once; the session cookie alone does not tell it."""
    owner = DeviceBoundBrowser(secure, clock, keeps=False)
    await _offered(owner, email)
    own = await _offered(DeviceBoundBrowser(secure, clock, keeps=False), email)
    named = (await owner.request("GET", "/api/auth/me")).json()
    guessed = f"{named['sign_in']}.{named['account']['id']}.{own.rpartition('.')[2]}"
    assert _refused(await _answer(owner.stolen(), REGISTER, SoftwareKey().proof(guessed, first=True)))


def _hs256_with_the_public_key(challenge: str, key: SoftwareKey) -> str:
    public = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "dbsc+jwt", "jwk": key.jwk}
    return signed(header, {"jti": challenge}, lambda message: hmac.digest(public, message, hashlib.sha256))


def _weak_rsa(challenge: str, _: SoftwareKey) -> str:
    weak = SoftwareKey("RS256")
    weak.private = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    return weak.proof(challenge, first=True)


def _without_signature(challenge: str, key: SoftwareKey) -> str:
    return signed({"alg": "none", "typ": "dbsc+jwt", "jwk": key.jwk}, {"jti": challenge}, lambda _: b"")


def _with_the_private_key(challenge: str, key: SoftwareKey) -> str:
    assert isinstance(key.private, ec.EllipticCurvePrivateKey)
    secret = number(key.private.private_numbers().private_value)
    return key.proof(challenge, first=True, jwk=key.jwk | {"d": secret})


FORGERIES: dict[str, Callable[[str, SoftwareKey], str]] = {
    "alg none": _without_signature,
    "HS256 with the public key": _hs256_with_the_public_key,
    "alg of another kind of key": lambda challenge, key: key.proof(challenge, first=True, alg="RS256"),
    "alg in lower case": lambda challenge, key: key.proof(challenge, first=True, alg="es256"),
    "another type": lambda challenge, key: key.proof(challenge, first=True, typ="JWT"),
    "no type": lambda challenge, key: key.proof(challenge, first=True, typ=None),
    "critical parameters": lambda challenge, key: key.proof(challenge, first=True, crit=["b64"], b64=False),
    "a key that did not sign": lambda challenge, key: key.proof(challenge, first=True, jwk=SoftwareKey().jwk),
    "a key with its private part": _with_the_private_key,
    "a symmetric key": lambda challenge, key: key.proof(challenge, first=True, jwk={"kty": "oct", "k": "AAAA"}),
    "an RSA key of 1024 bits": _weak_rsa,
    "no key": lambda challenge, key: key.proof(challenge, first=False),
    "a key elsewhere": lambda challenge, key: key.proof(challenge, first=False, jku="https://evil.example/jwks.json"),
    "a changed claim": lambda challenge, key: _changed(key.proof("x" + challenge, first=True), challenge),
    "no challenge": lambda _, key: signed({"alg": "ES256", "typ": "dbsc+jwt", "jwk": key.jwk}, {}, key.sign),
    "a challenge that is no text": lambda _, key: key.proof(1, first=True),  # type: ignore[arg-type]
    "a challenge beyond ASCII": lambda challenge, key: key.proof(challenge + "é", first=True),
    "nothing at all": lambda _, __: "..",
}


def _changed(proof: str, challenge: str) -> str:
    header, _, signature = proof.split(".")
    return f"{header}.{base64url(json.dumps({'jti': challenge}).encode())}.{signature}"


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_no_forged_proof_binds_a_session(secure: Ostiary, clock: ManualClock, email: str, forgery: str) -> None:
    owner = DeviceBoundBrowser(secure, clock, keeps=False)
    challenge = await _offered(owner, email)
    assert _refused(await _answer(owner, REGISTER, FORGERIES[forgery](challenge, SoftwareKey())))
    clock.advance(2 * MINUTE)
    assert await owner.who() == email, "it is not bound"


@pytest.mark.parametrize("forgery", ["alg none", "HS256 with the public key", "another type", "a changed claim"])
async def test_no_forged_proof_gets_a_bound_cookie(browser: DeviceBoundBrowser, forgery: str) -> None:
    proof = FORGERIES[forgery](await _challenged(browser), _session(browser).key)
    assert _refused(await _answer(browser.stolen(), _session(browser).instructions["refresh_url"], proof))


async def test_a_challenge_does_not_count_for_another_session(
    secure: Ostiary, browser: DeviceBoundBrowser, clock: ManualClock, email: str
) -> None:
    other = DeviceBoundBrowser(secure, clock)
    await other.sign_in(email)
    proof = _session(browser).key.proof(await _challenged(other), first=False)
    assert _refused(await _answer(browser, _session(browser).instructions["refresh_url"], proof))


async def test_a_proof_of_the_registration_is_no_proof_of_a_refresh(
    secure: Ostiary, clock: ManualClock, email: str
) -> None:
    owner, key = DeviceBoundBrowser(secure, clock, keeps=False), SoftwareKey()
    proof = key.proof(await _offered(owner, email), first=True)
    registered = await _answer(owner, REGISTER, proof)
    assert _refused(await _answer(owner, registered.json()["refresh_url"], proof))


@pytest.mark.parametrize("what", ["registration", "refresh"])
async def test_an_expired_challenge_does_not_count(
    secure: Ostiary, browser: DeviceBoundBrowser, clock: ManualClock, email: str, what: str
) -> None:
    if what == "refresh":
        path, key, challenge = _session(browser).instructions["refresh_url"], _session(browser).key, ""
        challenge = await _challenged(browser)
    else:
        path, key = REGISTER, SoftwareKey()
        challenge = await _offered(DeviceBoundBrowser(secure, clock, keeps=False), email)
    clock.advance(5 * MINUTE)
    assert _refused(await _answer(browser, path, key.proof(challenge, first=what == "registration")))


async def test_a_replayed_proof_gives_nothing_once_its_challenge_has_expired(
    browser: DeviceBoundBrowser, clock: ManualClock
) -> None:
    path = _session(browser).instructions["refresh_url"]
    proof = _session(browser).key.proof(await _challenged(browser), first=False)
    assert (await _answer(browser, path, proof)).status_code == 200
    clock.advance(5 * MINUTE)
    assert _refused(await _answer(browser.stolen(), path, proof))


async def test_a_bound_cookie_does_not_count_for_another_session(
    secure: Ostiary, browser: DeviceBoundBrowser, clock: ManualClock, email: str
) -> None:
    other = DeviceBoundBrowser(secure, clock)
    await other.sign_in(email)
    thief = browser.stolen()
    thief.cookies[BOUND_COOKIE] = other.cookies[BOUND_COOKIE]
    assert await thief.who() == "device_proof_required"


CHANGES: dict[str, Callable[[str], str]] = {
    "another expiry": lambda value: "9999999999999-" + value.partition("-")[2],
    "a digit before": lambda value: "9" + value,
    "a zero before": lambda value: "0" + value,
    "cut": lambda value: value[:-2],
    "padded": lambda value: value + "=",
    "longer": lambda value: value.replace("-", "-A", 1),
    "no more than a hyphen": lambda _: "-",
    "empty": lambda _: "",
    "a superscript digit": lambda _: "²-" + 43 * "A",
    "thousands of digits": lambda _: "9" * 5000,
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_bound_cookie_cannot_be_made_up_or_changed(browser: DeviceBoundBrowser, change: str) -> None:
    thief = browser.stolen()
    thief.cookies[BOUND_COOKIE] = (CHANGES[change](thief.jar[BOUND_COOKIE]), None)
    answer = await thief.send("GET", "/api/auth/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "device_proof_required")


@pytest.mark.parametrize("path", [REGISTER, "/api/session/bound/refresh/x.y"])
async def test_a_page_of_another_site_can_cause_neither(browser: DeviceBoundBrowser, path: str) -> None:
    answer = await browser.send("POST", path, headers={"sec-fetch-site": "cross-site"})
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_rejected")


async def test_an_unknown_session_is_told_apart_from_none_by_nobody(browser: DeviceBoundBrowser) -> None:
    for name in ("x", "ses_x.acc_y", "ses_x.", ".", "%00.%00", "a" * 256):
        answer = await browser.send("POST", f"/api/session/bound/refresh/{name}")
        assert answer.status_code in (200, 404), (name, answer.text)
        assert answer.status_code == 404 or answer.json()["continue"] is False


async def test_whoever_knows_the_ids_of_a_session_does_not_make_us_look_for_it(browser: DeviceBoundBrowser) -> None:
    """It takes reading all sessions of the account; so only an address that we gave is looked up."""
    given = _session(browser).instructions["refresh_url"]
    assert (await browser.send("POST", given)).status_code == 403  # the challenge
    named, _, stamp = given.rpartition(".")
    for address in (named, f"{named}.", f"{named}.{stamp[:-1]}", f"{named}.9{stamp}"):
        answer = await browser.send("POST", address)
        assert (answer.status_code, answer.json().get("continue")) == (200, False), address


async def test_a_session_without_the_proof_changes_nothing(browser: DeviceBoundBrowser, email: str) -> None:
    """Nor does data that it wants to keep give it another session in the place of this one."""
    token = (await browser.request("GET", "/api/auth/me")).json()["csrf_token"]
    thief = browser.stolen()
    del thief.cookies[BOUND_COOKIE]
    for method, path, body in (
        ("PATCH", "/api/session/data", {"cart": 1}),
        ("PATCH", "/api/auth/me", {"name": "Thief"}),
        ("DELETE", "/api/sessions", None),
    ):
        answer = await thief.request(method, path, json=body, headers={"x-csrf-token": token})
        assert (answer.status_code, answer.json()["code"]) == (401, "device_proof_required"), path
    assert await browser.who() == email
