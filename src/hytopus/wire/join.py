"""The text of a join token, as a person carries it from the Brain to a machine that is to become a node."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from hytopus.wire.trust import check_alone

_TOKEN: Final = re.compile(r"hyt_join_([A-Za-z0-9_-]{20,200})\.([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class JoinSecret:
    """`hyt_join_<secret>.<fingerprint>`: what proves the machine to the Brain, and the Brain to the machine."""

    secret: str
    fingerprint: str

    def __str__(self) -> str:
        return f"hyt_join_{self.secret}.{self.fingerprint}"

    @classmethod
    def parse(cls, text: str) -> JoinSecret | None:
        """None for a text that is no join token."""
        match = _TOKEN.fullmatch(text.strip())
        return None if match is None else cls(match[1], match[2])


def ca_fingerprint(ca_pem: str) -> str:
    """The first 32 hexadecimal digits of SHA-256 over the certificate. Raises ValueError for what is none, or several:
    of these it would vouch for the first only, and all would be believed."""
    check_alone(ca_pem)
    return x509.load_pem_x509_certificate(ca_pem.encode()).fingerprint(hashes.SHA256()).hex()[:32]
