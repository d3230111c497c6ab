"""How much of a backup is in memory at a time while a database is filled from it."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from itertools import count, islice, repeat
from typing import Any

import pytest

from hytopus.brain.backups.load import take_batch

MIB = 1 << 20


def rows(text: str) -> Iterator[Any]:
    """Parsed one by one, as `read_archive` does."""
    return map(json.loads, repeat(text))


def test_small_rows_are_taken_many_at_a_time() -> None:
    lines = ([number, "lobby"] for number in islice(count(), 1200))
    assert [len(take_batch(lines)) for _ in range(4)] == [500, 500, 200, 0]


@pytest.mark.parametrize("text", [json.dumps(["a" * MIB]), json.dumps([[[]] * (MIB // 4)])])
def test_large_ones_are_not_gathered(text: str) -> None:
    tracemalloc.start()
    try:
        assert take_batch(rows(text))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 64 * MIB
