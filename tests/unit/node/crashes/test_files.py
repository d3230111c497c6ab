"""Reading crash files from a directory that may hold traps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hytopus.node.crashes.files import BYTES, FILES, crash_files

PATTERNS = ("hs_err_pid*.log", "logs/*.txt")


def names(root: Path, since: float = 0) -> set[str]:
    return set(crash_files(str(root), PATTERNS, since=since))


def test_what_matches_is_read(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "hs_err_pid1.log").write_text("# SIGSEGV")
    (tmp_path / "logs" / "one.txt").write_text("one")
    (tmp_path / "logs" / "deeper").mkdir()
    (tmp_path / "logs" / "deeper" / "two.txt").write_text("two")
    (tmp_path / "config.json").write_text("secret")
    assert crash_files(str(tmp_path), PATTERNS, since=0) == {"hs_err_pid1.log": b"# SIGSEGV", "logs/one.txt": b"one"}


def test_links_pipes_and_directories_are_left_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "shadow.txt").write_text("root's")
    root = tmp_path / "root"
    root.mkdir()
    (root / "hs_err_pid1.log").symlink_to(outside / "shadow.txt")
    (root / "hs_err_pid2.log").mkdir()
    os.mkfifo(root / "hs_err_pid3.log")
    (root / "logs").symlink_to(outside)
    assert names(root) == set()


def test_a_root_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(OSError, match="link"):
        crash_files(str(tmp_path / "link"), PATTERNS, since=0)


def test_only_the_newest_few_and_only_so_much_of_each(tmp_path: Path) -> None:
    for number in range(9):
        file = tmp_path / f"hs_err_pid{number}.log"
        file.write_bytes(b"x" * (BYTES + 10))
        os.utime(file, (number, number))
    found = crash_files(str(tmp_path), PATTERNS, since=0)
    assert set(found) == {f"hs_err_pid{number}.log" for number in range(9 - FILES, 9)}
    assert {len(content) for content in found.values()} == {BYTES}


def test_what_an_earlier_run_left_does_not_count(tmp_path: Path) -> None:
    for number in (1, 2):
        file = tmp_path / f"hs_err_pid{number}.log"
        file.touch()
        os.utime(file, (number * 1000, number * 1000))
    assert names(tmp_path, since=1500) == {"hs_err_pid2.log"}
