"""Calling the other Brains, and answering them, about nodes whose sessions are elsewhere or here."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc
import grpc.aio

from hytopus.brain.authority.ca import Authority
from hytopus.brain.gateway.errors import NodeOffline, NotABrainCalling, raised
from hytopus.brain.gateway.files import FileStream
from hytopus.brain.gateway.passing import pass_frames
from hytopus.brain.gateway.registry import Sessions
from hytopus.brain.gateway.relay import LineStream, Relay
from hytopus.brain.nodes.answers import read_answer
from hytopus.errors import HytopusError
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger
from hytopus.kit.requests import of_request
from hytopus.wire.channel import LinkClosed
from hytopus.wire.messages import Answer, PeerAsk, PeerFile, PeerLines, Problem, StreamFrame
from hytopus.wire.network import HASTY_OPTIONS, Caller
from hytopus.wire.peers import GivingFile, GivingLines, call_ask, open_file, open_lines
from hytopus.wire.problems import problem_of

_MARGIN_S: Final = 2.0
"""How much longer than the node itself the Brain in between may take."""

log = get_logger(__name__)


class Peers:
    """Connections to other Brains, one for each address, with this Brain's own certificate."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._channels: dict[str, tuple[tuple[bytes, bytes], grpc.aio.Channel]] = {}

    async def ask(self, address: str, question: PeerAsk) -> dict[str, Any]:
        """Raises what asking a node of one's own would."""
        channel = await self._channel(address)
        try:
            answer = await call_ask(channel, question, timeout=question.timeout_seconds + _MARGIN_S)
        except LinkClosed as error:
            raise NodeOffline(node=question.node_id) from error
        if answer.problem is not None:
            raise raised(answer.problem)
        return read_answer(answer.body, node_id=question.node_id, what=question.kind)

    @asynccontextmanager
    async def lines(self, address: str, wanted: PeerLines) -> AsyncIterator[LineStream]:
        """As `Relay.open_stream`, but over there."""
        channel = open_lines(await self._channel(address))
        try:
            await channel.send(wanted)
            yield LineStream("", wanted.node_id, channel)  # type: ignore[arg-type]  # nothing is typed over it
        except LinkClosed as error:
            raise NodeOffline(node=wanted.node_id) from error
        finally:
            await channel.close()

    @asynccontextmanager
    async def file(self, address: str, wanted: PeerFile, clock: Clock) -> AsyncIterator[FileStream]:
        """As `Relay.open_file`, but over there."""
        channel = open_file(await self._channel(address))
        try:
            await channel.send(wanted)
            yield FileStream(wanted.node_id, channel, clock)
        except LinkClosed as error:
            raise NodeOffline(node=wanted.node_id) from error
        finally:
            await channel.close()

    async def close(self) -> None:
        for _, channel in self._channels.values():
            await channel.close()
        self._channels.clear()

    async def _channel(self, address: str) -> grpc.aio.Channel:
        key, certificate = self._authority.server_certificate()
        trusted = self._authority.trusted_pem.encode()
        known = self._channels.get(address)
        if known is not None and known[0] == (certificate, trusted):
            return known[1]
        if known is not None:
            await known[1].close()
        credentials = grpc.ssl_channel_credentials(trusted, key, certificate)
        channel = grpc.aio.secure_channel(address, credentials, options=HASTY_OPTIONS)
        self._channels[address] = (certificate, trusted), channel
        return channel


class PeerEdge:
    """What this Brain does for the others. It asks nobody else in turn."""

    def __init__(self, sessions: Sessions, relay: Relay, authority: Authority) -> None:
        self._sessions, self._relay, self._authority = sessions, relay, authority

    async def ask(self, question: PeerAsk, caller: Caller) -> Answer:
        try:
            self._check(caller)
            body = json.loads(question.body)
            with of_request(question.origin):
                return Answer("", json.dumps(await self._ask(question, body)))
        except HytopusError as error:
            return Answer("", problem=problem_of(error))

    async def lines(self, channel: GivingLines, caller: Caller) -> None:
        """Until nothing more is to come or the other Brain hangs up."""
        try:
            wanted = await channel.receive()
            if wanted is not None:
                with of_request(wanted.origin):
                    await self._give(channel, wanted, caller)
        except LinkClosed as error:
            log.debug("viewer at another Brain lost", cause=str(error))

    async def file(self, channel: GivingFile, caller: Caller) -> None:
        """Until the other Brain hangs up, or the node is gone."""
        try:
            wanted = await channel.receive()
            if isinstance(wanted, PeerFile):
                with of_request(wanted.origin):
                    await self._pass_on(channel, wanted, caller)
        except LinkClosed as error:
            log.debug("file of another Brain broken off", cause=str(error))

    async def _pass_on(self, channel: GivingFile, wanted: PeerFile, caller: Caller) -> None:
        try:
            self._check(caller)
            opening = self._relay.open_frames(wanted.node_id, wanted.instance_id, wanted.kind, wanted.body)
            async with opening as node:
                await pass_frames(channel, node)
        except HytopusError as error:
            if isinstance(error, LinkClosed):
                raise
            await channel.send(StreamFrame("", ended=True, problem=problem_of(error)))

    async def _give(self, channel: GivingLines, wanted: PeerLines, caller: Caller) -> None:
        problem: Problem | None = None
        try:
            self._check(caller)
            kind: Any = wanted.kind
            stream = self._relay.open_stream(
                wanted.node_id, wanted.instance_id, kind, tail=wanted.tail, after=wanted.place
            )
            async with stream as lines:
                async for batch in lines.batches():
                    await channel.send(StreamFrame("", batch))
        except HytopusError as error:
            if isinstance(error, LinkClosed):
                raise
            problem = problem_of(error)
        await channel.send(StreamFrame("", ended=True, problem=problem))

    async def _ask(self, question: PeerAsk, body: Mapping[str, Any]) -> dict[str, Any]:
        seconds = question.timeout_seconds
        if question.kind == "purge_cache":
            return await self._sessions.purge(question.node_id, timeout=seconds, **body)
        return await self._sessions.ask(
            question.node_id, question.kind, instance_id=question.instance_id, body=body, timeout=seconds
        )

    def _check(self, caller: Caller) -> None:
        if not self._authority.is_brain(caller.certificate_pem):
            log.warning("only a Brain may ask this", address=caller.address)
            raise NotABrainCalling
