"""A server has ended: keep what it said, write down and report what that means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hytopus.kit.logs import get_logger
from hytopus.node.runner.crash import keep_crash
from hytopus.node.runner.exits import Outcome
from hytopus.node.runner.instance import Instance
from hytopus.node.runner.mask import problem_of
from hytopus.wire.messages import LogLine, NodeStatus

log = get_logger(__name__)

TAIL: Final = 40
"""Lines that travel with the report of a failure."""

KEPT_LOGS: Final = 5
"""Logs of failures kept per instance."""

_DRAIN_SECONDS: Final = 2.0


async def gather(instance: Instance, outcome: Outcome) -> None:
    """Have everything the server said, and keep it where it failed."""
    await instance.drained(_DRAIN_SECONDS)
    if outcome.status is NodeStatus.FAILED:
        await keep_log(instance)
        await keep_crash(instance, outcome)
        log.warning("server failed", instance=instance.id, exit_code=outcome.exit_code, kind=outcome.exit_kind)


async def conclude(instance: Instance, outcome: Outcome, *, unwatched: bool = False) -> None:
    """It has ended for good. `unwatched`: it was found ended by an agent that had just started."""
    await instance.advance(
        outcome.status,
        durable=True,
        unwatched=unwatched or instance.lost_sight,
        killing=False,
        **traces_of(instance, outcome),
    )


def traces_of(instance: Instance, outcome: Outcome) -> Mapping[str, Any]:
    """What an end leaves in the record."""
    failed = outcome.status is NodeStatus.FAILED
    return {
        "exit_code": outcome.exit_code,
        "exit_kind": outcome.exit_kind,
        "oom_killed": outcome.oom_killed,
        "problem": problem_of(outcome.error, instance.mask) if outcome.error else None,
        "log_tail": tail_of(instance) if failed else (),
    }


def tail_of(instance: Instance) -> tuple[str, ...]:
    return tuple(line.text for line in instance.lines.tail(TAIL))


async def keep_log(instance: Instance) -> None:
    """Keep the last lines of a start that failed, for as long as the instance exists."""
    lines = instance.lines.tail(instance.lines.last)
    if lines:
        await instance.host.blocking(_write, instance.folder, _file(instance), lines)


async def kept_log(instance: Instance) -> Sequence[LogLine]:
    """What `keep_log` kept of the last start, if anything."""
    return await instance.host.blocking(_read, instance.folder / _file(instance))


def _file(instance: Instance) -> str:
    return f"{instance.record.started:08}-{instance.record.attempt:04}.log"


def _read(file: Path) -> Sequence[LogLine]:
    try:
        rows = [row.split("\t", 2) for row in file.read_text(errors="replace").splitlines()]
        return [LogLine(int(number), at, text) for number, at, text in rows]
    except (OSError, ValueError):
        return ()


def _write(folder: Path, name: str, lines: Sequence[LogLine]) -> None:
    text = "".join(f"{line.number}\t{line.at}\t{line.text}\n" for line in lines)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, errors="replace")
        for old in sorted(folder.glob("*.log"))[:-KEPT_LOGS]:
            old.unlink()
    except OSError as error:
        log.warning("the log of a failure could not be kept", folder=str(folder), why=str(error))
