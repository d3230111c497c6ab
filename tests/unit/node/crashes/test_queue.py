"""Bundles on the node's disk, and their way to the Brain."""

from __future__ import annotations

import asyncio
import io
import json
import os
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from hytopus.node.crashes import queue as queue_module
from hytopus.node.crashes.bundle import EXCERPT, Bundle
from hytopus.node.crashes.queue import CrashQueue
from hytopus.node.crashes.sender import AGAIN_SECONDS, CrashSender
from hytopus.node.crashes.upload import CrashNotUploaded, put
from hytopus.wire.messages import CrashReply, CrashReport, LogLine
from tests.services.waiting import eventually
from tests.unit.node.runner.clock import StillClock

FACTS = {"instance_id": "i1", "generation": 1, "attempt": 1, "at": "2026-01-01T00:00:00+00:00", "kind": "crash"}


def bundle(attempt: int = 1, text: str = "bye") -> Bundle:
    lines = [LogLine(number, "t", f"{text} {number}") for number in range(1, 201)]
    return Bundle(f"i1-1-{attempt}", {**FACTS, "attempt": attempt}, lines, {"hs_err_pid1.log": b"# SIGSEGV"})


def test_a_bundle_is_an_archive_anybody_can_open() -> None:
    packed = bundle().pack()
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == ["crash.json", "log.txt", "files/hs_err_pid1.log"]
        assert json.loads(archive.read("crash.json"))["kind"] == "crash"
        assert archive.read("log.txt").decode().splitlines()[-1] == "t bye 200"
        assert archive.read("files/hs_err_pid1.log") == b"# SIGSEGV"
    assert packed == bundle().pack(), "the same crash makes the same bytes"


def test_only_so_much_of_the_log_travels_with_the_report() -> None:
    assert bundle().excerpt()[-1] == "bye 200"
    assert len(bundle().excerpt()) == EXCERPT
    assert len("".join(bundle(text="x" * 1000).excerpt())) <= 16_384


def test_what_is_queued_survives_and_is_there_once(tmp_path: Path) -> None:
    for _ in range(2):
        CrashQueue(tmp_path).add(bundle(), FACTS)
    (report,) = CrashQueue(tmp_path).pending()
    assert (report.crash_id, report.instance_id, report.stored) == ("i1-1-1", "i1", False)
    assert json.loads(report.body)["excerpt"][-1] == "bye 200"
    content = CrashQueue(tmp_path).content("i1-1-1")
    assert content is not None
    assert len(content) == report.size
    CrashQueue(tmp_path).forget("i1-1-1")
    assert not list(tmp_path.iterdir())


def test_the_queue_has_bounds_and_drops_the_oldest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "BUNDLES", 3)
    queue = CrashQueue(tmp_path)
    for attempt in range(1, 6):
        queue.add(bundle(attempt), FACTS)
        os.utime(tmp_path / f"i1-1-{attempt}.json", (attempt, attempt))
    assert [report.attempt for report in queue.pending()] == [3, 4, 5]
    monkeypatch.setattr(queue_module, "BYTES", 10)
    queue.add(bundle(6), FACTS)
    assert queue.pending() == []


def test_a_report_that_makes_no_sense_is_dropped(tmp_path: Path) -> None:
    CrashQueue(tmp_path).add(bundle(), FACTS)
    (tmp_path / "i1-1-1.json").write_text('{"crash_id":')
    assert CrashQueue(tmp_path).pending() == []
    assert not list(tmp_path.iterdir())


class Store:
    """Where the Brain says bundles go."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.down = False

    def put(self, crash_id: str, url: str, headers: Mapping[str, str], content: bytes) -> None:
        if self.down:
            raise CrashNotUploaded(crash=crash_id, why="it is down")
        self.objects[url] = content


class Recording(CrashQueue):
    """Says what it forgot."""

    forgotten: ClassVar[list[str]] = []

    def forget(self, crash_id: str) -> None:
        super().forget(crash_id)
        self.forgotten.append(crash_id)


@asynccontextmanager
async def sending(root: Path, clock: StillClock, store: Store) -> AsyncIterator[tuple[CrashSender, list[CrashReport]]]:
    said: list[CrashReport] = []
    sender = CrashSender(Recording(root), said.append, clock=clock, put=store.put)
    task = asyncio.create_task(sender.run())
    try:
        yield sender, said
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_crash_is_told_stored_and_forgotten(tmp_path: Path) -> None:
    clock, store = StillClock(), Store()
    async with sending(tmp_path, clock, store) as (sender, said):
        await sender.keep(bundle(), FACTS)
        await eventually(lambda: said, what="the report")
        sender.reply(CrashReply("i1-1-1", "https://s3/key", {"x": "y"}))
        await eventually(lambda: said[-1].stored, what="the word that it is stored")
        content = await asyncio.to_thread(CrashQueue(tmp_path).content, "i1-1-1")
        assert store.objects["https://s3/key"] == content
        sender.reply(CrashReply("i1-1-1", done=True))
        await eventually(lambda: Recording.forgotten, what="the bundle to be forgotten")
        assert await asyncio.to_thread(CrashQueue(tmp_path).pending) == []
        sender.reply(CrashReply("i1-1-1", "https://s3/key"))
        sender.reply(CrashReply("i1-1-1", done=True))
        assert said[-1] == replace(said[0], stored=True)


async def test_as_long_as_nobody_answers_it_is_told_again(tmp_path: Path) -> None:
    clock, store = StillClock(), Store()
    await asyncio.to_thread(CrashQueue(tmp_path).add, bundle(), FACTS)
    async with sending(tmp_path, clock, store) as (sender, said):
        await eventually(lambda: said, what="what an earlier agent left")
        await clock.sleeping(AGAIN_SECONDS)
        await clock.advance(AGAIN_SECONDS)
        await eventually(lambda: len(said) == 2, what="the second time")
        sender.wake()
        await eventually(lambda: len(said) == 3, what="a new session")


async def test_a_store_that_is_down_costs_nothing_but_time(tmp_path: Path) -> None:
    clock, store = StillClock(), Store()
    store.down = True
    async with sending(tmp_path, clock, store) as (sender, said):
        await sender.keep(bundle(), FACTS)
        sender.reply(CrashReply("i1-1-1", "https://s3/key"))
        await eventually(lambda: said, what="the report")
        store.down = False
        sender.reply(CrashReply("i1-1-1", "https://s3/key"))
        await eventually(lambda: store.objects, what="the second attempt")


async def test_a_full_disk_does_not_stop_what_follows_a_crash(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    async with sending(blocked / "queue", StillClock(), Store()) as (sender, said):
        await sender.keep(bundle(), FACTS)
        assert said == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://s3/key", "", "http://127.0.0.1:1/key"])
def test_only_web_addresses_that_answer_take_a_bundle(url: str) -> None:
    with pytest.raises(CrashNotUploaded):
        put("i1-1-1", url, {}, b"x")


def test_other_keys_of_the_summary_are_kept(tmp_path: Path) -> None:
    summary: Mapping[str, Any] = {**FACTS, "cause": "why"}
    CrashQueue(tmp_path).add(bundle(), summary)
    (report,) = CrashQueue(tmp_path).pending()
    assert json.loads(report.body)["cause"] == "why"
