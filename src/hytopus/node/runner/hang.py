"""Servers that run and answer nobody: noticed by the game's own rule, killed with a last word, counted as crashed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from hytopus.games.definition import Liveness
from hytopus.kit.logs import get_logger
from hytopus.kit.waiting import within
from hytopus.node.runner.errors import Hung
from hytopus.node.runner.exits import Outcome
from hytopus.node.runner.instance import Instance
from hytopus.node.runner.stop import end
from hytopus.node.runtime.base import ContainerFault, RuntimeUnavailable
from hytopus.wire.messages import NodeStatus

log = get_logger(__name__)

DUMP_SECONDS: Final = 3.0
"""For the last word."""


@dataclass(frozen=True, slots=True)
class Silence:
    """What a server did not do."""

    why: str
    code: str
    """By which others say it than `why` does."""
    params: Mapping[str, Any]


async def until_hung(instance: Instance) -> Silence:
    """Why it counts as hung; waits for ever for a game without a rule, and for a server that answers."""
    rule, clock = instance.game.live, instance.host.clock
    if not (rule.probe or rule.line or rule.log):
        await asyncio.Event().wait()
    if rule.delay:
        await clock.sleep(rule.delay)
    answered, missed = False, 0
    while True:
        silence = await _look(instance, rule)
        answered, missed = answered or not silence, missed + 1 if silence else 0
        if silence and answered and missed >= rule.failures:
            why = f"{silence.why}, {missed} times in a row."
            return replace(silence, why=why, params={**silence.params, "times": missed})
        if silence:
            log.warning("server does not answer", instance=instance.id, why=silence.why, times=missed, judged=answered)
        await clock.sleep(rule.interval)


async def put_down(instance: Instance, silence: Silence) -> Outcome:
    """End a server that hangs."""
    log.warning("server hangs", instance=instance.id, why=silence.why)
    if dump := instance.game.live.dump:
        await instance.insist(lambda: instance.host.runtime.signal(instance.id, dump))
        await instance.host.clock.sleep(DUMP_SECONDS)
    state, _ = await end(instance, kill=True)
    error = Hung(instance=instance.name, why=silence.why, why_code=silence.code, **silence.params)
    return Outcome(NodeStatus.FAILED, state.exit_code if state else None, error=error)


async def _look(instance: Instance, rule: Liveness) -> Silence | None:
    """What does not hold; None when all is well, or an engine that is away hides it."""
    if rule.probe and not await _probed(instance, rule):
        return Silence(f"port {rule.probe.port} did not answer", "port", {"port": rule.probe.port})
    if rule.line and rule.answer and not await _typed(instance, rule, rule.line, rule.answer):
        why = f"nothing answered {rule.line!r} on its console within {rule.timeout:g} s"
        return Silence(why, "line", {"line": rule.line, "seconds": f"{rule.timeout:g}"})
    if rule.log and not await _heard(instance, rule.log, rule.interval):
        why = f"no line matched {rule.log!r} for {rule.interval:g} s"
        return Silence(why, "log", {"pattern": rule.log, "seconds": f"{rule.interval:g}"})
    return None


async def _probed(instance: Instance, rule: Liveness) -> bool:
    assert rule.probe, "looked at before"
    name = rule.probe.port
    port = next(port.host for port in instance.record.assignment.ports if port.name == name)
    try:
        return await within(instance.host.clock, rule.timeout, _probe(instance, rule, port))
    except TimeoutError:
        return False


async def _probe(instance: Instance, rule: Liveness, port: int) -> bool:
    assert rule.probe, "as above"
    return await instance.host.probe(rule.probe, port)


async def _typed(instance: Instance, rule: Liveness, line: str, answer: str) -> bool:
    assert instance.follower, "the output is followed from the start on"
    with instance.follower.listening(answer) as answered:
        try:
            await within(instance.host.clock, rule.timeout, instance.host.runtime.send_line(instance.id, line))
            await within(instance.host.clock, rule.timeout, answered.wait())
        except RuntimeUnavailable:
            return True
        except (TimeoutError, ContainerFault):
            return False
    return True


async def _heard(instance: Instance, pattern: str, seconds: float) -> bool:
    assert instance.follower, "as above"
    with instance.follower.listening(pattern) as heard:
        try:
            await within(instance.host.clock, seconds, heard.wait())
        except TimeoutError:
            return instance.lost_sight
    return True
