"""Until when the Brain's own certificates are good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509

from hytopus.brain.authority.ca import Authority


def own_certificates(authority: Authority, http: Path | None) -> Sequence[tuple[str, datetime]]:
    """What each is for and its end; reads a file."""
    found = [("the authority of the nodes", _end(authority.ca_pem.encode()))]
    if http is not None and http.is_file():
        found.append(("the certificate of the API", _end(http.read_bytes())))
    return found


def _end(pem: bytes) -> datetime:
    return x509.load_pem_x509_certificate(pem).not_valid_after_utc
