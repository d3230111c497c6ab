"""What nodes report, and what it means for an instance.

Reports may come twice, late, or from a node that has long lost the instance: a `sequence` orders those of one node, a
`generation` ties each to one start, and anything older than what is known is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.instances import moving
from hytopus.brain.instances.models import Instance, Leftover
from hytopus.brain.instances.problems import Crashed, ExitedBeforeReady, InstanceVanished
from hytopus.brain.instances.queries import locked_all
from hytopus.brain.instances.reconciling.port_change import change_port
from hytopus.brain.instances.reconciling.settle import settle
from hytopus.brain.instances.reconciling.steps import begin, complain, destroyed, fail, start, start_again
from hytopus.brain.instances.reports.attempts import keep_exit, missed_attempts, take_attempt
from hytopus.brain.instances.reports.strangers import tell_of
from hytopus.brain.instances.residence import leave_behind
from hytopus.brain.instances.states import State, Wanted, advance
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.queries import get as get_node
from hytopus.brain.nodes.queries import nodes_with_room
from hytopus.brain.nodes.states import NodeState
from hytopus.kit.requests import of_request
from hytopus.wire.messages import InstanceReport, NodeStatus
from hytopus.wire.problems import as_dict

_PROGRESS_EVERY: Final = timedelta(seconds=5)
_BUILT: Final = frozenset({NodeStatus.PREPARED, NodeStatus.STARTING, NodeStatus.RUNNING})
"""Its directory is whole on the node that says so."""
_TIMINGS: Final = 32
"""A node that was broken into may name ever new steps."""
NOT_PREPARED: Final = "not_prepared"
LEASE_EXPIRED: Final = "lease_expired"


async def observe(session: AsyncSession, node_id: str, reports: Sequence[InstanceReport], *, at: datetime) -> None:
    """Take a node's reports in, in order; duplicates, stale generations and unknown instances do no harm."""
    instances = await locked_all(session, {report.instance_id for report in reports})
    node = await get_node(session, node_id)
    await _observe_all(session, instances, node_id, node, reports, at=at)


async def observe_together(
    session: AsyncSession, batch: Sequence[tuple[str, Sequence[InstanceReport]]], *, at: datetime
) -> list[bool]:
    """Take the reports of several nodes in, but for nodes of which an instance is unknown or held by somebody else."""
    wanted = {report.instance_id for _, reports in batch for report in reports}
    instances = await locked_all(session, wanted, waiting=False)
    nodes = {node.id: node for node in await nodes_with_room(session, {node_id for node_id, _ in batch})}
    taken: list[bool] = []
    for node_id, reports in batch:
        free = all(report.instance_id in instances for report in reports)
        if free:
            await _observe_all(session, instances, node_id, nodes.get(node_id), reports, at=at)
        taken.append(free)
    return taken


async def _observe_all(
    session: AsyncSession,
    instances: Mapping[str, Instance],
    node_id: str,
    node: Node | None,
    reports: Sequence[InstanceReport],
    *,
    at: datetime,
) -> None:
    for report in reports:
        instance = instances.get(report.instance_id)
        if instance is not None:
            with of_request(report.origin):
                await _observe(session, instance, node_id, node, report, at=at)


async def _observe(
    session: AsyncSession, instance: Instance, node_id: str, node: Node | None, report: InstanceReport, *, at: datetime
) -> None:
    if instance.node_id != node_id or instance.state is State.DESTROYED:
        await stray(session, instance, node_id, report, at=at)
        return
    if 0 < report.sequence <= instance.report_sequence:
        return
    instance.report_sequence = report.sequence
    await take_in(session, instance, node, report, at=at)


async def take_in(
    session: AsyncSession, instance: Instance, node: Node | None, report: InstanceReport, *, at: datetime
) -> None:
    """A report of the node that has the instance, in order."""
    if report.generation < instance.generation:
        return
    if report.generation > instance.generation:
        learn(session, instance, report, at=at)
    if report.timings_ms:
        instance.timings_ms = dict([*{**instance.timings_ms, **report.timings_ms}.items()][-_TIMINGS:])
    if report.status in _BUILT:
        await moving.arrived(session, instance, at=at)
    if report.status is NodeStatus.DESTROYED:
        await _destroyed(session, instance, at=at)
    elif not await change_port(session, instance, report, at=at):
        _TAKE[report.status](session, instance, node, report, at)
    await settle(session, instance, node, at=at)


def learn(session: AsyncSession, instance: Instance, report: InstanceReport, *, at: datetime) -> None:
    """The Brain came back from a backup, and the node knows better: whoever started it later wanted it to run."""
    instance.generation, instance.attempt = report.generation, 0
    if report.status not in (NodeStatus.STARTING, NodeStatus.RUNNING) or instance.wanted is Wanted.DESTROYED:
        return
    instance.wanted = Wanted.RUNNING
    why = "Its node knows of a later start than this Brain."
    if instance.state is State.REQUESTED:
        advance(session, instance, State.PREPARING, at=at, why=why)
    if instance.state in (State.PREPARING, State.STOPPED, State.FAILED):
        instance.problem = None
        start(session, instance, at=at, why=why)


async def stray(
    session: AsyncSession, instance: Instance, node_id: str, report: InstanceReport, *, at: datetime
) -> None:
    """A node speaks of an instance that is elsewhere or gone: its copy is older, and is destroyed.

    A copy that is *newer* than anything the Brain remembers is kept: then it is the Brain that has forgotten.
    """
    if instance.move is not None and instance.move["source"] == node_id:
        return  # it keeps its copy until the new node has all of it
    if report.status is NodeStatus.DESTROYED:
        await session.execute(delete(Leftover).where(Leftover.node_id == node_id, Leftover.instance_id == instance.id))
        return
    if report.generation <= instance.generation:
        await leave_behind(session, node_id, instance.id, report.generation)
        return
    await tell_of(
        session,
        "node.kept_a_newer_copy",
        node_id,
        message=f"A node holds {instance.name} in a newer generation than the Brain knows; it is left alone.",
        data={
            "name": instance.name,
            "instance_id": instance.id,
            "generation": report.generation,
            "known": instance.generation,
        },
        at=at,
    )


async def vanished(session: AsyncSession, instance: Instance, node: Node, *, at: datetime) -> None:
    """Its node has nothing of it any more (any state but DESTROYED)."""
    if instance.wanted is Wanted.DESTROYED:
        await _destroyed(session, instance, at=at)
        return
    match instance.state:
        case State.PREPARING:
            pass  # it is told again what to prepare
        case State.MOVING:
            await moving.call_off(session, instance, at=at, why="Its node has lost its files.")
            _forget_files(session, instance, at=at)
        case State.STARTING if instance.started_at is None:
            instance.needs_prepare, instance.ran = True, False
            begin(session, instance, at=at, why="Its node has lost what it had prepared.")
        case State.STARTING | State.RUNNING | State.STOPPING | State.LOST:
            _forget_files(session, instance, at=at)
            fail(session, instance, InstanceVanished().as_dict(), at=at)
        case _:
            _forget_files(session, instance, at=at)
    await settle(session, instance, node, at=at)


def _forget_files(session: AsyncSession, instance: Instance, *, at: datetime) -> None:
    if instance.ran and not instance.needs_prepare:
        complain(session, instance, InstanceVanished().as_dict(), at=at)
    instance.needs_prepare, instance.ran = True, False


async def _destroyed(session: AsyncSession, instance: Instance, *, at: datetime) -> None:
    if instance.wanted is not Wanted.DESTROYED:
        _forget_files(session, instance, at=at)
        if instance.state not in (State.REQUESTED, State.STOPPED, State.FAILED):
            fail(session, instance, InstanceVanished().as_dict(), at=at)
        return
    if instance.state not in (State.STOPPED, State.FAILED, State.LOST):
        advance(session, instance, State.STOPPED, at=at)
    await destroyed(session, instance, at=at)


def _preparing(
    session: AsyncSession, instance: Instance, _node: Node | None, report: InstanceReport, at: datetime
) -> None:
    if instance.state is State.LOST:
        advance(session, instance, State.PREPARING, at=at)
    if instance.state is not State.PREPARING:
        return
    known = instance.progress or {}
    told = {"step": report.step, "progress": round(report.progress, 3)}
    recent = instance.progress_at is not None and at - instance.progress_at < _PROGRESS_EVERY
    if told == known or (recent and known.get("step") == report.step):
        return
    instance.progress, instance.progress_at = told, at


def _prepared(
    session: AsyncSession, instance: Instance, node: Node | None, _report: InstanceReport, at: datetime
) -> None:
    if instance.state is State.LOST:
        # Told to start, perhaps, but it has not: it goes on from here.
        advance(session, instance, State.PREPARING, at=at)
    if instance.state in (State.PREPARING, State.STOPPED, State.FAILED):
        instance.needs_prepare = instance.discard_changes = False
    if instance.state is State.PREPARING:
        instance.progress = None
        if instance.wanted is Wanted.RUNNING and _may_start(instance, node):
            start(session, instance, at=at)
        else:
            advance(session, instance, State.STOPPED, at=at, why="It is prepared.")


def _starting(
    session: AsyncSession, instance: Instance, _node: Node | None, report: InstanceReport, at: datetime
) -> None:
    if instance.state in (State.LOST, State.PREPARING):
        instance.ran, instance.needs_prepare = True, False
        advance(session, instance, State.STARTING, at=at)
    if instance.state in (State.STARTING, State.RUNNING):
        take_attempt(session, instance, report, at=at)
    else:
        _runs_against_all_expectation(session, instance, at)


def _running(
    session: AsyncSession, instance: Instance, node: Node | None, report: InstanceReport, at: datetime
) -> None:
    if instance.state is State.PREPARING:
        _starting(session, instance, node, report, at)
    if instance.state in (State.STARTING, State.LOST):
        if instance.state is State.STARTING or instance.started_at is None:
            instance.started_at = at
        instance.needs_prepare = False
        instance.attempt = max(instance.attempt, report.attempt)
        advance(session, instance, State.RUNNING, at=at)
    elif instance.state is State.RUNNING:
        missed_attempts(session, instance, report, at=at)
    if instance.state is not State.RUNNING:
        _runs_against_all_expectation(session, instance, at)
    elif list(report.players) != instance.players:
        instance.players = list(report.players)


def _runs_against_all_expectation(session: AsyncSession, instance: Instance, at: datetime) -> None:
    if instance.state in (State.REQUESTED, State.STOPPED, State.FAILED):
        advance(session, instance, State.STOPPING, at=at, why="Its node says that it still runs.")


def _stopping(
    session: AsyncSession, instance: Instance, _node: Node | None, _report: InstanceReport, at: datetime
) -> None:
    if instance.state is State.LOST:
        advance(session, instance, State.STOPPING, at=at)


def _ended(session: AsyncSession, instance: Instance, node: Node | None, report: InstanceReport, at: datetime) -> None:
    """`stopped` and `failed`: there is no process."""
    match instance.state:
        case State.STOPPING:
            _finish_stop(session, instance, node, report, at)
        case State.STARTING | State.RUNNING | State.LOST:
            _ended_by_itself(session, instance, node, report, at)
        case State.PREPARING if report.status is NodeStatus.FAILED:
            instance.log_tail = list(report.log_tail)
            fail(session, instance, _problem_of(report), at=at)
        case State.STOPPED | State.FAILED if instance.wanted is Wanted.DESTROYED and report.problem is not None:
            complain(session, instance, _problem_of(report), at=at)
        case _:
            pass


def _finish_stop(
    session: AsyncSession, instance: Instance, node: Node | None, report: InstanceReport, at: datetime
) -> None:
    if report.status is NodeStatus.FAILED and report.exit_code is None and not report.restored:
        return  # it could not be stopped; the deadline turns this into a kill
    keep_exit(instance, report, at)
    if instance.problem is not None:
        fail(session, instance, instance.problem, at=at)
        return
    advance(session, instance, State.STOPPED, at=at)
    if instance.wanted is Wanted.RUNNING and _may_start(instance, node):
        begin(session, instance, at=at, why="It is being restarted.")


def _ended_by_itself(
    session: AsyncSession, instance: Instance, node: Node | None, report: InstanceReport, at: datetime
) -> None:
    was_up = instance.state is not State.STARTING
    if report.problem is not None and report.problem.code == NOT_PREPARED and not was_up:
        instance.needs_prepare = True
        start_again(session, instance, at=at, why="Its node has lost what it had prepared.")
        return
    keep_exit(instance, report, at)
    instance.attempt = max(instance.attempt, report.attempt)
    if report.problem is not None and report.problem.code == LEASE_EXPIRED:
        _given_back(session, instance, node, at)
        return
    forgotten = _nobody_knows_how(report) or (instance.state is State.LOST and report.status is NodeStatus.STOPPED)
    if forgotten and was_up and instance.wanted is Wanted.RUNNING and instance.autostart and _may_start(instance, node):
        start_again(session, instance, at=at, why="It ended while nobody watched.")
    elif report.status is NodeStatus.FAILED or not was_up:
        fail(session, instance, _problem_of(report, ready=was_up), at=at)
    else:
        if instance.wanted is Wanted.RUNNING:
            instance.wanted = Wanted.STOPPED  # somebody stopped it from inside; that is an intent, too
        advance(session, instance, State.STOPPED, at=at, why="It ended by itself.")


def _given_back(session: AsyncSession, instance: Instance, node: Node | None, at: datetime) -> None:
    """Its node was cut off for longer than its lease, and back before anybody else took the instance."""
    why = "Its node was cut off for longer than its lease and had to stop it."
    if instance.wanted is Wanted.RUNNING and _may_start(instance, node):
        begin(session, instance, at=at, why=why)
    else:
        advance(session, instance, State.STOPPED, at=at, why=why)


def _nobody_knows_how(report: InstanceReport) -> bool:
    """There is no process, and nobody can say how it ended: a node starts again by itself what it saw end."""
    return report.restored and not report.exit_kind and report.problem is None


def _problem_of(report: InstanceReport, *, ready: bool = True) -> dict[str, Any]:
    if report.problem is not None:
        return as_dict(report.problem)
    if ready:
        return Crashed(exit_code=report.exit_code).as_dict()
    return ExitedBeforeReady(exit_code=report.exit_code).as_dict()


def _may_start(instance: Instance, node: Node | None) -> bool:
    if moving.step_of(instance) == moving.LEAVE:
        return False
    return node is not None and node.state is not NodeState.OFFLINE and not node.draining


_Take = Callable[[AsyncSession, Instance, Node | None, InstanceReport, datetime], None]
_TAKE: Final[Mapping[NodeStatus, _Take]] = {
    NodeStatus.PREPARING: _preparing,
    NodeStatus.PREPARED: _prepared,
    NodeStatus.STARTING: _starting,
    NodeStatus.RUNNING: _running,
    NodeStatus.STOPPING: _stopping,
    NodeStatus.STOPPED: _ended,
    NodeStatus.FAILED: _ended,
}
