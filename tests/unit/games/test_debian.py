"""Which of the machine's package sources an image is built from, and the tools that build it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hytopus.games.debian import collect_sources
from hytopus.games.process import ToolFailed, run_tool

_PARAGRAPHS = """\
Types: deb
URIs: https://packages.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: https://packages.example/security
Suites: bookworm-security
Components: main
"""


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    folder = tmp_path / "apt"
    (folder / "sources.list.d").mkdir(parents=True)
    (folder / "sources.list.d/debian.sources").write_text(_PARAGRAPHS)
    (folder / "sources.list.d/other.list").write_text("deb [arch=amd64] https://other.example cloud-bookworm main\n")
    return folder


def test_only_sources_of_the_suite_are_taken(apt: Path, tmp_path: Path) -> None:
    (chosen,) = collect_sources(apt, "bookworm", tmp_path)
    assert chosen.name == "debian.sources"
    assert chosen.read_text().count("URIs:") == 2


def test_the_older_style_is_read_too(apt: Path, tmp_path: Path) -> None:
    lines = ["deb [signed-by=/key.gpg] https://a.example trixie main", "# deb https://b.example trixie main"]
    (apt / "sources.list").write_text("\n".join([*lines, "deb https://c.example bookworm main"]))
    (chosen,) = collect_sources(apt, "trixie", tmp_path)
    assert chosen.read_text() == f"{lines[0]}\n"


def test_a_suite_nobody_speaks_of_leaves_all_of_them(apt: Path, tmp_path: Path) -> None:
    assert {file.name for file in collect_sources(apt, "sid", tmp_path)} == {"debian.sources", "other.list"}


async def test_a_tool_that_hangs_is_ended() -> None:
    with pytest.raises(ToolFailed, match="no end after"):
        await run_tool(["sleep", "60"], progress=print, seconds=0.05)


async def test_a_tools_last_words_are_kept() -> None:
    said: list[str] = []
    with pytest.raises(ToolFailed, match="sh ended with 3: one\ntwo"):
        await run_tool(["sh", "-c", "echo one; echo two >&2; exit 3"], progress=said.append, seconds=10)
    assert said == ["one", "two"]
