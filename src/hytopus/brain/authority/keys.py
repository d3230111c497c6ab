"""Authorities as keys and certificates: making one, keeping it on disk, and which of them counts for what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from hytopus.brain.authority.errors import AuthorityDamaged
from hytopus.kit.files import replace_file
from hytopus.wire.join import ca_fingerprint

_CA_LIFETIME: Final = timedelta(days=3650)
SKEW: Final = timedelta(hours=1)
"""Certificates count from a little earlier, for nodes whose clock is behind."""


@dataclass(frozen=True, slots=True)
class Signer:
    """One authority that may sign."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return pem_of(self.certificate)

    @property
    def fingerprint(self) -> str:
        return ca_fingerprint(self.pem)

    @property
    def key_pem(self) -> str:
        return private_pem(self.key).decode()


@dataclass(frozen=True, slots=True)
class Ring:
    """The authorities of a Brain. While one takes the place of another there are two, else both are the same."""

    serving: Signer
    """Signs the certificates of Brains; every node believes it, and join tokens pin it."""
    signing: Signer
    """Signs the certificates of nodes."""
    retired: tuple[tuple[x509.Certificate, datetime], ...] = ()
    """Those that count no more, and since when. They are known so that whoever comes with one hears why."""
    lineage: str = ""
    """Fingerprint of the first of them, which tells this Brain from every other one."""

    @property
    def rotating(self) -> bool:
        return self.serving.certificate != self.signing.certificate

    @property
    def trusted(self) -> tuple[x509.Certificate, ...]:
        return tuple(dict.fromkeys((self.serving.certificate, self.signing.certificate)))

    def issuer(self, certificate: x509.Certificate) -> x509.Certificate | None:
        """Which of them has signed it, retired or not. What it says of its issuer is not believed."""
        return next((each for each in self._known() if _signed_by(certificate, each)), None)

    def holds(self, pem: str) -> bool:
        """Whether it is one of them, retired or not."""
        return pem in {pem_of(each) for each in self._known()}

    def retired_at_of(self, fingerprint: str) -> datetime | None:
        return next((at for each, at in self.retired if ca_fingerprint(pem_of(each)) == fingerprint), None)

    def _known(self) -> Iterator[x509.Certificate]:
        yield from self.trusted
        yield from (certificate for certificate, _ in self.retired)


def _signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def new_signer(now: datetime) -> Signer:
    """A new authority, for ten years."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Signer(key, _self_signed(key, now))


def read_signer(key_pem: bytes, certificate_pem: bytes) -> Signer:
    """Raises ValueError or TypeError for what does not belong together."""
    key = load_pem_private_key(key_pem, None)
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ValueError("ca.key is not the key of ca.pem")
    return Signer(key, certificate)


def load_signer(directory: Path) -> Signer | None:
    """The authority on this disk; None where there is none. Raises `AuthorityDamaged`. Blocking."""
    key, certificate = directory / "ca.key", directory / "ca.pem"
    if not certificate.exists():
        return None
    try:
        return read_signer(key.read_bytes(), certificate.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise AuthorityDamaged(directory=directory, cause=error) from error


def save_signer(directory: Path, signer: Signer) -> None:
    """Of an authority that is there already nothing is written. Blocking."""
    key, certificate = directory / "ca.key", directory / "ca.pem"
    if _holds(key, signer.key_pem) and _holds(certificate, signer.pem):
        return
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    replace_file(key, signer.key_pem.encode(), shared=True)
    replace_file(certificate, signer.pem.encode(), shared=True)


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


def pem_of(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


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
        unsigned("Hytopus", name, key.public_key(), now, _CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def unsigned(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + lifetime)
    )


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
