"""The journal: what was written is found again, and what makes no sense is set aside."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hytopus.kit.files import unfinished
from hytopus.node.journal import BadAssignment, Journal
from hytopus.wire.messages import NodeStatus, Problem
from tests.unit.node.runner.records import record


async def test_a_new_agent_finds_what_the_old_one_wrote(tmp_path: Path) -> None:
    kept = record(
        NodeStatus.FAILED,
        generation=7,
        prepared=True,
        started=6,
        started_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        exit_code=3,
        exit_kind="crash",
        problem=Problem("exited", "It ended.", "Look.", {"why": "code 3"}),
        log_tail=("one", "two"),
        timings_ms={"fetch": 1.5},
        secrets=("TOKEN",),
    )
    journal = Journal(tmp_path)
    await journal.load()
    await journal.save(kept, durable=True)
    loaded = await Journal(tmp_path).load()
    assert loaded.records == [kept]
    assert not loaded.unreadable


async def test_the_newest_record_wins_and_forgetting_is_idempotent(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    await journal.load()
    first = record(NodeStatus.PREPARING)
    await journal.save(first)
    await journal.save(replace(first, status=NodeStatus.PREPARED))
    assert [kept.status for kept in (await Journal(tmp_path).load()).records] == [NodeStatus.PREPARED]
    await journal.forget(first.instance_id)
    await journal.forget(first.instance_id)
    assert not (await Journal(tmp_path).load()).records


async def test_only_the_owner_reads_secrets(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    await journal.load()
    await journal.save(record())
    (file,) = (tmp_path / "instances").iterdir()
    assert b"very-secret" in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"", b"{", b"\x00" * 40, b'{"dev_mode": "?"}', b"[]"])
async def test_damaged_files_are_set_aside_and_the_rest_is_read(tmp_path: Path, content: bytes) -> None:
    journal = Journal(tmp_path)
    await journal.load()
    await journal.save(record())
    (tmp_path / "instances" / "broken.json").write_bytes(content)
    (tmp_path / "node.json").write_bytes(content)
    loaded = await Journal(tmp_path).load()
    assert [kept.instance_id for kept in loaded.records] == ["i1"]
    assert len(loaded.unreadable) == 2
    assert {path.read_bytes() for path in loaded.unreadable} == {content}
    assert not (await Journal(tmp_path).load()).unreadable


async def test_a_write_that_was_cut_off_leaves_the_old_record(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    await journal.load()
    await journal.save(record())
    unfinished(tmp_path / "instances" / "i1.json").write_bytes(b'{"assignment": {"insta')
    assert [kept.status for kept in (await Journal(tmp_path).load()).records] == [NodeStatus.PREPARED]
    assert [file.name for file in (tmp_path / "instances").iterdir()] == ["i1.json"]


async def test_dev_mode_survives(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    await journal.load()
    assert not journal.dev_mode
    await journal.set_dev_mode(True)
    again = Journal(tmp_path)
    await again.load()
    assert again.dev_mode


@pytest.mark.parametrize("name", ["../escape", "a/b", "", ".", "-x", "x" * 200])
async def test_ids_that_are_no_file_names_are_refused(tmp_path: Path, name: str) -> None:
    journal = Journal(tmp_path)
    await journal.load()
    kept = record()
    with pytest.raises(BadAssignment):
        await journal.save(replace(kept, assignment=replace(kept.assignment, instance_id=name)))
