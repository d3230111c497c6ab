"""The loop that carries worlds: asks the old node to pack and upload, and makes of the parts one object.

Everything may be repeated: a question starts what has not begun and else says how far it is, and what was agreed with
the object store stands in `Instance.move`. Each Brain sees to the nodes that have a session with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import SYSTEM
from hytopus.brain.db.engine import Database
from hytopus.brain.instances import moving
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.moving import call_off, note_move, take_off
from hytopus.brain.instances.queries import locked
from hytopus.brain.instances.reconciling.steps import complain
from hytopus.brain.instances.relocating import relocation
from hytopus.brain.instances.relocating.packed import Packed
from hytopus.brain.instances.states import State, Wanted
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.remote import NodeSessions, ask
from hytopus.brain.nodes.states import NodeState
from hytopus.errors import HytopusError
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger
from hytopus.storage.base import ObjectStore, Part
from hytopus.storage.errors import UploadGone

PAUSE_S: Final = 1.0
ASK_S: Final = 20.0
URL_S: Final = 3600
PART_BYTES: Final = 64 << 20

log = get_logger(__name__)


async def run_mover(
    database: Database,
    store: ObjectStore,
    sessions: NodeSessions,
    presence: Presence,
    *,
    clock: Clock,
    pause_s: float = PAUSE_S,
) -> None:
    """Until cancelled."""
    while True:
        try:
            await clear_drained(database, presence, clock=clock)
            await carry_all(database, store, sessions, clock=clock)
        except Exception:
            log.exception("moves are stuck; trying again")
        await clock.sleep(pause_s)


async def clear_drained(database: Database, presence: Presence, *, clock: Clock) -> None:
    """Begin to move what a drain is to move, as far as there is room for it elsewhere."""
    at_rest = (State.STOPPED, State.FAILED)
    waiting = (
        select(Instance.id)
        .join(Node, Node.id == Instance.node_id)
        .where(
            Node.draining,
            Node.drain_move,
            Node.state == NodeState.ONLINE,
            Instance.state.in_(at_rest),
            Instance.ran,
            Instance.persistent,
            Instance.wanted != Wanted.DESTROYED,
        )
    )
    async with database.read() as session:
        ids = list(await session.scalars(waiting))
    for instance_id in ids:
        async with database.write() as session:
            instance = await locked(session, instance_id)
            if instance is None or instance.state not in at_rest or moving.step_of(instance):
                continue
            try:
                await relocation.move(
                    session, instance, None, restart=False, presence=presence, actor=SYSTEM, now=clock.now()
                )
            except HytopusError as error:
                log.info("a drain cannot move an instance yet", instance=instance.name, why=str(error))


async def carry_all(database: Database, store: ObjectStore, sessions: NodeSessions, *, clock: Clock) -> None:
    """One step of every move whose node is here."""
    async with database.read() as session:
        moving = list(await session.scalars(select(Instance).where(Instance.state == State.MOVING)))
    for instance in moving:
        if instance.node_id is None or not sessions.online(instance.node_id):
            continue
        try:
            await _carry(database, store, sessions, instance, clock)
        except HytopusError as error:
            log.warning("a move has to wait", instance=instance.name, code=error.code, cause=str(error))


async def _carry(
    database: Database, store: ObjectStore, sessions: NodeSessions, instance: Instance, clock: Clock
) -> None:
    move = instance.move or {}
    assert instance.node_id
    body = {
        "move": move["since"],
        "upload": move.get("upload_id", ""),
        "part_bytes": PART_BYTES,
        "parts": await _signed(store, move),
    }
    packed = await ask(sessions, Packed, instance.node_id, "world", instance_id=instance.id, body=body, timeout=ASK_S)
    async with database.write() as session:
        await _keep(session, instance, packed, clock.now())
    if packed.problem or packed.state != "packed":
        return
    if "upload_id" not in move or move["checksum"] != packed.checksum:
        await _open(database, store, instance, packed)
    elif (tags := packed.tags_of(len(move["parts"]))) is not None:
        await _close(database, store, instance, tags, clock)


async def _signed(store: ObjectStore, move: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the node may put where. Signing needs no network."""
    if "upload_id" not in move:
        return []
    signed = [
        await store.presign_part(move["key"], move["upload_id"], number, sha256=sha256, expires_s=URL_S)
        for number, sha256 in enumerate(move["parts"], start=1)
    ]
    return [{"number": n, "url": one.url, "headers": dict(one.headers)} for n, one in enumerate(signed, start=1)]


async def _keep(session: AsyncSession, seen: Instance, packed: Packed, at: datetime) -> None:
    """How far it is; or that it cannot be carried."""
    instance = await _still(session, seen)
    if instance is None:
        return
    if packed.problem is not None:
        complain(session, instance, packed.problem.model_dump(), at=at)
        await call_off(session, instance, at=at, why=packed.problem.message)
        return
    progress = {"step": "upload" if packed.state == "packed" else "pack", "progress": packed.progress}
    if progress != instance.progress:
        instance.progress, instance.progress_at = progress, at


async def _open(database: Database, store: ObjectStore, seen: Instance, packed: Packed) -> None:
    key = f"{store.prefix}worlds/{seen.id}/{seen.generation}-{str(packed.checksum)[:16]}.tar.zst"
    upload_id = await store.create_upload(key)
    async with database.write() as session:
        instance = await _still(session, seen)
        if instance is not None:
            said = packed.model_dump(include={"checksum", "size", "parts"})
            note_move(instance, key=key, upload_id=upload_id, **said)
            return
    await store.abort_upload(key, upload_id)


async def _close(database: Database, store: ObjectStore, seen: Instance, tags: Sequence[str], clock: Clock) -> None:
    move = seen.move or {}
    pairs = zip(tags, move["parts"], strict=True)
    parts = [Part(n, tag, sha256) for n, (tag, sha256) in enumerate(pairs, start=1)]
    try:
        await store.complete_upload(move["key"], move["upload_id"], parts)
    except UploadGone:
        log.info("the upload was over already", instance=seen.name)
    whole = await store.head(move["key"]) == move["size"]
    async with database.write() as session:
        instance = await _still(session, seen)
        if instance is None:
            return
        if whole:
            await take_off(session, instance, at=clock.now())
        else:
            kept = {name: value for name, value in move.items() if name != "upload_id"}
            instance.move = kept  # it is begun anew: the store has lost it


async def _still(session: AsyncSession, seen: Instance) -> Instance | None:
    """The row, if it is still the same move."""
    instance = await locked(session, seen.id)
    if instance is None or instance.state is not State.MOVING or instance.generation != seen.generation:
        return None
    same = (instance.move or {}).get("since") == (seen.move or {}).get("since")
    return instance if same else None
