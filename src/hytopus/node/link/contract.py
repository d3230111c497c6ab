"""What the link needs of the agent, and what it needs of the transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from hytopus.wire.channel import NodeChannel, StreamChannel
from hytopus.wire.messages import (
    CrashReply,
    Heartbeat,
    InstanceCommand,
    InstanceReport,
    LogLine,
    NodeFacts,
    SetDevMode,
    Welcome,
)
from hytopus.wire.place import Place


class Agent(Protocol):
    """The node's agent as the link sees it. It does not know whether a session stands."""

    adopted: asyncio.Event
    """Set once the agent knows what runs here; before that it must not be asked for its inventory."""

    @property
    def dev_mode(self) -> bool: ...

    def facts(self) -> NodeFacts: ...

    def inventory(self) -> tuple[InstanceReport, ...]:
        """How everything it holds stands now."""
        ...

    def heartbeat(self) -> Heartbeat:
        """The last measured values; costs nothing."""
        ...

    def registering(self) -> int:
        """A session is about to be asked for; the number to call `renewed` with once it stands."""
        ...

    def renewed(self, number: int) -> None:
        """A Brain counted on this node after the heartbeat, or the registration, with this number was sent."""
        ...

    async def welcome(self, welcome: Welcome) -> None:
        """A session stands."""
        ...

    async def handle(self, command: InstanceCommand | SetDevMode | CrashReply) -> None:
        """Take a command over and return soon; called one at a time, in order."""
        ...

    async def ask(self, kind: str, instance_id: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer a question; a HytopusError is an answer, too. Several may be under way."""
        ...

    def lines(self, instance_id: str, tail: int, after: Place) -> AsyncIterator[tuple[LogLine, ...]]:
        """History, then what comes; closed when nobody looks on any more."""
        ...

    async def send_line(self, instance_id: str, text: str) -> None:
        """Type a line into the server's console."""
        ...

    def download(self, instance_id: str, body: Mapping[str, Any]) -> AsyncIterator[bytes | Mapping[str, Any]]:
        """What a file is, then its bytes in pieces; closed when nobody wants them any more."""
        ...

    async def upload(
        self, instance_id: str, body: Mapping[str, Any], chunks: AsyncIterator[bytes]
    ) -> Mapping[str, Any]:
        """Take a file in; says what became of it. Nothing happens unless `chunks` ends by itself."""
        ...


class Dialer(Protocol):
    """Opens links to a Brain."""

    @property
    def trusts(self) -> tuple[str, ...]:
        """Fingerprints of the authorities that are believed on the connection that stands."""
        ...

    def renew_soon(self) -> None:
        """The Brain wants this node to have another certificate."""
        ...

    async def learn(self, addresses: Sequence[str]) -> None:
        """Where sessions can be had, the Brain that serves now first."""
        ...

    def stands(self) -> None:
        """The session opened last stands."""
        ...

    def untried(self) -> bool:
        """Whether there is a Brain that has not failed since a session last stood."""
        ...

    async def session(self) -> NodeChannel:
        """A new session; what is wrong with the connection may show only at its first message."""
        ...

    async def stream(self) -> StreamChannel:
        """A new stream beside the session that stands."""
        ...

    async def close(self) -> None: ...
