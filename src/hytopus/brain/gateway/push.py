"""Telling a node what it must do: the difference between what it should have been told and what it has been told."""

from __future__ import annotations

import asyncio
from typing import Final

from hytopus.brain.authority.commands import check_certificate
from hytopus.brain.authority.errors import CertificateRevoked
from hytopus.brain.db.signals import Subscription
from hytopus.brain.gateway.gateway import Gateway
from hytopus.brain.gateway.registry import LiveSession
from hytopus.brain.gateway.rounds import Look, look
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.states import NodeState
from hytopus.errors import HytopusError
from hytopus.kit.logs import get_logger
from hytopus.kit.requests import of_request
from hytopus.kit.waiting import in_company, within
from hytopus.wire.messages import InstanceCommand, PrepareInstance, Refused, SetDevMode, StopInstance
from hytopus.wire.problems import problem_of

LOOK_AGAIN_S: Final = 60.0
"""A signal may be lost, e.g. between two Brains; then a command is late by little more than this at most."""
_RETRY_S: Final = 2.0

_Key = tuple[str, str, int, bool]
"""Kind, instance, generation and whether to kill: commands that agree in these are one."""

log = get_logger(__name__)


class Pusher:
    """Sends each command once in a session, as long as it is wanted; all of them anew in the next session."""

    def __init__(self, session: LiveSession, gateway: Gateway) -> None:
        self._session, self._gateway = session, gateway
        self._sent: set[_Key] = set()
        self._dev_mode: bool | None = None
        self._look = asyncio.Event()

    def told(self, instance_id: str) -> bool:
        """Whether something of this instance is asked of the node now."""
        return any(key[1] == instance_id for key in self._sent)

    def repeat(self, instance_id: str) -> None:
        """Send what concerns this instance again, with fresh URLs."""
        self._sent = {key for key in self._sent if key[1] != instance_id}
        self._look.set()

    async def run(self) -> None:
        """Until cancelled, or the node is no longer one."""
        with self._gateway.database.signals.subscribe("node", key=self._session.node_id) as subscription:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(subscription))
                while True:
                    self._look.clear()
                    sent = await self._push()
                    await self._wait(in_company(self._gateway.clock, LOOK_AGAIN_S) if sent else _RETRY_S)

    async def _listen(self, subscription: Subscription) -> None:
        while True:
            await subscription.get()
            self._look.set()

    async def _wait(self, seconds: float) -> None:
        try:
            await within(self._gateway.clock, seconds, self._look.wait())
        except TimeoutError:
            return

    async def _push(self) -> bool:
        """Look, and send what is missing. False if something could not be sent now and must be tried again."""
        node, session_id, commands = await self._see()
        if await self._ends(node, session_id):
            await self._session.channel.close()
            return True
        assert node is not None, "else it was removed"
        if node.dev_mode is not self._dev_mode:
            await self._session.channel.send(SetDevMode(node.dev_mode, node.origin))
            self._dev_mode = node.dev_mode
        self._sent &= {_key(command) for command in commands}
        missing = [command for command in commands if _key(command) not in self._sent]
        return all([await self._send(command) for command in missing])

    async def _see(self) -> Look:
        mine = self._session.node_id
        return await self._gateway.look(mine) or (await look(self._gateway.database, [mine]))[0]

    async def _ends(self, node: Node | None, session_id: str | None) -> bool:
        """Whether this session may not go on; says why."""
        refusal = await self._refusal(node)
        if refusal is not None:
            log.warning("session cut", node=self._session.node_id, cause=str(refusal))
            await self._session.channel.send(Refused(problem_of(refusal)))
            return True
        if session_id != self._session.id:
            log.info("node has found another Brain", node=self._session.node_id)
            self._session.replaced = True
            return True
        if node is not None and node.state is NodeState.OFFLINE:
            # Its silence was judged, and here it is: what it holds has to be told anew.
            log.warning("a node that counts as offline is heard; it has to register anew", node=self._session.node_id)
            return True
        return False

    async def _refusal(self, node: Node | None) -> CertificateRevoked | None:
        """Why this session may not go on: its node was removed or revoked, perhaps at another Brain."""
        if node is None:
            return CertificateRevoked(cause="the node was removed")
        try:
            if self._session.serial and node.revoked_at is not None:
                async with self._gateway.database.read() as reading:
                    await check_certificate(reading, node.id, self._session.serial)
        except CertificateRevoked as error:
            return error
        return None

    async def _send(self, command: InstanceCommand) -> bool:
        with of_request(command.origin):
            return await self._send_signed(command)

    async def _send_signed(self, command: InstanceCommand) -> bool:
        try:
            signed = await self._signed(command)
        except HytopusError as error:
            log.warning("command held back", instance=command.instance_id, code=error.code, cause=str(error))
            return False
        await self._session.channel.send(signed)
        self._sent.add(_key(command))
        log.info(
            "command sent",
            command=type(command).__name__,
            instance=command.instance_id,
            generation=command.generation,
            node=self._session.node_id,
        )
        return True

    async def _signed(self, command: InstanceCommand) -> InstanceCommand:
        """`commands_for` names objects by their keys; the node gets a URL for exactly each of them."""
        return await self._gateway.signer.sign(command) if isinstance(command, PrepareInstance) else command


def _key(command: InstanceCommand) -> _Key:
    kill = isinstance(command, StopInstance) and command.kill
    return type(command).__name__, command.instance_id, command.generation, kill
