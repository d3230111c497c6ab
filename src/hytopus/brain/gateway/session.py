"""One session of one node, from its first message to its end, over any channel."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from hytopus.brain.authority.ca import NodeIdentity
from hytopus.brain.authority.commands import check_authority, check_certificate, use_certificate
from hytopus.brain.authority.errors import CertificateRevoked
from hytopus.brain.brains.errors import CutOff
from hytopus.brain.brains.fleet import CHANGED
from hytopus.brain.db.time import database_now
from hytopus.brain.gateway.bounds import bounded
from hytopus.brain.gateway.crashes import CrashDesk
from hytopus.brain.gateway.errors import SessionNotOpened
from hytopus.brain.gateway.gateway import Gateway, Peer
from hytopus.brain.gateway.push import Pusher
from hytopus.brain.gateway.recall import is_to_recall, recall, welcome_back
from hytopus.brain.gateway.registry import LiveSession
from hytopus.brain.gateway.renewing import follow_authorities
from hytopus.brain.gateway.reports import ReportWriter, write_reports
from hytopus.brain.gateway.residents import Residents
from hytopus.brain.instances.reports.inventory import register_node
from hytopus.brain.nodes import commands as nodes
from hytopus.brain.nodes import queries as node_queries
from hytopus.brain.nodes import sessions as node_sessions
from hytopus.brain.nodes.errors import NodeIdentityInUse, NodeNotFound
from hytopus.brain.nodes.findings import note_double, note_findings
from hytopus.brain.nodes.live import PROGRESS, Progress
from hytopus.errors import HytopusError
from hytopus.kit.logs import get_logger
from hytopus.kit.waiting import apart, within
from hytopus.wire.channel import BrainChannel, LinkClosed
from hytopus.wire.codec import BadMessage
from hytopus.wire.messages import (
    Answer,
    BrainMessage,
    Brains,
    CrashReport,
    Findings,
    Heartbeat,
    InstanceReport,
    LeaseRenewed,
    NodeMessage,
    NodeStatus,
    Refused,
    RegisterNode,
    RenewUrls,
    ReportsSeen,
    Welcome,
)
from hytopus.wire.problems import problem_of
from hytopus.wire.version import ProtocolTooOld, check_protocol

OPENING_S: Final = 15.0
"""A connection that has not registered by then is not a node."""
SILENCE_S: Final = 15.0
"""A session without a sign of life for so long is dead; more where heartbeats are further apart."""

FINDINGS_EVERY_S: Final = 10.0

FINAL: Final = (CertificateRevoked, NodeIdentityInUse, NodeNotFound, ProtocolTooOld)
"""Refusals that somebody has to do something about; after any other the node comes back by itself."""

log = get_logger(__name__)


async def serve(channel: BrainChannel, peer: Peer, gateway: Gateway) -> None:
    """Runs as long as the session stands. Never raises for what a node does."""
    try:
        await _serve(channel, peer, gateway)
    except (LinkClosed, BadMessage) as error:
        log.info("session ended before it stood", node=peer.node_id, cause=str(error))
    except HytopusError as error:
        if isinstance(error, NodeIdentityInUse):
            async with gateway.database.write() as writing:
                await note_double(writing, peer.node_id, peer.address, at=gateway.clock.now())
        log.warning("session refused", node=peer.node_id, address=peer.address, code=error.code, cause=str(error))
        await _tell(channel, Refused(problem_of(error), retry=not isinstance(error, FINAL)))
    finally:
        await channel.close()


async def _serve(channel: BrainChannel, peer: Peer, gateway: Gateway) -> None:
    message = await _opening(channel, gateway)
    if message is None:
        return
    await _check(peer, gateway, message)
    live = LiveSession(peer.node_id, channel, peer.serial)
    await gateway.sessions.enter(live)
    try:
        interval = await _register(live, peer, gateway, message)
        await _Session(live, gateway, interval, message, peer.identity).run()
    finally:
        await _wind_up(live, gateway)


async def _opening(channel: BrainChannel, gateway: Gateway) -> RegisterNode | None:
    try:
        message = await within(gateway.clock, OPENING_S, channel.receive())
    except TimeoutError as error:
        raise SessionNotOpened from error
    if message is not None and not isinstance(message, RegisterNode):
        raise SessionNotOpened
    return None if message is None else bounded(message)


async def _check(peer: Peer, gateway: Gateway, message: RegisterNode) -> None:
    """Before a former session is ended: a copied identity must not be able to do that."""
    check_protocol(message.protocol)
    if peer.identity is not None:
        check_authority(peer.identity)
    if (seconds := gateway.fleet.cut_off_s) is not None:
        raise CutOff(seconds=seconds)
    async with gateway.database.read() as reading:
        if peer.serial:
            issued_at = peer.identity.issued_at if peer.identity else None
            await check_certificate(reading, peer.node_id, peer.serial, issued_at=issued_at)
        node = await node_queries.get(reading, peer.node_id)
        if node is not None and node.agent_id not in ("", message.agent_id):
            raise NodeIdentityInUse(node=node.name)


async def _register(live: LiveSession, peer: Peer, gateway: Gateway, message: RegisterNode) -> float:
    """Write the inventory down and welcome the node. Returns the seconds between heartbeats."""
    welcome, seen = await _write_down(live, peer, gateway, message)
    await live.channel.send(welcome)
    if seen is not None:
        await live.channel.send(seen)
    live.stands = True
    log.info("session stands", node=welcome.node_name, address=peer.address, instances=len(message.inventory))
    return welcome.heartbeat_seconds


async def _write_down(
    live: LiveSession, peer: Peer, gateway: Gateway, message: RegisterNode
) -> tuple[Welcome, ReportsSeen | None]:
    held_back = [report for report in message.inventory if not report.restored]
    known_better = await is_to_recall(gateway, peer)
    if held_back and not known_better:
        await write_reports(gateway, peer.node_id, held_back)
    async with gateway.database.write() as writing:
        at = gateway.clock.now()
        if known_better:
            node = await welcome_back(writing, peer, message, at=at)
        else:
            node = await register_node(writing, peer.node_id, message, at=at)
        await use_certificate(writing, peer.node_id, peer.serial, at=at, identity=peer.identity)
        name, dev_mode = node.name, node.dev_mode
        interval = gateway.presence.interval(peer.node_id)
        await node_sessions.claim(
            writing,
            peer.node_id,
            brain_id=gateway.fleet.id,
            session_id=live.id,
            interval_s=interval,
            now=await database_now(writing, gateway.clock),
        )
    gateway.presence.connected(peer.node_id, interval)
    seen = ReportsSeen(max(report.sequence for report in held_back)) if held_back else None
    return Welcome(peer.node_id, name, gateway.brain_id, interval, dev_mode), seen


class _Session:
    """What runs while a session stands."""

    def __init__(
        self,
        live: LiveSession,
        gateway: Gateway,
        interval: float,
        opening: RegisterNode,
        identity: NodeIdentity | None = None,
    ) -> None:
        self._live, self._gateway, self._opening, self._identity = live, gateway, opening, identity
        self._silence = max(SILENCE_S, 3 * interval)
        self._reports = ReportWriter(live, gateway)
        self._pusher = Pusher(live, gateway)
        self._crashes = CrashDesk(live, gateway)
        self._residents = Residents(live.node_id, gateway.placed_on, gateway.clock)
        self._warned: set[str] = set()
        self._heard = gateway.clock.monotonic()
        self._told = float("-inf")

    async def run(self) -> None:
        await apart(self._run())

    async def _run(self) -> None:
        jobs = (
            self._reports.run(),
            self._steer(),
            self._crashes.run(),
            self._residents.run(),
            self._watch(),
            self._tell_of_brains(),
            follow_authorities(self._live, self._gateway, self._opening, self._identity),
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(job) for job in jobs]
                await self._receive()
                await self._reports.flush()
                for task in running:
                    task.cancel()
        except* (LinkClosed, BadMessage) as errors:
            log.info("session broke", node=self._live.node_id, cause=str(errors.exceptions[0]))
        except* HytopusError as errors:
            log.warning("session ended", node=self._live.node_id, cause=str(errors.exceptions[0]))

    async def _steer(self) -> None:
        """Nothing is asked of a node before it was heard what happened since the backup."""
        await recall(self._live, self._gateway, self._opening)
        await self._pusher.run()

    async def _receive(self) -> None:
        while (message := await self._live.channel.receive()) is not None:
            self._heard = self._gateway.clock.monotonic()
            sized = bounded(message)
            if sized is not message:
                self._warn("a node says more than is taken", message=type(message).__name__)
            await self._take(sized)

    async def _take(self, message: NodeMessage) -> None:
        match message:
            case Heartbeat():
                await self._note_heartbeat(message)
                if message.number:
                    await self._renew_lease(message.number)
            case InstanceReport():
                if message.status is NodeStatus.PREPARING and self._pusher.told(message.instance_id):
                    self._gateway.database.signals.publish(PROGRESS, Progress.of(message))
                await self._reports.put(message)
            case Answer():
                self._live.answered(message)
            case RenewUrls():
                self._pusher.repeat(message.instance_id)
            case CrashReport():
                self._crashes.put(message)
            case Findings():
                await self._note_findings(message)
            case RegisterNode():
                log.warning("ignored a second register_node", node=self._live.node_id)

    async def _note_heartbeat(self, message: Heartbeat) -> None:
        own = await self._residents.of(message.usage)
        self._gateway.presence.heartbeat(self._live.node_id, replace(message, usage=own))
        if strange := len(message.usage) - len(own):
            self._gateway.presence.ignore(self._live.node_id, strange)
            self._warn("a node speaks of instances that are not on it; that is ignored", instances=strange)

    def _warn(self, what: str, **about: object) -> None:
        """Once in a session: it may go on like that."""
        if what not in self._warned:
            self._warned.add(what)
            log.warning(what, node=self._live.node_id, **about)

    async def _note_findings(self, message: Findings) -> None:
        """A node that tells of them all the time is not listened to all the time."""
        now = self._gateway.clock.monotonic()
        if now - self._told < FINDINGS_EVERY_S:
            return
        self._told = now
        async with self._gateway.database.write() as writing:
            await note_findings(writing, self._live.node_id, message, at=self._gateway.clock.now())

    async def _tell_of_brains(self) -> None:
        """Where else the node may turn to, whenever that changes."""
        fleet = self._gateway.fleet
        told: tuple[str, ...] = ()
        with self._gateway.database.signals.subscribe(CHANGED) as changed:
            while True:
                addresses = fleet.addresses()
                if addresses != told:
                    await self._live.channel.send(Brains(fleet.spread(addresses)))
                    told = addresses
                await changed.get()

    async def _renew_lease(self, number: int) -> None:
        """Look *after* the heartbeat came: what the node then has left ends before a later declaration counts down."""
        async with self._gateway.database.read() as reading:
            lost = await node_queries.is_lost(reading, self._live.node_id)
        if lost:
            log.warning("a node that was declared lost is heard; it has to register anew", node=self._live.node_id)
            await self._live.channel.close()
            return
        await self._live.channel.send(LeaseRenewed(number))

    async def _watch(self) -> None:
        """A node may be silent without its connection being broken: hung, or behind a dead network."""
        clock = self._gateway.clock
        while (left := self._heard + self._silence - clock.monotonic()) > 0:
            due = clock.monotonic() + left
            await clock.sleep(left)
            self._heard += clock.monotonic() - due  # for so long this Brain itself has heard nobody
        log.warning("session is silent; closing it", node=self._live.node_id, seconds=self._silence)
        await self._live.channel.close()


async def _wind_up(session: LiveSession, gateway: Gateway) -> None:
    """Whatever happens here, the next session must be able to begin."""
    try:
        gateway.presence.disconnected(session.node_id)
        if session.replaced or gateway.sessions.closing:
            return
        async with gateway.database.write() as writing:
            await nodes.disconnected(writing, session.node_id, session_id=session.id, at=gateway.clock.now())
        log.info("session over", node=session.node_id)
    finally:
        gateway.sessions.remove(session)


async def _tell(channel: BrainChannel, message: BrainMessage) -> None:
    """A last word, which the other end may no longer hear."""
    try:
        await channel.send(message)
    except LinkClosed:
        log.debug("the refused node has already gone")
