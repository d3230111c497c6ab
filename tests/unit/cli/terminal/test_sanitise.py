"""Nothing a server prints may reach the terminal as a command."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hytopus.cli.terminal.sanitise import sanitise, sanitise_json, sanitise_line

_PIECES = st.sampled_from(
    [
        "\x1b",
        "[",
        "]",
        "0;",
        "31m",
        "2J",
        "\x07",
        "\x1b\\",
        "\x9b",
        "\x9d",
        "a",
        "\n",
        "\r",
        "\x00",
        "\u202e",
        "?25l",
        "P",
    ]
)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07after", "after"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("over\rwritten", "overwritten"),
        ("\x9b31mc1", "c1"),
        ("\x1bPq#device\x1b\\x", "x"),
        ("abc\u202edcba", "abcdcba"),
        ("bell\x07", "bell"),
        ("tab\there\nline", "tab\there\nline"),
        ("unfinished \x1b]0;title", "unfinished "),
        ("lone \x1b", "lone "),
    ],
)
def test_control_sequences_go(text: str, clean: str) -> None:
    assert sanitise(text) == clean


def test_colours_may_stay_and_are_reset() -> None:
    assert sanitise("\x1b[1;31mred\x1b[2J", colours=True) == "\x1b[1;31mred\x1b[0m"


def test_a_line_stays_one_line() -> None:
    assert sanitise_line("one\ntwo") == "one two"


@given(st.lists(_PIECES, max_size=30).map("".join))
def test_no_mixture_gets_through(text: str) -> None:
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", sanitise(text))


@given(st.lists(_PIECES, max_size=30).map("".join))
def test_with_colours_only_colours_get_through(text: str) -> None:
    rest = re.sub(r"\x1b\[[0-9;:]*m", "", sanitise(text, colours=True))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", rest)


@given(st.lists(_PIECES, max_size=30).map("".join))
def test_json_says_the_same_and_nothing_to_a_terminal(text: str) -> None:
    document = sanitise_json(json.dumps({"said": text}, indent=2, ensure_ascii=False))
    assert json.loads(document) == {"said": text}
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", document)
