"""Who this node is: a key that never leaves the machine, its certificate, and the Brain they belong to."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from hytopus.errors import HytopusError
from hytopus.kit.files import replace_file

_MACHINE_ID: Final = Path("/etc/machine-id")


class NodeNotJoined(HytopusError):
    code: ClassVar[str] = "node_not_joined"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "This machine is not a node yet: there is no identity in {directory}."
    remedy: ClassVar[str] = "Run `hytopus node token` where you manage the Brain, and here the line it prints."


class AlreadyJoined(HytopusError):
    code: ClassVar[str] = "already_joined"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "This machine is already node {name!r} of {brain_url}."
    remedy: ClassVar[str] = "To join anew, move key.pem, cert.pem and node.json out of {directory} first."


class IdentityDamaged(HytopusError):
    code: ClassVar[str] = "identity_damaged"
    template: ClassVar[str] = "The node's identity in {directory} cannot be read: {cause}."
    remedy: ClassVar[str] = "Restore it from a backup, or move key.pem, cert.pem and node.json away and join again."


class DataDirectoryInUse(HytopusError):
    code: ClassVar[str] = "data_directory_in_use"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "Another agent (process {pid}) already works in {directory}."
    remedy: ClassVar[str] = "Stop it first, or give this one a data directory of its own."


@dataclass(frozen=True, slots=True)
class Identity:
    """What joining left in the data directory. The files may be replaced by a renewal at any time."""

    directory: Path
    node_id: str
    node_name: str
    brain_url: str
    session_address: str

    @property
    def key_pem(self) -> bytes:
        return (self.directory / "key.pem").read_bytes()

    @property
    def certificate_pem(self) -> bytes:
        return (self.directory / "cert.pem").read_bytes()

    @property
    def ca_pem(self) -> bytes:
        return (self.directory / "ca.pem").read_bytes()

    def trusts(self) -> tuple[str, ...]:
        """Fingerprints of the authorities it believes: two while one takes the place of the other."""
        known = x509.load_pem_x509_certificates(self.ca_pem)
        return tuple(each.fingerprint(hashes.SHA256()).hex()[:32] for each in known)

    def valid(self) -> tuple[datetime, datetime]:
        """From when until when the certificate counts."""
        certificate = x509.load_pem_x509_certificate(self.certificate_pem)
        return certificate.not_valid_before_utc, certificate.not_valid_after_utc


def load_identity(directory: Path) -> Identity:
    """Raises NodeNotJoined where nobody has joined yet, IdentityDamaged for files that do not fit together."""
    path = directory / "node.json"
    if not path.exists():
        raise NodeNotJoined(directory=directory)
    try:
        values = json.loads(path.read_text())
        identity = Identity(directory, **{key: str(values[key]) for key in _KEPT})
        certificate = x509.load_pem_x509_certificate(identity.certificate_pem)
        key = load_pem_private_key(identity.key_pem, None)
        x509.load_pem_x509_certificate(identity.ca_pem)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise IdentityDamaged(directory=directory, cause=error) from error
    if key.public_key() != certificate.public_key():
        raise IdentityDamaged(directory=directory, cause="key.pem is not the key of cert.pem")
    return identity


_KEPT: Final = ("node_id", "node_name", "brain_url", "session_address")


def save_identity(identity: Identity, *, certificate_pem: str, ca_pem: str) -> None:
    """`node.json` comes last: as long as it is missing, nobody has joined."""
    replace_file(identity.directory / "ca.pem", ca_pem.encode())
    save_certificate(identity.directory, certificate_pem)
    values = {key: getattr(identity, key) for key in _KEPT}
    replace_file(identity.directory / "node.json", json.dumps(values, indent=2).encode() + b"\n")


def save_renewed(directory: Path, *, certificate_pem: str, ca_pem: str) -> None:
    """Whom to believe comes first: the certificate is of no use without it."""
    if ca_pem.encode() != (directory / "ca.pem").read_bytes():
        replace_file(directory / "ca.pem", ca_pem.encode())
    save_certificate(directory, certificate_pem)


def save_certificate(directory: Path, certificate_pem: str) -> None:
    replace_file(directory / "cert.pem", certificate_pem.encode())


def signing_request(directory: Path) -> str:
    """A PEM request signed by this machine's key, which is made at the first call."""
    path = directory / "key.pem"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        fresh = ec.generate_private_key(ec.SECP256R1())
        replace_file(path, fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise IdentityDamaged(directory=directory, cause="key.pem is not an elliptic-curve key")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hytopus node")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(Encoding.PEM).decode()


def agent_id(directory: Path) -> str:
    """The same for every start on this machine and directory, another one for a copy on either.

    A copied directory has another inode, a cloned disk meets another machine id.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    machine = _MACHINE_ID.read_text().strip() if _MACHINE_ID.exists() else ""
    return hashlib.sha256(f"{machine}/{directory.stat().st_ino}".encode()).hexdigest()[:32]


@contextmanager
def lock_data_directory(directory: Path) -> Iterator[None]:
    """Hold the directory against a second agent; the kernel lets go of it when this process ends."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (directory / "agent.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise DataDirectoryInUse(directory=directory, pid=file.read().strip() or "unknown") from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
