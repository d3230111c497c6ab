"""Moving an instance with its world, as the Brain sees it, on both databases. The nodes are what a test says."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import select

from hytopus.brain.db.engine import Database
from hytopus.brain.instances.errors import CannotMove, NotMoving
from hytopus.brain.instances.models import Instance, Leftover, PortLease
from hytopus.brain.instances.queries import find
from hytopus.brain.instances.relocating import relocation
from hytopus.brain.instances.relocating.mover import carry_all, clear_drained
from hytopus.brain.instances.states import State, Wanted
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.states import NodeState
from hytopus.brain.templates.models import PendingDeletion
from hytopus.storage.memory import MemoryStore
from hytopus.wire.messages import DestroyInstance, NodeStatus, PrepareInstance
from tests.harness.brain import Brain
from tests.harness.factories import OPERATOR, report

WORLD = b"a world of some size"
PART = 8


class Packing:
    """Nodes that pack at once, and put every part where they may."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.reachable = True
        self.problem: Mapping[str, Any] | None = None
        self.sends = True
        self.lie: Mapping[str, Any] = {}
        self._etags: dict[str, dict[str, str]] = {}

    def online(self, node_id: str) -> bool:
        return self.reachable

    async def ask(
        self,
        node_id: str,
        kind: str,
        *,
        instance_id: str = "",
        body: Mapping[str, Any] | None = None,
        timeout: float = 10.0,
    ) -> dict[str, Any]:
        assert (kind, body is not None) == ("world", True)
        if self.problem:
            return {"state": "failed", "progress": 0.0, "problem": dict(self.problem)}
        pieces = [WORLD[start : start + PART] for start in range(0, len(WORLD), PART)]
        etags = self._etags.setdefault(str(body and body["upload"]), {})
        for part in (body or {})["parts"] if self.sends else []:
            number = int(part["number"])
            if str(number) in etags:
                continue
            etags[str(number)] = self.store.send(part["url"], part["headers"], pieces[number - 1])
        return {
            "state": "packed",
            "progress": len(etags) / len(pieces),
            "checksum": hashlib.sha256(WORLD).hexdigest(),
            "size": len(WORLD),
            "parts": [hashlib.sha256(piece).hexdigest() for piece in pieces],
            "etags": dict(etags),
            **self.lie,
        }

    async def purge(
        self, node_id: str, *, template_id: str = "", version: str = "", timeout: float = 60.0
    ) -> dict[str, Any]:
        raise NotImplementedError

    async def disconnect(self, node_id: str) -> None:
        raise NotImplementedError


class Moves:
    """A Brain with two nodes, and an instance that has a world on the first."""

    def __init__(self, brain: Brain, old: Node, new: Node) -> None:
        self.brain, self.old, self.new = brain, old, new
        self.store = MemoryStore(brain.clock)
        self.nodes = Packing(self.store)

    async def move(self, name: str = "lobby", *, to: Node | None = None, restart: bool = False) -> Instance:
        async with self.brain.database.write() as session:
            row = await find(session, name, lock=True)
            await relocation.move(
                session,
                row,
                to,
                restart=restart,
                presence=self.brain.presence,
                actor=OPERATOR,
                now=self.brain.clock.now(),
            )
            return row

    async def call_off(self) -> Instance:
        async with self.brain.database.write() as session:
            row = await find(session, "lobby", lock=True)
            await relocation.call_off(session, row, actor=OPERATOR, now=self.brain.clock.now())
            return row

    async def carry(self, rounds: int = 3) -> Instance:
        for _ in range(rounds):
            await carry_all(self.brain.database, self.store, self.nodes, clock=self.brain.clock)
        return await self.brain.get()

    async def sent(self) -> tuple[str, str]:
        """The node has uploaded everything; nobody has made an object of it yet."""
        await self.carry(1)
        move = (await self.brain.get()).move or {}
        signed = [
            await self.store.presign_part(move["key"], move["upload_id"], number, sha256=sha256)
            for number, sha256 in enumerate(move["parts"], start=1)
        ]
        parts = [{"number": n, "url": one.url, "headers": one.headers} for n, one in enumerate(signed, start=1)]
        await self.nodes.ask(self.old.id, "world", body={"upload": move["upload_id"], "parts": parts})
        return move["key"], move["upload_id"]

    async def copies(self) -> list[tuple[str, bool]]:
        async with self.brain.database.read() as session:
            return [(row.node_id, row.keep) for row in await session.scalars(select(Leftover))]

    async def leases(self) -> list[str]:
        async with self.brain.database.read() as session:
            return [row.node_id for row in await session.scalars(select(PortLease))]

    async def swept(self) -> set[str]:
        async with self.brain.database.read() as session:
            return {row.s3_key for row in await session.scalars(select(PendingDeletion))}

    async def stopped(self) -> Instance:
        await self.brain.ask("stop")
        return await self.brain.hears_status(self.old, NodeStatus.STOPPED, exit_code=0, exit_kind="clean")


@pytest.fixture
async def moves(database: Database) -> Moves:
    brain = Brain(database)
    old, _ = await brain.running()
    return Moves(brain, old, await brain.has_node())


async def test_a_stopped_world_goes_over_and_the_old_copy_last(moves: Moves) -> None:
    brain, old, new = moves.brain, moves.old, moves.new
    instance = await moves.stopped()
    assert (await moves.move()).state is State.MOVING
    carried = await moves.carry()
    assert (carried.state, carried.node_id, carried.move and carried.move["step"]) == (State.REQUESTED, None, "carried")
    [key] = moves.store.objects
    assert moves.store.objects[key] == WORLD
    await brain.schedule()
    [prepare] = await brain.told(new)
    assert isinstance(prepare, PrepareInstance)
    assert prepare.world is not None
    assert (prepare.world.url, prepare.world.size, prepare.discard_changes) == (key, len(WORLD), True)
    assert prepare.world.checksum == hashlib.sha256(WORLD).hexdigest()
    await brain.meets(old, report(instance, NodeStatus.STOPPED, restored=True))
    assert await brain.told(old) == [], "it keeps its copy until the other has all of it"
    arrived = await brain.hears_status(new, NodeStatus.PREPARED)
    assert (arrived.state, arrived.node_id, arrived.move, arrived.ran) == (State.STOPPED, new.id, None, True)
    assert await brain.told(old) == [DestroyInstance(instance.id, arrived.generation, superseded=True)]
    assert await moves.leases() == [new.id]
    assert await moves.swept() == {key}
    assert {"instance.move_requested", "instance.move_began", "instance.move_ended"} <= set(await brain.events())


async def test_a_running_one_is_stopped_moved_and_started(moves: Moves) -> None:
    brain = moves.brain
    with pytest.raises(CannotMove, match="running"):
        await moves.move()
    assert (await moves.move(to=moves.new, restart=True)).state is State.STOPPING
    await brain.hears_status(moves.old, NodeStatus.STOPPED, exit_code=0, exit_kind="clean")
    assert (await brain.get()).state is State.MOVING
    await moves.carry()
    await brain.schedule()
    started = await brain.hears_status(moves.new, NodeStatus.PREPARED)
    assert (started.state, started.node_id, started.wanted) == (State.STARTING, moves.new.id, Wanted.RUNNING)


async def test_without_a_world_it_is_built_anew_elsewhere(database: Database) -> None:
    brain = Brain(database)
    old, _ = await brain.running(persistent=False)
    moves = Moves(brain, old, await brain.has_node())
    await moves.move(restart=True)
    await brain.hears_status(old, NodeStatus.STOPPED, exit_code=0, exit_kind="clean")
    assert (await brain.get()).state is State.REQUESTED
    await brain.schedule()
    [prepare] = await brain.told(moves.new)
    assert isinstance(prepare, PrepareInstance)
    assert prepare.world is None
    assert (await brain.hears_status(moves.new, NodeStatus.PREPARED)).move is None
    assert await moves.copies() == [(old.id, False)]


@pytest.mark.parametrize(
    "lie", [{"state": "lost"}, {"checksum": "../../backups/1"}, {"parts": []}, {"etags": [1]}, {"problem": 7}]
)
async def test_a_node_that_lies_about_its_world_moves_nothing(moves: Moves, lie: Mapping[str, Any]) -> None:
    await moves.stopped()
    await moves.move()
    moves.nodes.lie = lie
    assert (await moves.carry()).state is State.MOVING
    assert moves.store.objects == {}
    moves.nodes.lie = {}
    assert (await moves.carry()).state is State.REQUESTED


async def test_called_off_while_it_is_packed_it_stays(moves: Moves) -> None:
    await moves.stopped()
    await moves.move()
    await moves.carry(1)
    stays = await moves.call_off()
    assert (stays.state, stays.node_id, stays.move) == (State.STOPPED, moves.old.id, None)
    assert (await moves.carry()).state is State.STOPPED
    assert len(await moves.swept()) == 1
    with pytest.raises(NotMoving):
        await moves.call_off()


async def test_called_off_while_it_is_built_it_goes_home_to_what_was_never_touched(moves: Moves) -> None:
    brain = moves.brain
    await moves.stopped()
    await moves.move()
    await moves.carry()
    await brain.schedule()
    assert (await brain.get()).node_id == moves.new.id
    await moves.call_off()
    await brain.schedule()
    [prepare] = await brain.told(moves.old)
    assert isinstance(prepare, PrepareInstance)
    assert (prepare.world, prepare.discard_changes) == (None, False)
    home = await brain.hears_status(moves.old, NodeStatus.PREPARED)
    assert (home.state, home.node_id, home.move, home.ran) == (State.STOPPED, moves.old.id, None, True)
    assert await moves.copies() == [(moves.new.id, False)]


async def test_a_new_node_that_is_lost_is_replaced_by_another(moves: Moves) -> None:
    brain = moves.brain
    await moves.stopped()
    await moves.move(to=moves.new)
    await moves.carry()
    await brain.schedule()
    third = await brain.has_node()
    await brain.change_node(moves.new, {"state": NodeState.OFFLINE})
    await brain.clock.advance(61)
    await brain.reconcile(await brain.get())
    assert (await brain.get()).state is State.REQUESTED
    await moves.move(to=third)
    await brain.schedule()
    arrived = await brain.hears_status(third, NodeStatus.PREPARED)
    assert (arrived.node_id, arrived.move) == (third.id, None)


async def test_what_cannot_be_packed_stays_and_says_why(moves: Moves) -> None:
    await moves.stopped()
    await moves.move()
    moves.nodes.problem = {"code": "pack_refused", "message": "out: it leads out of the directory", "remedy": ""}
    stays = await moves.carry()
    assert (stays.state, stays.move, stays.node_id) == (State.STOPPED, None, moves.old.id)
    assert stays.problem is not None
    assert stays.problem["code"] == "pack_refused"


async def test_without_progress_it_is_given_up(moves: Moves) -> None:
    instance = await moves.stopped()
    await moves.move()
    moves.nodes.sends = False
    await moves.carry()
    await moves.brain.reconcile(instance)
    await moves.brain.clock.advance(901)
    await moves.brain.reconcile(instance)
    stays = await moves.brain.get()
    assert (stays.state, stays.move) == (State.STOPPED, None)
    assert stays.problem is not None
    assert stays.problem["code"] == "moving_timed_out"


async def test_an_upload_that_was_completed_by_a_brain_that_died_is_found(moves: Moves) -> None:
    await moves.stopped()
    await moves.move()
    key, upload_id = await moves.sent()
    await moves.store.abort_upload(key, upload_id)
    moves.store.objects[key] = WORLD
    assert (await moves.carry(1)).state is State.REQUESTED


async def test_an_upload_that_the_store_has_lost_is_begun_anew(moves: Moves) -> None:
    await moves.stopped()
    await moves.move()
    await moves.store.abort_upload(*await moves.sent())
    assert (await moves.carry(1)).state is State.MOVING
    assert (await moves.carry(2)).state is State.REQUESTED


async def test_destroyed_on_the_way_nothing_is_left_anywhere(moves: Moves) -> None:
    brain = moves.brain
    instance = await moves.stopped()
    await moves.move()
    await moves.carry()
    await brain.ask("destroy")
    assert (await brain.by_id(instance)).state is State.DESTROYED
    assert await moves.copies() == [(moves.old.id, False)]
    assert len(await moves.swept()) == 1


async def test_a_move_that_cannot_be_is_refused_with_the_reason(moves: Moves) -> None:
    brain = moves.brain
    await moves.stopped()
    with pytest.raises(CannotMove, match="already"):
        await moves.move(to=moves.old)
    await brain.change_node(moves.new, {"memory_mb": 512})
    with pytest.raises(CannotMove, match="memory"):
        await moves.move(to=moves.new)
    await brain.change_node(moves.new, {"memory_mb": 8192})
    await brain.change_node(moves.old, {"state": NodeState.OFFLINE})
    with pytest.raises(CannotMove, match="does not answer"):
        await moves.move(to=moves.new)


async def test_a_drain_moves_worlds_if_asked_to(moves: Moves) -> None:
    brain = moves.brain
    await moves.stopped()
    await brain.change_node(moves.old, {"draining": True})
    await clear_drained(brain.database, brain.presence, clock=brain.clock)
    assert (await brain.get()).state is State.STOPPED
    await brain.change_node(moves.old, {"drain_move": True})
    await clear_drained(brain.database, brain.presence, clock=brain.clock)
    assert (await brain.get()).state is State.MOVING
