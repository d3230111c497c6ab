"""`python -m tests.fleet DIRECTORY NOTES`: every node whose identity lies below the directory dials its Brain.

Each report that tells of a change is a line in NOTES: seconds of the machine's monotonic clock, instance, generation,
status. `DIRECTORY/connected` holds how many sessions stand, once all of them do.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from pathlib import Path
from typing import Final, TextIO

import uvloop

from hytopus.kit.clock import SystemClock
from hytopus.kit.logs import configure_logging
from hytopus.node.identity import agent_id, load_identity
from hytopus.node.link.dialer import GrpcDialer
from hytopus.node.link.link import Link, dial_brain
from hytopus.node.link.outbox import Outbox
from hytopus.wire.messages import InstanceReport, NodeFacts
from hytopus.wire.wakeups import gather_wakeups
from tests.fleet.arm import Arm
from tests.fleet.seeding import FACTS
from tests.services.waiting import eventually

_PER_SECOND: Final = 60
"""Nodes that begin to dial; a power cut in a data centre is another test."""


async def main(directory: Path, notes: TextIO) -> None:
    def note(report: InstanceReport) -> None:
        notes.write(f"{time.monotonic()} {report.instance_id} {report.generation} {report.status}\n")

    gather_wakeups(asyncio.get_running_loop())
    homes = await asyncio.to_thread(lambda: sorted(path.parent for path in directory.glob("*/node.json")))
    links: list[Link] = []
    async with asyncio.TaskGroup() as tasks:
        for home in homes:
            identity, clock = load_identity(home), SystemClock()
            outbox, dialer = Outbox(clock), GrpcDialer(identity)
            facts = NodeFacts(hostname=identity.node_name, engine_version="none", **FACTS)
            arm = Arm(facts, json.loads((home / "held.json").read_text()), outbox, note)
            link = dial_brain(arm, outbox, identity, dialer, agent_id=agent_id(home), clock=clock)
            links.append(link)
            tasks.create_task(link.run())
            await asyncio.sleep(random.uniform(0.5, 1.5) / _PER_SECOND)
        await eventually(lambda: all(link.connected for link in links), timeout=600, every=0.1)
        (directory / "connected").write_text(str(len(links)))


if __name__ == "__main__":
    configure_logging(json=False, level="error")
    with Path(sys.argv[2]).open("w", buffering=1) as opened:
        uvloop.run(main(Path(sys.argv[1]), opened))
