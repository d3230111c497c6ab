"""From an assignment to a finished directory: layers, merge, substitution, check, image, ports."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from hytopus.errors import HytopusError
from hytopus.kit.backoff import backoff
from hytopus.kit.logs import get_logger
from hytopus.kit.waiting import within
from hytopus.node.cache.errors import UrlExpired
from hytopus.node.runner.errors import UrlsNotRenewed
from hytopus.node.runner.host import Built
from hytopus.node.runner.instance import FRESH, Instance
from hytopus.node.runner.rest import left_alone
from hytopus.node.runner.stop import quiet
from hytopus.node.runtime.base import PortTaken
from hytopus.wire.messages import NodeStatus, PortBinding, PrepareInstance

log = get_logger(__name__)

RENEW_SECONDS: Final = 120.0
RENEWALS: Final = 5

PORT_PATIENCE: Final = 2.0
"""Seconds the engine may need to free the ports of a server that has ended."""


async def prepare(instance: Instance, command: PrepareInstance) -> None:
    """Make everything a start needs, then report `prepared` with the time of each step.

    May be cancelled at any point and begun again; what is complete by then is found complete.
    """
    began = instance.host.clock.monotonic()
    is_new = instance.record.started == 0
    instance.built = None
    instance.record = replace(instance.record, assignment=command, secrets=command.secrets, adopted=False)
    await instance.advance(
        NodeStatus.PREPARING,
        strict=True,
        step="fetch",
        generation=command.generation,
        prepared=False,
        timings_ms={},
        **FRESH,
    )
    await left_alone(instance)
    if not is_new:
        await quiet(instance)
    await require_free_ports(instance, command.ports)
    built, image_seconds = await _build_beside_image(instance)
    timings = {**built.timings, "image": image_seconds, "prepare": instance.host.clock.monotonic() - began}
    for step, seconds in timings.items():
        instance.host.observe(step, seconds)
    instance.built = built
    await instance.advance(
        NodeStatus.PREPARED,
        prepared=True,
        problem=None,
        secrets=tuple(sorted({*command.secrets, *built.secrets})),
        timings_ms={step: round(seconds * 1000, 3) for step, seconds in timings.items()},
    )


async def require_free_ports(instance: Instance, ports: Sequence[PortBinding]) -> None:
    """Raises `PortTaken`, but not for what the engine is just letting go of after a stop."""
    clock = instance.host.clock
    until = clock.monotonic() + PORT_PATIENCE
    while taken := instance.host.ports_taken(ports):
        if clock.monotonic() >= until:
            raise PortTaken(port=taken.host, protocol=taken.protocol)
        await clock.sleep(0.1)


async def ensure_image(instance: Instance) -> float:
    """Have the game's image here; the seconds it took."""
    host, game = instance.host, instance.game
    began = host.clock.monotonic()
    await instance.insist(
        lambda: host.images.ensure(game.image.reference, game=game.name), patience=host.engine_patience
    )
    return host.clock.monotonic() - began


async def _build_beside_image(instance: Instance) -> tuple[Built, float]:
    """Both at once; the first problem cancels the other."""
    try:
        async with asyncio.TaskGroup() as tasks:
            image = tasks.create_task(ensure_image(instance))
            built = tasks.create_task(_build(instance))
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    return built.result(), image.result()


async def _build(instance: Instance) -> Built:
    """Tries again while S3 is away, and with fresh links when they ran out."""
    host = instance.host
    until, renewals = host.clock.monotonic() + host.fetch_patience, 0
    for delay in backoff(0.5, 10):
        instance.renewed.clear()
        try:
            async with host.building:
                return await host.directories.build(
                    instance.record.assignment, refresh=host.journal.dev_mode, progress=instance.progress
                )
        except UrlExpired as error:
            renewals += 1
            if renewals > RENEWALS:
                raise
            await _renew_urls(instance, error)
        except HytopusError as error:
            if not error.retryable or host.clock.monotonic() + delay > until:
                raise
            instance.trouble(error)
            await host.clock.sleep(delay)
    raise AssertionError("backoff never ends")


async def _renew_urls(instance: Instance, error: UrlExpired) -> None:
    log.info("asking for new links to the layers", instance=instance.id, why=error.message)
    instance.host.renew_urls(instance.id, instance.record.generation)
    try:
        await within(instance.host.clock, RENEW_SECONDS, instance.renewed.wait())
    except TimeoutError:
        raise UrlsNotRenewed(instance=instance.name, seconds=RENEW_SECONDS) from None
