"""RSA keys from a supply, so that an installation is opened in a few milliseconds.

Each new installation makes a signing key of 2048 bits and reads it back: OpenSSL needs 35 ms to find the primes and 30
to prove them again, more than all the rest together. Here a worker makes some keys as they are asked for, and then
hands out the same ones in turn; of what one test makes, none is there twice. What OpenSSL has read and found good is
not read again. All else is as in production.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import lru_cache

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key
from joserfc.jwk import RSAKey

SUPPLY = 24
_BITS = 2048


@pytest.fixture(autouse=True, scope="session")
def _rsa_keys() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        generate = staticmethod(_supplied(RSAKey.binding.generate_private_key))
        patch.setattr(RSAKey.binding, "generate_private_key", generate)
        patch.setattr("ostiary.crypto.keys.load_der_private_key", lru_cache(2 * SUPPLY)(load_der_private_key))
        yield


def _supplied(generate: Callable[[int], RSAPrivateKey]) -> Callable[[int], RSAPrivateKey]:
    supply: list[RSAPrivateKey] = []
    lock = threading.Lock()  # keys are made off the event loop

    def next_one(bits: int) -> RSAPrivateKey:
        if bits != _BITS:
            return generate(bits)
        with lock:
            supply.append(supply.pop(0) if len(supply) == SUPPLY else generate(bits))
            return supply[-1]

    return next_one
