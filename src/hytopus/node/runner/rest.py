"""Keeping an instance at rest while its files are changed: what wants to run waits until that is done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from hytopus.node.runner.errors import StillBusy
from hytopus.node.runner.instance import Instance
from hytopus.node.runner.states import AT_REST
from hytopus.node.runner.stop import is_running

FILES: Final = "its files"


@asynccontextmanager
async def at_rest(instance: Instance) -> AsyncIterator[None]:
    """Nothing of it runs, or begins to, before the block ends. Raises `StillBusy`, or that the engine is away."""
    async with instance.still:
        record = instance.record
        if record.status not in AT_REST or record.destroying:
            raise StillBusy(instance=instance.name, state=record.status.value, what=FILES)
        if is_running(await instance.host.runtime.inspect(instance.id)):
            raise StillBusy(instance=instance.name, state="still running", what=FILES)
        if instance.record.status not in AT_REST:
            raise StillBusy(instance=instance.name, state=instance.record.status.value, what=FILES)
        yield


async def left_alone(instance: Instance) -> None:
    """Until nobody changes its files; to be called once the status keeps everybody from beginning to."""
    async with instance.still:
        return
