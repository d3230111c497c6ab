"""Instances that take more disk than is reserved for them: said once, and once more when it is over.

Nothing holds them back. What they take comes with the heartbeats of their nodes; what is too much is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import select

from hytopus.brain.activity.commands import record
from hytopus.brain.db.engine import Database
from hytopus.brain.db.signals import signal
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.queries import locked
from hytopus.brain.instances.states import AWAKE
from hytopus.brain.nodes.presence import Presence
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger

log = get_logger(__name__)

EVERY_S: Final = 60.0
RELIEVED: Final = 0.9
"""Of what is reserved: below this it is over, so that one who stays at the edge is not told of again and again."""


async def watch_disk(database: Database, presence: Presence, clock: Clock) -> None:
    """Until cancelled; also side by side in several Brains."""
    while True:
        await clock.sleep(EVERY_S)
        try:
            await look(database, presence.disk_mb(), clock.now())
        except Exception:
            log.exception("what instances take of their disks could not be looked at; trying again")


async def look(database: Database, taken: Mapping[str, int], now: datetime) -> None:
    """`taken`: MB by instance id, of those whose node has said so."""
    async with database.read() as session:
        rows = await session.execute(
            select(Instance.id, Instance.disk_mb, Instance.disk_over_since).where(Instance.state.in_(AWAKE))
        )
        changed = [
            instance_id
            for instance_id, reserved, since in rows
            if is_over(taken.get(instance_id, 0), reserved, before=since is not None) is not (since is not None)
        ]
    for instance_id in changed:
        await _turn(database, instance_id, taken.get(instance_id, 0), now)


def is_over(taken_mb: int, reserved_mb: int, *, before: bool) -> bool:
    """Whether it counts as too much; an amount of 0 is not known and changes nothing."""
    if not taken_mb:
        return before
    return taken_mb > reserved_mb * (RELIEVED if before else 1)


async def _turn(database: Database, instance_id: str, taken_mb: int, now: datetime) -> None:
    async with database.write() as session:
        instance = await locked(session, instance_id)
        if instance is None:
            return
        before = instance.disk_over_since is not None
        over = is_over(taken_mb, instance.disk_mb, before=before)
        if over is before:
            return
        instance.disk_over_since = now if over else None
        kind, text = ("disk_exceeded", "more than") if over else ("disk_relieved", "no more than")
        record(
            session,
            f"instance.{kind}",
            subject=("instance", instance.id),
            message=f"{instance.name} takes {taken_mb} MB of disk, {text} the {instance.disk_mb} MB reserved for it.",
            at=now,
            data={"name": instance.name, "taken_mb": taken_mb, "reserved_mb": instance.disk_mb},
        )
        signal(session, "instance", instance.id)
