"""An authenticator and the browser before it, in Python: ceremonies of WebAuthn, as they are and as they are forged.

Options come as the server sends them and answers go back as ``PublicKeyCredential.toJSON()`` has them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from ostiary.base.ids import id_to_bytes

ES256, EDDSA, RS256, ES384 = -7, -8, -257, -35
UP, UV, BE, BS, AT, ED = 1, 4, 8, 16, 64, 128
MAKE = "a0a1a2a3-a4a5-4a6a-8a7a-b0b1b2b3b4b5"
NO_MAKE = "00000000-0000-0000-0000-000000000000"
Json = dict[str, Any]


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Vendor:
    """Makes authenticators, and says so: one root certificate, and one certificate below it for each make."""

    def __init__(self, valid: tuple[int, int] = (2020, 2090)) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._valid = valid
        self.root = self._sign(_name("Root", "Roots"), self._key.public_key(), _name("Root", "Roots"), ca=True)
        self.pem = self.root.public_bytes(Encoding.PEM)

    def certify(
        self,
        public_key: Any,
        *,
        make: str | None = MAKE,
        unit: str = "Authenticator Attestation",
        ca: bool = False,
        extensions: dict[str, bytes] | None = None,
    ) -> bytes:
        """A certificate for an authenticator, in DER."""
        extra = dict(extensions or {})
        if make is not None:
            extra["1.3.6.1.4.1.45724.1.1.4"] = b"\x04\x10" + bytes.fromhex(make.replace("-", ""))
        return self._sign(_name("Batch 7", unit), public_key, self.root.subject, ca=ca, extra=extra).public_bytes(
            Encoding.DER
        )

    def _sign(
        self, subject: x509.Name, key: Any, issuer: x509.Name, *, ca: bool, extra: dict[str, bytes] | None = None
    ) -> x509.Certificate:
        begin, end = self._valid
        built = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(dt.datetime(begin, 1, 1, tzinfo=dt.UTC))
            .not_valid_after(dt.datetime(end, 1, 1, tzinfo=dt.UTC))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        for oid, value in (extra or {}).items():
            built = built.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), critical=False)
        return built.sign(self._key, hashes.SHA256())


def _name(common: str, unit: str) -> x509.Name:
    attributes = {
        x509.NameOID.COUNTRY_NAME: "SE",
        x509.NameOID.ORGANIZATION_NAME: "Keys of Test",
        x509.NameOID.ORGANIZATIONAL_UNIT_NAME: unit,
        x509.NameOID.COMMON_NAME: common,
    }
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes.items()])


class Key:
    """One credential of an authenticator."""

    def __init__(self, algorithm: int, rp_id: str, user: bytes, credential_id: bytes | None = None) -> None:
        self.algorithm = algorithm
        self.rp_id = rp_id
        self.user = user
        self.id = credential_id or secrets.token_bytes(32)
        self.count = 0
        if algorithm == RS256:
            self.private: Any = rsa.generate_private_key(65537, 2048)
        elif algorithm == EDDSA:
            self.private = ed25519.Ed25519PrivateKey.generate()
        else:
            self.private = ec.generate_private_key(ec.SECP384R1() if algorithm == ES384 else ec.SECP256R1())

    @property
    def cose(self) -> dict[int, Any]:
        public = self.private.public_key()
        if self.algorithm == RS256:
            numbers = public.public_numbers()
            return {1: 3, 3: RS256, -1: numbers.n.to_bytes(256), -2: numbers.e.to_bytes(3)}
        if self.algorithm == EDDSA:
            return {1: 1, 3: EDDSA, -1: 6, -2: public.public_bytes_raw()}
        numbers, (curve, size) = public.public_numbers(), (2, 48) if self.algorithm == ES384 else (1, 32)
        return {1: 2, 3: self.algorithm, -1: curve, -2: numbers.x.to_bytes(size), -3: numbers.y.to_bytes(size)}

    def sign(self, data: bytes) -> bytes:
        return sign(self.private, data)


def sign(private: Any, data: bytes) -> bytes:
    if isinstance(private, rsa.RSAPrivateKey):
        return private.sign(data, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(data)
    signed: bytes = private.sign(data, ec.ECDSA(hashes.SHA256()))
    return signed


class Authenticator:
    """Makes keys and signs with them.

    Args:
        algorithm: of new keys, whatever is asked for.
        fmt: of the attestation statement, when one is asked for: ``none``, ``packed`` with certificates where there is
            a vendor and by itself where there is none, ``fido-u2f`` or ``apple``.
        verifies: it has a fingerprint or a PIN, and its owner is there.
        synced: its keys are backed up.
        counts: it has a signature counter.
        certified: what its certificate says in place of the truth: the ``make``, the ``unit``, ``ca``.
    """

    def __init__(
        self,
        algorithm: int = ES256,
        *,
        fmt: str = "none",
        vendor: Vendor | None = None,
        make: str = MAKE,
        verifies: bool = True,
        synced: bool = False,
        counts: bool = False,
        certified: dict[str, Any] | None = None,
    ) -> None:
        self.certified = certified or {}
        self.algorithm = algorithm
        self.fmt = fmt
        self.vendor = vendor
        self.make = NO_MAKE if fmt == "fido-u2f" else make
        self.verifies = verifies
        self.synced = synced
        self.counts = counts
        self.keys: list[Key] = []

    def create(self, public: Json, origin: str = "http://localhost:8000", **forged: Any) -> Json:
        """What ``navigator.credentials.create()`` gives. For ``forged`` see :meth:`get`; also:

        Args:
            cose: another public key; statement: another attestation statement; raw: the whole attestation object.
        """
        options = public["publicKey"]
        key = Key(self.algorithm, options["rp"]["id"], unb64(options["user"]["id"]), forged.get("credential_id"))
        self.keys.append(key)
        client_data = _client_data("webauthn.create", options["challenge"], origin, forged)
        cose = cbor2.dumps(forged.get("cose", key.cose))
        named = bytes.fromhex(self.make.replace("-", "")) + len(key.id).to_bytes(2) + key.id + cose
        flags = AT | self._flags(options["authenticatorSelection"]["userVerification"])
        data = _authenticator_data(key, flags, self._next(key), named, forged)
        wanted = options["attestation"] != "none" or forged.get("attests")
        fmt, statement = self._attest(key, data, client_data) if wanted else ("none", {})
        attestation = {"fmt": fmt, "attStmt": forged.get("statement", statement), "authData": data}
        return {
            "id": b64(key.id),
            "rawId": b64(key.id),
            "type": "public-key",
            "authenticatorAttachment": "cross-platform",
            "clientExtensionResults": {"credProps": {"rk": options["authenticatorSelection"]["requireResidentKey"]}},
            "response": {
                "clientDataJSON": b64(client_data),
                "attestationObject": b64(forged.get("raw", cbor2.dumps(attestation))),
                "transports": ["internal", "hybrid"] if self.synced else ["usb"],
            },
        }

    def get(self, public: Json, origin: str = "http://localhost:8000", key: Key | None = None, **forged: Any) -> Json:
        """What ``navigator.credentials.get()`` gives.

        Args:
            key: which to sign with; without it the first that the options let it.
            forged: ``client_data``: members to change, or bytes in place of all; ``challenge``; ``rp_id`` that is
                signed for; ``flags``; ``count``; ``tail``: bytes after the authenticator data; ``handle``: of the user,
                None for none; ``signature``.
        """
        options = public["publicKey"]
        named = [unb64(each["id"]) for each in options["allowCredentials"]]
        key = key or next(each for each in self.keys if not named or each.id in named)
        client_data = _client_data("webauthn.get", options["challenge"], origin, forged)
        data = _authenticator_data(key, self._flags(options["userVerification"]), self._next(key), b"", forged)
        signature = forged.get("signature", key.sign(data + hashlib.sha256(client_data).digest()))
        response = {"clientDataJSON": b64(client_data), "authenticatorData": b64(data), "signature": b64(signature)}
        handle = forged.get("handle", None if named else key.user)
        return {
            "id": b64(key.id),
            "rawId": b64(key.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": response | ({} if handle is None else {"userHandle": b64(handle)}),
        }

    def _flags(self, verification: str) -> int:
        verified = UV if self.verifies and verification != "discouraged" else 0
        return UP | verified | (BE | BS if self.synced else 0)

    def _next(self, key: Key) -> int:
        key.count += self.counts
        return key.count

    def _attest(self, key: Key, data: bytes, client_data: bytes) -> tuple[str, Json]:
        client_data_hash = hashlib.sha256(client_data).digest()
        if self.fmt == "apple":
            nonce = hashlib.sha256(data + client_data_hash).digest()
            extension = {"1.2.840.113635.100.8.2": b"\x30\x24\xa1\x22\x04\x20" + nonce}
            return "apple", {"x5c": self._chain(key.private.public_key(), make=None, extensions=extension)}
        batch = ec.generate_private_key(ec.SECP256R1())
        if self.fmt == "fido-u2f":
            point = b"\x04" + key.cose[-2] + key.cose[-3]
            signed = sign(batch, b"\0" + data[:32] + client_data_hash + key.id + point)
            return "fido-u2f", {"sig": signed, "x5c": self._chain(batch.public_key(), make=None)}
        if self.fmt == "packed" and self.vendor is None:
            return "packed", {"alg": key.algorithm, "sig": key.sign(data + client_data_hash)}
        if self.fmt == "packed":
            signed = sign(batch, data + client_data_hash)
            return "packed", {"alg": ES256, "sig": signed, "x5c": self._chain(batch.public_key())}
        return "none", {}

    def _chain(self, public_key: Any, **said: Any) -> list[bytes]:
        assert self.vendor is not None
        return [self.vendor.certify(public_key, **({"make": self.make} | said | self.certified))]


def clone_of(authenticator: Authenticator) -> Authenticator:
    """A copy, keys and all, as somebody makes who has got at the chip."""
    copied = Authenticator(authenticator.algorithm, verifies=authenticator.verifies, counts=authenticator.counts)
    for key in authenticator.keys:
        twin = Key.__new__(Key)
        twin.__dict__.update(key.__dict__)
        copied.keys.append(twin)
    return copied


def user_handle(account_id: str) -> bytes:
    """What an authenticator keeps of whose a key is."""
    return id_to_bytes(account_id)


def _client_data(kind: str, challenge: str, origin: str, forged: Json) -> bytes:
    changed = forged.get("client_data", {})
    if isinstance(changed, bytes):
        return changed
    members = {
        "type": kind,
        "challenge": b64(forged["challenge"]) if "challenge" in forged else challenge,
        "origin": origin,
        "crossOrigin": False,
    }
    return json.dumps(members | changed, separators=(",", ":")).encode()


def _authenticator_data(key: Key, flags: int, count: int, named: bytes, forged: Json) -> bytes:
    rp_id = hashlib.sha256(forged.get("rp_id", key.rp_id).encode()).digest()
    flags = forged.get("flags", flags)
    counted: bytes = forged.get("count", count).to_bytes(4)
    tail: bytes = forged.get("tail", b"")
    return rp_id + bytes([flags]) + counted + named + tail
