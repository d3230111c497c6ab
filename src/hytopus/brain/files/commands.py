"""Changing files: may it be, and writing down that it was."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import Actor
from hytopus.brain.files.errors import ChangesToBeDiscarded
from hytopus.brain.files.schemas import ChangedFile
from hytopus.brain.instances.commands import note
from hytopus.brain.instances.errors import NotAtRest
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.queries import find
from hytopus.brain.instances.states import State
from hytopus.brain.instances.target import node_of


async def begin_change(session: AsyncSession, reference: str) -> tuple[Instance, str]:
    """The instance and its node, if its files may be changed now. From here on it has something to lose there.

    The node looks once more when the change comes, and whatever is asked of the instance meanwhile waits for it.
    """
    instance = await find(session, reference, lock=True)
    if instance.state not in (State.STOPPED, State.FAILED):
        raise NotAtRest(instance=instance.name, state=instance.state.value, what="its files")
    node_id = node_of(instance)
    if instance.discard_changes:
        raise ChangesToBeDiscarded(instance=instance.name)
    instance.ran = True
    return instance, node_id


def record_change(
    session: AsyncSession, instance: Instance, changed: ChangedFile, *, actor: Actor, now: datetime
) -> None:
    """The event and the audit record of a file that was written or deleted."""
    what = "deleted" if not changed.after else "changed" if changed.before else "added"
    note(
        session,
        instance,
        "file_changed",
        f"{actor.name} {what} {changed.path} of {instance.name}.",
        actor=actor,
        now=now,
        before={"path": changed.path, "digest": changed.before},
        after={"path": changed.path, "digest": changed.after, "size": changed.size, "what": what},
    )
