"""The reader takes what real tools write and refuses what no template may hold, with the entry's name."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from hytopus.layers.archive import Limits, scan
from hytopus.layers.compression import open_window
from hytopus.layers.errors import ArchiveInvalid, ArchiveTooLarge, ArchiveTruncated, ArchiveUnsafe
from hytopus.layers.manifest import DIRECTORY, FILE, LINK, Entry, Manifest
from hytopus.layers.unpack import unpack
from tests.unit.layers.archives import Raw, archive, file, folder, gnu_long, link, names, pax, read
from tests.unit.layers.trees import File, Folder, Link, Tree, manifest_of, read_tree, tarball, trees

UNSAFE = {
    "absolute path": archive(file("/etc/passwd")),
    "climbing path": archive(file("a/../../b")),
    "climbing at the start": archive(file("../b")),
    "absolute pax path": archive(pax(path="/etc/passwd"), file("x")),
    "climbing long name": archive(gnu_long(b"a/" * 60 + b"../" * 70 + b"x"), file("x")),
    "climbing prefix": archive(Raw(b"x", prefix=b"../..")),
    "absolute link": archive(link("a", "/etc")),
    "escaping link": archive(link("a", "../b")),
    "escaping link deeper": archive(link("a/b", "../../c")),
    "climbing after a name": archive(link("a/b", "c/../../d")),
    "escaping pax link": archive(pax(linkpath="../../etc"), link("a", "x")),
    "escaping long link": archive(gnu_long(b"../" * 40, b"K"), link("a", "x")),
    "empty link": archive(link("a", "")),
    "absolute hard link": archive(file("a"), link("b", "/a", b"1")),
    "escaping hard link": archive(link("b", "../a", b"1")),
    "hard link to a link": archive(link("a", "x"), link("b", "a", b"1")),
    "hard link to a later file": archive(link("b", "a", b"1"), file("a")),
    "character device": archive(Raw(b"a", type=b"3")),
    "block device": archive(Raw(b"a", type=b"4")),
    "named pipe": archive(Raw(b"a", type=b"6")),
    "sparse": archive(Raw(b"a", type=b"S")),
    "pax sparse": archive(pax(GNU__sparse__major="1"), file("a")),
    "unknown type": archive(Raw(b"a", type=b"s")),
    "setuid": archive(Raw(b"a", mode=0o4755)),
    "setgid": archive(Raw(b"a", mode=0o2755)),
    "control character": archive(file("a\nb")),
    "escape character": archive(file("a\x1bb")),
    "c1 control": archive(file("a\x85b")),
    "not UTF-8": archive(Raw(b"a\xff")),
    "name in the middle cut": archive(Raw(b"a\0b")),
    "component too long": archive(pax(path="x" * 256), file("x")),
    "path too long": archive(pax(path="abcd/" * 800 + "x"), file("x")),
    "twice": archive(file("a"), file("a")),
    "twice with a dot": archive(file("a"), file("./a")),
    "folder twice": archive(folder("a"), folder("a/")),
    "case": archive(file("Readme"), file("README")),
    "case of a folder": archive(file("A/x"), file("a/y")),
    "Unicode form": archive(file("\u00e9"), file("e\u0301")),
    "case folding": archive(file("straße"), file("STRASSE")),
    "below a file": archive(file("a"), file("a/b")),
    "below a link": archive(link("a", "b"), file("a/b")),
    "a file over a folder": archive(file("a/b"), file("a")),
    "a link over a folder": archive(folder("a"), link("a", "b")),
    "a folder over a file": archive(file("a"), folder("a")),
    "the root as a file": archive(Raw(b".", b"x")),
    "rules as a link": archive(link("template.toml", "x")),
    "rules as a folder": archive(folder("./template.toml/")),
    "rules too long": archive(file("template.toml", b"#" * 300_000)),
    "rules not text": archive(file("template.toml", b"\xff")),
}


@pytest.mark.parametrize("name", UNSAFE)
def test_what_no_template_may_hold_is_refused_by_name_and_rule(name: str) -> None:
    with pytest.raises(ArchiveUnsafe) as caught:
        read(UNSAFE[name])
    assert caught.value.params["rule"]
    assert "name" in caught.value.params


INVALID = {
    "wrong checksum": archive(Raw(b"a", checksum=b"000001\0 ")),
    "a number that is none": archive(Raw(b"a", checksum=b"hello\0  ")),
    "garbage after the end": archive(file("a"), end=bytes(1024) + b"garbage"),
    "garbage after zeros": archive(file("a"), end=bytes(200_000) + b"x"),
    "a link with content": archive(Raw(b"a", b"data", b"2", link=b"b")),
    "a global header that renames": archive(Raw(b"g", b"16 path=evil/me\n", b"g"), file("a")),
    "a malformed pax header": archive(Raw(b"x", b"nonsense", b"x"), file("a")),
    "a pax header with a wrong length": archive(Raw(b"x", b"99 path=a\n", b"x"), file("a")),
    "a pax size that is none": archive(pax(size="-5"), file("a")),
    "not a tar at all": b"PK\x03\x04" + os.urandom(2000),
    "corrupt zstd": zstandard.compress(archive(file("a", b"x" * 5000)))[:40] + b"\0" * 100,
    "corrupt gzip": gzip.compress(archive(file("a", os.urandom(5000))))[:1000] + b"\xff" * 1000,
}


@pytest.mark.parametrize("name", INVALID)
def test_rejects_what_is_broken(name: str) -> None:
    with pytest.raises((ArchiveInvalid, ArchiveTruncated)):
        read(INVALID[name])


WHOLE = archive(file("a", b"x" * 2000), folder("d"), file("d/b", b"y" * 700))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress], ids=["tar", "gz", "zst"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.5, 0.9])
def test_notices_where_it_was_cut_off(pack: type[bytes], part: float) -> None:
    data = pack(WHOLE)
    with pytest.raises((ArchiveTruncated, ArchiveInvalid)):
        read(data[: int(len(data) * part)])


def test_an_archive_without_its_end_mark_is_truncated() -> None:
    with pytest.raises(ArchiveTruncated):
        read(archive(file("a"), end=b""))


@given(st.binary(max_size=3000))
def test_no_input_does_anything_but_raise_a_known_error(data: bytes) -> None:
    with pytest.raises((ArchiveUnsafe, ArchiveInvalid, ArchiveTruncated)):
        read(data)


@given(st.data())
def test_no_damage_does_anything_but_raise_a_known_error(data: st.DataObject) -> None:
    damaged = bytearray(archive(pax(path="p/q"), file("x", b"abc"), gnu_long(b"l" * 120), file("y"), link("z", "p")))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ArchiveUnsafe, ArchiveInvalid, ArchiveTruncated, ArchiveTooLarge):
        read(bytes(damaged))


@pytest.mark.parametrize(
    ("limits", "data"),
    [
        (Limits(entries=3), archive(*(file(f"f{index}") for index in range(4)))),
        (Limits(entries=3), archive(file("a/b/c/d"))),
        (Limits(bytes=1000), archive(file("a", b"x" * 600), file("b", b"x" * 600))),
        (Limits(bytes=1000), archive(Raw(b"a", size=10**12))),
        (Limits(bytes=1000), archive(file("a", b"x" * 600), link("b", "a", b"1"))),
        (Limits(ratio=50, ratio_floor=1 << 20), zstandard.compress(archive(file("a", bytes(4 << 20))))),
        (Limits(ratio=50, ratio_floor=1 << 20), gzip.compress(archive(file("a", bytes(4 << 20))))),
        (Limits(ratio=50, ratio_floor=1 << 20), zstandard.compress(archive(file("a"), end=bytes(4 << 20)))),
    ],
)
def test_too_many_too_large_or_too_dense_is_refused(limits: Limits, data: bytes) -> None:
    with pytest.raises(ArchiveTooLarge):
        read(data, limits)


def test_what_is_well_formed_passes() -> None:
    long = "folder/" * 30 + "name with spaces and ünïcode.txt"
    manifest = read(
        archive(
            folder("./"),
            file("./dotted", b"1"),
            file(".wh.whiteout-like", b"2"),
            file(".hidden/..file", b"3"),
            pax(path=long, SCHILY__xattr__user__overlay__opaque="y"),
            file("x", b"4"),
            Raw(b"base", b"5", prefix=b"pre/fix"),
            Raw(b"old/", type=b"0", mode=0o700),
            Raw(b"v7", b"6", type=b"\0", magic=b""),
            link("climb/up", "../dotted"),
            link("same", "dotted", b"1"),
            Raw(b"comment", b"19 comment=abcdefg\n", b"g"),
            file("template.toml", b"clean = true"),
        )
    )
    assert manifest.rules_text == "clean = true"
    assert manifest.entries["same"] == manifest.entries["dotted"]
    assert manifest.entries["old"] == Entry(DIRECTORY, 0o700)
    assert manifest.entries["climb/up"] == Entry(LINK, 0o777, 0, "../dotted")
    assert {long, "pre/fix/base", "v7", ".hidden/..file", ".wh.whiteout-like"} <= set(names(manifest))
    assert "template.toml" not in manifest.entries


def test_a_template_toml_deeper_down_is_a_file_like_any_other() -> None:
    assert "a/template.toml" in read(archive(file("a/template.toml", b"x"))).entries


def test_modes_keep_their_owner_able_to_read() -> None:
    manifest = read(archive(Raw(b"a", mode=0o1000), Raw(b"d", type=b"5", mode=0o3000)))
    assert (manifest.entries["a"].mode, manifest.entries["d"].mode) == (0o400, 0o700)


def test_several_compressed_members_are_one_archive() -> None:
    half = len(WHOLE) // 2
    for compress in (gzip.compress, zstandard.compress):
        assert names(read(compress(WHOLE[:half]) + compress(WHOLE[half:]))) == ["a", "d", "d/b"]


@pytest.mark.parametrize("format", ["v7", "ustar", "gnu", "pax"])
def test_reads_what_gnu_tar_writes(tmp_path: Path, format: str) -> None:
    source = tmp_path / "source"
    (source / "deep/er").mkdir(parents=True)
    (source / "deep/er/file").write_bytes(b"x" * 10_000)
    (source / "deep/link").symlink_to("er/file")
    os.link(source / "deep/er/file", source / "again")
    if format in ("gnu", "pax"):
        (source / ("long" * 40)).write_text("ü")
    packed = subprocess.run(
        ["tar", f"--format={format}", "-C", str(source), "-cf", "-", "."], check=True, capture_output=True
    )
    assert sorted(names(read(packed.stdout))) == sorted(read_tree(source))


def unpack_to(data: bytes, target: Path) -> Manifest:
    target.mkdir()
    root = os.open(target, os.O_RDONLY)
    try:
        return unpack(open_window(io.BytesIO(data).read), root, exact=True)
    finally:
        os.close(root)


@given(trees())
def test_unpacking_gives_the_tree_and_its_manifest(tree: Tree) -> None:
    assert {path: _entry(node) for path, node in tree.items()} == {
        path: entry._replace(names=None) for path, entry in manifest_of(tarball(tree)).entries.items()
    }


def _entry(node: Folder | File | Link) -> Entry:
    if isinstance(node, File):
        return Entry(FILE, node.mode, len(node.data))
    return Entry(DIRECTORY, node.mode) if isinstance(node, Folder) else Entry(LINK, 0o777, 0, node.target)


def test_unpacked_files_are_what_was_packed(tmp_path: Path) -> None:
    tree: Tree = {
        "d": Folder(0o750),
        "d/small": File(b"port=${PORT}", 0o640),
        "d/run": File(b"#!", 0o755),
        "d/large": File(os.urandom(5 << 20)),
        "d/across": File(b"x" * ((1 << 20) - 700)),
        "d/text": File(b"${SEED:-1}" + b"y" * (1 << 20)),
        "link": Link("d/small"),
    }
    manifest = unpack_to(tarball(tree, "clean = true"), tmp_path / "out")
    assert read_tree(tmp_path / "out") == tree
    assert manifest.entries["d/small"].names == ("PORT",)
    assert manifest.entries["d/text"].names == ("SEED",)
    assert manifest.entries["d/run"].names is None
    assert manifest.rules_text == "clean = true"
    assert manifest == scan(open_window(io.BytesIO(tarball(tree, "clean = true")).read))


def test_hard_links_keep_their_placeholders(tmp_path: Path) -> None:
    data = archive(file("a", b"${PORT}"), link("b", "a", b"1"), folder("late"), Raw(b"late/c", b"${X}"))
    manifest = unpack_to(data, tmp_path / "out")
    assert manifest.entries["b"].names == ("PORT",)
    assert (tmp_path / "out/b").read_bytes() == b"${PORT}"


def test_folders_may_be_described_after_their_content(tmp_path: Path) -> None:
    manifest = unpack_to(archive(file("a/b"), Raw(b"a/", type=b"5", mode=0o711)), tmp_path / "out")
    assert manifest.entries["a"].mode == 0o711
    assert read_tree(tmp_path / "out")["a"] == Folder(0o711)


def test_nothing_is_written_through_a_link_that_appears_meanwhile(tmp_path: Path) -> None:
    """Even if the tree is tampered with while it is written, no file leaves it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    target = tmp_path / "out"
    target.mkdir()
    (target / "a").symlink_to(outside)
    root = os.open(target, os.O_RDONLY)
    try:
        with pytest.raises(OSError, match=r"exists|Not a directory|Too many levels"):
            unpack(open_window(io.BytesIO(archive(file("a/b", b"x"))).read), root)
    finally:
        os.close(root)
    assert list(outside.iterdir()) == []


def test_what_tarfile_writes_by_default_is_read() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        info = tarfile.TarInfo("ä" * 100)
        info.size, info.mtime = 3, 1_700_000_000
        packed.addfile(info, io.BytesIO(b"abc"))
    assert names(read(buffer.getvalue())) == ["ä" * 100]
