"""The Brain's certificate authority: one key on disk, from which server and node certificates are signed."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hytopus.brain.authority.errors import AuthorityDamaged, BadSigningRequest
from hytopus.kit.clock import Clock
from hytopus.wire.join import ca_fingerprint
from hytopus.wire.trust import SERVER_NAME

NODE_LIFETIME: Final = timedelta(days=90)
SERVER_LIFETIME: Final = timedelta(days=90)
_CA_LIFETIME: Final = timedelta(days=3650)
_SKEW: Final = timedelta(hours=1)
"""Certificates count from a little earlier, for nodes whose clock is behind."""
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


@dataclass(frozen=True, slots=True)
class SignedNode:
    certificate_pem: str
    serial: str
    expires_at: datetime


class Authority:
    """The key that makes certificates believable. Open it with `Authority.open`; signing touches no disk."""

    def __init__(
        self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, names: Sequence[str], clock: Clock
    ) -> None:
        self._key, self._certificate, self._names, self._clock = key, certificate, names, clock
        self._server: tuple[datetime, bytes, bytes] | None = None

    @classmethod
    async def open(cls, directory: Path, *, names: Sequence[str] = (), clock: Clock) -> Authority:
        """Read `ca.key` and `ca.pem`, or make them. `names` are further names and addresses of this Brain.

        Brains that run side by side must share these two files.
        """
        key, certificate = await asyncio.to_thread(_load_or_create, directory, clock.now())
        return cls(key, certificate, names, clock)

    @property
    def ca_pem(self) -> str:
        return self._certificate.public_bytes(Encoding.PEM).decode()

    @property
    def fingerprint(self) -> str:
        """What join tokens pin."""
        return ca_fingerprint(self.ca_pem)

    def server_certificate(self) -> tuple[bytes, bytes]:
        """Key and certificate of this Brain, as PEM, for serving and for calling other Brains. A new pair after two
        thirds of the lifetime."""
        now = self._clock.now()
        if self._server is None or now >= self._server[0]:
            key = ec.generate_private_key(ec.SECP256R1())
            sans = [
                _general_name(name) for name in dict.fromkeys((SERVER_NAME, "localhost", "127.0.0.1", *self._names))
            ]
            builder = self._builder("hytopus brain", key.public_key(), now, SERVER_LIFETIME)
            sans.append(x509.UniformResourceIdentifier(_BRAIN_URI))
            builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
            signed = self._sign(builder, ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
            self._server = (now + SERVER_LIFETIME * 2 / 3, _private_pem(key), signed.public_bytes(Encoding.PEM))
        return self._server[1:]

    def sign_node(self, node_id: str, csr: x509.CertificateSigningRequest, *, name: str = "") -> SignedNode:
        """A client certificate that says `hytopus://node/<node id>`; only the key is taken from the request."""
        now = self._clock.now()
        builder = self._builder(f"node {node_id}", csr.public_key(), now, NODE_LIFETIME)  # type: ignore[arg-type]
        uris = [_NODE_URI + node_id, *([_NAME_URI + name] if name else [])]
        san = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])
        signed = self._sign(builder.add_extension(san, critical=False), ExtendedKeyUsageOID.CLIENT_AUTH)
        pem = signed.public_bytes(Encoding.PEM).decode()
        return SignedNode(pem, _serial(signed), signed.not_valid_after_utc)

    def _builder(
        self, name: str, key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta
    ) -> x509.CertificateBuilder:
        return _certificate(name, self._certificate.subject, key, now, lifetime).add_extension(
            x509.BasicConstraints(ca=False, path_length=None), critical=True
        )

    def _sign(self, builder: x509.CertificateBuilder, *usages: x509.ObjectIdentifier) -> x509.Certificate:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(identifier, critical=False)
            .sign(self._key, hashes.SHA256())
        )


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


def read_identity(certificate_pem: bytes) -> NodeIdentity | None:
    """Whom a client certificate that TLS has accepted belongs to; None when it is not a node's."""
    uris = _uris(certificate_pem)
    node_id, name = _after(_NODE_URI, uris), _after(_NAME_URI, uris)
    if not node_id:
        return None
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    issued_at = certificate.not_valid_before_utc + _SKEW
    return NodeIdentity(node_id, _serial(certificate), issued_at, certificate.not_valid_after_utc, name)


def is_brain(certificate_pem: bytes) -> bool:
    """Whether a client certificate that TLS has accepted is another Brain's."""
    return _BRAIN_URI in _uris(certificate_pem)


def _uris(certificate_pem: bytes) -> Sequence[str]:
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return ()
    return names.get_values_for_type(x509.UniformResourceIdentifier)


def _after(beginning: str, uris: Sequence[str]) -> str:
    return next((uri.removeprefix(beginning) for uri in uris if uri.startswith(beginning)), "")


def _load_or_create(directory: Path, now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key_path, certificate_path = directory / "ca.key", directory / "ca.pem"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not certificate_path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        _write_private(key_path, _private_pem(key))
        _write_private(certificate_path, _self_signed(key, now).public_bytes(Encoding.PEM))
    try:
        loaded = load_pem_private_key(key_path.read_bytes(), None)
        certificate = x509.load_pem_x509_certificate(certificate_path.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise AuthorityDamaged(directory=directory, cause=error) from error
    if not isinstance(loaded, ec.EllipticCurvePrivateKey) or loaded.public_key() != certificate.public_key():
        raise AuthorityDamaged(directory=directory, cause="ca.key is not the key of ca.pem")
    return loaded, certificate


def _self_signed(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Hytopus")])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _certificate("Hytopus", name, key.public_key(), now, _CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _certificate(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + lifetime)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _serial(certificate: x509.Certificate) -> str:
    return f"{certificate.serial_number:x}"


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_private(path: Path, data: bytes) -> None:
    """All or nothing, readable by the owner only."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
