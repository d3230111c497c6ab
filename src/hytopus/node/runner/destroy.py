"""Takes back everything an instance ever had on this node. Safe to repeat, and safe for what never was."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from hytopus.errors import HytopusError
from hytopus.kit.backoff import backoff
from hytopus.kit.logs import get_logger
from hytopus.kit.waiting import finish, race
from hytopus.node.journal import Grave
from hytopus.node.runner.errors import AgentFault
from hytopus.node.runner.instance import Instance
from hytopus.node.runner.rest import left_alone

log = get_logger(__name__)


async def destroy(instance: Instance, generation: int, *, superseded: bool = False) -> None:
    """Remove container, volume, directory, logs and record, then report `destroyed`; tries until all is gone."""
    instance.record = replace(
        instance.record, destroying=True, generation=generation, superseded=superseded, retry_at=None
    )
    await instance.write_down()
    await left_alone(instance)
    delays = backoff(0.5, 60)
    while errors := await _undo(instance):
        log.warning("instance cannot be destroyed yet", instance=instance.id, errors=[str(error) for error in errors])
        await instance.fail(errors[0])
        await race(instance.poked.wait(), instance.host.clock.sleep(next(delays)))
        instance.poked.clear()
    if not superseded:
        await _bury(instance, generation)
    await finish(instance.host.journal.forget(instance.id))
    instance.vanish()


async def _bury(instance: Instance, generation: int) -> None:
    """A full disk must not keep it from being destroyed."""
    grave = Grave(instance.id, generation, instance.host.clock.now().isoformat())
    try:
        await finish(instance.host.journal.bury(grave))
    except (HytopusError, OSError) as error:
        log.warning("a destruction could not be written down", instance=instance.id, why=str(error))


async def _remove_container(instance: Instance) -> None:
    await instance.insist(lambda: instance.host.runtime.remove(instance.id))
    await instance.unfollow()


async def _remove_directory(instance: Instance) -> None:
    await instance.host.directories.destroy(instance.id)


async def _remove_logs(instance: Instance) -> None:
    await instance.host.blocking(shutil.rmtree, instance.folder, ignore_errors=True)


UNDO: Final[tuple[Callable[[Instance], Awaitable[None]], ...]] = (_remove_container, _remove_directory, _remove_logs)
"""In this order: files are in use as long as the container runs."""


async def _undo(instance: Instance) -> list[HytopusError]:
    """Every step runs, whatever became of the others."""
    errors: list[HytopusError] = []
    for step in UNDO:
        try:
            await step(instance)
        except HytopusError as error:
            errors.append(error)
        except OSError as error:
            errors.append(AgentFault(what="the destruction", instance=instance.name, why=str(error)))
    return errors
