"""The certificate that the gateway's ports show, and when gRPC is given another one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import grpc

from hytopus.brain.authority.ca import Authority

SETTLE_S: Final = 0.25
"""Thousands of times what a handshake takes from asking for the certificate to holding it."""


def server_credentials(authority: Authority, *, require_client: bool) -> grpc.ServerCredentials:
    """Credentials that renew by themselves, so that a Brain may run for years."""
    shown = _configuration(*_present(authority))
    changes: Any = certificate_changes(authority)  # the types that come with gRPC leave out that None may be said
    return grpc.dynamic_ssl_server_credentials(shown, changes, require_client_authentication=require_client)


def certificate_changes(
    authority: Authority, *, settle: Callable[[float], None] = time.sleep
) -> Callable[[], grpc.ServerCertificateConfiguration | None]:
    """What gRPC asks at every handshake, in a thread of its own; None as long as everything is the same.

    Never say more than is new: gRPC frees what it had, also while another handshake still reads it, and a fleet that
    comes back all at once then takes the process down. It asks under a lock, and lets the lock go before it reads. So
    before something new is said, whoever asked before is given time to have read: nobody else can ask meanwhile.
    """
    shown = _present(authority)

    def changed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal shown
        present = _present(authority)
        if present == shown:
            return None
        settle(SETTLE_S)
        shown = present
        return _configuration(*present)

    return changed


def _present(authority: Authority) -> tuple[tuple[bytes, bytes], bytes]:
    """Key and certificate that are shown, and the authorities of whoever is let in."""
    return authority.server_certificate(), authority.known_pem.encode()


def _configuration(pair: tuple[bytes, bytes], known: bytes) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([pair], known)
