"""Which instances a node speaks for, when the database says so and when it says nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest
from sqlalchemy import text

from hytopus.brain.db.engine import Database
from hytopus.brain.gateway.residents import AGAIN_S, AGED_S, Residents
from hytopus.brain.gateway.rounds import placed_on
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.states import State
from hytopus.kit.together import Together
from hytopus.kit.waiting import in_company
from hytopus.wire.messages import InstanceUsage
from tests.harness.clock import ManualClock
from tests.harness.factories import add, make_node, on_node
from tests.services.waiting import eventually


def said(*ids: str) -> tuple[InstanceUsage, ...]:
    return tuple(InstanceUsage(each, 1.0, 2.0) for each in ids)


@pytest.fixture
async def clock(sqlite: Database) -> ManualClock:
    node = make_node(id="n1")
    await add(sqlite, node, *on_node(node, State.RUNNING, id="a", name="a"))
    return ManualClock()


async def heard(residents: Residents, *ids: str) -> list[str]:
    return [usage.instance_id for usage in await residents.of(said(*ids))]


async def test_what_is_new_is_looked_up_but_not_all_the_time(sqlite: Database, clock: ManualClock) -> None:
    residents = Residents("n1", Together(partial(placed_on, sqlite)), clock)
    assert await heard(residents, "a", "a", "b") == ["a"]
    async with sqlite.write() as session:
        (await session.get_one(Instance, "a")).node_id = None
    assert await heard(residents, "a", "c") == ["a"], "asked just now"
    await clock.advance(AGAIN_S)
    assert await heard(residents, "a", "c") == ["a"], "nothing is new"
    assert await heard(residents, "a", "d") == []


async def test_what_has_left_is_noticed_in_time(sqlite: Database, clock: ManualClock) -> None:
    looks = 0

    async def look(nodes: Sequence[str]) -> list[frozenset[str]]:
        nonlocal looks
        found = await placed_on(sqlite, nodes)
        looks += 1
        return found

    residents = Residents("n1", Together(look), clock)
    assert await heard(residents, "a") == ["a"]
    async with sqlite.write() as session:
        (await session.get_one(Instance, "a")).node_id = None
    watching = asyncio.create_task(residents.run())
    await clock.advance(in_company(clock, AGED_S))
    await eventually(lambda: looks == 2, what="a second look")
    await clock.settle()
    watching.cancel()
    assert await heard(residents, "a") == []


async def test_a_database_that_is_away_changes_nothing(sqlite: Database, clock: ManualClock) -> None:
    residents = Residents("n1", Together(partial(placed_on, sqlite)), clock)
    assert await heard(residents, "a") == ["a"]
    async with sqlite.write() as session:
        await session.execute(text("ALTER TABLE instances RENAME TO gone"))
    watching = asyncio.create_task(residents.run())
    await clock.advance(in_company(clock, AGED_S))
    assert await heard(residents, "a", "new") == ["a"]
    assert not watching.done()
    watching.cancel()
