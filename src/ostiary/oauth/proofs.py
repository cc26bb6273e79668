"""What a request shows possession of: a DPoP key (RFC 9449), or the certificate of its connection (RFC 8705)."""

from __future__ import annotations

import msgspec

from ostiary.crypto.certificates import Certificate
from ostiary.errors import InvalidRequest, InvalidToken
from ostiary.oauth.dpop import DpopProofs
from ostiary.oauth.faults import InvalidDpopProof
from ostiary.oauth.model import Client
from ostiary.oauth.spent import Spend


class Shown(msgspec.Struct, frozen=True):
    """What came with a request.

    Attributes:
        method, url: of the request itself, the URL as the client sees it, without its query.
        proof: the header ``DPoP``.
    """

    method: str
    url: str
    proof: str | None = None
    certificate: Certificate | None = None

    def __repr__(self) -> str:
        return f"Shown({self.method} {self.url})"


class Proofs:
    """Checks them."""

    def __init__(self, dpop: DpopProofs) -> None:
        self.dpop = dpop

    async def binding(self, client: Client, shown: Shown, now: int) -> tuple[str, tuple[Spend, ...]]:
        """What tokens for this client are to be bound to, and what has to be spent for it.

        Raises:
            InvalidDpopProof, UseDpopNonce: the proof is missing or wrong.
            InvalidRequest: the certificate is missing.
        """
        metadata = client.metadata
        if shown.proof is not None:
            thumbprint, spends = self.dpop.check(shown.proof, shown.method, shown.url, now)
            return f"jkt:{thumbprint}", (spends,)
        if metadata.dpop_bound_access_tokens:
            raise InvalidDpopProof("This client's tokens are bound to a key: send a DPoP proof.")
        if metadata.tls_client_certificate_bound_access_tokens:
            if shown.certificate is None:
                raise InvalidRequest("This client's tokens are bound to its certificate, and the connection has none.")
            return f"x5t:{shown.certificate.thumbprint}", ()
        return "", ()

    def possession(self, binding: str, token: str, scheme: str, shown: Shown, now: int) -> tuple[Spend, ...]:
        """Hold a token's use against what it is bound to; what has to be spent for it.

        Args:
            scheme: of the header ``Authorization``, in lower case.

        Raises:
            InvalidToken: it is bound to something that was not shown, or was shown in another way.
        """
        if binding.startswith("jkt:"):
            if scheme != "dpop" or shown.proof is None:
                raise InvalidToken("This token is bound to a key: send it as DPoP, with a proof.")
            thumbprint, spends = self.dpop.check(shown.proof, shown.method, shown.url, now, token=token)
            if f"jkt:{thumbprint}" != binding:
                raise InvalidToken("The proof is made with another key than the token is bound to.")
            return (spends,)
        if scheme == "dpop":
            raise InvalidToken("This token is bound to no key: send it as Bearer.")
        has = "" if shown.certificate is None else f"x5t:{shown.certificate.thumbprint}"
        if binding and has != binding:
            raise InvalidToken("This token is bound to a certificate that the connection does not have.")
        return ()
