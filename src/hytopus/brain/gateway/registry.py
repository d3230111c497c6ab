"""The sessions that stand, by node, and what the Brain asks of a node over them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from hytopus.brain.gateway.errors import NodeOffline, NodeProblem, NodeTimeout
from hytopus.brain.nodes.answers import read_answer
from hytopus.kit.clock import Clock
from hytopus.kit.ids import new_id
from hytopus.kit.logs import get_logger
from hytopus.kit.requests import request_id
from hytopus.kit.waiting import within
from hytopus.wire.channel import BrainChannel, LinkClosed
from hytopus.wire.messages import Answer, Ask, BrainMessage, PurgeCache, SetDevMode

log = get_logger(__name__)

TAKE_OVER_S: Final = 10.0
"""How long a session may take to wind up before its successor begins all the same."""


class LiveSession:
    """A session that stands: how to reach the node, and who waits for its answers."""

    def __init__(self, node_id: str, channel: BrainChannel, serial: str = "") -> None:
        self.id = new_id()
        self.node_id = node_id
        self.channel = channel
        self.serial = serial
        """Of the certificate it stands on."""
        self.stands = False
        """The node has been welcomed; before that nothing may be asked of it."""
        self.replaced = False
        """The same agent came back on a new connection, here or at another Brain; nothing is to be written down when
        this one ends."""
        self.finished = asyncio.Event()
        self._answers: dict[str, asyncio.Future[Answer]] = {}

    async def ask(self, what: str, make: Callable[[str], BrainMessage]) -> dict[str, Any]:
        """Send what `make` builds from a number and wait for the answer to it.

        Raises NodeOffline, NodeProblem or NodeAnswerUnusable.
        """
        number = new_id()
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            await self.send(make(number))
            reply = await answer
        finally:
            del self._answers[number]
        if reply.problem is not None:
            raise NodeProblem(reply.problem)
        return read_answer(reply.body, node_id=self.node_id, what=what)

    def answered(self, answer: Answer) -> None:
        """Nobody may be waiting any more: then it is dropped."""
        future = self._answers.get(answer.request_id)
        if future is not None and not future.done():
            future.set_result(answer)

    async def send(self, message: BrainMessage) -> None:
        try:
            await self.channel.send(message)
        except LinkClosed as error:
            raise NodeOffline(node=self.node_id) from error

    def ended(self) -> None:
        """Whoever still waits learns that the node is gone."""
        for future in self._answers.values():
            if not future.done():
                future.set_exception(NodeOffline(node=self.node_id))
        self.finished.set()


class Sessions:
    """All sessions of this Brain; at most one for each node."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._live: dict[str, LiveSession] = {}
        self.closing = False
        """The Brain is going down: sessions end without the nodes being at fault."""

    def __len__(self) -> int:
        """How many nodes are connected."""
        return len(self._live)

    def online(self, node_id: str) -> bool:
        session = self._live.get(node_id)
        return session is not None and session.stands

    def get(self, node_id: str) -> LiveSession:
        """Raises NodeOffline."""
        session = self._live.get(node_id)
        if session is None or not session.stands:
            raise NodeOffline(node=node_id)
        return session

    async def ask(
        self,
        node_id: str,
        kind: str,
        *,
        instance_id: str = "",
        body: Mapping[str, Any] | None = None,
        timeout: float = 10.0,
    ) -> dict[str, Any]:
        """A question and its answer.

        Raises NodeOffline, NodeTimeout, NodeAnswerUnusable, or NodeProblem with what the node said.
        """
        arguments = json.dumps(dict(body or {}))
        origin = request_id()
        return await self._ask(
            node_id, kind, timeout, lambda number: Ask(number, kind, instance_id, arguments, origin=origin)
        )

    async def purge(
        self, node_id: str, *, template_id: str = "", version: str = "", timeout: float = 60.0
    ) -> dict[str, Any]:
        """Empty the node's template cache, or forget one template or one version of it."""
        origin = request_id()
        return await self._ask(
            node_id, "purge_cache", timeout, lambda number: PurgeCache(number, template_id, version, origin=origin)
        )

    async def set_dev_mode(self, node_id: str, enabled: bool) -> None:
        """Tell a node at once; `Node.dev_mode` is what lasts."""
        await self.get(node_id).send(SetDevMode(enabled, request_id()))

    async def disconnect(self, node_id: str) -> None:
        """End a node's session, if it has one; the node comes back if it may."""
        if (session := self._live.get(node_id)) is not None:
            await session.channel.close()

    async def close(self) -> None:
        """End every session at once, for a Brain that goes down."""
        self.closing = True
        for session in tuple(self._live.values()):
            await session.channel.close()

    async def drop(self) -> None:
        """End every session, because this Brain cannot serve its nodes and another one can."""
        for session in tuple(self._live.values()):
            session.replaced = True
            await session.channel.close()

    async def enter(self, session: LiveSession) -> None:
        """The same agent has dialled anew: end its former session, let it wind up, and take its place."""
        while (former := self._live.get(session.node_id)) is not None:
            former.replaced = True
            await former.channel.close()
            try:
                await within(self._clock, TAKE_OVER_S, former.finished.wait())
            except TimeoutError:
                self.remove(former)
        self._live[session.node_id] = session

    def remove(self, session: LiveSession) -> None:
        if self._live.get(session.node_id) is session:
            del self._live[session.node_id]
        session.ended()

    async def _ask(
        self, node_id: str, what: str, timeout: float, make: Callable[[str], BrainMessage]
    ) -> dict[str, Any]:
        try:
            answer = await within(self._clock, timeout, self.get(node_id).ask(what, make))
        except TimeoutError as error:
            raise NodeTimeout(node=node_id, what=what, seconds=timeout) from error
        log.info("node answered", node=node_id, what=what)
        return answer
