"""Everything that runs by itself in a Brain: watching nodes, placing instances, keeping deadlines."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from hytopus.brain.brains.fleet import Fleet
from hytopus.brain.control.controller import Controller, Topic
from hytopus.brain.db.engine import Database
from hytopus.brain.instances.reconciling.fences import Fences
from hytopus.brain.instances.reconciling.patience import Patience
from hytopus.brain.instances.reconciling.reconciler import due, instances_on, looking, reconcile
from hytopus.brain.instances.reports.disk import watch_disk
from hytopus.brain.instances.scheduling.scheduler import Outlook, schedule
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.nodes.liveness import watch
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.restored import watch_learning
from hytopus.brain.nodes.sessions import share_heartbeats
from hytopus.brain.nodes.settings import NodeSettings
from hytopus.kit.clock import Clock
from hytopus.kit.rush import Rush

_ALL: Final = "all"
_GATHERING_S: Final = 0.1
"""In a rush, what begins to wait so soon after a pass is placed together with what comes after it."""


async def run_loops(
    database: Database,
    presence: Presence,
    fleet: Fleet,
    *,
    clock: Clock,
    rush: Rush,
    nodes: NodeSettings,
    instances: InstanceSettings,
) -> None:
    """Until cancelled. Every Brain runs all of them: each step is checked again under the lock of its row."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch_learning(database, clock))
        tasks.create_task(watch(database, presence, fleet, clock=clock, settings=nodes))
        tasks.create_task(watch_disk(database, presence, clock))
        tasks.create_task(share_heartbeats(database, presence, fleet, clock))
        tasks.create_task(instance_controller(database, presence, clock, instances).run())
        tasks.create_task(placement_controller(database, presence, clock, rush, instances).run())


def instance_controller(
    database: Database, presence: Presence, clock: Clock, settings: InstanceSettings
) -> Controller[str]:
    """One key for each instance."""
    fences, patience, look = Fences(clock), Patience(presence, settings, clock), looking(database)

    async def itself(instance_id: Any) -> Iterable[str]:
        return (str(instance_id),)

    return Controller(
        "instances",
        lambda instance_id: reconcile(
            database, instance_id, look, clock=clock, settings=settings, fences=fences, patience=patience
        ),
        clock=clock,
        signals=database.signals,
        topics={
            # Whoever changes an instance takes the steps that are due at once; only time is left to be watched.
            "instance": Topic(itself, patience=1.0),
            "node_state": Topic(partial(instances_on, database)),
        },
        due=partial(due, database),
        sweep_s=settings.sweep_s,
        workers=settings.workers,
    )


def placement_controller(
    database: Database, presence: Presence, clock: Clock, rush: Rush, settings: InstanceSettings
) -> Controller[str]:
    """One key for everything that waits, because each placement takes room from the next."""

    async def everything(_value: Any = None) -> Iterable[str]:
        return (_ALL,)

    outlook = Outlook(clock)

    async def one_pass(_key: str) -> float | None:
        began = clock.monotonic()
        waiting = await schedule(database, presence, outlook, clock=clock, settings=settings)
        # While more and more comes in, many are placed in one transaction, and placing leaves time for the rest.
        await clock.sleep(max(_GATHERING_S if rush.lasts else 0.0, clock.monotonic() - began))
        return settings.placement_retry_s if waiting else None

    return Controller(
        "placement",
        one_pass,
        clock=clock,
        signals=database.signals,
        topics={"placement": Topic(everything)},
        due=everything,
        sweep_s=settings.placement_retry_s,
        workers=1,
    )
