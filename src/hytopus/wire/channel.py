"""A link between Brain and Node as the rest of Hytopus sees it: messages go in, messages come out, then the end.

`network.py` carries it over the network, `memory.py` within one process.
"""

from __future__ import annotations

from typing import ClassVar, Protocol, TypeVar

from hytopus.errors import HytopusError
from hytopus.wire.messages import BrainMessage, NodeMessage, StreamFrame

Out = TypeVar("Out", contravariant=True)
In = TypeVar("In", covariant=True)


class LinkClosed(HytopusError):
    """`cause` is what the transport said; empty for an ordinary end."""

    code: ClassVar[str] = "link_closed"
    status: ClassVar[int] = 503
    template: ClassVar[str] = "The link is closed: {cause}."
    remedy: ClassVar[str] = "It is opened again by itself."
    retryable: ClassVar[bool] = True


class Channel(Protocol[Out, In]):
    """One end of a link. Bounded: whoever sends faster than the other end reads has to wait."""

    async def send(self, message: Out) -> None:
        """Returns once the transport has room. Raises LinkClosed when there is no other end any more."""
        ...

    async def receive(self) -> In | None:
        """The next message; None at an orderly end and after `close()`. Raises LinkClosed when the link broke."""
        ...

    async def close(self) -> None:
        """End the link at both ends; harmless to repeat."""
        ...


NodeChannel = Channel[NodeMessage, BrainMessage]
"""The node's end of a session."""

BrainChannel = Channel[BrainMessage, NodeMessage]
"""The Brain's end of a session."""

StreamChannel = Channel[StreamFrame, StreamFrame]
