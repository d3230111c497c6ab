"""From what gRPC says in passing to what is really wrong. The phrases are those of grpcio 1.85."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from hytopus.errors import HytopusError
from hytopus.node.link.errors import (
    BrainNameUnknown,
    BrainUnreachable,
    CaMismatch,
    CertificateNotAccepted,
    CertificateOutOfTime,
    ClockSkew,
    NotABrain,
)
from hytopus.wire.channel import LinkClosed

_PHRASES: Final[tuple[tuple[str, Callable[..., HytopusError]], ...]] = (
    ("certificate has expired", ClockSkew),
    ("certificate is not yet valid", ClockSkew),
    ("CERTIFICATE_VERIFY_FAILED", CaMismatch),
    ("Hostname Verification Check failed", NotABrain),
    ("WRONG_VERSION_NUMBER", NotABrain),
    ("errors resolving", BrainNameUnknown),
    ("DNS", BrainNameUnknown),
)
_HANDSHAKE_ENDED: Final = ("Socket closed", "Connection reset", "Broken pipe")


def diagnose(
    error: LinkClosed, address: str, now: datetime, valid: tuple[datetime, datetime] | None = None
) -> HytopusError:
    """`valid` is when this node's own certificate counts: TLS 1.3 does not say why a client was turned away."""
    cause = str(error.params["cause"])
    for phrase, kind in _PHRASES:
        if phrase in cause:
            return kind(address=address, cause=_short(cause), now=now.isoformat(timespec="seconds"))
    if "failed to connect" not in cause or not any(phrase in cause for phrase in _HANDSHAKE_ENDED):
        return BrainUnreachable(address=address, cause=_short(cause))
    if valid is not None and not valid[0] <= now < valid[1]:
        return CertificateOutOfTime(start=valid[0], end=valid[1], now=now.isoformat(timespec="seconds"))
    return CertificateNotAccepted(address=address, cause=_short(cause))


def _short(cause: str) -> str:
    """The last of a chain of causes, without gRPC's wrapping."""
    return cause.rpartition("last error: ")[2].removesuffix(": OK").strip(". ")
