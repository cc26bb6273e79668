"""Access tokens that we did not make for this, sent over HTTP: each is a 401 ``invalid_token``, and opens nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ostiary.app import Ostiary
from ostiary.base.clock import MINUTE
from ostiary.crypto import jose
from tests.attacks.evidence import assert_refused, contents
from tests.support.installation import Person, new_client, new_person, settings_for_test
from tests.support.time import ManualClock


class Forge:
    """Makes tokens out of a genuine one of somebody who is signed in."""

    def __init__(self, ostiary: Ostiary, person: Person) -> None:
        self.ostiary = ostiary
        self.genuine: str = person.tokens["access_token"]
        self.head, self.claims = (_decoded(part) for part in self.genuine.split(".")[:2])

    def signed(self, *, typ: str = "at+jwt", **changed: Any) -> str:
        """By our own key, which no attacker has: what another service of ours could have made with it."""
        key = self.ostiary.use.keys.signing_key("ES256", self.ostiary.use.clock())
        claims = {name: value for name, value in (self.claims | changed).items() if value is not None}
        return jose.sign(claims, key=key, typ=typ)

    def of_another_key(self, **header: Any) -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        message = _encoded(self.head | header) + "." + _encoded(self.claims)
        r, s = decode_dss_signature(key.sign(message.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{message}.{_base64(r.to_bytes(32) + s.to_bytes(32))}"

    def unsigned(self, algorithm: str) -> str:
        return _encoded(self.head | {"alg": algorithm}) + "." + _encoded(self.claims) + "."

    def hmac_with(self, secret: bytes) -> str:
        """The classic: our public key taken as the secret of a symmetric algorithm."""
        message = _encoded(self.head | {"alg": "HS256"}) + "." + _encoded(self.claims)
        return f"{message}.{_base64(hmac.digest(secret, message.encode(), hashlib.sha256))}"

    def with_claims(self, **changed: Any) -> str:
        """The genuine header and signature around other claims."""
        head, _, signature = self.genuine.split(".")
        return f"{head}.{_encoded(self.claims | changed)}.{signature}"


def _decoded(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return found


def _base64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _encoded(members: dict[str, Any]) -> str:
    return _base64(json.dumps(members, separators=(",", ":")).encode())


@pytest.fixture
async def forge(sqlite: Ostiary) -> Forge:
    return Forge(sqlite, await new_person(sqlite, delivery="token"))


async def refuse(forge: Forge, tokens: dict[str, str]) -> None:
    before = await contents(forge.ostiary)
    for case, token in tokens.items():
        client = new_client(forge.ostiary)
        answer = await client.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})
        assert_refused(answer, 401, "invalid_token", case)
        assert 'error="invalid_token"' in answer.headers["www-authenticate"], case
        # In the cookie of the delivery token_cookie it is nobody.
        assert (await client.get("/api/auth/me", headers={"Cookie": f"ostiary_access={token}"})).status_code == 401, (
            case
        )
        answer = await client.patch("/api/auth/me", json={"name": "Eve"}, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, case
    assert await contents(forge.ostiary) == before


async def test_the_genuine_token_is_accepted(forge: Forge) -> None:
    for token in (forge.genuine, forge.signed()):
        answer = await new_client(forge.ostiary).get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.text


async def test_a_token_without_a_signature_is_refused(forge: Forge) -> None:
    await refuse(forge, {algorithm: forge.unsigned(algorithm) for algorithm in ("none", "None", "NONE", "nOnE", "")})
    head, claims, _ = forge.genuine.split(".")
    await refuse(forge, {"its own header": f"{head}.{claims}.", "two parts": f"{head}.{claims}"})


async def test_hs256_with_our_public_key_as_the_secret_is_refused(forge: Forge) -> None:
    jwks = (await new_client(forge.ostiary).get("/.well-known/jwks.json")).json()["keys"]
    jwk = next(key for key in jwks if key["kid"] == forge.head["kid"])
    coordinates = [base64.urlsafe_b64decode(jwk[name] + "==") for name in ("x", "y")]
    x, y = (int.from_bytes(each) for each in coordinates)
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    secrets = {"PEM": pem, "PEM stripped": pem.strip(), "DER": der, "point": point, "empty": b""}
    secrets |= {"JWK": json.dumps(jwk).encode(), "x": coordinates[0]}
    await refuse(forge, {case: forge.hmac_with(secret) for case, secret in secrets.items()})


async def test_a_token_of_a_key_that_is_not_ours_is_refused(forge: Forge) -> None:
    own = {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}
    await refuse(
        forge,
        {
            "our kid": forge.of_another_key(),
            "an unknown kid": forge.of_another_key(kid="unknown"),
            "no kid": forge.of_another_key(kid=None),
            "a kid that is a path": forge.of_another_key(kid="../../../dev/null"),
            "a kid that is SQL": forge.of_another_key(kid="' UNION SELECT 'x' --"),
            "a kid that is no text": forge.of_another_key(kid=["a"]),
            "its key along": forge.of_another_key(jwk=own),
            "where its key is": forge.of_another_key(jku="https://eve.example.com/jwks.json"),
            "critical parameters": forge.of_another_key(crit=["exp"]),
            "another algorithm": forge.of_another_key(alg="RS256"),
        },
    )


async def test_an_rsa_signature_under_an_ec_kid_is_refused(forge: Forge) -> None:
    key = rsa.generate_private_key(65537, 2048)
    message = _encoded(forge.head | {"alg": "RS256"}) + "." + _encoded(forge.claims)
    await refuse(forge, {"RS256": f"{message}.{_base64(key.sign(message.encode(), PKCS1v15(), hashes.SHA256()))}"})


async def test_the_signature_of_another_message_is_refused(forge: Forge) -> None:
    other = await new_person(forge.ostiary, delivery="token")
    head, claims, _ = forge.genuine.split(".")
    foreign = other.tokens["access_token"].split(".")[2]
    await refuse(
        forge,
        {
            "somebody else's signature": f"{head}.{claims}.{foreign}",
            "somebody else's account": forge.with_claims(sub=other.id),
            "a later end": forge.with_claims(exp=forge.claims["exp"] + 86_400),
            "more scope": forge.with_claims(scope="ostiary.*"),
            "a signature of zeros": f"{head}.{claims}.{_base64(bytes(64))}",
            "a shorter signature": forge.genuine[:-4],
            "a longer signature": forge.genuine + "AAAA",
            "a part more": forge.genuine + ".e30",
            "padding": forge.genuine + "=",
        },
    )


async def test_a_token_that_is_ours_but_for_something_else_is_refused(forge: Forge) -> None:
    now = forge.ostiary.use.clock() // 1000
    await refuse(
        forge,
        {
            "an ID token": forge.signed(typ="JWT"),
            "a logout token": forge.signed(typ="logout+jwt"),
            "another issuer": forge.signed(iss="https://eve.example.com"),
            "our issuer with a slash": forge.signed(iss=forge.claims["iss"] + "/"),
            "another audience": forge.signed(aud="https://api.example.com"),
            "other audiences": forge.signed(aud=["https://api.example.com", "https://eve.example.com"]),
            "no audience": forge.signed(aud=None),
            "no account": forge.signed(sub=None),
            "an account that is none": forge.signed(sub="acc_00000000000000000000000000"),
            "expired": forge.signed(exp=now - 60),
            "never expiring": forge.signed(exp=None),
            "expiring in words": forge.signed(exp=str(now + 600)),
            "expiring never in numbers": forge.signed(exp=1e300),
            "from the future": forge.signed(iat=now + 3600),
            "not yet": forge.signed(nbf=now + 3600),
        },
    )


async def test_an_expired_token_is_refused(forge: Forge, clock: ManualClock) -> None:
    clock.advance(11 * MINUTE)
    await refuse(forge, {"eleven minutes later": forge.genuine})


async def test_other_secrets_of_ours_are_no_bearer_tokens(forge: Forge) -> None:
    by_cookie = await new_person(forge.ostiary)
    by_token = await new_person(forge.ostiary, delivery="token")
    await refuse(
        forge,
        {
            "a refresh token": by_token.tokens["refresh_token"],
            "a session's secret": by_cookie.client.cookies["ostiary_session"],
            "a form token": by_cookie.csrf or "",
            "an account's id": by_cookie.id,
        },
    )
    for name, value in {"ostiary_session": forge.genuine, "ostiary_access": by_token.tokens["refresh_token"]}.items():
        answer = await new_client(forge.ostiary).get("/api/auth/me", headers={"Cookie": f"{name}={value}"})
        assert_refused(answer, 401, "unauthenticated", name)
    for token in (forge.genuine, by_cookie.client.cookies["ostiary_session"], "", "ost_rt_", "ost_rt_" + "a" * 86):
        answer = await new_client(forge.ostiary).post("/api/auth/refresh", json={"refresh_token": token})
        assert_refused(answer, 401, "invalid_token", token[:20])


async def test_a_token_of_another_installation_is_refused(forge: Forge, tmp_path: Any, clock: ManualClock) -> None:
    foreign = settings_for_test(f"sqlite:///{tmp_path / 'foreign.db'}")
    async with await Ostiary.open(foreign, clock=clock, migrate_first=True) as other:
        person = await new_person(other, delivery="token")
        await refuse(forge, {"same issuer, other keys": person.tokens["access_token"]})
