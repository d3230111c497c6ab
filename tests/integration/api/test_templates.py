"""Templates from the first upload to the deletion of the blob."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from hytopus.brain.accounts.roles import Role
from hytopus.brain.db.leases import Leases
from hytopus.brain.templates.errors import TemplateNotFound, TemplateVersionNotFound
from hytopus.brain.templates.queries import get_versions, resolve
from hytopus.brain.templates.sweeper import RETRY_SECONDS, run_sweeper, sweep
from hytopus.layers.reference import LayerReference
from hytopus.storage.errors import S3Unreachable
from hytopus.storage.memory import MemoryStore
from tests.integration.api.clock import StepClock
from tests.integration.api.world import World
from tests.services.waiting import eventually

MEBIBYTE = 1 << 20


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Push:
    """One upload, step by step, as the command line does it."""

    client: httpx2.AsyncClient
    store: MemoryStore
    template: str
    version: str
    data: bytes
    rules: dict[str, Any]
    part_size: int = 5 * MEBIBYTE
    upload_id: str = ""

    @property
    def path(self) -> str:
        return f"/templates/{self.template}/versions/{self.version}/uploads"

    async def begin(self) -> httpx2.Response:
        answer = await self.client.post(
            self.path,
            json={
                "size": len(self.data),
                "checksum": _sha256(self.data),
                "files": 3,
                "rules": self.rules,
                "part_size": self.part_size,
            },
        )
        self.upload_id = answer.json().get("upload_id") or ""
        return answer

    async def send(self) -> list[dict[str, Any]]:
        pieces = [self.data[at : at + self.part_size] for at in range(0, len(self.data), self.part_size)]
        wanted = [{"number": number, "sha256": _sha256(piece)} for number, piece in enumerate(pieces, 1)]
        signed = (await self.client.post(f"{self.path}/{self.upload_id}/parts", json={"parts": wanted})).json()
        return [
            {**part, "etag": self.store.send(to["url"], to["headers"], piece)}
            for part, to, piece in zip(wanted, signed["parts"], pieces, strict=True)
        ]

    async def complete(self, parts: list[dict[str, Any]]) -> httpx2.Response:
        return await self.client.post(f"{self.path}/{self.upload_id}/complete", json={"parts": parts})

    async def all(self) -> httpx2.Response:
        begun = await self.begin()
        if begun.status_code != 201:
            return begun
        return await self.complete(await self.send())


@pytest.fixture
def operator(world: World) -> httpx2.AsyncClient:
    return world.acting(Role.OPERATOR)


def _push(operator: httpx2.AsyncClient, store: MemoryStore, name: str, data: bytes = b"content", **rules: Any) -> Push:
    template, _, version = name.partition("@")
    return Push(operator, store, template, version, data, rules)


async def test_an_upload_becomes_a_version(world: World, operator: httpx2.AsyncClient, store: MemoryStore) -> None:
    data = bytes(range(256)) * 4096 * 12
    push = _push(operator, store, "lobby@1.0", data, type="gamemode", description="The lobby", tags=["eu", "fun"])
    begun = await push.begin()
    assert (begun.status_code, begun.json()["state"], begun.json()["parts"]) == (201, "open", 3)
    parts = await push.send()
    assert (await operator.get("/templates")).json()["items"] == []
    made = await push.complete(parts)
    assert made.status_code == 201
    version = made.json()
    assert version["s3_key"] == f"templates/lobby/1.0/{_sha256(data)}.tar.zst"
    assert store.objects[version["s3_key"]] == data
    shown = (await operator.get("/templates/lobby")).json()
    assert (shown["type"], shown["description"], shown["tags"]) == ("gamemode", "The lobby", ["eu", "fun"])
    assert (shown["versions"], shown["usage"], shown["newest"]["version"]) == (1, 0, "1.0")
    actions = [r["action"] for r in await world.audit(action="template.")]
    assert actions == ["template.begin_upload", "template.push"]


async def test_pushing_the_same_content_again_changes_nothing(operator: httpx2.AsyncClient, store: MemoryStore) -> None:
    assert (await _push(operator, store, "lobby@1").all()).status_code == 201
    again = await _push(operator, store, "lobby@1").begin()
    assert (again.status_code, again.json()["state"]) == (200, "exists")
    assert again.json()["version"]["version"] == "1"


async def test_a_version_never_changes_its_content(operator: httpx2.AsyncClient, store: MemoryStore) -> None:
    await _push(operator, store, "lobby@1").all()
    refused = await _push(operator, store, "lobby@1", b"other").begin()
    assert (refused.status_code, refused.json()["code"]) == (409, "version_exists")
    assert _sha256(b"content") in refused.json()["detail"]


async def test_of_two_contents_at_once_the_first_complete_one_wins(
    world: World, operator: httpx2.AsyncClient, store: MemoryStore
) -> None:
    one, two = _push(operator, store, "lobby@1", b"one"), _push(operator, store, "lobby@1", b"two")
    for push in (one, two):
        assert (await push.begin()).status_code == 201
    assert (await one.complete(await one.send())).status_code == 201
    lost = await two.complete(await two.send())
    assert lost.json()["code"] == "version_exists"
    await sweep(world.database, store, world.clock.now())
    assert list(store.objects.values()) == [b"one"]


async def test_of_two_equal_uploads_both_succeed_and_the_blob_stays(
    world: World, operator: httpx2.AsyncClient, store: MemoryStore
) -> None:
    one, two = _push(operator, store, "lobby@1"), _push(operator, store, "lobby@1")
    for push in (one, two):
        assert (await push.begin()).status_code == 201
    assert (await one.complete(await one.send())).status_code == 201
    assert (await two.complete(await two.send())).status_code == 201
    await sweep(world.database, store, world.clock.now())
    assert list(store.objects.values()) == [b"content"]
    assert (await operator.get("/templates/lobby")).json()["versions"] == 1


async def test_a_part_with_other_bytes_is_refused_by_the_store(
    operator: httpx2.AsyncClient, store: MemoryStore
) -> None:
    push = _push(operator, store, "lobby@1")
    await push.begin()
    body = {"parts": [{"number": 1, "sha256": _sha256(push.data)}]}
    (signed,) = (await operator.post(f"{push.path}/{push.upload_id}/parts", json=body)).json()["parts"]
    with pytest.raises(ValueError, match="BadDigest"):
        store.send(signed["url"], signed["headers"], b"damaged")


async def test_a_whole_version_is_not_put_anew_with_other_bytes(
    operator: httpx2.AsyncClient, store: MemoryStore
) -> None:
    honest, lying = (_push(operator, store, "lobby@1", b"a" * (6 * MEBIBYTE)) for _ in range(2))
    await honest.begin()
    await lying.begin()
    made = await honest.complete(await honest.send())
    lying.data = b"b" * (6 * MEBIBYTE)
    answer = await lying.complete(await lying.send())
    assert (answer.status_code, answer.json()) == (201, made.json()), "there already"
    assert store.objects[made.json()["s3_key"]] == honest.data
    assert (await lying.complete([{"number": 1, "etag": "x", "sha256": "0" * 64}])).status_code == 404


async def test_a_single_part_is_what_was_announced(operator: httpx2.AsyncClient, store: MemoryStore) -> None:
    push = _push(operator, store, "lobby@1")
    await push.begin()
    wanted = {"parts": [{"number": 1, "sha256": _sha256(b"another")}]}
    refused = await operator.post(f"{push.path}/{push.upload_id}/parts", json=wanted)
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_parts")
    assert "sha256 of the whole" in refused.json()["detail"]


async def test_missing_and_foreign_parts_are_refused(operator: httpx2.AsyncClient, store: MemoryStore) -> None:
    push = _push(operator, store, "lobby@1", b"x" * 6 * MEBIBYTE)
    await push.begin()
    parts = await push.send()
    assert (await push.complete(parts[:1])).json()["code"] == "bad_parts"
    wrong = await push.complete([parts[0], {**parts[1], "etag": "0" * 32}])
    assert wrong.json()["code"] == "parts_do_not_match"
    body = {"parts": [{"number": 3, "sha256": "0" * 64}]}
    assert (await operator.post(f"{push.path}/{push.upload_id}/parts", json=body)).json()["code"] == "bad_parts"
    assert (await push.complete(parts)).status_code == 201


async def test_an_upload_of_another_size_than_announced_is_thrown_away(
    world: World, operator: httpx2.AsyncClient, store: MemoryStore
) -> None:
    push = _push(operator, store, "lobby@1", b"a" * (6 * MEBIBYTE))
    await push.begin()
    push.data = push.data[: 5 * MEBIBYTE + 5]
    refused = await push.complete(await push.send())
    assert (refused.status_code, refused.json()["params"]["found"]) == (422, len(push.data))
    await sweep(world.database, store, world.clock.now())
    assert store.objects == {}
    assert (await operator.get("/templates")).json()["items"] == []


async def test_a_brain_that_died_after_the_blob_was_whole_can_be_asked_again(
    operator: httpx2.AsyncClient, store: MemoryStore
) -> None:
    push = _push(operator, store, "lobby@1")
    await push.begin()
    parts = await push.send()
    (upload,) = await store.list_uploads()
    store.objects[upload.key] = push.data
    await store.abort_upload(upload.key, upload.upload_id)
    assert (await push.complete(parts)).status_code == 201


async def test_an_upload_that_takes_too_long_is_cleared_away(
    world: World, operator: httpx2.AsyncClient, store: MemoryStore, clock: StepClock
) -> None:
    push = _push(operator, store, "lobby@1")
    await push.begin()
    stray = await store.create_upload("templates/stray")
    parts = await push.send()
    clock.advance(24 * 3600 - 1)
    await sweep(world.database, store, clock.now())
    assert len(await store.list_uploads()) == 2
    clock.advance(1)
    assert (await push.complete(parts)).status_code == 401  # the login ended as well
    await sweep(world.database, store, clock.now())
    assert await store.list_uploads() == []
    assert stray not in [each.upload_id for each in await store.list_uploads()]


async def test_an_aborted_upload_leaves_nothing(world: World, operator: httpx2.AsyncClient, store: MemoryStore) -> None:
    push = _push(operator, store, "lobby@1")
    await push.begin()
    parts = await push.send()
    assert (await operator.delete(f"{push.path}/{push.upload_id}")).status_code == 204
    assert (await push.complete(parts)).json()["code"] == "upload_not_found"
    await sweep(world.database, store, world.clock.now())
    assert await store.list_uploads() == []


async def test_a_lost_blob_can_be_uploaded_again(operator: httpx2.AsyncClient, store: MemoryStore) -> None:
    key = (await _push(operator, store, "lobby@1").all()).json()["s3_key"]
    await store.delete(key)
    assert (await _push(operator, store, "lobby@1").all()).status_code == 201
    assert store.objects[key] == b"content"


async def test_nothing_in_use_is_deleted(world: World, operator: httpx2.AsyncClient, store: MemoryStore) -> None:
    for version in ("1", "2"):
        await _push(operator, store, f"lobby@{version}", version.encode()).all()
    world.used["lobby", "1"] = [f"server-{n}" for n in range(7)]
    for path in ("/templates/lobby/versions/1", "/templates/lobby"):
        refused = await operator.delete(path)
        assert (refused.status_code, refused.json()["code"]) == (409, "template_in_use")
        assert "server-0, server-1, server-2, server-3, server-4 and 2 more" in refused.json()["detail"]
    shown = (await operator.get("/templates/lobby")).json()
    assert (shown["usage"], shown["newest"]["used_by"]) == (7, [])
    assert (await operator.get("/templates/lobby/versions/1")).json()["used_by"] == world.used["lobby", "1"]
    assert (await operator.delete("/templates/lobby/versions/2")).status_code == 204
    await sweep(world.database, store, world.clock.now())
    assert list(store.objects.values()) == [b"1"]


async def test_a_deleted_template_can_come_back_and_keeps_its_new_blob(
    world: World, operator: httpx2.AsyncClient, store: MemoryStore
) -> None:
    await _push(operator, store, "lobby@1").all()
    assert (await operator.delete("/templates/lobby")).status_code == 204
    assert (await operator.get("/templates/lobby")).json()["code"] == "template_not_found"
    assert (await _push(operator, store, "lobby@1").all()).status_code == 201
    await sweep(world.database, store, world.clock.now())
    assert list(store.objects.values()) == [b"content"]


async def test_a_sweep_that_broke_off_is_finished_by_the_next(
    world: World, operator: httpx2.AsyncClient, store: MemoryStore
) -> None:
    await _push(operator, store, "lobby@1").all()
    await operator.delete("/templates/lobby")
    store.fault = S3Unreachable(endpoint="here", why="it is down")
    with pytest.raises(S3Unreachable):
        await sweep(world.database, store, world.clock.now())
    store.fault = None
    busy = await _push(operator, store, "lobby@1").begin()
    assert (busy.status_code, busy.json()["code"], busy.json()["retryable"]) == (503, "blob_busy", True)
    await sweep(world.database, store, world.clock.now())
    assert store.objects == {}
    assert (await _push(operator, store, "lobby@1").all()).status_code == 201


async def test_the_sweeper_starts_at_once_and_comes_back_after_a_failure(
    world: World, operator: httpx2.AsyncClient, store: MemoryStore, clock: StepClock
) -> None:
    for name in ("lobby@1", "arena@1"):
        await _push(operator, store, name, name.encode()).all()
    sweeping = asyncio.create_task(run_sweeper(world.database, store, clock, Leases(world.database, clock, "here")))
    await operator.delete("/templates/lobby")
    await eventually(lambda: list(store.objects.values()) == [b"arena@1"], what="the first blob to go")
    store.fault = S3Unreachable(endpoint="here", why="it is down")
    await operator.delete("/templates/arena")
    await eventually(lambda: store.requests["delete_object", "s3_unreachable"], what="the sweeper to fail")
    store.fault = None
    await eventually(lambda: clock.sleeping, what="the sweeper to wait")
    clock.advance(RETRY_SECONDS)
    await eventually(lambda: store.objects == {}, what="the second blob to go")
    sweeping.cancel()
    await asyncio.wait({sweeping})


async def test_an_unreachable_store_is_said_so_and_nothing_is_left_behind(
    world: World, operator: httpx2.AsyncClient, store: MemoryStore
) -> None:
    store.fault = S3Unreachable(endpoint="http://s3", why="connection refused")
    refused = await _push(operator, store, "lobby@1").begin()
    assert (refused.status_code, refused.json()["code"]) == (503, "s3_unreachable")
    (entry,) = await world.audit(action="begin_upload")
    assert entry["outcome"] == "s3_unreachable"


@pytest.mark.parametrize("path", ["Lobby/versions/1", "lobby/versions/..", "lobby/versions/a%20b", "a..b/versions/1"])
async def test_names_that_could_escape_are_refused(operator: httpx2.AsyncClient, path: str) -> None:
    body = {"size": 1, "checksum": "0" * 64, "files": 1}
    answer = await operator.post(f"/templates/{path.replace('..', '%2E%2E')}/uploads", json=body)
    assert answer.status_code in (404, 422)
    assert answer.json()["code"] in ("bad_layer_reference", "route_not_found")


async def test_templates_are_found_by_type_tags_and_text(operator: httpx2.AsyncClient, store: MemoryStore) -> None:
    await _push(operator, store, "base@1", b"1", type="master", tags=["eu"], description="Common 100% ground").all()
    await _push(operator, store, "bedwars@1", b"2", type="gamemode", tags=["eu", "pvp"]).all()
    await _push(operator, store, "skywars@1", b"3", type="gamemode", tags=["pvp"]).all()

    async def found(**params: Any) -> list[str]:
        return [each["id"] for each in (await operator.get("/templates", params=params)).json()["items"]]

    assert await found(type="gamemode") == ["bedwars", "skywars"]
    assert await found(tag=["pvp"]) == ["bedwars", "skywars"]
    assert await found(tag=["pvp", "eu"]) == ["bedwars"]
    assert await found(text="WARS") == ["bedwars", "skywars"]
    assert await found(text="100%") == ["base"]
    first = (await operator.get("/templates", params={"limit": 2})).json()
    assert [each["id"] for each in first["items"]] == ["base", "bedwars"]
    assert await found(cursor=first["next_cursor"]) == ["skywars"]


async def test_metadata_can_be_changed(world: World, operator: httpx2.AsyncClient, store: MemoryStore) -> None:
    await _push(operator, store, "lobby@1", tags=["a", "b"]).all()
    changed = await operator.patch("/templates/lobby", json={"tags": ["b", "c", "c"], "description": "New"})
    assert (changed.json()["tags"], changed.json()["description"]) == (["b", "c"], "New")
    assert (await operator.patch("/templates/lobby", json={"id": "x"})).json()["code"] == "invalid_request"
    (entry,) = await world.audit(action="template.change", outcome="done")
    assert (entry["before"]["tags"], entry["after"]["tags"]) == (["a", "b"], ["b", "c"])


async def test_versions_are_listed_newest_first_and_downloaded(
    world: World, operator: httpx2.AsyncClient, store: MemoryStore
) -> None:
    for version in ("9", "10", "2"):
        await _push(operator, store, f"lobby@{version}", version.encode()).all()
    listed = (await operator.get("/templates/lobby/versions")).json()["items"]
    assert [each["version"] for each in listed] == ["2", "10", "9"]
    download = (await operator.get("/templates/lobby/versions/10/download")).json()
    assert store.fetch(download["url"]) == b"10"
    refused = await world.acting(Role.VIEWER).get("/templates/lobby/versions/10/download")
    assert refused.status_code == 403


async def test_references_are_resolved_to_versions(
    world: World, operator: httpx2.AsyncClient, store: MemoryStore
) -> None:
    for name in ("base@1", "base@2", "lobby@7"):
        await _push(operator, store, name, name.encode()).all()

    async def names(*texts: str) -> list[str]:
        async with world.database.write() as session:
            found = await resolve(session, [LayerReference.parse(text) for text in texts], lock=True)
        return [each.name for each in found]

    assert await names("lobby", "base@1", "base") == ["lobby@7", "base@1", "base@2"]
    with pytest.raises(TemplateNotFound, match=r"'loby'; the nearest are lobby"):
        await names("loby")
    with pytest.raises(TemplateVersionNotFound, match=r"'base' has no version '3'; it has 2, 1"):
        await names("base@3")
    async with world.database.read() as session:
        found = await get_versions(session, [("base", "1"), ("base", "9")])
    assert [each.template_rules.type.value for each in found.values()] == ["custom"]


async def test_a_template_without_versions_says_so(
    world: World, operator: httpx2.AsyncClient, store: MemoryStore
) -> None:
    await _push(operator, store, "lobby@1").all()
    assert (await operator.delete("/templates/lobby/versions/1")).status_code == 204
    async with world.database.read() as session:
        with pytest.raises(TemplateVersionNotFound, match="it has none at all"):
            await resolve(session, [LayerReference.parse("lobby")])
