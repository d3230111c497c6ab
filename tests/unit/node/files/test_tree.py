"""What is seen of an instance's directory, whatever its server has put there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hytopus.node.files.errors import FileMissing, NotAFile, NotAFolder
from hytopus.node.files.listing import list_folder, search
from hytopus.node.files.read import read_upto
from hytopus.node.materialise.probe import How
from tests.unit.node.files.conftest import Place


def content(place: Place, path: str) -> bytes:
    with place.tree() as tree:
        fd = tree.open(tree.find(path))
        try:
            return read_upto(fd, 1 << 20)
        finally:
            os.close(fd)


def test_layers_are_told_apart(place: Place) -> None:
    assert place.shown() == {
        "config": ("none", "layer1@1"),
        "extra": ("none", "layer2@1"),
        "link": ("none", "layer1@1"),
        "motd": ("none", "layer2@1"),
        "plugins": ("none", "layer1@1"),
    }
    with place.tree() as tree:
        listed = {one["path"]: one for one in list_folder(tree, "")["files"]}
    assert listed["motd"]["overrode"] == ["layer1@1"]
    assert (listed["link"]["kind"], listed["link"]["target"]) == ("link", "motd")
    assert content(place, "config/server.toml") == b'name = "lobby"\npassword = "pw"\n'


def test_what_the_server_did_is_told(place: Place) -> None:
    place.server_writes("motd", b"mine")
    place.server_writes("world/level.dat", b"w")
    place.server_deletes("extra")
    assert place.shown() | {} == {
        "config": ("none", "layer1@1"),
        "extra": ("deleted", "layer2@1"),
        "link": ("none", "layer1@1"),
        "motd": ("changed", "layer2@1"),
        "plugins": ("none", "layer1@1"),
        "world": ("added", None),
    }
    assert place.shown("world") == {"world/level.dat": ("added", None)}
    assert content(place, "motd") == b"mine"
    with place.tree() as tree, pytest.raises(FileMissing):
        tree.find("extra")


def test_a_touch_is_no_change_of_a_copy(place: Place) -> None:
    if place.how is How.OVERLAY:
        place.server_writes("motd", b"top")
        assert place.shown()["motd"][0] == "changed"  # whatever is in the upper directory stays at an upgrade
    else:
        (place.own / "motd").touch()
        assert place.shown()["motd"][0] == "none"


def test_a_folder_that_was_emptied_hides_its_layers(place: Place) -> None:
    if place.how is not How.OVERLAY or os.geteuid() != 0:
        return
    (place.own / "config").mkdir()
    os.setxattr(place.own / "config", "user.overlay.opaque", b"y")
    assert {change for change, _ in place.shown("config").values()} == {"deleted"}
    with place.tree() as tree, pytest.raises(FileMissing):
        tree.find("config/old")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_bytes(b"never")
    return tmp_path / "outside"


def test_links_are_never_followed(place: Place, outside: Path) -> None:
    (place.own / "door").symlink_to(outside)
    (place.own / "leak").symlink_to(outside / "secret")
    with place.tree() as tree:
        assert tree.find("leak").target == str(outside / "secret")
        with pytest.raises(NotAFile):
            tree.open(tree.find("leak"))
        for path in ("door/secret", "leak/x"):
            with pytest.raises(FileMissing):
                tree.find(path)
        with pytest.raises(NotAFolder):
            tree.folder("door")
        assert not any(item.path.startswith("door/") for item in tree.walk())


def test_a_folder_swapped_for_a_link_between_look_and_open(place: Place, outside: Path) -> None:
    place.server_writes("data/secret", b"mine")
    with place.tree() as tree:
        item = tree.find("data/secret")
        (place.own / "data").rename(place.own / "moved")
        (place.own / "data").symlink_to(outside)
        with pytest.raises((FileMissing, NotAFolder)):
            tree.open(item)


def test_a_file_swapped_for_a_fifo_is_not_opened(place: Place) -> None:
    place.server_writes("pipe", b"x")
    with place.tree() as tree:
        item = tree.find("pipe")
        (place.own / "pipe").unlink()
        os.mkfifo(place.own / "pipe")
        with pytest.raises(NotAFile, match="a FIFO"):
            tree.open(item)
        assert tree.find("pipe").kind == "o"
    with place.tree() as tree:
        assert search(tree, "pipe")["files"][0]["kind"] == "special"


@pytest.mark.skipif(os.geteuid() != 0, reason="devices need root")
@pytest.mark.root
def test_a_device_is_not_opened(place: Place) -> None:
    try:
        os.mknod(place.own / "null", 0o20666, os.makedev(1, 3))
    except PermissionError:
        return
    with place.tree() as tree, pytest.raises(NotAFile, match="device"):
        tree.open(tree.find("null"))


def test_names_of_any_kind_can_be_listed_and_opened(place: Place) -> None:
    for name in (b"new\nline", b"\x1b[2Jclear", b"caf\xe9", b"per%cent"):
        place.server_writes(os.fsdecode(name), b"x")
    with place.tree() as tree:
        paths = [one["path"] for one in list_folder(tree, "")["files"]]
    assert {"new%0Aline", "%1B[2Jclear", "caf%E9", "per%25cent"} <= set(paths)
    assert content(place, os.fsdecode(b"caf\xe9")) == b"x"


def test_lists_come_in_pages(place: Place) -> None:
    for index in range(7):
        place.server_writes(f"many/{index}", b"")
    with place.tree() as tree:
        first = list_folder(tree, "many", limit=5)
        second = list_folder(tree, "many", limit=5, after=first["next"])
    assert [one["path"] for one in first["files"] + second["files"]] == [f"many/{index}" for index in range(7)]
    assert second["next"] is None


def test_a_search_finds_files_of_layers_and_of_the_server(place: Place) -> None:
    place.server_writes("config/new", b"")
    place.server_deletes("config/old")
    with place.tree() as tree:
        found = {one["path"]: one["change"] for one in search(tree, "config/**")["files"]}
    assert found == {"config/new": "added", "config/old": "deleted", "config/server.toml": "none"}
