"""Doing again to a new directory what an instance did to its old one, where the new layers are shaped otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from hytopus.node.materialise.changes import Changes, carry_over


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Without `c/a`, which the instance has deleted."""
    folder = tmp_path / "old"
    (folder / "c").mkdir(parents=True)
    return folder


@pytest.fixture
def new(tmp_path: Path) -> Path:
    folder = tmp_path / "new"
    folder.mkdir()
    return folder


DELETED = Changes(deleted=("c/a",), kept=())


def test_what_was_deleted_behind_a_link_of_the_new_layers_is_left_alone(old: Path, new: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_bytes(b"not the instance's")
    (new / "c").symlink_to(outside)
    carry_over(old, new, DELETED)
    assert (outside / "a").read_bytes() == b"not the instance's"
    assert (new / "c").is_dir()
    assert not (new / "c").is_symlink()


def test_a_file_in_the_place_of_the_folder_gives_way(old: Path, new: Path) -> None:
    (new / "c").write_bytes(b"new")
    carry_over(old, new, DELETED)
    assert list((new / "c").iterdir()) == []


def test_the_folder_of_what_was_deleted_stays(old: Path, new: Path) -> None:
    carry_over(old, new, DELETED)
    assert (new / "c").is_dir()


def test_a_file_that_the_instance_put_in_the_place_of_a_folder_is_kept(tmp_path: Path, new: Path) -> None:
    old = tmp_path / "other"
    old.mkdir()
    (old / "c").write_bytes(b"mine")
    (new / "c").mkdir()
    (new / "c/a").write_bytes(b"layer")
    carry_over(old, new, Changes(deleted=("c/a",), kept=("c",)))
    assert (new / "c").read_bytes() == b"mine"
