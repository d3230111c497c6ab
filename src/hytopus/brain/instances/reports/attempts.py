"""Starts that a node made by itself within one generation, as the Brain hears of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.commands import record
from hytopus.brain.db.signals import signal
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.states import State, advance
from hytopus.wire.messages import InstanceReport
from hytopus.wire.problems import as_dict


def take_attempt(session: AsyncSession, instance: Instance, report: InstanceReport, *, at: datetime) -> None:
    """`starting` of an instance that is STARTING or RUNNING: a new attempt, or that one going on."""
    known = max(instance.attempt, 1)
    instance.attempt = max(instance.attempt, report.attempt)
    if report.attempt > known:
        _begin_attempt(session, instance, report, at=at)
    elif instance.state is State.STARTING and instance.retry_at is not None and report.retry_in is None:
        instance.retry_at, instance.state_since = None, at
        signal(session, "instance", instance.id)


def missed_attempts(session: AsyncSession, instance: Instance, report: InstanceReport, *, at: datetime) -> None:
    """`running`, but not the attempt that is known: it ended and came back while nobody listened."""
    if report.attempt <= max(instance.attempt, 1):
        return
    instance.attempt, instance.started_at = report.attempt, at
    message = f"{instance.name} ended and was started again by its node while the Brain did not hear of it."
    subject = ("instance", instance.id)
    record(session, "instance.came_back", subject=subject, message=message, at=at, data=_data(instance))


def keep_exit(instance: Instance, report: InstanceReport, at: datetime) -> None:
    instance.exit = {
        "code": report.exit_code,
        "kind": report.exit_kind,
        "oom_killed": report.oom_killed,
        "at": at.isoformat(),
    }
    if report.log_tail:
        instance.log_tail = list(report.log_tail)


def _begin_attempt(session: AsyncSession, instance: Instance, report: InstanceReport, *, at: datetime) -> None:
    ended = report.exit_code is not None or report.problem is not None
    if ended:
        keep_exit(instance, report, at)
    why = _why(report)
    if instance.state is State.RUNNING:
        advance(session, instance, State.STARTING, at=at, why=why)
    else:
        message = f"{instance.name} is started again. {why}"
        subject = ("instance", instance.id)
        record(session, "instance.start_retried", subject=subject, message=message, at=at, data=_data(instance))
    instance.state_since = at
    instance.retry_at = None if report.retry_in is None else at + timedelta(seconds=report.retry_in)
    instance.setback = None if report.problem is None else as_dict(report.problem)
    signal(session, "instance", instance.id)


def _why(report: InstanceReport) -> str:
    reason = report.problem.message if report.problem else "It asked for a restart."
    if report.problem is None and report.exit_kind != "restart":
        reason = "It ended."
    wait = f" in {report.retry_in:.0f} s" if report.retry_in else ""
    return f"{reason} Its node starts it again{wait} (attempt {report.attempt})."


def _data(instance: Instance) -> dict[str, Any]:
    return {
        "name": instance.name,
        "to": instance.state.value,
        "generation": instance.generation,
        "attempt": instance.attempt,
        "node_id": instance.node_id,
    }
