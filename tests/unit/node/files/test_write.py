"""Changing files at rest: what is written, what is refused, and what the server finds then."""

from __future__ import annotations

import asyncio
import os
import stat
from hashlib import sha256
from pathlib import Path

import pytest

from hytopus.node.files.errors import FileChanged, FileMissing, FolderNotEmpty, NotAFile, NotAFolder
from hytopus.node.materialise.probe import How
from tests.unit.layers.trees import File, Folder, Tree
from tests.unit.node.files.conftest import VALUES, Place
from tests.unit.node.files.test_tree import content


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def test_an_edit_replaces_what_was_seen_and_keeps_the_mode(place: Place) -> None:
    before = content(place, "config/server.toml")
    written = place.put("config/server.toml", b"new", digest(before))
    assert (written.before, written.after, written.size) == (digest(before), digest(b"new"), 3)
    assert content(place, "config/server.toml") == b"new"
    assert place.shown("config")["config/server.toml"] == ("changed", "layer1@1")
    assert stat.S_IMODE((place.own / "config/server.toml").stat().st_mode) == 0o640
    assert stat.S_IMODE((place.own / "config").stat().st_mode) == 0o750


def test_a_second_operators_change_is_not_overwritten(place: Place) -> None:
    seen = digest(content(place, "motd"))
    place.put("motd", b"first", seen)
    with pytest.raises(FileChanged) as caught:
        place.put("motd", b"second", seen)
    assert caught.value.params["digest"] == digest(b"first")
    assert content(place, "motd") == b"first"


def test_a_new_file_must_be_new(place: Place) -> None:
    place.put("a/b/new.txt", b"1", "")
    assert stat.S_IMODE((place.own / "a/b").stat().st_mode) == 0o755
    with pytest.raises(FileChanged, match="exists already"):
        place.put("a/b/new.txt", b"2", "")
    with pytest.raises(FileChanged, match="not there any more"):
        place.put("gone", b"2", digest(b"1"))


def test_nothing_half_made_is_left(place: Place) -> None:
    with pytest.raises(NotAFolder):
        place.put("motd/x", b"1", "")
    with pytest.raises(NotAFile):
        place.put("config", b"1")
    with pytest.raises(NotAFile):
        place.put("link", b"1")
    root = place.world.workspaces.disk.root
    assert list((root / "tmp").iterdir()) == []


def test_deleting_what_a_layer_brought_hides_it(place: Place) -> None:
    place.delete("config/old", digest(b"old"))
    assert place.shown("config")["config/old"] == ("deleted", "layer1@1")
    with pytest.raises(FileMissing):
        place.delete("config/old")
    if place.how is How.OVERLAY:
        assert stat.S_ISCHR((place.own / "config/old").lstat().st_mode)


def test_deleting_a_changed_file_of_a_layer_does_not_bring_the_layers_back(place: Place) -> None:
    place.server_writes("motd", b"mine")
    place.delete("motd")
    assert place.shown()["motd"] == ("deleted", "layer2@1")


def test_folders_are_deleted_with_what_they_hold_only_on_request(place: Place) -> None:
    place.server_writes("config/mine", b"1")
    with pytest.raises(FolderNotEmpty):
        place.delete("config")
    place.delete("config", recursive=True)
    assert place.shown()["config"] == ("deleted", "layer1@1")


def test_a_deleted_folder_that_comes_again_is_empty(place: Place) -> None:
    place.delete("config", recursive=True)
    place.put("config/new", b"1", "")
    present = {path for path, (change, _) in place.shown("config").items() if change != "deleted"}
    assert present == {"config/new"}
    with pytest.raises(FileMissing):
        content(place, "config/old")


def test_a_deleted_file_can_be_written_again(place: Place) -> None:
    place.delete("motd")
    place.put("motd", b"again", "")
    assert content(place, "motd") == b"again"


def test_links_do_not_lead_a_write_astray(place: Place, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (place.own / "door").symlink_to(tmp_path / "outside")
    with pytest.raises(NotAFolder):
        place.put("door/x", b"1", "")
    place.delete("door")
    assert list((tmp_path / "outside").iterdir()) == []
    assert not (place.own / "door").is_symlink()


def test_edits_outlive_an_upgrade(place: Place) -> None:
    place.put("motd", b"mine")
    place.put("extra2", b"new", "")
    place.delete("config/old")
    asyncio.run(_upgrade(place, {"motd": File(b"v2"), "config": Folder(0o750), "config/old": File(b"v2")}))
    assert content(place, "motd") == b"mine"
    assert content(place, "extra2") == b"new"
    with pytest.raises(FileMissing):
        content(place, "config/old")


async def _upgrade(place: Place, tree: Tree) -> None:
    place.prepared = await place.world.prepare([await place.world.layer(tree)], VALUES)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="owners need root")
def test_what_is_written_belongs_to_the_game(place: Place) -> None:
    place.world.cache.owner = (1000, 1000)
    place.put("a/b", b"1", "")
    assert [(status.st_uid, status.st_gid) for status in ((place.own / "a").stat(), (place.own / "a/b").stat())] == [
        (1000, 1000)
    ] * 2
