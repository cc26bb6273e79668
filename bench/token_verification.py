"""What does verifying an ES256 access token cost, the first time and again?

Baseline: `cryptography` verifying the same signature over the same bytes.
"""

from __future__ import annotations

import base64
import tempfile
import time
from pathlib import Path

import uvloop
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from bench.figures import in_turn_async, line, plain
from bench.installation import open_in

TOKENS = 500
ROUNDS = 9


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        ostiary = await open_in(Path(folder))
        access = ostiary.use.recognition._access_tokens
        jwk = next(key for key in ostiary.use.keys.jwks(ostiary.use.clock())["keys"] if key["alg"] == "ES256")
        public = EllipticCurvePublicNumbers(_number(jwk["x"]), _number(jwk["y"]), SECP256R1()).public_key()

        def mint() -> list[str]:
            return [
                access.mint(account_id=f"acc_{i}", family_id="fam_1", amr=("pwd",), acr="aal1", auth_time=1_000_000)
                for i in range(TOKENS)
            ]

        fresh: list[str] = []

        async def first_time() -> float:
            fresh[:] = mint()
            start = time.perf_counter()
            for token in fresh:
                await access.verify(token)
            return (time.perf_counter() - start) / TOKENS

        async def primitive() -> float:
            parts = [token.rpartition(".") for token in fresh]
            prepared = [(_signature(signature), message.encode()) for message, _, signature in parts]
            start = time.perf_counter()
            for signature, message in prepared:
                public.verify(signature, message, ECDSA(SHA256()))
            return (time.perf_counter() - start) / TOKENS

        async def again() -> float:
            token = fresh[0]
            await access.verify(token)
            start = time.perf_counter()
            for _ in range(TOKENS * 4):
                await access.verify(token)
            return (time.perf_counter() - start) / (TOKENS * 4)

        await first_time()
        ours, baseline, ratio = await in_turn_async(first_time, primitive, ROUNDS)
        second = min([await again() for _ in range(ROUNDS)])
        await ostiary.close()
    line(
        "verifying an ES256 access token, first time",
        f"{ours * 1e6:.1f} us",
        f"cryptography alone {baseline * 1e6:.1f} us",
        ratio,
        "at most 1.25 x",
        ratio <= 1.25,
    )
    plain("the same token again, key ring and claims checked", f"{second * 1e6:.1f} us", "", True)


def _number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=="), "big")


def _signature(text: str) -> bytes:
    octets = base64.urlsafe_b64decode(text + "==")
    return encode_dss_signature(int.from_bytes(octets[:32], "big"), int.from_bytes(octets[32:], "big"))


if __name__ == "__main__":
    uvloop.run(main())
