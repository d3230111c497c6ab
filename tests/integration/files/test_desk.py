"""Files of a node's instances through its agent: seen while it runs, changed only at rest, whole or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from hytopus.errors import HytopusError
from hytopus.node.files.desk import CHUNK
from hytopus.node.files.errors import FileShrank, FileTooLarge, UploadCut
from hytopus.node.materialise.probe import How
from hytopus.node.runtime.fake import FakeRuntime
from hytopus.wire.messages import (
    DestroyInstance,
    NodeStatus,
    PrepareInstance,
    StartInstance,
    StopInstance,
    TemplateLayer,
)
from tests.integration.files.desk import DiskNode
from tests.unit.layers.trees import File, Tree
from tests.unit.node.agent.bed import Sent
from tests.unit.node.cache.layers import left_over
from tests.unit.node.runner.clock import StillClock
from tests.unit.node.runner.records import assignment

BASE: Tree = {"a.toml": File(b"token = ${TOKEN}\n"), "motd": File(b"hello\n")}


class Desk(DiskNode):
    """What the Brain would ask of it."""

    def __init__(self, root: Path, runtime: FakeRuntime, clock: StillClock, how: How) -> None:
        self.sent = Sent()
        super().__init__(root, runtime, clock, how, self.sent.report)

    def base(self, **changes: Any) -> PrepareInstance:
        return assignment(template_layers=(self.layer("base", BASE),), **changes)

    async def until(self, status: NodeStatus, generation: int = 1) -> None:
        def there() -> bool:
            return any((one.status, one.generation) == (status, generation) for one in self.sent.reports)

        await self.sent.until(there)

    async def prepared(self, **changes: Any) -> None:
        await self.agent.handle(self.base(**changes))
        await self.until(NodeStatus.PREPARED)

    async def running(self) -> None:
        await self.prepared()
        await self.agent.handle(StartInstance("i1", 1))
        await self.until(NodeStatus.RUNNING)

    async def ask(self, kind: str, **body: Any) -> Mapping[str, Any]:
        answer = await self.agent.ask(kind, "i1", body)
        json.dumps(answer)
        return answer

    async def refused(self, kind: str, **body: Any) -> HytopusError:
        with pytest.raises(HytopusError) as caught:
            await self.ask(kind, **body)
        return caught.value

    async def upload(self, path: str, *chunks: bytes, size: int | None = None, digest: str = "") -> Mapping[str, Any]:
        async def pieces() -> AsyncIterator[bytes]:
            for chunk in chunks:
                yield chunk

        total = sum(map(len, chunks)) if size is None else size
        return await self.agent.upload("i1", {"path": path, "digest": digest, "size": total}, pieces())

    async def downloaded(self, path: str) -> tuple[Mapping[str, Any], bytes]:
        facts: Mapping[str, Any] = {}
        parts = []
        async with aclosing(self.agent.download("i1", {"path": path})) as pieces:
            async for piece in pieces:
                if isinstance(piece, bytes):
                    parts.append(piece)
                else:
                    facts = piece
        return facts, b"".join(parts)


@pytest.fixture(params=[How.OVERLAY, How.COPY])
async def desk(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    clock = StillClock()
    async with FakeRuntime.open(clock) as runtime:
        desk = Desk(tmp_path / "node", runtime, clock, request.param)
        await desk.cache.recover()
        working = asyncio.create_task(desk.agent.run())
        await desk.agent.adopted.wait()
        yield desk
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


async def test_files_are_seen_while_the_server_runs_and_changed_only_at_rest(desk: Desk) -> None:
    await desk.running()
    listed = await desk.ask("files", folder="")
    assert [(one["path"], one["layer"]) for one in listed["files"]] == [("a.toml", "base@1"), ("motd", "base@1")]
    seen = await desk.ask("read_file", path="motd")
    assert (seen["text"], seen["digest"]) == ("hello\n", digest(b"hello\n"))
    refused = await desk.refused("write_file", path="motd", text="x", digest=seen["digest"])
    assert (refused.code, refused.status) == ("instance_not_at_rest", 409)
    assert (await desk.refused("delete_file", path="motd", digest="*")).code == "instance_not_at_rest"
    with pytest.raises(HytopusError, match="only be changed while it is stopped"):
        await desk.upload("x", b"1")
    await desk.agent.handle(StopInstance("i1", 1, kill=True))
    await desk.until(NodeStatus.STOPPED)
    written = await desk.ask("write_file", path="motd", text="bye\n", digest=seen["digest"])
    assert written == {"path": "motd", "before": seen["digest"], "after": digest(b"bye\n"), "size": 4}
    conflict = await desk.refused("write_file", path="motd", text="mine", digest=seen["digest"])
    assert (conflict.code, conflict.status) == ("file_changed", 409)


async def test_a_secret_survives_an_edit_of_the_text_around_it(desk: Desk) -> None:
    await desk.prepared()
    seen = await desk.ask("read_file", path="a.toml")
    assert (seen["text"], seen["masked"]) == ("token = ⟦TOKEN⟧\n", ("TOKEN",))
    await desk.ask("write_file", path="a.toml", text=seen["text"] + "more = 1\n", digest=seen["digest"])
    _, data = await desk.downloaded("a.toml")
    assert data == b"token = very-secret\nmore = 1\n"
    assert (await desk.ask("read_file", path="a.toml"))["text"] == "token = ⟦TOKEN⟧\nmore = 1\n"


async def test_large_files_come_and_go_in_pieces(desk: Desk) -> None:
    await desk.prepared()
    chunks = [bytes([index]) * CHUNK for index in range(5)]
    written = await desk.upload("world/region.bin", *chunks)
    assert written["after"] == digest(b"".join(chunks))
    facts, data = await desk.downloaded("world/region.bin")
    assert (facts["size"], data) == (5 * CHUNK, b"".join(chunks))
    assert facts["change"] == "added"


async def test_an_upload_that_breaks_off_changes_nothing(desk: Desk) -> None:
    await desk.prepared()
    with pytest.raises(UploadCut):
        await desk.upload("motd", b"half", size=8, digest="*")
    with pytest.raises(FileTooLarge):
        await desk.upload("motd", size=1 << 40, digest="*")
    assert (await desk.ask("read_file", path="motd"))["text"] == "hello\n"
    await desk.cache.disk.empty()
    assert left_over(desk.root) == []


async def test_a_file_that_shrinks_while_it_is_read_is_not_passed_off_as_whole(desk: Desk) -> None:
    await desk.prepared()
    await desk.upload("log", b"x" * CHUNK * 2)
    async with aclosing(desk.agent.download("i1", {"path": "log"})) as pieces:
        assert await anext(pieces)
        own = desk.workspaces.site.instance("i1")
        (real,) = [path for path in own.rglob("log") if path.is_file()]
        await asyncio.to_thread(real.write_bytes, b"short")
        assert await anext(pieces) == b"short"
        with pytest.raises(FileShrank):
            await anext(pieces)


async def test_a_start_waits_for_a_change_that_has_begun(desk: Desk) -> None:
    await desk.prepared()
    instance = desk.agent.crew.instance("i1")
    async with instance.still:
        await desk.agent.handle(StartInstance("i1", 1))
        await desk.until(NodeStatus.STARTING)
        assert not await instance.host.runtime.list()
        late = asyncio.ensure_future(desk.refused("write_file", path="motd", text="late", digest="*"))
    await desk.until(NodeStatus.RUNNING)
    assert (await late).code == "instance_not_at_rest"
    assert (await desk.ask("read_file", path="motd"))["text"] == "hello\n"


async def test_a_destroyed_instance_has_no_files(desk: Desk) -> None:
    await desk.prepared()
    await desk.agent.handle(DestroyInstance("i1", 1))
    await desk.until(NodeStatus.DESTROYED)
    assert (await desk.refused("files", folder="")).code in {"instance_unknown", "not_prepared"}


async def test_drafts_and_versions_are_answered_from_the_cache(desk: Desk) -> None:
    def sent(layer: TemplateLayer) -> dict[str, Any]:
        return {name: getattr(layer, name) for name in ("template_id", "version", "checksum", "size", "url")}

    one, two = sent(desk.layer("base", BASE)), sent(desk.layer("base", {"motd": File(b"hi\n")}, "2"))
    found = await desk.ask("draft_configs", layers=[one], values={})
    assert found["configs"][0]["unresolved"] == [{"line": 1, "name": "TOKEN"}]
    file = await desk.ask("draft_file", layers=[one], path="a.toml", values={"TOKEN": "⟦TOKEN⟧"})
    assert (file["text"], file["source"]) == ("token = ⟦TOKEN⟧\n", "token = ${TOKEN}\n")
    differences = await desk.ask("compare_layers", old=[one], new=[two])
    assert differences["counts"] == {"changed": 1, "removed": 1}
    text = await desk.ask("compare_layers_file", old=[one], new=[two], path="motd")
    assert "-hello\n+hi\n" in text["diff"]
    assert len(desk.download.calls) == 2


async def test_an_upgrade_is_planned_beside_the_running_server(desk: Desk) -> None:
    await desk.running()
    layer = desk.layer("base", {"motd": File(b"v2 ${TOKEN}\n")}, "2")
    names = ("template_id", "version", "checksum", "size", "url")
    layers, values = [{name: getattr(layer, name) for name in names}], {"TOKEN": "⟦TOKEN⟧"}
    plan = await desk.ask("compare", layers=layers, values=values)
    assert plan["counts"] == {"changed": 1, "removed": 1}
    assert plan["fetched_bytes"] == layer.size
    text = await desk.ask("compare_file", layers=layers, values=values, path="motd")
    assert "+v2 ⟦TOKEN⟧" in text["diff"]


async def test_nonsense_is_refused_and_not_a_crash(desk: Desk) -> None:
    await desk.prepared()
    assert (await desk.refused("read_file")).code == "bad_question"
    assert (await desk.refused("read_file", path="../../journal")).code == "bad_path"
    assert (await desk.refused("read_file", path="nowhere")).status == 404
    assert (await desk.refused("draft_files", layers=[{"nope": 1}])).code == "bad_question"
