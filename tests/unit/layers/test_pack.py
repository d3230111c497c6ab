"""Packing is the same everywhere, and refuses what unpacking would."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hytopus.layers.archive import scan
from hytopus.layers.compression import open_window
from hytopus.layers.errors import PackRefused
from hytopus.layers.pack import pack
from hytopus.layers.rules import BadTemplateRules, TemplateType
from hytopus.layers.unpack import unpack
from tests.unit.layers.trees import read_tree

SUFFIXES = [".tar.zst", ".tar.gz", ".tar"]


@pytest.fixture
def template(tmp_path: Path) -> Path:
    root = tmp_path / "template"
    (root / "config/deep").mkdir(parents=True)
    (root / "config/server.json").write_text('{"port": ${PORT}}')
    (root / "config/deep/ünï").write_bytes(os.urandom(100_000))
    (root / ("long-" * 40)).write_text("x")
    (root / "run.sh").write_text("#!/bin/sh")
    (root / "run.sh").chmod(0o4750)
    (root / "link").symlink_to("config/server.json")
    (root / "empty").mkdir()
    (root / "template.toml").write_text('type = "map"\n')
    return root


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_same_files_same_bytes(template: Path, tmp_path: Path, suffix: str) -> None:
    first = pack(template, tmp_path / f"one{suffix}")
    os.utime(template / "run.sh", (1, 1))
    (template / "config/server.json").chmod(0o600)
    other = tmp_path / "elsewhere"
    template.rename(other)
    second = pack(other, tmp_path / f"two{suffix}")
    assert first == second
    data = (tmp_path / f"one{suffix}").read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (first.size, first.checksum)
    assert first.rules.type is TemplateType.MAP
    assert first.files == 5


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_packed_can_be_unpacked(template: Path, tmp_path: Path, suffix: str) -> None:
    pack(template, tmp_path / f"x{suffix}")
    target = tmp_path / "out"
    target.mkdir()
    root = os.open(target, os.O_RDONLY)
    with (tmp_path / f"x{suffix}").open("rb") as file:
        unpack(open_window(file.read), root, exact=True)
    os.close(root)
    (template / "run.sh").chmod(0o755)
    expected = read_tree(template)
    del expected["template.toml"]
    assert read_tree(target) == expected


def test_tells_its_progress(template: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    packed = pack(template, tmp_path / "x.tar", progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (packed.bytes, packed.bytes)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def _fifo(root: Path) -> str:
    os.mkfifo(root / "pipe")
    return "pipe"


def _socket(root: Path) -> str:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(root / "s"))
    return "s"


def _escaping(root: Path) -> str:
    (root / "config/out").symlink_to("../../etc")
    return "config/out"


def _absolute(root: Path) -> str:
    (root / "out").symlink_to("/etc")
    return "out"


def _case(root: Path) -> str:
    (root / "RUN.sh").write_text("")
    return "run.sh"


def _unicode(root: Path) -> str:
    (root / "e\u0301").write_text("")
    (root / "\u00e9").write_text("")
    return "\u00e9"


def _control(root: Path) -> str:
    (root / "a\nb").write_text("")
    return "a\nb"


def _bytes(root: Path) -> str:
    (root / os.fsdecode(b"\xff")).write_text("")
    return os.fsdecode(b"\xff")


@pytest.mark.parametrize("spoil", [_fifo, _socket, _escaping, _absolute, _case, _unicode, _control, _bytes])
def test_refuses_what_unpacking_would(template: Path, tmp_path: Path, spoil: object) -> None:
    assert callable(spoil)
    path = spoil(template)
    with pytest.raises(PackRefused) as caught:
        pack(template, tmp_path / "x.tar")
    assert caught.value.params["path"] == path
    assert not list(tmp_path.glob("*.tar*"))
    assert not list(tmp_path.glob(".*"))


def test_refuses_rules_that_are_not_valid(template: Path, tmp_path: Path) -> None:
    (template / "template.toml").write_text("unknown = 1")
    with pytest.raises(BadTemplateRules):
        pack(template, tmp_path / "x.tar")


def test_refuses_other_names_and_files(template: Path, tmp_path: Path) -> None:
    with pytest.raises(PackRefused):
        pack(template, tmp_path / "x.zip")
    with pytest.raises(PackRefused):
        pack(template / "run.sh", tmp_path / "x.tar")


@settings(max_examples=30)
@given(st.dictionaries(st.text(alphabet="ab.-é ", min_size=1, max_size=6), st.binary(max_size=50), max_size=6))
def test_whatever_is_packed_can_be_read(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    root = tmp_path_factory.mktemp("any")
    source = root / "source"
    source.mkdir()
    for name, data in files.items():
        if name not in (".", ".."):
            (source / name).write_bytes(data)
    try:
        pack(source, root / "x.tar")
    except PackRefused:
        return
    manifest = scan(open_window(io.BytesIO((root / "x.tar").read_bytes()).read))
    assert {path: entry.size for path, entry in manifest.entries.items()} == {
        path.name: path.stat().st_size for path in source.iterdir()
    }


@pytest.mark.parametrize("name", ["a", "x" * 99, "x" * 100, "d" * 60 + "/" + "f" * 60, "d" * 100 + "/f", "ünï", "a b"])
def test_headers_are_those_of_tarfile(tmp_path: Path, name: str) -> None:
    """So that what is packed stays the same whichever way its header was written."""
    source = tmp_path / "source"
    (source / name).parent.mkdir(parents=True)
    (source / name).write_bytes(b"12345")
    pack(source, tmp_path / "ours.tar")
    theirs = io.BytesIO()
    with tarfile.open(fileobj=theirs, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(source.rglob("*")):
            info = tarfile.TarInfo(path.relative_to(source).as_posix())
            info.mode, info.size = (0o755, 0) if path.is_dir() else (0o644, 5)
            info.type = tarfile.DIRTYPE if path.is_dir() else tarfile.REGTYPE
            archive.addfile(info, io.BytesIO(b"12345"))
    ours = (tmp_path / "ours.tar").read_bytes()
    assert theirs.getvalue()[: len(ours)] == ours
