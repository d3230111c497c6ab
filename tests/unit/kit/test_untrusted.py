"""JSON of somebody who may mean harm."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from hytopus.kit.untrusted import read_json


@pytest.mark.parametrize(
    "value", [None, 1, 1.5, 1e300, 10**400, "1e999", "ä", "a,b,[{", [], {"a": [{"b": None}]}, '\\", [', "\\"]
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_what_python_writes_is_read(value: object, ascii_only: bool) -> None:
    text = json.dumps({"value": value}, ensure_ascii=ascii_only)
    assert read_json(text) == read_json(text.encode()) == {"value": value}


@pytest.mark.parametrize(
    "document",
    [
        "",
        "no",
        "NaN",
        "1e999",
        '[{"a": -1e0400}]',
        "9" * 400 + ".0",
        "[" * 300 + "]" * 300,
        "[" * 1_000_000,
        '"\\ud800"',
        "1" * 5_000,
        '"' + "\\" * 101,
        b"\xff",
        "\ud800",
    ],
)
def test_what_is_no_json_is_a_value_error(document: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_json(document)


@pytest.mark.parametrize("document", ["[" + "[]," * 100 + "1]", "[" + '"",' * 100 + "1]", '{"a":' + "{}," * 100])
def test_more_values_than_may_be(document: str) -> None:
    with pytest.raises(ValueError, match="more than 50 values"):
        read_json(document, most=50)


def test_what_only_looks_like_values_is_none() -> None:
    text = "[,{" * 1_000 + '\\",' * 10
    assert read_json(json.dumps([text, text]), most=10) == [text, text]


def test_a_large_document_of_nothing_costs_little() -> None:
    document = b"[" + b"[]," * (4 << 20) + b"1]"
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="values"):
            read_json(document)
        assert tracemalloc.get_traced_memory()[1] < len(document) + (1 << 20)
    finally:
        tracemalloc.stop()
