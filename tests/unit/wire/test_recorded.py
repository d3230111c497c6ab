"""What earlier releases put on the wire means the same today: else nothing could be upgraded piece by piece."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hytopus.wire.version import OLDEST, PROTOCOL
from tests.unit.wire.recording import CODECS, DIRECTORY, every_message, plain

RECORDED = [
    pytest.param(row, id=f"{file.stem}-{row['kind']}")
    for file in sorted(DIRECTORY.glob("protocol_*.json"))
    for row in json.loads(file.read_text())
]


@pytest.mark.parametrize("row", RECORDED)
def test_a_recorded_message_means_the_same(row: dict[str, Any]) -> None:
    """Fields may have been added since; what was there is there, and goes back onto the wire as it came."""
    codec, _ = CODECS[row["codec"]]
    data = bytes.fromhex(row["bytes"])
    message = codec.decode(data)
    assert type(message).__name__ == row["kind"]
    assert _within(row["means"], plain(message))
    assert codec.encode(message) == data


def test_every_protocol_that_is_understood_is_recorded() -> None:
    recorded = {int(file.stem.rpartition("_")[2]) for file in DIRECTORY.glob("protocol_*.json")}
    assert recorded >= set(range(OLDEST, PROTOCOL + 1))


def test_a_message_that_means_something_else_would_be_noticed() -> None:
    name, kind, message = next(every_message())
    row = {"codec": name, "kind": kind, "bytes": CODECS[name][0].encode(message).hex(), "means": plain(message)}
    row["means"]["protocol"] += 1
    with pytest.raises(AssertionError):
        test_a_recorded_message_means_the_same(row)


def _within(old: Any, new: Any) -> bool:
    """Everything of `old` is in `new`."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(key in new and _within(value, new[key]) for key, value in old.items())
    if isinstance(old, list):
        return isinstance(new, list) and len(old) == len(new) and all(map(_within, old, new))
    return bool(old == new)
