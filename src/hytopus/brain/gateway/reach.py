"""Reaching a node wherever its session is: over this Brain's own, or through the Brain that has it.

A stream of lines survives the loss of a Brain in between: it goes on after the last line told, as soon as the node has
found another one.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from hytopus.brain.gateway.errors import NodeOffline
from hytopus.brain.gateway.files import FileKind, FileStream
from hytopus.brain.gateway.gateway import Gateway
from hytopus.brain.gateway.peers import Peers
from hytopus.brain.gateway.relay import Kind, LineStream
from hytopus.brain.nodes.sessions import holder_of
from hytopus.kit.backoff import backoff
from hytopus.kit.requests import request_id
from hytopus.wire.messages import LogLine, PeerAsk, PeerFile, PeerLines
from hytopus.wire.place import BEGINNING, Place

RESUME_S: Final = 30.0
"""How long a stream waits for its node to be back."""


class Reach:
    """What features see of the nodes. `peers` None: there are no others to ask."""

    def __init__(self, gateway: Gateway, peers: Peers | None = None) -> None:
        self._gateway, self._peers = gateway, peers

    def online(self, node_id: str) -> bool:
        return self._gateway.sessions.online(node_id) or self._gateway.presence.is_elsewhere(node_id)

    async def ask(
        self,
        node_id: str,
        kind: str,
        *,
        instance_id: str = "",
        body: Mapping[str, Any] | None = None,
        timeout: float = 10.0,
    ) -> dict[str, Any]:
        """A question and its answer. Raises NodeOffline, NodeTimeout, or NodeProblem with what the node said."""
        if self._gateway.sessions.online(node_id):
            return await self._gateway.sessions.ask(node_id, kind, instance_id=instance_id, body=body, timeout=timeout)
        arguments = json.dumps(dict(body or {}))
        return await self._ask_elsewhere(PeerAsk(node_id, kind, instance_id, arguments, timeout, request_id()))

    async def purge(
        self, node_id: str, *, template_id: str = "", version: str = "", timeout: float = 60.0
    ) -> dict[str, Any]:
        """Empty the node's template cache, or forget one template or one version of it."""
        if self._gateway.sessions.online(node_id):
            return await self._gateway.sessions.purge(
                node_id, template_id=template_id, version=version, timeout=timeout
            )
        body = json.dumps({"template_id": template_id, "version": version})
        return await self._ask_elsewhere(PeerAsk(node_id, "purge_cache", "", body, timeout, request_id()))

    async def disconnect(self, node_id: str) -> None:
        """End a node's session. Another Brain ends its own when it hears that the node was removed or revoked."""
        await self._gateway.sessions.disconnect(node_id)

    @asynccontextmanager
    async def open_stream(
        self, node_id: str, instance_id: str, kind: Kind, *, tail: int = 0, after: Place = BEGINNING
    ) -> AsyncIterator[AsyncIterator[LogLine]]:
        """Lines as they come, history first. Raises NodeOffline at once if the node is nowhere."""
        wanted = PeerLines(node_id, instance_id, kind, tail, after.number, after.start, request_id())
        async with aclosing(self._lines(node_id, wanted)) as lines:
            yield lines

    @asynccontextmanager
    async def open_file(
        self, node_id: str, instance_id: str, kind: FileKind, body: Mapping[str, Any]
    ) -> AsyncIterator[FileStream]:
        """A whole file from a node, or to it; `body` says which. Raises NodeOffline or NodeTimeout."""
        if self._gateway.sessions.online(node_id):
            async with self._gateway.relay.open_file(node_id, instance_id, kind, body) as stream:
                yield stream
            return
        wanted = PeerFile(node_id, instance_id, kind, json.dumps(dict(body)), request_id())
        address = await self._address(node_id)
        assert self._peers is not None, "there is an address"
        async with self._peers.file(address, wanted, self._gateway.clock) as stream:
            yield stream

    async def _ask_elsewhere(self, question: PeerAsk) -> dict[str, Any]:
        address = await self._address(question.node_id)
        assert self._peers is not None, "there is an address"
        return await self._peers.ask(address, question)

    async def _lines(self, node_id: str, wanted: PeerLines) -> AsyncGenerator[LogLine, None]:
        begun = False
        while True:
            try:
                async with self._anywhere(wanted) as lines:
                    begun = True
                    async for line in lines:
                        yield line
                        wanted = replace(wanted, tail=0, after=line.number, after_start=line.start)
                return
            except NodeOffline:
                if not begun or not await self._is_back(node_id):
                    raise

    @asynccontextmanager
    async def _anywhere(self, wanted: PeerLines) -> AsyncIterator[LineStream]:
        kind: Any = wanted.kind
        if self._gateway.sessions.online(wanted.node_id):
            async with self._gateway.relay.open_stream(
                wanted.node_id, wanted.instance_id, kind, tail=wanted.tail, after=wanted.place
            ) as stream:
                yield stream
            return
        address = await self._address(wanted.node_id)
        assert self._peers is not None, "there is an address"
        async with self._peers.lines(address, wanted) as stream:
            yield stream

    async def _is_back(self, node_id: str) -> bool:
        """Wait until the node is connected to some Brain; False if it takes too long."""
        clock = self._gateway.clock
        deadline = clock.monotonic() + RESUME_S
        delays = backoff(0.2, 1.0)
        while clock.monotonic() < deadline:
            await clock.sleep(next(delays))
            if self._gateway.sessions.online(node_id):
                return True
            if await self._found(node_id) is not None:
                return True
        return False

    async def _address(self, node_id: str) -> str:
        address = await self._found(node_id)
        if address is None:
            raise NodeOffline(node=node_id)
        return address

    async def _found(self, node_id: str) -> str | None:
        """Where the Brain is that has its session."""
        if self._peers is None:
            return None
        async with self._gateway.database.read() as session:
            brain_id = await holder_of(session, node_id)
        peer = self._gateway.fleet.peer(brain_id) if brain_id is not None else None
        return peer.session_address if peer is not None and peer.alive else None
