"""Numbers, moments and cursors at the end of what can be said, in every parameter of the whole API: never a 5xx."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from hytopus.brain.accounts.roles import Role
from hytopus.brain.activity.actor import ActorKind
from hytopus.brain.activity.feed import follow
from hytopus.brain.activity.models import Event
from hytopus.brain.activity.queries import EventFilter, event_ids
from hytopus.brain.db.engine import Database
from hytopus.brain.http.parameters import LARGEST
from hytopus.brain.instances.states import State
from hytopus.storage.memory import MemoryStore
from tests.harness.factories import add, make_node, on_node
from tests.integration.api.clock import StepClock
from tests.integration.api.whole import open_whole
from tests.integration.api.world import World

NUMBERS: Final = (0, -1, 2**31, 2**53, 2**63, 2**64, 10**30)
DIGITS: Final = (*map(str, NUMBERS), "1" * 5000)
MOMENTS: Final = (
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00Z",
    "2026-01-01T00:00:00",
    "9999-12-31",
    "-0001-01-01T00:00:00Z",
    "1e308",
    "-1e30",
    "NaN",
    "2026-02-30T00:00:00Z",
    *DIGITS,
)
CURSORS: Final = tuple(
    base64.urlsafe_b64encode(json.dumps(row).encode()).decode().rstrip("=")
    for value in (*NUMBERS, True, None, 1.5, "", *MOMENTS[:6])
    for row in ([value], [value, "i1"])
)
LIVE: Final = {"Accept": "text/event-stream"}


@dataclass(frozen=True)
class Question:
    """One request, with an extreme in one place."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]

    def __str__(self) -> str:
        said = str(self.params or self.headers)
        return f"{self.method} {self.path} {said[:100]}"


@pytest.fixture
async def world(database: Database, store: MemoryStore, clock: StepClock, tmp_path: Path) -> AsyncIterator[World]:
    async with open_whole(database, store, clock, tmp_path) as opened:
        node = make_node(id="n1", name="n1")
        await add(database, node, *on_node(node, State.RUNNING, id="i1", name="lobby"))
        yield opened


async def test_no_extreme_is_too_much(world: World) -> None:
    client = world.acting(Role.ADMIN)
    questions = list(_questions((await client.get(f"{world.url}/openapi.json")).json()))
    assert len(questions) > 500
    wrong: list[str] = []
    for question in questions:
        async with client.stream(
            question.method, question.path, params=question.params, headers=question.headers
        ) as answer:
            trouble = await _trouble(answer)
        if trouble:
            wrong.append(f"{question}: {trouble}")
    assert wrong == []


async def _trouble(answer: httpx2.Response) -> str:
    """What is wrong with an answer. Of a live one the beginning is read, where its first look into the database is."""
    if answer.headers["content-type"].startswith("text/event-stream"):
        return ""
    body = (await answer.aread()).decode()
    if answer.status_code >= 500 and json.loads(body)["code"] != "node_offline":
        return f"{answer.status_code} {body}"
    if answer.status_code >= 400 and not json.loads(body)["code"]:
        return f"no problem document: {body}"
    return ""


async def test_events_are_counted_beyond_what_fits_into_four_bytes(world: World) -> None:
    far = 2**40
    happened = {"kind": "node.joined", "subject_kind": "node", "subject_id": "n1", "message": "Far away.", "data": {}}
    by = {"actor_kind": ActorKind.SYSTEM, "actor_id": "", "actor_name": "system"}
    await add(world.database, Event(id=far, at=world.clock.now(), **happened, **by))
    listed = (await world.acting(Role.VIEWER).get("/events", params={"kind": "node.joined"})).json()["items"]
    assert [event["id"] for event in listed] == [far]
    async with aclosing(follow(world.database, world.clock, EventFilter(), after=far - 1)) as events:
        assert (await anext(events)).id == far
    async with world.database.read() as session:
        assert await event_ids(session, after=LARGEST, limit=1) == []


async def test_a_token_does_not_end_outside_of_time(world: World) -> None:
    for moment in MOMENTS:
        body = {"name": f"ci-{MOMENTS.index(moment)}", "expires_at": moment}
        assert (await world.acting(Role.ADMIN).post("/me/tokens", json=body)).status_code < 500


def _questions(document: dict[str, Any]) -> Iterator[Question]:
    for template, methods in document["paths"].items():
        path = template.removeprefix("/api/v1").replace("{instance}", "i1").replace("{node}", "n1")
        for method, operation in methods.items():
            if method != "get" or template.startswith(("/healthz", "/readyz", "/metrics")):
                continue
            given = [each for each in operation.get("parameters", []) if each["in"] in ("query", "header")]
            for parameter in given:
                yield from _of_parameter(method, path.replace("{", "").replace("}", ""), parameter, given)
            if "{" in path:
                for number in NUMBERS:
                    yield Question(method, _filled(path, str(number)), {}, {})


def _of_parameter(method: str, path: str, parameter: dict[str, Any], given: list[dict[str, Any]]) -> Iterator[Question]:
    name = parameter["name"]
    needed = {each["name"]: "a" for each in given if each.get("required") and each["name"] != name}
    for value in _extremes(name, json.dumps(parameter["schema"])):
        if parameter["in"] == "header":
            yield Question(method, path, needed, {**LIVE, name: value})
            continue
        yield Question(method, path, {**needed, name: value}, {})
        if name == "after":
            yield Question(method, path, {**needed, name: value}, LIVE)


def _extremes(name: str, schema: str) -> tuple[str, ...]:
    if name == "cursor":
        return CURSORS
    if "date-time" in schema:
        return MOMENTS
    if '"integer"' in schema or '"number"' in schema or name in ("after", "last-event-id"):
        return DIGITS
    return ()


def _filled(path: str, value: str) -> str:
    return "/".join(value if part.startswith("{") else part for part in path.split("/"))
