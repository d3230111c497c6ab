"""How much disk the servers take: looked at one after the other, gently, for it means walking through their files."""

from __future__ import annotations

from typing import Final

from hytopus.node.crew import Crew
from hytopus.node.runner.host import Host
from hytopus.node.runner.stop import LIVE

EVERY_S: Final = 90.0
"""Seconds between two rounds, and no less before the first: a server that has just started writes most."""
SHARE: Final = 0.02
"""Of the time, at most, for looking."""


async def measure_disks(host: Host, crew: Crew) -> None:
    """For ever. Servers at rest keep what they had."""
    while True:
        await host.clock.sleep(EVERY_S)
        for instance_id in [instance.id for instance in crew if instance.record.status in LIVE]:
            began = host.clock.monotonic()
            taken = await host.directories.disk_mb(instance_id)
            host.vitals.disk_mb = {**host.vitals.disk_mb, instance_id: taken}
            await host.clock.sleep((host.clock.monotonic() - began) / SHARE)
        held = {instance.id for instance in crew}
        host.vitals.disk_mb = {key: taken for key, taken in host.vitals.disk_mb.items() if key in held}
