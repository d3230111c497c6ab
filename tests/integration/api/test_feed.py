"""The event log and its live feed: nothing missed, nothing twice, and an end when the Brain stops."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from sqlalchemy import delete, select

from hytopus.brain.accounts.models import Token, User
from hytopus.brain.accounts.roles import Role
from hytopus.brain.activity.commands import record
from hytopus.brain.activity.feed import GAP_SECONDS, follow
from hytopus.brain.activity.models import Event
from hytopus.brain.activity.queries import EventFilter
from hytopus.brain.db.engine import Database
from tests.integration.api.clock import StepClock
from tests.integration.api.world import World
from tests.services.waiting import eventually


async def _happen(world: World, *names: str, kind: str = "instance.started") -> None:
    async with world.database.write() as session:
        for name in names:
            record(session, kind, subject=("instance", name), message=f"{name}.", at=world.clock.now())


class Stream:
    """The lines of a live feed, parsed."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def event(self) -> dict[str, Any]:
        """The next event; heartbeats are passed over."""
        found: dict[str, Any] = {}
        while True:
            line = await asyncio.wait_for(anext(self._lines), 10)
            if not line and "data" in found:
                return found
            name, _, value = line.partition(": ")
            if name in ("id", "event", "data"):
                found[name] = json.loads(value) if name == "data" else value

    async def line(self) -> str:
        return await asyncio.wait_for(anext(self._lines), 10)

    async def subjects(self, count: int) -> list[str]:
        return [(await self.event())["data"]["subject_id"] for _ in range(count)]

    async def ended(self) -> bool:
        return await self._rest() == []

    async def cut_off(self) -> bool:
        """It ends, and says that what its login may do has changed."""
        [event, data] = await self._rest()
        return event == "event: problem" and '"code":"rights_changed"' in data

    async def _rest(self) -> list[str]:
        return [line async for line in self._lines if line and not line.startswith(":")]


@asynccontextmanager
async def _listening(world: World, *, headers: dict[str, str] | None = None, **params: Any) -> AsyncIterator[Stream]:
    client = world.acting(Role.VIEWER)
    wanted = {"Accept": "text/event-stream", **(headers or {})}
    async with client.stream("GET", "/events", params=params, headers=wanted) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        stream = Stream(response)
        assert await stream.line() == ": open"
        yield stream


async def _ready(world: World) -> None:
    """Until the feed waits for something to happen: its look-again timer and its heartbeat are set."""
    await eventually(lambda: world.clock.sleeping >= 2, what="the feed to wait")


async def test_the_feed_begins_with_the_present(world: World) -> None:
    await _happen(world, "before")
    async with _listening(world) as stream:
        await _ready(world)
        await _happen(world, "a", "b")
        first = await stream.event()
        assert (first["event"], first["data"]["subject_id"]) == ("instance.started", "a")
        assert first["id"] == str(first["data"]["id"])
        assert await stream.subjects(1) == ["b"]


async def test_a_client_that_comes_back_misses_nothing_and_sees_nothing_twice(world: World) -> None:
    await _happen(world, "a", "b", "c")
    async with _listening(world, after=0) as stream:
        assert await stream.subjects(2) == ["a", "b"]
        last = (await stream.event())["id"]
    await _happen(world, "d")
    async with _listening(world, headers={"Last-Event-ID": last}, after=0) as stream:
        await _happen(world, "e")
        assert await stream.subjects(2) == ["d", "e"]


async def test_everything_written_while_listening_arrives_once_and_in_order(world: World) -> None:
    async with _listening(world, after=0) as stream:
        await asyncio.gather(*(_happen(world, f"{n}a", f"{n}b") for n in range(30)))
        ids = [int((await stream.event())["id"]) for _ in range(60)]
    assert ids == sorted(set(ids))


async def test_the_feed_can_be_narrowed(world: World) -> None:
    async with _listening(world, after=0, kind=["node.", "instance.failed"], subject_id="x") as stream:
        await _happen(world, "x", kind="instance.started")
        await _happen(world, "y", kind="node.joined")
        await _happen(world, "x", kind="node.joined")
        await _happen(world, "x", kind="instance.failed")
        assert [(await stream.event())["event"] for _ in range(2)] == ["node.joined", "instance.failed"]


async def test_a_quiet_line_is_kept_alive(world: World) -> None:
    async with _listening(world) as stream:
        await _ready(world)
        world.clock.advance(15)
        lines = [await stream.line() for _ in range(2)]
        assert lines == ["", ": heartbeat"]


async def test_the_feed_ends_when_the_brain_stops(world: World) -> None:
    async with _listening(world) as stream:
        await _ready(world)
        world.streams.close()
        assert await stream.ended()
    assert world.streams.open == 0


@pytest.mark.parametrize("change", [{"role": "operator"}, {"disabled": True}, {"password": "another-password"}])
async def test_the_feed_ends_at_once_when_its_user_may_more_or_less(world: World, change: dict[str, Any]) -> None:
    async with _listening(world) as stream:
        await _ready(world)
        assert (await world.acting(Role.ADMIN).patch("/users/viewer", json=change)).status_code == 200
        assert await stream.cut_off()


@pytest.mark.parametrize(
    ("role", "method", "path"),
    [
        (Role.VIEWER, "POST", "/logout"),
        (Role.ADMIN, "DELETE", "/users/viewer/sessions"),
        (Role.ADMIN, "DELETE", "/users/viewer"),
    ],
)
async def test_the_feed_ends_at_once_with_its_login(world: World, role: Role, method: str, path: str) -> None:
    async with _listening(world) as stream:
        await _ready(world)
        assert (await world.acting(role).request(method, path)).status_code == 204
        assert await stream.cut_off()


async def test_the_feed_goes_on_when_nothing_of_its_user_changes(world: World) -> None:
    async with _listening(world) as stream:
        await _ready(world)
        await world.acting(Role.ADMIN).patch("/users/viewer", json={"role": "viewer"})
        await world.acting(Role.ADMIN).patch("/users/operator", json={"disabled": True})
        assert (await world.acting(Role.VIEWER).delete("/me/sessions")).status_code == 204
        await _happen(world, "a")
        assert await stream.subjects(1) == ["a"]


async def test_what_another_brain_took_away_is_noticed_with_the_next_heartbeat(world: World) -> None:
    async with _listening(world) as stream:
        await _ready(world)
        async with world.database.write() as session:
            await session.execute(
                delete(Token).where(Token.user_id == select(User.id).where(User.name == "viewer").scalar_subquery())
            )
        world.clock.advance(15)
        assert await stream.cut_off()


async def test_a_client_that_leaves_is_forgotten(world: World) -> None:
    async with _listening(world):
        assert world.streams.open == 1
    await eventually(lambda: world.streams.open == 0, what="the stream to end")


async def test_a_nonsense_position_is_refused(world: World) -> None:
    client = world.acting(Role.VIEWER)
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "yesterday"}
    answer = await client.get("/events", headers=headers)
    assert answer.json()["code"] == "bad_event_id"


async def test_the_log_is_listed_newest_first(world: World) -> None:
    await _happen(world, "a", "b", "c")
    page = (await world.acting(Role.VIEWER).get("/events", params={"limit": 2, "kind": "instance."})).json()
    assert [event["subject_id"] for event in page["items"]] == ["c", "b"]
    rest = await world.acting(Role.VIEWER).get("/events", params={"cursor": page["next_cursor"], "kind": "instance."})
    assert [event["subject_id"] for event in rest.json()["items"]] == ["a"]


@pytest.mark.parametrize("undone", [False, True])
async def test_a_number_given_out_but_not_committed_yet_is_waited_for(
    database: Database, clock: StepClock, undone: bool
) -> None:
    """PostgreSQL gives numbers before commit; a later number may be visible first."""
    if database.dialect != "postgresql":
        return  # SQLite has one writer: numbers appear in their order
    slow = database.write()
    session = await slow.__aenter__()
    record(session, "instance.started", subject=("instance", "slow"), message="Slow.", at=clock.now())
    await session.flush()
    async with database.write() as quick:
        record(quick, "instance.started", subject=("instance", "quick"), message="Quick.", at=clock.now())
    feed = follow(database, clock, EventFilter(), after=0)
    waiting: asyncio.Task[Event] = asyncio.ensure_future(anext(feed))
    await eventually(lambda: clock.sleeping == 1, what="the feed to wait for the gap")
    assert not waiting.done()
    error = RuntimeError("undone") if undone else None
    try:
        await slow.__aexit__(type(error) if error else None, error, None)
    except RuntimeError:
        assert undone
    clock.advance(GAP_SECONDS)
    seen = [(await asyncio.wait_for(waiting, 10)).subject_id]
    if not undone:
        seen.append((await anext(feed)).subject_id)
    assert seen == (["quick"] if undone else ["slow", "quick"])
    await feed.aclose()
