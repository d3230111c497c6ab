"""The number of the protocol between Brain and Node, and which numbers this release still understands.

The number grows only when an older peer could no longer follow. Messages and fields that are merely new need no new
number: whoever does not know them ignores them.
"""

from __future__ import annotations

from typing import ClassVar, Final

from hytopus.errors import HytopusError

PROTOCOL: Final = 1
"""What this release speaks."""

OLDEST: Final = 1
"""The oldest number a node may still speak to this Brain."""


class ProtocolTooOld(HytopusError):
    code: ClassVar[str] = "protocol_too_old"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The node speaks protocol {theirs}; this Brain needs at least {oldest}."
    remedy: ClassVar[str] = "Upgrade Hytopus on the node to the Brain's release."


class ProtocolTooNew(HytopusError):
    code: ClassVar[str] = "protocol_too_new"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The node speaks protocol {theirs}; this Brain speaks only up to {ours}."
    remedy: ClassVar[str] = "Upgrade the Brain first, then its nodes."


def check_protocol(theirs: int) -> None:
    """Raise unless a node that speaks `theirs` can be served."""
    if theirs < OLDEST:
        raise ProtocolTooOld(theirs=theirs, oldest=OLDEST)
    if theirs > PROTOCOL:
        raise ProtocolTooNew(theirs=theirs, ours=PROTOCOL)
