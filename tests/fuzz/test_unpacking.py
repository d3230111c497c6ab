"""Whatever bytes a tarball is made of: it is unpacked inside its directory, or refused, and never anything else."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
from pathlib import Path

import zstandard
from hypothesis import given
from hypothesis import strategies as st

from hytopus.errors import HytopusError
from hytopus.layers.archive import Limits, scan
from hytopus.layers.compression import open_window
from hytopus.layers.manifest import Manifest
from hytopus.layers.unpack import unpack
from tests.unit.layers.archives import END, Raw, pax

LIMITS = Limits(entries=64, bytes=1 << 20)
TRICKS = [b"a", b"a/b", b"../a", b"/etc/passwd", b"a/../../b", b"./a", b"", b".", b"..", b"a\0b", b"\xff", b"a" * 100]
NAMES = st.sampled_from([*TRICKS, b"template.toml"]) | st.binary(max_size=100)
HEADERS = st.builds(
    Raw,
    name=NAMES,
    data=st.binary(max_size=700),
    type=st.sampled_from([b"0", b"1", b"2", b"3", b"5", b"6", b"7", b"L", b"K", b"x", b"g", b"\0", b"S"]),
    mode=st.integers(0, 0o7777),
    link=NAMES,
    size=st.none() | st.integers(0, 2**40),
    prefix=st.binary(max_size=20),
)
PAX = st.dictionaries(
    st.sampled_from(["path", "linkpath", "size", "GNU__sparse__major", "hdrcharset"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=30),
    max_size=2,
).map(lambda records: pax(**records))
ARCHIVES = st.lists(HEADERS | PAX, max_size=8).map(lambda raws: b"".join(raw.bytes() for raw in raws) + END)
PACKED = st.sampled_from([lambda data: data, gzip.compress, zstandard.compress])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """An archive of which some bytes were changed, added or cut off."""
    data = bytearray(draw(PACKED)(draw(ARCHIVES)))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(data)))
        data[place : place + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


@given(mutated() | st.binary(max_size=2000))
def test_a_tarball_of_any_bytes_stays_inside(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, beside = Path(folder) / "root", Path(folder) / "beside"
        root.mkdir()
        beside.write_text("untouched")
        outcome = _unpacked(data, root)
        assert isinstance(outcome, Manifest) or outcome.startswith("archive_")
        assert sorted(path.name for path in Path(folder).iterdir()) == ["beside", "root"]
        assert beside.read_text() == "untouched"
        for path in root.rglob("*"):
            assert path.is_symlink() or path.is_file() or path.is_dir()
            assert path.is_symlink() or not path.stat().st_mode & 0o6000


@given(mutated())
def test_looking_and_unpacking_agree(data: bytes) -> None:
    """What the Brain's side accepts, the node's side accepts, with the same manifest."""
    with tempfile.TemporaryDirectory() as folder:
        assert _seen(data) == _unpacked(data, Path(folder))


def _seen(data: bytes) -> Manifest | str:
    try:
        return scan(open_window(io.BytesIO(data).read, LIMITS), LIMITS)
    except HytopusError as error:
        return error.code


def _unpacked(data: bytes, folder: Path) -> Manifest | str:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return unpack(open_window(io.BytesIO(data).read, LIMITS), descriptor, limits=LIMITS)
    except HytopusError as error:
        return error.code
    finally:
        os.close(descriptor)
