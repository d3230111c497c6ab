"""A few bytes in the object store that would fill memory or disk once they are unpacked."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from hytopus.brain.backups.archive import read_archive
from hytopus.brain.backups.errors import BackupDamaged

FIRST = b'{"hytopus": "backup", "format": 1, "seal": null}\n'
MIB = 1 << 20


@pytest.fixture
def peak() -> Iterator[None]:
    """However much there is to unpack, it is never in memory as a whole."""
    tracemalloc.start()
    yield
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 160 * MIB


def packed(path: Path, piece: bytes, times: int) -> Path:
    with path.open("wb") as file:
        file.write(FIRST)
        with zstandard.ZstdCompressor().stream_writer(file) as writer:
            for _ in range(times):
                writer.write(piece)
    return path


@pytest.mark.usefixtures("peak")
def test_a_line_without_an_end_is_no_line(tmp_path: Path) -> None:
    bomb = packed(tmp_path / "bomb", b" " * MIB, 1024)
    assert bomb.stat().st_size < MIB
    with pytest.raises(BackupDamaged, match="a line of more than 16 MiB"):
        next(read_archive(bomb, None, name="b"))


@pytest.mark.usefixtures("peak")
def test_rows_without_an_end_are_no_backup(tmp_path: Path) -> None:
    bomb = packed(tmp_path / "bomb", b'"' + b"a" * MIB + b'"\n', 1100)
    assert bomb.stat().st_size < MIB
    with pytest.raises(BackupDamaged, match="more than 1,024 MiB"):
        for _ in read_archive(bomb, None, name="b"):
            pass


@pytest.mark.usefixtures("peak")
def test_a_line_of_nothing_but_lists_is_no_row(tmp_path: Path) -> None:
    bomb = packed(tmp_path / "bomb", b"[" + b"[]," * (5 * MIB) + b"1]\n", 1)
    with pytest.raises(BackupDamaged, match="more than 500,000 values"):
        next(read_archive(bomb, None, name="b"))


@pytest.mark.usefixtures("peak")
def test_a_line_of_lists_in_lists_is_no_row(tmp_path: Path) -> None:
    with pytest.raises(BackupDamaged, match="recursion limit"):
        next(read_archive(packed(tmp_path / "bomb", b"[" * 400_000 + b"\n", 1), None, name="b"))


def test_a_large_row_is_a_row(tmp_path: Path) -> None:
    row = b'"' + b"a" * (8 * MIB) + b'"\n'
    assert [len(line) for line in read_archive(packed(tmp_path / "large", row, 3), None, name="b")] == [8 * MIB] * 3
