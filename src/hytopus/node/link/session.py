"""One session as the node sees it, over any channel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final

from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger
from hytopus.kit.waiting import apart, within
from hytopus.node.link.contract import Agent, Dialer
from hytopus.node.link.errors import LinkRefused, SessionPutOff
from hytopus.node.link.outbox import Outbox
from hytopus.node.link.requests import answer, carry_out, serve_stream
from hytopus.wire.channel import LinkClosed, NodeChannel
from hytopus.wire.codec import BadMessage, UnsendableMessage
from hytopus.wire.messages import (
    Ask,
    BrainMessage,
    Brains,
    CrashReply,
    InstanceCommand,
    LeaseRenewed,
    OpenStream,
    PurgeCache,
    Refused,
    RegisterNode,
    RenewCertificate,
    ReportsSeen,
    SetDevMode,
    Welcome,
)
from hytopus.wire.version import PROTOCOL

OPENING_S: Final = 30.0
"""Until the Brain has taken the inventory over; connecting included."""

log = get_logger(__name__)


def _nothing(_: Welcome) -> None:
    return


async def run_session(
    channel: NodeChannel,
    agent: Agent,
    outbox: Outbox,
    *,
    agent_id: str,
    dialer: Dialer,
    clock: Clock,
    on_welcome: Callable[[Welcome], None] = _nothing,
) -> None:
    """Runs as long as the session stands.

    Returns at an orderly end, raises LinkClosed when the link broke, LinkRefused when the Brain does not want this
    node for good, SessionPutOff when it does not want it now.
    """
    try:
        number = agent.registering()
        welcome = await _register(channel, _registration(agent, outbox, agent_id, dialer), clock)
        agent.renewed(number)
        on_welcome(welcome)
        await agent.welcome(welcome)
        await _Session(channel, agent, outbox, dialer).run(clock, welcome.heartbeat_seconds)
    finally:
        outbox.detach()
        await channel.close()


def _registration(agent: Agent, outbox: Outbox, agent_id: str, dialer: Dialer) -> RegisterNode:
    """In one step, so that a report is either in here or comes after it."""
    sequence, held_back = outbox.attach()
    standing = tuple(replace(report, restored=True, sequence=sequence) for report in agent.inventory())
    facts = replace(agent.facts(), trusts=dialer.trusts)
    return RegisterNode(PROTOCOL, agent_id, facts, agent.dev_mode, held_back + standing)


async def _register(channel: NodeChannel, message: RegisterNode, clock: Clock) -> Welcome:
    try:
        await within(clock, OPENING_S, _send_inventory(channel, message))
        reply = await within(clock, OPENING_S, channel.receive())
    except TimeoutError as error:
        raise LinkClosed(cause=f"the Brain did not answer within {OPENING_S:g} seconds") from error
    match reply:
        case Welcome():
            return reply
        case Refused():
            raise _refusal(reply)
        case None:
            raise LinkClosed(cause="the Brain hung up before the session stood")
        case _:
            raise LinkClosed(cause=f"the Brain began with {type(reply).__name__}")


async def _send_inventory(channel: NodeChannel, message: RegisterNode) -> None:
    try:
        await channel.send(message)
    except UnsendableMessage:
        log.warning("inventory too large; sending it without the last lines of logs")
        await channel.send(replace(message, inventory=tuple(replace(r, log_tail=()) for r in message.inventory)))


class _Session:
    """What runs while a session stands. Receiving never waits for the agent."""

    def __init__(self, channel: NodeChannel, agent: Agent, outbox: Outbox, dialer: Dialer) -> None:
        self._channel, self._agent, self._outbox, self._dialer = channel, agent, outbox, dialer
        self._commands: asyncio.Queue[InstanceCommand | SetDevMode | CrashReply] = asyncio.Queue()
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, clock: Clock, heartbeat_seconds: float) -> None:
        await apart(self._run(clock, heartbeat_seconds))

    async def _run(self, clock: Clock, heartbeat_seconds: float) -> None:
        trouble: list[BaseException] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                self._start(tasks, self._send())
                self._start(tasks, self._beat(clock, heartbeat_seconds))
                self._start(tasks, carry_out(self._commands, self._agent))
                while (message := await self._channel.receive()) is not None:
                    self._take(message, tasks)
                for task in tuple(self._running):
                    task.cancel()
        except* (LinkClosed, LinkRefused, BadMessage) as errors:
            trouble.extend(errors.exceptions)
        if trouble:
            raise next((error for error in trouble if isinstance(error, LinkRefused)), trouble[0])

    def _take(self, message: BrainMessage, tasks: asyncio.TaskGroup) -> None:
        match message:
            case Brains():
                self._start(tasks, self._dialer.learn(message.session_addresses))
            case ReportsSeen():
                self._outbox.seen(message.sequence)
            case LeaseRenewed():
                self._agent.renewed(message.number)
            case Ask() | PurgeCache():
                self._start(tasks, answer(message, self._agent, self._outbox))
            case OpenStream():
                self._start(tasks, serve_stream(message, self._agent, self._dialer))
            case RenewCertificate():
                self._dialer.renew_soon()
            case Refused():
                raise _refusal(message)
            case Welcome():
                log.warning("ignored a second welcome")
            case _:
                self._commands.put_nowait(message)

    def _start(self, tasks: asyncio.TaskGroup, work: Coroutine[Any, Any, None]) -> None:
        task = tasks.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _send(self) -> None:
        while True:
            message = await self._outbox.next()
            try:
                await self._channel.send(message)
            except UnsendableMessage as error:
                log.warning("a message could not be sent", kind=type(message).__name__, cause=str(error))

    async def _beat(self, clock: Clock, seconds: float) -> None:
        while True:
            await self._channel.send(self._agent.heartbeat())
            await clock.sleep(seconds)


def _refusal(message: Refused) -> LinkRefused:
    return SessionPutOff(message.problem) if message.retry else LinkRefused(message.problem)
