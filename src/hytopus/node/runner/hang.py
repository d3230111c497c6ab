"""Servers that run and answer nobody: noticed by the game's own rule, killed with a last word, counted as crashed."""

from __future__ import annotations

import asyncio
from typing import Final

from hytopus.games.definition import Liveness
from hytopus.kit.logs import get_logger
from hytopus.node.runner.errors import Hung
from hytopus.node.runner.exits import Outcome
from hytopus.node.runner.instance import Instance
from hytopus.node.runner.stop import end
from hytopus.node.runner.waiting import within
from hytopus.node.runtime.base import ContainerFault, RuntimeUnavailable
from hytopus.wire.messages import NodeStatus

log = get_logger(__name__)

DUMP_SECONDS: Final = 3.0
"""For the last word."""


async def until_hung(instance: Instance) -> str:
    """Why it counts as hung; waits for ever for a game without a rule, and for a server that answers."""
    rule, clock = instance.game.live, instance.host.clock
    if not (rule.probe or rule.line or rule.log):
        await asyncio.Event().wait()
    if rule.delay:
        await clock.sleep(rule.delay)
    answered, missed = False, 0
    while True:
        why = await _look(instance, rule)
        answered, missed = answered or not why, missed + 1 if why else 0
        if answered and missed >= rule.failures:
            return f"{why}, {missed} times in a row."
        if why:
            log.warning("server does not answer", instance=instance.id, why=why, times=missed, judged=answered)
        await clock.sleep(rule.interval)


async def put_down(instance: Instance, why: str) -> Outcome:
    """End a server that hangs."""
    log.warning("server hangs", instance=instance.id, why=why)
    if dump := instance.game.live.dump:
        await instance.insist(lambda: instance.host.runtime.signal(instance.id, dump))
        await instance.host.clock.sleep(DUMP_SECONDS)
    state, _ = await end(instance, kill=True)
    error = Hung(instance=instance.name, why=why)
    return Outcome(NodeStatus.FAILED, state.exit_code if state else None, error=error)


async def _look(instance: Instance, rule: Liveness) -> str:
    """What does not hold; empty when all is well, or an engine that is away hides it."""
    if rule.probe and not await _probed(instance, rule):
        return f"port {rule.probe.port} did not answer"
    if rule.line and rule.answer and not await _typed(instance, rule, rule.line, rule.answer):
        return f"nothing answered {rule.line!r} on its console within {rule.timeout:g} s"
    if rule.log and not await _heard(instance, rule.log, rule.interval):
        return f"no line matched {rule.log!r} for {rule.interval:g} s"
    return ""


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
