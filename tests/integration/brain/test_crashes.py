"""Crashes as the Brain takes them in, groups them, shows them and lets go of them."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from hytopus.brain.accounts.roles import Role
from hytopus.brain.activity.models import Event
from hytopus.brain.crashes.api import router
from hytopus.brain.crashes.commands import take_in
from hytopus.brain.crashes.models import Crash
from hytopus.brain.crashes.pruner import prune
from hytopus.brain.crashes.settings import CrashSettings
from hytopus.brain.db.engine import Database
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.states import State, advance
from hytopus.node.crashes.bundle import Bundle
from hytopus.storage.errors import S3Unreachable
from hytopus.storage.memory import MemoryStore
from hytopus.wire.messages import CrashReply, CrashReport, LogLine
from tests.harness.factories import add, make_node, on_node
from tests.integration.api.clock import StepClock
from tests.integration.api.world import open_world


@dataclass
class Crashes:
    """A Brain, its store, and a node that crashes."""

    database: Database
    store: MemoryStore
    clock: StepClock
    client: httpx2.AsyncClient
    viewer: httpx2.AsyncClient
    node_id: str = "n1"
    instance_id: str = "i1"

    async def tell(self, report: CrashReport, *, node_id: str = "", **settings: Any) -> CrashReply | None:
        return await take_in(
            self.database,
            self.store,
            node_id or self.node_id,
            report,
            clock=self.clock,
            settings=CrashSettings(**settings),
        )

    def report(self, attempt: int = 1, **facts: Any) -> tuple[CrashReport, bytes]:
        given = {
            "instance_id": self.instance_id,
            "instance": "lobby",
            "generation": 3,
            "attempt": attempt,
            "at": self.clock.now().isoformat(),
            "kind": "crash",
            "exit_code": 1,
            "fingerprint": "aaaaaaaaaaaa",
            "cause": "java.lang.Error at a.B.c",
            "layers": ["base@1", "map@2"],
            "signal": None,
            "excerpt": ["the last word"],
        } | facts
        bundle = Bundle("x", given, [LogLine(1, "t", "the last word")], {})
        content = bundle.pack()
        crash_id = f"{self.instance_id}-3-{attempt}"
        report = CrashReport(
            crash_id=crash_id,
            instance_id=self.instance_id,
            generation=3,
            attempt=attempt,
            at=str(given["at"]),
            body=json.dumps(given),
            size=len(content),
            sha256=_sha256(content),
        )
        return report, content

    async def stored(self, attempt: int = 1, **facts: Any) -> CrashReport:
        """A crash whose bundle has arrived."""
        report, content = self.report(attempt, **facts)
        reply = await self.tell(report)
        assert reply is not None
        self.store.send(reply.url, reply.headers, content)
        assert await self.tell(replace(report, stored=True)) == CrashReply(report.crash_id, done=True)
        return report

    async def get(self, path: str, **params: Any) -> Any:
        response = await self.client.get(path, params=params)
        assert response.status_code == 200, response.text
        return response.json()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
async def crashes(database: Database) -> AsyncIterator[Crashes]:
    clock = StepClock()
    store = MemoryStore(clock)
    node = make_node(id="n1", name="fra-1")
    instance, lease = on_node(node, State.RUNNING, id="i1", name="lobby", generation=3)
    await add(database, node, instance, lease)
    async with open_world(database, store, clock, more=(router,)) as world:
        yield Crashes(database, store, clock, world.acting(Role.OPERATOR), world.acting(Role.VIEWER))


async def test_a_crash_is_written_down_and_its_bundle_fetched_once(crashes: Crashes) -> None:
    report, content = crashes.report()
    first = await crashes.tell(report)
    assert first is not None
    assert (first.done, "crashes/" in first.url, first.url.endswith(".zip")) == (False, True, False)
    again = await crashes.tell(report)
    assert again is not None
    assert not again.done, "nothing has arrived yet"
    assert not (await crashes.get("/crashes/i1-3-1"))["stored"]
    crashes.store.send(first.url, first.headers, content)
    done = CrashReply("i1-3-1", done=True)
    assert await crashes.tell(replace(report, stored=True)) == done
    assert await crashes.tell(report) == done, "whatever comes late"
    assert len(crashes.store.objects) == 1
    async with crashes.database.read() as session:
        events = list(await session.scalars(select(Event.kind)))
    assert events.count("instance.crashed") == 1


async def test_a_bundle_that_did_not_arrive_is_asked_for_again(crashes: Crashes) -> None:
    report, _ = crashes.report()
    await crashes.tell(report)
    reply = await crashes.tell(replace(report, stored=True))
    assert reply is not None
    assert (reply.done, bool(reply.url)) == (False, True)


async def test_the_address_takes_nothing_but_the_bundle(crashes: Crashes) -> None:
    report, _ = crashes.report()
    reply = await crashes.tell(report)
    assert reply is not None
    with pytest.raises(ValueError, match="BadDigest"):
        crashes.store.send(reply.url, reply.headers, b"something else")


async def test_a_store_that_is_away_loses_nothing(crashes: Crashes) -> None:
    report, _ = crashes.report()
    await crashes.tell(report)
    crashes.store.fault = S3Unreachable(endpoint="s3", why="it is away")
    with pytest.raises(S3Unreachable):
        await crashes.tell(replace(report, stored=True))
    crashes.store.fault = None
    assert (await crashes.get("/crashes"))["items"][0]["id"] == "i1-3-1"


async def test_what_makes_no_sense_is_not_asked_for_again(crashes: Crashes) -> None:
    report, _ = crashes.report()
    for bad in (
        replace(report, crash_id="../../etc/passwd"),
        replace(report, crash_id="i1-3-2"),
        replace(report, body=json.dumps({"excerpt": ["x" * 2**21]})),
        replace(report, sha256="x"),
        replace(report, body="[]"),
        replace(report, body="{"),
        replace(report, size=0),
        replace(report, body='{"a":' + "[" * 900 + "]" * 900 + "}"),
        replace(report, body="[" * 100_000),
    ):
        assert await crashes.tell(bad) == CrashReply(bad.crash_id, done=True)
    assert (await crashes.get("/crashes"))["items"] == []


async def test_an_instance_nobody_knows_may_be_known_later(crashes: Crashes) -> None:
    report, _ = crashes.report()
    assert await crashes.tell(replace(report, instance_id="nobody", crash_id="nobody-3-1")) is None


async def test_another_node_cannot_overwrite_a_crash(crashes: Crashes) -> None:
    await add(crashes.database, make_node(id="n2", name="fra-2"))
    report, _ = crashes.report()
    await crashes.tell(report)
    assert await crashes.tell(report, node_id="n2") == CrashReply(report.crash_id, done=True)
    assert (await crashes.get("/crashes/i1-3-1"))["node_name"] == "fra-1"


async def test_a_node_tells_of_crashes_of_what_it_has_or_had_only(crashes: Crashes) -> None:
    await add(crashes.database, make_node(id="n2", name="fra-2"))
    forged, _ = crashes.report()
    assert await crashes.tell(forged, node_id="n2") is None
    assert (await crashes.get("/crashes"))["items"] == []
    reply = await crashes.tell(forged)
    assert reply is not None
    assert not reply.done, "the node that has it is heard all the same"
    async with crashes.database.write() as session:
        instance = await session.get_one(Instance, "i1")
        advance(session, instance, State.STOPPING, at=crashes.clock.now())
        instance.node_id = "n2"
    late, _ = crashes.report(attempt=2)
    assert await crashes.tell(late) is not None, "it moved meanwhile"


async def test_a_start_that_is_still_to_come_has_not_crashed(crashes: Crashes) -> None:
    report, _ = crashes.report()
    assert await crashes.tell(replace(report, generation=4, crash_id="i1-4-1")) is None


async def test_an_instance_that_crashes_without_end_is_not_written_down_without_end(crashes: Crashes) -> None:
    for attempt in range(1, 6):
        report, _ = crashes.report(attempt, at="2001-01-01T00:00:00Z")
        reply = await crashes.tell(report, instance_per_hour=2)
        assert reply is not None
        assert reply.done is (attempt > 2)
    assert len((await crashes.get("/crashes"))["items"]) == 2
    assert await _kinds(crashes) == ["instance.crashed", "instance.crashed", "instance.crashes_dropped"]
    crashes.clock.advance(3601)
    report, _ = crashes.report(6)
    reply = await crashes.tell(report, instance_per_hour=2)
    assert reply is not None
    assert not reply.done, "it has become quiet"


async def test_a_node_that_tells_of_crashes_without_end_is_not_heard_without_end(crashes: Crashes) -> None:
    for attempt in range(1, 6):
        await crashes.tell(crashes.report(attempt)[0], node_per_hour=2)
    assert await _kinds(crashes) == ["instance.crashed", "instance.crashed", "node.crashes_dropped"]


async def _kinds(crashes: Crashes) -> list[str]:
    async with crashes.database.read() as session:
        return list(await session.scalars(select(Event.kind).order_by(Event.id)))


async def test_what_no_database_takes_is_taken_out(crashes: Crashes) -> None:
    """What a server prints last becomes the cause of its crash, and a crash that is not taken in is told for ever."""
    report, _ = crashes.report(cause="bad\0word", usage={"cpu_percent": float("nan")}, exit_code=2**40, excerpt=["\0"])
    assert await crashes.tell(report) is not None
    found = await crashes.get("/crashes/i1-3-1")
    assert (found["cause"], found["excerpt"]) == ("bad\ufffdword", ["\ufffd"])
    assert found["facts"]["usage"] == {"cpu_percent": None}


@pytest.mark.parametrize(
    "facts",
    [
        {"layers": 5},
        {"excerpt": 5},
        {"cause": "half \ud800 a letter"},
        {"layers": ["\ud800@1"], "excerpt": ["\ud800"], "usage": {"\ud800": 1}},
        {"exit_code": True},
    ],
)
async def test_whatever_a_node_says_of_a_crash_its_session_stands(crashes: Crashes, facts: dict[str, Any]) -> None:
    report, _ = crashes.report(**facts)
    assert await crashes.tell(report) is not None


async def test_a_bundle_that_is_too_large_is_let_go_but_the_crash_is_kept(crashes: Crashes) -> None:
    report, _ = crashes.report()
    reply = await crashes.tell(report, max_bundle_mb=0.0001)
    assert reply == CrashReply(report.crash_id, done=True)
    assert (await crashes.get("/crashes/i1-3-1"))["excerpt"] == ["the last word"]


async def test_everything_about_a_crash_can_be_had(crashes: Crashes) -> None:
    await crashes.stored(signal=None, node_load={"cpu_percent": 99})
    found = await crashes.get("/crashes/i1-3-1")
    assert (found["instance_name"], found["layers"], found["stored"]) == ("lobby", ["base@1", "map@2"], True)
    assert found["facts"]["node_load"] == {"cpu_percent": 99}
    assert (await crashes.get("/crashes/i1-3-1/log"))["lines"] == ["t the last word"]
    bundle = await crashes.client.get("/crashes/i1-3-1/bundle")
    assert bundle.headers["content-disposition"] == 'attachment; filename="crash-i1-3-1.zip"'
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        assert "log.txt" in archive.namelist()


async def test_bundles_are_for_operators(crashes: Crashes) -> None:
    await crashes.stored()
    assert (await crashes.viewer.get("/crashes/i1-3-1")).status_code == 200
    assert (await crashes.viewer.get("/crashes/i1-3-1/bundle")).status_code == 403


@pytest.mark.parametrize(
    ("path", "code"), [("/crashes/none", "crash_not_found"), ("/crashes/i1-3-1/log", "bundle_not_stored")]
)
async def test_what_is_not_there_is_said(crashes: Crashes, path: str, code: str) -> None:
    await crashes.tell(crashes.report()[0])
    response = await crashes.client.get(path)
    assert response.json()["code"] == code


def _archive(*, locked: bool = False, torn: bool = False) -> bytes:
    """With a log in it that is encrypted, or whose compression makes no sense."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("log.txt", "".join(map(str, range(10_000))))
    content = bytearray(held.getvalue())
    if locked:
        content[6] |= 1
        content[content.index(b"PK\x01\x02") + 8] |= 1
    if torn:
        content[40:4_000] = b"\xff" * 3_960
    return bytes(content)


@pytest.mark.parametrize("content", [b"no archive", _archive(locked=True), _archive(torn=True)])
async def test_a_damaged_bundle_is_named(crashes: Crashes, content: bytes) -> None:
    await crashes.stored()
    (key,) = crashes.store.objects
    crashes.store.objects[key] = content
    assert (await crashes.client.get("/crashes/i1-3-1/log")).json()["code"] == "bundle_damaged"


async def test_crashes_are_listed_newest_first_and_filtered(crashes: Crashes) -> None:
    for attempt in (1, 2, 3):
        await crashes.stored(attempt, kind="hang" if attempt == 2 else "crash")
        crashes.clock.advance(60)
    page = await crashes.get("/crashes", limit=2)
    assert [crash["attempt"] for crash in page["items"]] == [3, 2]
    rest = await crashes.get("/crashes", limit=2, cursor=page["next_cursor"])
    assert [crash["attempt"] for crash in rest["items"]] == [1]
    assert len((await crashes.get("/crashes", kind="hang"))["items"]) == 1
    for name in ("lobby", "i1"):
        assert len((await crashes.get("/crashes", instance=name, node="fra-1"))["items"]) == 3
    assert (await crashes.get("/crashes", instance="other"))["items"] == []


async def test_crashes_with_one_cause_are_one_group(crashes: Crashes) -> None:
    first = crashes.clock.now()
    await crashes.stored(1)
    crashes.clock.advance(60)
    await crashes.stored(2, layers=["base@2"])
    await crashes.stored(3, fingerprint="bbbbbbbbbbbb", cause="another")
    groups = {group["fingerprint"]: group for group in (await crashes.get("/crashes/groups"))["items"]}
    group = groups["aaaaaaaaaaaa"]
    assert (group["count"], group["instances"], group["nodes"]) == (2, 1, {"fra-1": 2})
    assert group["layers"] == {"base@1 map@2": 1, "base@2": 1}
    assert group["first_at"].startswith(first.isoformat()[:19])
    assert (group["last_id"], groups["bbbbbbbbbbbb"]["count"]) == ("i1-3-2", 1)


async def test_old_crashes_go_bundle_and_all(crashes: Crashes) -> None:
    await crashes.stored(1)
    crashes.clock.advance(timedelta(days=20).total_seconds())
    await crashes.stored(2)
    before = crashes.clock.now() - timedelta(days=10)
    crashes.store.fault = S3Unreachable(endpoint="s3", why="it is away")
    with pytest.raises(S3Unreachable):
        await prune(crashes.database, crashes.store, before)
    crashes.store.fault = None
    assert await prune(crashes.database, crashes.store, before) == 1
    assert await prune(crashes.database, crashes.store, before) == 0
    assert len(crashes.store.objects) == 1
    async with crashes.database.read() as session:
        assert await session.get(Crash, "i1-3-1") is None
        assert await session.get(Crash, "i1-3-2") is not None
