"""What does verifying an ES256 access token cost, the first time and again?

Ours: type, key, signature, issuer, audience, expiry and the claims of RFC 9068. Baseline: `cryptography` verifying the
same signature over the same bytes, and nothing else.
"""

from __future__ import annotations

import base64
import tempfile
import time
from pathlib import Path

import uvloop
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from bench.figures import in_turn, line, plain
from bench.installation import open_in
from ostiary.crypto import ACCESS_TOKEN_CLAIMS, Verifier, jose

TOKENS = 400
ROUNDS = 15


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        ostiary = await open_in(Path(folder))
        now, issuer, keys = ostiary.use.clock(), ostiary.use.settings.issuer, ostiary.use.keys
        key = keys.signing_key("ES256", now)
        tokens = [jose.sign(_claims(number, issuer, now), key=key, typ="at+jwt") for number in range(TOKENS)]
        verifier = keys.verifier(now)
        await ostiary.close()

    prepared = [_prepared(token) for token in tokens]
    public = _public_key(key.public_jwk())

    def verify(using: Verifier) -> float:
        start = time.perf_counter()
        for token in tokens:
            using.verify(token, typ="at+jwt", issuer=issuer, audience=issuer, now=now, required=ACCESS_TOKEN_CLAIMS)
        return (time.perf_counter() - start) / TOKENS

    def primitive() -> float:
        start = time.perf_counter()
        for signature, message in prepared:
            public.verify(signature, message, ECDSA(SHA256()))
        return (time.perf_counter() - start) / TOKENS

    ours, baseline, ratio = in_turn(lambda: verify(Verifier([key])), primitive, ROUNDS)
    verify(verifier)
    again, _, _ = in_turn(lambda: verify(verifier), primitive, ROUNDS)
    line(
        "verifying an ES256 access token, first time",
        f"{ours * 1e6:.1f} us",
        f"cryptography alone {baseline * 1e6:.1f} us",
        ratio,
        "at most 1.25 x",
        ratio <= 1.25,
    )
    plain("the same token again, claims and expiry checked", f"{again * 1e6:.1f} us", "under 5 us", again < 5e-6)


def _claims(number: int, issuer: str, now: int) -> dict[str, object]:
    return {
        "iss": issuer,
        "sub": f"acc_{number:026d}",
        "aud": issuer,
        "client_id": "ostiary",
        "exp": now // 1000 + 600,
        "iat": now // 1000,
        "jti": f"tok_{number:026d}",
        "sid": f"fam_{number:026d}",
        "auth_time": now // 1000,
        "amr": ["pwd"],
        "acr": "aal1",
    }


def _prepared(token: str) -> tuple[bytes, bytes]:
    message, _, signature = token.rpartition(".")
    octets = base64.urlsafe_b64decode(signature + "==")
    der = encode_dss_signature(int.from_bytes(octets[:32], "big"), int.from_bytes(octets[32:], "big"))
    return der, message.encode()


def _public_key(jwk: dict[str, str]) -> EllipticCurvePublicKey:
    x, y = (int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "=="), "big") for name in ("x", "y"))
    return EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()


if __name__ == "__main__":
    uvloop.run(main())
