"""Ends a server the way its game wants it: console line, grace, signal, grace, kill."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from hytopus.kit.logs import get_logger
from hytopus.kit.waiting import within
from hytopus.node.runner.conclude import conclude, gather
from hytopus.node.runner.errors import LeaseExpired
from hytopus.node.runner.exits import requested
from hytopus.node.runner.instance import Instance
from hytopus.node.runtime.base import ContainerFault, ContainerState, ContainerStatus
from hytopus.wire.messages import NodeStatus

log = get_logger(__name__)

KILL_SECONDS: Final = 30.0
"""How long the engine may take to end a process it has killed."""

LIVE: Final = frozenset({NodeStatus.STARTING, NodeStatus.RUNNING, NodeStatus.STOPPING})


async def stop(instance: Instance, generation: int, *, kill: bool, fenced: bool = False) -> None:
    """Stop the server and report how it ended; where nothing runs, it is `stopped` at once.

    `fenced`: nobody asked; it is stopped because its lease has run out.
    """
    if instance.record.retry_at is not None:  # it ended, and waits: there is nothing to be stopped
        await instance.advance(NodeStatus.STOPPED, generation=generation, retry_at=None, problem=None)
    was_live = instance.record.status in LIVE
    if was_live:
        await instance.advance(NodeStatus.STOPPING, generation=generation, killing=kill, fenced=fenced, problem=None)
    state = await instance.insist(lambda: instance.host.runtime.inspect(instance.id))
    if not was_live and not is_running(state):
        await instance.advance(NodeStatus.STOPPED, durable=True, generation=generation, killing=False)
        return
    if not was_live:
        await instance.advance(NodeStatus.STOPPING, generation=generation, killing=kill, fenced=fenced, problem=None)
    waited = None
    if is_running(state):
        state, waited = await end(instance, kill=kill)
    begun = (instance.record.started, instance.record.attempt)
    ours = state if state and state.start == begun and state.exit_code is not None else None
    outcome = requested(instance.name, instance.game, ours, waited=waited)
    if instance.record.fenced:
        error = LeaseExpired(instance=instance.name, seconds=instance.record.lease_s)
        outcome = replace(outcome, status=NodeStatus.STOPPED, error=error)
    await gather(instance, outcome)
    await conclude(instance, outcome)


async def quiet(instance: Instance) -> None:
    """See to it that no container of an earlier start runs."""
    state = await instance.insist(lambda: instance.host.runtime.inspect(instance.id))
    if is_running(state):
        log.info("stopping the server of an earlier start", instance=instance.id)
        await end(instance, kill=False)


async def end(instance: Instance, *, kill: bool) -> tuple[ContainerState | None, float | None]:
    """How the container ended, and how long it ignored being asked (None: it obeyed, or was to be killed)."""
    clock = instance.host.clock
    began = clock.monotonic()
    if not kill:
        async with aclosing(_ask(instance)) as asked:
            async for grace in asked:
                try:
                    return await within(clock, grace, instance.ended(look=True)), None
                except TimeoutError:
                    log.info("server does not end", instance=instance.id, waited=grace)
    waited = None if kill else clock.monotonic() - began
    await instance.insist(lambda: instance.host.runtime.kill(instance.id))
    try:
        return await within(clock, KILL_SECONDS, instance.ended(look=True)), waited
    except TimeoutError:
        why = f"it still runs {KILL_SECONDS:g} s after the kill"
        raise ContainerFault(verb="kill", instance=instance.name, why=why) from None


def is_running(state: ContainerState | None) -> bool:
    return state is not None and state.status is ContainerStatus.RUNNING


async def _ask(instance: Instance) -> AsyncGenerator[float, None]:
    """Ask ever more firmly; after each, the seconds to wait for the end."""
    runtime, how = instance.host.runtime, instance.game.stop
    line = how.line
    if line is not None and await _typed(instance, line):
        yield how.grace
    await instance.insist(lambda: runtime.signal(instance.id, how.signal))
    yield how.signal_grace if line is not None else how.grace


async def _typed(instance: Instance, line: str) -> bool:
    try:
        await instance.insist(lambda: instance.host.runtime.send_line(instance.id, line))
    except ContainerFault as error:
        log.info("the console takes no line", instance=instance.id, why=error.message)
        return False
    return True
