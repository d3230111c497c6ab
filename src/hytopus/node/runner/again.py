"""A server has ended by itself: start it again, or write down that it has ended for good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hytopus.games.definition import ExitKind
from hytopus.kit.logs import get_logger
from hytopus.node.runner.conclude import conclude, gather, traces_of
from hytopus.node.runner.errors import CrashLoop
from hytopus.node.runner.exits import Outcome
from hytopus.node.runner.instance import Instance
from hytopus.node.runner.restarts import Again, End, GiveUp, decide
from hytopus.wire.messages import NodeStatus

log = get_logger(__name__)


async def comes_again(
    instance: Instance,
    outcome: Outcome,
    *,
    unwatched: bool = False,
    waiting: Callable[[], Any] = lambda: None,
) -> bool:
    """True when the moment of a new start has come; False: it has ended for good.

    `unwatched`: it was found ended by an agent that had just started. `waiting` is called before the wait.
    """
    await gather(instance, outcome)
    unwatched = unwatched or instance.lost_sight
    end = _end_of(instance, outcome, unwatched=unwatched)
    record, chance = instance.record, instance.host.chance()
    decision = decide(instance.policy, record.history, end, autostart=record.autostart, chance=chance)
    if isinstance(decision, Again):
        await _announce(instance, outcome, decision)
        waiting()
        await await_turn(instance)
        return True
    if isinstance(decision, GiveUp):
        outcome = replace(outcome, status=NodeStatus.FAILED, error=_given_up(instance, outcome, decision))
    await conclude(instance, outcome, unwatched=unwatched)
    return False


async def await_turn(instance: Instance) -> None:
    """Until the moment written down for the new start."""
    moment, clock = instance.record.retry_at, instance.host.clock
    if moment is not None and (left := (moment - clock.now()).total_seconds()) > 0:
        await clock.sleep(left)


async def _announce(instance: Instance, outcome: Outcome, decision: Again) -> None:
    """On disk before anything else happens, so that an agent that dies meanwhile is followed by one that goes on."""
    now = instance.host.clock.now()
    log.info("server is started again", instance=instance.id, seconds=round(decision.after_s, 3))
    await instance.advance(
        NodeStatus.STARTING,
        durable=True,
        step="waiting",
        attempt=instance.record.attempt + 1,
        history=decision.history,
        retry_at=now + timedelta(seconds=decision.after_s),
        started_at=None,
        **traces_of(instance, outcome),
    )


def _end_of(instance: Instance, outcome: Outcome, *, unwatched: bool) -> End:
    now = instance.host.clock.now()
    at = min(outcome.at or now, now)
    ready = instance.record.status is NodeStatus.RUNNING
    return End(
        kind=ExitKind(outcome.exit_kind) if outcome.exit_kind else None,
        failed=outcome.status is NodeStatus.FAILED,
        at=at,
        ran_s=_seconds_since(instance.record.at, at) if ready else 0.0,
        unwatched=unwatched and ready,
    )


def _seconds_since(moment: str, at: datetime) -> float:
    """`moment`: when the server became ready, as the journal has it."""
    try:
        return max((at - datetime.fromisoformat(moment)).total_seconds(), 0.0)
    except ValueError:
        return 0.0


def _given_up(instance: Instance, outcome: Outcome, decision: GiveUp) -> CrashLoop:
    told = {"instance": instance.name, "count": decision.count, "seconds": decision.seconds}
    last = outcome.error
    if last is None:
        why = f"it asked for a restart (exit code {outcome.exit_code})."
        return CrashLoop(**told, why=why, why_code="restart", exit_code=outcome.exit_code)
    params = {f"last_{name}": value for name, value in last.params.items()}
    return CrashLoop(**told, why=str(last), last_code=last.code, **params)
