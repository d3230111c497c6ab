"""The room a directory takes is the file system's word, not the files' sizes."""

from __future__ import annotations

import os
from pathlib import Path

from hytopus.node.materialise.taken import taken_mb

MB = 2**20


def test_blocks_count_not_sizes_and_each_inode_once(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/real").write_bytes(os.urandom(3 * MB))
    (tmp_path / "twice").hardlink_to(tmp_path / "a/b/real")
    with (tmp_path / "hole").open("wb") as hole:
        hole.truncate(500 * MB)
    (tmp_path / "outside").symlink_to("/usr")
    assert taken_mb(tmp_path) in (3, 4)


def test_what_is_not_there_takes_nothing(tmp_path: Path) -> None:
    assert taken_mb(tmp_path / "nothing") == 0
