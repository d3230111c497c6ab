"""From a prepared directory to a server that players can join, and on until it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from hytopus.kit.logs import get_logger
from hytopus.kit.waiting import finish, race
from hytopus.node.journal import History
from hytopus.node.runner.again import await_turn, comes_again
from hytopus.node.runner.errors import InstanceNotPrepared, LeaseExpired, ReadyTimeout
from hytopus.node.runner.exits import Outcome, unrequested
from hytopus.node.runner.hang import put_down, until_hung
from hytopus.node.runner.host import Host
from hytopus.node.runner.instance import FRESH, Instance
from hytopus.node.runner.prepare import ensure_image, require_free_ports
from hytopus.node.runner.rest import left_alone
from hytopus.node.runner.spec import spec_of
from hytopus.node.runner.states import AT_REST
from hytopus.node.runner.stop import end, is_running, quiet
from hytopus.node.runtime.base import ContainerSpec, ContainerState, ImageMissing
from hytopus.wire.messages import NodeStatus, StartInstance

log = get_logger(__name__)

KILLED: Final = 137

REMOVAL_SECONDS: Final = 0.5

LEASE_PATIENCE: Final = 60.0
"""Seconds; some heartbeats, however large the fleet."""
_LOOK_AGAIN: Final = 0.25
PLAYERS_SECONDS: Final = 1.0
"""Between two reports of who is on."""


async def start(instance: Instance, command: StartInstance) -> None:
    """Start the container and stay with the server, over starts by itself, until it has ended for good."""
    if not instance.record.prepared:
        instance.record = replace(instance.record, generation=command.generation)
        raise InstanceNotPrepared(instance=instance.name)
    if command.lease_s:
        await _await_lease(instance.host, command.lease_s)
    was = instance.record.status
    await instance.advance(
        NodeStatus.STARTING,
        step="container",
        generation=command.generation,
        started=command.generation,
        attempt=1,
        restart=command.restart,
        autostart=command.autostart,
        lease_s=command.lease_s,
        history=History(),
        **FRESH,
    )
    if was not in AT_REST or was is NodeStatus.FAILED:
        await quiet(instance)
    await keep_up(instance, await _launch(instance, patience=instance.host.engine_patience))


async def start_over(instance: Instance) -> None:
    """Go on with a start by itself: wait for its moment if that has not come, then as above."""
    if instance.record.retry_at is not None:
        await await_turn(instance)
    await keep_up(instance, await _launch_again(instance))


async def keep_up(instance: Instance, state: ContainerState, *, resume: bool = False) -> None:
    """Stay with a container that was started, and start it again as often as its policy says.

    `resume`: an earlier agent started it.
    """
    while await comes_again(instance, await _live(instance, state, resume=resume)):
        state, resume = await _launch_again(instance), False


async def _launch_again(instance: Instance) -> ContainerState:
    """For an engine that is away it waits as long as it takes: nobody is there who would ask once more."""
    await instance.advance(NodeStatus.STARTING, durable=True, step="container", **FRESH)
    await quiet(instance)
    return await _launch(instance, patience=None)


async def _await_lease(host: Host, lease_s: float) -> None:
    """A node with nothing lent asks no Brain to count on it; the first that is lent has to wait for the answer."""
    host.lease.wanted = True
    give_up = host.clock.monotonic() + LEASE_PATIENCE
    while host.lease.left(lease_s) <= 0 and host.clock.monotonic() < give_up:
        await host.clock.sleep(_LOOK_AGAIN)


def _check_lease(instance: Instance) -> None:
    """A command may have been under way for long, and a start by itself may come when no Brain was heard for long."""
    lease_s = instance.record.lease_s
    if lease_s and instance.host.lease.left(lease_s) <= 0:
        raise LeaseExpired(instance=instance.name, seconds=lease_s)


async def _launch(instance: Instance, *, patience: float | None) -> ContainerState:
    host = instance.host
    began = host.clock.monotonic()
    await left_alone(instance)
    _check_lease(instance)
    await require_free_ports(instance, instance.record.assignment.ports)
    built = instance.built = instance.built or await host.directories.reopen(instance.id)
    instance.poked.clear()
    state = await _start_container(instance, spec_of(instance.record, instance.game, built), patience)
    _note(instance, "container", host.clock.monotonic() - began, started_at=state.started_at or host.clock.now())
    return state


async def _live(instance: Instance, state: ContainerState, *, resume: bool) -> Outcome:
    """Through readiness to the end, and what that means."""
    instance.follow(resume=resume)
    instance.lost_sight = False
    if not is_running(state):
        ready = instance.record.status is NodeStatus.RUNNING
        return unrequested(instance.name, instance.game, state, ready=ready)
    if instance.record.status is NodeStatus.STARTING and (failure := await _become_ready(instance)):
        return failure
    index, ended = await race(instance.ended(), _tell_players(instance), until_hung(instance))
    if index == 2:
        return await put_down(instance, ended)
    ended = await _look_again(instance, ended)
    return unrequested(instance.name, instance.game, ended, ready=True)


async def _look_again(instance: Instance, ended: ContainerState | None) -> ContainerState | None:
    """A container that somebody removes by force is killed first: what looks like a crash may be the half of it."""
    if ended is None or ended.exit_code != KILLED or ended.oom_killed:
        return ended
    await instance.host.clock.sleep(REMOVAL_SECONDS)
    return await instance.insist(lambda: instance.host.runtime.inspect(instance.id))


async def _start_container(instance: Instance, spec: ContainerSpec, patience: float | None) -> ContainerState:
    host = instance.host
    async with host.starting:
        try:
            return await _insist_start(instance, spec, patience)
        except ImageMissing:
            host.images.forget(spec.image)
            await ensure_image(instance)
            return await _insist_start(instance, spec, patience)


async def _insist_start(instance: Instance, spec: ContainerSpec, patience: float | None) -> ContainerState:
    """A start that was begun is awaited even when cancelled: otherwise a container could appear after the stop."""
    runtime = instance.host.runtime
    return await instance.insist(lambda: finish(runtime.start(spec)), patience=patience)


async def _become_ready(instance: Instance) -> Outcome | None:
    """None once it is; else why it is not going to be."""
    clock, timeout = instance.host.clock, instance.game.ready.timeout
    started_at = instance.record.started_at or clock.now()
    left = timeout - (clock.now() - started_at).total_seconds()
    index, ended = await race(_until_ready(instance), instance.ended(), clock.sleep(max(left, 0)))
    if index == 0:
        _note(instance, "ready", (clock.now() - started_at).total_seconds())
        await instance.advance(NodeStatus.RUNNING)
        return None
    if index == 1:
        ended = await _look_again(instance, ended)
        return unrequested(instance.name, instance.game, ended, ready=False)
    return await _give_up(instance, timeout)


async def _until_ready(instance: Instance) -> None:
    """The log line first, then the probe: a game may bind its port long before players can join."""
    assert instance.follower, "the output is followed from the start on"
    await instance.follower.ready.wait()
    probe = instance.game.ready.probe
    if probe is None:
        return
    port = next(port.host for port in instance.record.assignment.ports if port.name == probe.port)
    while not await instance.host.probe(probe, port):
        await instance.host.clock.sleep(probe.interval)


async def _give_up(instance: Instance, timeout: float) -> Outcome:
    assert instance.follower, "as above"
    ready = instance.game.ready
    if not instance.follower.ready.is_set():
        why = {"why": f"no line matched {ready.log!r}", "why_code": "log", "pattern": ready.log}
    else:
        port = ready.probe.port if ready.probe else ""
        why = {"why": f"port {port} did not answer", "why_code": "port", "port": port}
    state, _ = await end(instance, kill=True)
    error = ReadyTimeout(instance=instance.name, seconds=timeout, **why)
    return Outcome(NodeStatus.FAILED, state.exit_code if state else None, error=error)


async def _tell_players(instance: Instance) -> None:
    assert instance.follower, "as above"
    while True:
        await instance.follower.players_changed.wait()
        instance.follower.players_changed.clear()
        instance.report()
        await instance.host.clock.sleep(PLAYERS_SECONDS)


def _note(instance: Instance, step: str, seconds: float, **changes: Any) -> None:
    """Written down with the next change of status."""
    instance.host.observe(step, seconds)
    timings = {**instance.record.timings_ms, step: round(seconds * 1000, 3)}
    instance.record = replace(instance.record, timings_ms=timings, **changes)
