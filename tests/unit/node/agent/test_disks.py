"""What servers take of the disk is looked at now and then, and travels with heartbeats."""

from __future__ import annotations

from hytopus.node.disks import EVERY_S
from tests.unit.node.agent.bed import Bed


def told(bed: Bed) -> dict[str, int]:
    return {usage.instance_id: usage.disk_mb for usage in bed.agent.heartbeat().usage}


async def test_it_is_measured_every_minute_while_it_runs(bed: Bed) -> None:
    await bed.running()
    bed.directories.taken_mb["i1"] = 12
    await bed.pass_time_until(lambda: told(bed) == {"i1": 12}, step=5)
    assert bed.clock.monotonic() >= EVERY_S
    bed.directories.taken_mb["i1"] = 40
    await bed.pass_time_until(lambda: told(bed) == {"i1": 40}, step=5)
