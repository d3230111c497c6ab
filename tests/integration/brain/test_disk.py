"""Instances that take more disk than is reserved for them, as the Brain notices it."""

from __future__ import annotations

from datetime import datetime

import pytest

from hytopus.brain.db.engine import Database
from hytopus.brain.instances.reports.disk import is_over, look
from hytopus.wire.messages import Heartbeat, InstanceUsage, NodeLoad
from tests.harness.brain import Brain


@pytest.fixture
def brain(database: Database) -> Brain:
    return Brain(database)


async def looks(brain: Brain, taken_mb: int) -> datetime | None:
    """Since when it is too much, after its node has said that it takes so much."""
    lobby = await brain.get()
    assert lobby.node_id is not None
    beat = Heartbeat("", False, NodeLoad(), (InstanceUsage(lobby.id, 1, 1, disk_mb=taken_mb),))
    brain.presence.heartbeat(lobby.node_id, beat)
    await look(brain.database, brain.presence.disk_mb(), brain.clock.now())
    return (await brain.get()).disk_over_since


async def test_too_much_is_said_once_and_once_more_when_it_is_over(brain: Brain) -> None:
    await brain.running(disk_mb=100)
    assert await looks(brain, 100) is None
    since = brain.clock.now()
    assert await looks(brain, 101) == since
    await brain.clock.advance(60)
    for still in (500, 95, 0):
        assert await looks(brain, still) == since
    assert await looks(brain, 90) is None
    assert await brain.events("instance.disk") == ["instance.disk_exceeded", "instance.disk_relieved"]


async def test_two_brains_that_look_at_once_say_it_once(brain: Brain) -> None:
    _, lobby = await brain.running(disk_mb=100)
    for _ in range(2):
        await look(brain.database, {lobby.id: 200}, brain.clock.now())
    assert await brain.events("instance.disk") == ["instance.disk_exceeded"]


async def test_more_room_is_a_relief(brain: Brain) -> None:
    _, lobby = await brain.running(disk_mb=100)
    assert await looks(brain, 150) is not None
    async with brain.database.write() as session:
        row = await session.merge(lobby)
        row.disk_mb = 200
    assert await looks(brain, 150) is None


@pytest.mark.parametrize(
    ("taken", "before", "over"),
    [(0, False, False), (0, True, True), (100, False, False), (101, False, True), (91, True, True), (90, True, False)],
)
def test_the_edge_is_not_told_of_again_and_again(taken: int, before: bool, over: bool) -> None:
    assert is_over(taken, 100, before=before) is over
