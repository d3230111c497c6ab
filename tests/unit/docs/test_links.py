"""Links between the pages lead somewhere, and pages and code speak of commands, settings and files that exist."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from hytopus.brain.settings import BrainSettings
from hytopus.node.settings import NodeSettings
from tests.unit.docs.test_reference import command_exists
from tools.docs.markdown import anchor
from tools.docs.settings import environment_names

ROOT = Path(__file__).parents[3]
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^(?:\$ |sudo )*hytopus ((?:[a-z][a-z-]* ?)+)", re.MULTILINE)
_MODULE = re.compile(r"`([\w/-]+\.py)`")
_VARIABLE = re.compile(r"HYTOPUS_(?:BRAIN|NODE)__[A-Z0-9_]*[A-Z0-9]")


@cache
def files(pattern: str) -> list[Path]:
    """Such files of the repository, those not yet committed included."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


PAGES = pytest.mark.parametrize("page", files("*.md"), ids=lambda page: str(page.relative_to(ROOT)))


@PAGES
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(_FENCE.sub("", page.read_text())):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, heading = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link} leads nowhere"
        assert not heading or heading in headings(target), f"{link} has no such heading"


@PAGES
def test_shell_examples_use_commands_that_exist(page: Path) -> None:
    for block in _FENCE.findall(page.read_text()):
        for words in _COMMAND.findall(block):
            assert command_exists(words.split()), f"there is no `hytopus {words}`"


@PAGES
def test_environment_variables_exist(page: Path) -> None:
    known = environment_names(BrainSettings) | environment_names(NodeSettings)
    assert set(_VARIABLE.findall(page.read_text())) <= known


def test_pages_and_code_name_modules_that_exist() -> None:
    modules = [f"/{module.relative_to(ROOT)}" for module in files("*.py")]
    for text in (*files("*.md"), *files("src/*.py")):
        for name in _MODULE.findall(text.read_text()):
            assert any(module.endswith(f"/{name}") for module in modules), f"{text.relative_to(ROOT)}: no {name}"


@cache
def headings(page: Path) -> frozenset[str]:
    lines = _FENCE.sub("", page.read_text()).splitlines()
    return frozenset(anchor(line.lstrip("#").strip().replace("`", "")) for line in lines if line.startswith("#"))
