"""Names that no screen and no JSON should see as they are."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hytopus.node.files.errors import BadPath
from hytopus.node.files.names import meant, shown


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("config/server.toml", "config/server.toml"),
        ("über/日本", "über/日本"),
        ("a\nb", "a%0Ab"),
        ("\x1b[31mred", "%1B[31mred"),
        ("100%", "100%25"),
        (os.fsdecode(b"caf\xe9"), "caf%E9"),
        ("a\u202egnp.exe", "a%E2%80%AEgnp.exe"),
    ],
)
def test_odd_names_are_escaped_and_meant_again(raw: str, text: str) -> None:
    assert shown(raw) == text
    assert meant(text) == raw


@given(st.binary(min_size=1, max_size=40))
def test_every_name_of_a_file_system_comes_back(raw: bytes) -> None:
    name = os.fsdecode(raw.replace(b"/", b"_").replace(b"\0", b"_"))
    text = shown(name)
    text.encode()
    assert text.isprintable() or not any(ord(char) < 32 for char in text)
    if name not in (".", ".."):
        assert meant(text) == name


@pytest.mark.parametrize(
    "text", ["/etc/passwd", "../x", "a/../../x", "%2e%2e/x", "%2Fetc", "a%00", "\ud800", "x" * 300]
)
def test_what_leads_out_is_refused(text: str) -> None:
    with pytest.raises(BadPath):
        meant(text)


def test_empty_components_are_left_out() -> None:
    assert meant("./a//b/") == "a/b"
    assert meant("") == ""
