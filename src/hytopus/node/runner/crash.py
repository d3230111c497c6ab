"""What there is to know of a crash at the moment it is noticed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from hytopus.errors import HytopusError
from hytopus.games.cause import Ending, cause_of
from hytopus.games.definition import ExitKind
from hytopus.kit.logs import get_logger
from hytopus.node.crashes.bundle import Bundle
from hytopus.node.crashes.files import crash_files
from hytopus.node.runner.exits import Outcome
from hytopus.node.runner.instance import Instance
from hytopus.node.runner.mask import MASK, problem_of
from hytopus.node.runtime.base import OverlayMount
from hytopus.wire.messages import NodeStatus

log = get_logger(__name__)

_KINDS: Final = {"ready_timeout": "start_timeout", "hung": "hang", "container_vanished": "vanished"}
_SIGNALS: Final = range(129, 160)
"""Exit codes of a process that a signal ended."""


async def keep_crash(instance: Instance, outcome: Outcome) -> None:
    """Put a bundle of this end into the queue. Never raises for what cannot be read."""
    facts = facts_of(instance, outcome)
    lines = instance.lines.tail(instance.lines.last)
    ending = Ending(facts["kind"], outcome.exit_code, facts["signal"], outcome.oom_killed)
    rules = instance.game.crash
    cause = cause_of(ending, [line.text for line in lines], patterns=rules.patterns)
    facts |= {"fingerprint": cause.fingerprint, "cause": cause.title}
    crash_id = f"{instance.id}-{facts['generation']}-{facts['attempt']}"
    await instance.host.keep_crash(Bundle(crash_id, facts, lines, await _files(instance)), facts)


def facts_of(instance: Instance, outcome: Outcome) -> dict[str, Any]:
    """`crash.json`: plain values, secrets masked."""
    record, host = instance.record, instance.host
    assignment = record.assignment
    at = min(outcome.at or host.clock.now(), host.clock.now())
    code = outcome.exit_code
    signal = code - 128 if code is not None and code in _SIGNALS else None
    return {
        "instance_id": record.instance_id,
        "instance": instance.name,
        "generation": record.started,
        "attempt": record.attempt,
        "at": at.isoformat(),
        "kind": kind_of(outcome),
        "exit_code": outcome.exit_code,
        "signal": signal,
        "oom_killed": outcome.oom_killed,
        "was_ready": record.status is NodeStatus.RUNNING,
        "started_at": record.started_at.isoformat() if record.started_at else None,
        "ran_s": (at - record.started_at).total_seconds() if record.started_at else None,
        "problem": asdict(problem_of(outcome.error, instance.mask)) if outcome.error else None,
        "game": instance.game.name,
        "image": instance.game.image.reference,
        "layers": [f"{layer.template_id}@{layer.version}" for layer in assignment.template_layers],
        "variables": _masked(assignment.variable_map, record.secrets),
        "memory_mb": assignment.memory_mb,
        "cpus": assignment.cpus,
        "players": list(instance.players),
        "timings_ms": dict(record.timings_ms),
        "node_load": asdict(host.vitals.load),
        "usage": asdict(used) if (used := host.vitals.usage.get(instance.id)) else None,
    }


def kind_of(outcome: Outcome) -> str:
    """`crash`, `oom`, `configuration`, `start_timeout`, `hang` or `vanished`."""
    if outcome.oom_killed:
        return "oom"
    if outcome.error is not None and outcome.error.code in _KINDS:
        return _KINDS[outcome.error.code]
    return "configuration" if outcome.exit_kind == ExitKind.CONFIGURATION else "crash"


def _masked(variables: Mapping[str, str], secrets: tuple[str, ...]) -> dict[str, str]:
    return {name: MASK if name in secrets else value for name, value in sorted(variables.items())}


async def _files(instance: Instance) -> Mapping[str, bytes]:
    """Text in them is masked like every other word that leaves the node."""
    patterns = instance.game.crash.files
    if not patterns:
        return {}
    try:
        built = instance.built or await instance.host.directories.reopen(instance.id)
    except HytopusError as error:
        log.warning("the files of a crash cannot be found", instance=instance.id, why=error.message)
        return {}
    root = built.mount.upper if isinstance(built.mount, OverlayMount) else built.mount.source
    since = instance.record.started_at.timestamp() if instance.record.started_at else 0.0
    try:
        found = await instance.host.blocking(crash_files, root, patterns, since=since)
    except OSError as error:
        log.warning("the files of a crash could not be read", instance=instance.id, why=str(error))
        return {}
    return {path: instance.mask(content.decode(errors="replace")).encode() for path, content in found.items()}
