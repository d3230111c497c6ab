"""The certificate that the gateway's ports show, and when gRPC is given another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from hytopus.brain.authority.ca import Authority


def server_credentials(authority: Authority, *, require_client: bool) -> grpc.ServerCredentials:
    """Credentials that renew by themselves, so that a Brain may run for years."""
    ca = authority.ca_pem.encode()
    shown = grpc.ssl_server_certificate_configuration([authority.server_certificate()], ca)
    changes: Any = certificate_changes(authority, ca)  # the types that come with gRPC leave out that None may be said
    return grpc.dynamic_ssl_server_credentials(shown, changes, require_client_authentication=require_client)


def certificate_changes(authority: Authority, ca: bytes) -> Callable[[], grpc.ServerCertificateConfiguration | None]:
    """What gRPC asks at every handshake, in a thread of its own; None as long as the certificate is the same.

    Never say more than is new: gRPC frees what it had, also while another handshake still reads it, and a fleet that
    comes back all at once then takes the process down.
    """
    shown = authority.server_certificate()

    def changed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal shown
        present = authority.server_certificate()
        if present == shown:
            return None
        shown = present
        return grpc.ssl_server_certificate_configuration([present], ca)

    return changed
