"""Whether host ports are free, found out the only sure way: by binding them for an instant."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from hytopus.wire.messages import PortBinding


def first_taken(ports: Sequence[PortBinding]) -> PortBinding | None:
    """The first port that something else on this machine uses."""
    return next((port for port in ports if not _is_free(port.host, port.protocol)), None)


def _is_free(port: int, protocol: str) -> bool:
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:
            # Connections that linger after a stop do not count as use; a listener still does.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104 - never listens
        except OSError:
            return False
    return True
