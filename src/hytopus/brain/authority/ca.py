"""The Brain's certificate authority: what server and node certificates are signed with, and who comes with one."""

from __future__ import annotations

import asyncio
import ipaddress
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from hytopus.brain.authority.errors import BadSigningRequest
from hytopus.brain.authority.keys import (
    SKEW,
    Ring,
    Signer,
    load_signer,
    new_signer,
    pem_of,
    private_pem,
    save_signer,
    unsigned,
)
from hytopus.kit.clock import Clock
from hytopus.wire.join import ca_fingerprint
from hytopus.wire.trust import SERVER_NAME

NODE_LIFETIME: Final = timedelta(days=90)
SERVER_LIFETIME: Final = timedelta(days=90)
_NODE_URI: Final = "hytopus://node/"
_BRAIN_URI: Final = "hytopus://brain"
_NAME_URI: Final = "hytopus://node-name/"


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """What a node's certificate says."""

    node_id: str
    serial: str
    issued_at: datetime
    expires_at: datetime
    name: str = ""
    """As it was when the certificate was signed."""
    authority: str = ""
    """Fingerprint of the authority that has signed it."""
    retired_at: datetime | None = None
    """Since when that one counts no more."""


@dataclass(frozen=True, slots=True)
class SignedNode:
    certificate_pem: str
    serial: str
    expires_at: datetime
    authority: str


class Authority:
    """What makes certificates believable. Open it with `Authority.open`; signing touches no disk.

    Of two authorities, while one takes the place of the other, `keeper.py` tells it.
    """

    def __init__(self, signer: Signer, names: Sequence[str], clock: Clock) -> None:
        self._ring = Ring(signer, signer, lineage=signer.fingerprint)
        self._names, self._clock = names, clock
        self._server: tuple[Signer, datetime, bytes, bytes] | None = None
        self._serving = threading.Lock()
        self._changed = asyncio.Event()

    @classmethod
    async def open(cls, directory: Path, *, names: Sequence[str] = (), clock: Clock) -> Authority:
        """Read `ca.key` and `ca.pem`, or make them. `names` are further names and addresses of this Brain."""
        return cls(await asyncio.to_thread(_load_or_create, directory, clock.now()), names, clock)

    @property
    def ring(self) -> Ring:
        return self._ring

    def adopt(self, ring: Ring) -> None:
        """Other authorities count from now on."""
        self._ring = ring
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def changed(self) -> None:
        """Until other authorities count than now."""
        await self._changed.wait()

    @property
    def ca_pem(self) -> str:
        """The authority of this Brain's own certificate."""
        return self._ring.serving.pem

    @property
    def fingerprint(self) -> str:
        """The same one's; what join tokens pin."""
        return self._ring.serving.fingerprint

    @property
    def lineage(self) -> str:
        """Stays the same when authorities change."""
        return self._ring.lineage

    @property
    def trusted_pem(self) -> str:
        """All that are to be believed: one, or two while one takes the place of the other."""
        return "".join(map(pem_of, self._ring.trusted))

    @property
    def known_pem(self) -> str:
        """The retired ones, too: TLS lets their nodes in, so that they hear why they are refused."""
        return self.trusted_pem + "".join(pem_of(each) for each, _ in self._ring.retired)

    def server_certificate(self) -> tuple[bytes, bytes]:
        """Key and certificate of this Brain, as PEM, for serving and for calling other Brains. A new pair after two
        thirds of the lifetime, and when another authority serves; one for all threads that ask at once."""
        with self._serving:
            return self._server_pair()

    def _server_pair(self) -> tuple[bytes, bytes]:
        now, signer = self._clock.now(), self._ring.serving
        if self._server is None or now >= self._server[1] or self._server[0] is not signer:
            key = ec.generate_private_key(ec.SECP256R1())
            sans = [
                _general_name(name) for name in dict.fromkeys((SERVER_NAME, "localhost", "127.0.0.1", *self._names))
            ]
            builder = _builder(signer, "hytopus brain", key.public_key(), now, SERVER_LIFETIME)
            sans.append(x509.UniformResourceIdentifier(_BRAIN_URI))
            builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
            signed = _sign(signer, builder, ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
            self._server = (
                signer,
                now + SERVER_LIFETIME * 2 / 3,
                private_pem(key),
                signed.public_bytes(Encoding.PEM),
            )
        return self._server[2:]

    def sign_node(self, node_id: str, csr: x509.CertificateSigningRequest, *, name: str = "") -> SignedNode:
        """A client certificate that says `hytopus://node/<node id>`; only the key is taken from the request."""
        now, signer = self._clock.now(), self._ring.signing
        builder = _builder(signer, f"node {node_id}", csr.public_key(), now, NODE_LIFETIME)  # type: ignore[arg-type]
        uris = [_NODE_URI + node_id, *([_NAME_URI + name] if name else [])]
        san = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])
        signed = _sign(signer, builder.add_extension(san, critical=False), ExtendedKeyUsageOID.CLIENT_AUTH)
        return SignedNode(pem_of(signed), _serial(signed), signed.not_valid_after_utc, signer.fingerprint)

    def identify(self, certificate_pem: bytes) -> NodeIdentity | None:
        """Whom a client's certificate belongs to; None when it is not a node's, or nobody known has signed it."""
        found = _read(certificate_pem)
        issuer = self._ring.issuer(found) if found is not None else None
        if found is None or issuer is None:
            return None
        uris = _uris(found)
        node_id, name = _after(_NODE_URI, uris), _after(_NAME_URI, uris)
        if not node_id:
            return None
        return NodeIdentity(
            node_id,
            _serial(found),
            found.not_valid_before_utc + SKEW,
            found.not_valid_after_utc,
            name,
            ca_fingerprint(pem_of(issuer)),
            self._ring.retired_at_of(ca_fingerprint(pem_of(issuer))),
        )

    def aged(self, identity: NodeIdentity) -> NodeIdentity:
        """The same node, as its authority is seen now."""
        return replace(identity, retired_at=self._ring.retired_at_of(identity.authority))

    def is_brain(self, certificate_pem: bytes) -> bool:
        """Whether a client's certificate is another Brain's, of an authority that counts."""
        found = _read(certificate_pem)
        return found is not None and self._ring.issuer(found) in self._ring.trusted and _BRAIN_URI in _uris(found)

    def is_outdated(self, identity: NodeIdentity, trusts: Sequence[str]) -> bool:
        """Whether a node is to renew: its certificate is of a former authority, or it does not believe just those that
        are to be believed. `trusts` is empty for agents that cannot say."""
        trusted = {ca_fingerprint(pem_of(each)) for each in self._ring.trusted}
        return bool(trusts) and (identity.authority != self._ring.signing.fingerprint or set(trusts) != trusted)


def read_signing_request(csr_pem: str) -> x509.CertificateSigningRequest:
    """Parse and check that whoever asks holds the key. Raises `BadSigningRequest`."""
    try:
        csr = x509.load_pem_x509_csr(csr_pem.encode())
    except ValueError as error:
        raise BadSigningRequest(cause="it is not a PEM signing request") from error
    if not isinstance(csr.public_key(), ec.EllipticCurvePublicKey):
        raise BadSigningRequest(cause="its key is not an elliptic-curve key")
    if not csr.is_signature_valid:
        raise BadSigningRequest(cause="its signature does not fit its key")
    return csr


def key_fingerprint(csr: x509.CertificateSigningRequest) -> str:
    """SHA-256 over the public key, to recognise a machine that asks twice."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(csr.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize().hex()


def _read(certificate_pem: bytes) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(certificate_pem)
    except ValueError:
        return None


def _uris(certificate: x509.Certificate) -> Sequence[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return ()
    return names.get_values_for_type(x509.UniformResourceIdentifier)


def _after(beginning: str, uris: Sequence[str]) -> str:
    return next((uri.removeprefix(beginning) for uri in uris if uri.startswith(beginning)), "")


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _serial(certificate: x509.Certificate) -> str:
    return f"{certificate.serial_number:x}"


def _load_or_create(directory: Path, now: datetime) -> Signer:
    if (found := load_signer(directory)) is not None:
        return found
    made = new_signer(now)
    save_signer(directory, made)
    return made


def _builder(
    signer: Signer, name: str, key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return unsigned(name, signer.certificate.subject, key, now, lifetime).add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )


def _sign(signer: Signer, builder: x509.CertificateBuilder, *usages: x509.ObjectIdentifier) -> x509.Certificate:
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())
    return (
        builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(identifier, critical=False)
        .sign(signer.key, hashes.SHA256())
    )
