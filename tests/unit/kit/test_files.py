"""Replacing a file: whole or not at all, and for its owner's eyes."""

from __future__ import annotations

import resource
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hytopus.kit.files import replace_file, unfinished

OLD, NEW = b"old", b"new" * 10_000


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """What is written beyond this size is cut off, as on a disk that gets full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_that_does_not_fit_leaves_the_old_one_and_nothing_beside_it(tmp_path: Path, durable: bool) -> None:
    file = tmp_path / "file"
    replace_file(file, OLD)
    with room_for(10_000), pytest.raises(OSError, match="File too large"):
        replace_file(file, NEW, durable=durable)
    assert file.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [file]


def test_only_the_owner_reads_it_whoever_could_read_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(OLD)
    file.chmod(0o644)
    replace_file(file, NEW)
    assert file.read_bytes() == NEW
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_a_killed_process_left_is_no_obstacle_and_no_way_elsewhere(tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "file", tmp_path / "elsewhere"
    elsewhere.write_bytes(OLD)
    unfinished(file).symlink_to(elsewhere)
    replace_file(file, NEW)
    assert (file.read_bytes(), elsewhere.read_bytes()) == (NEW, OLD)


def test_a_shared_file_is_always_one_of_those_that_were_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    contents = [bytes([number]) * 50_000 for number in range(8)]
    writers = [threading.Thread(target=replace_file, args=(file, each), kwargs={"shared": True}) for each in contents]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert file.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [file]
