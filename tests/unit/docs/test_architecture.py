"""The pictures in the architecture pages are those in the code."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

import hytopus.brain.instances.states
import hytopus.brain.nodes.states
import hytopus.node.cache.disk
import hytopus.node.runner.states
from hytopus.brain.placement.explain import _SAYS

PAGES = Path(__file__).parents[3] / "docs" / "architecture"


@pytest.mark.parametrize(
    ("page", "module"),
    [
        ("instances.md", hytopus.brain.instances.states),
        ("link.md", hytopus.brain.nodes.states),
        ("node.md", hytopus.node.runner.states),
        ("layers.md", hytopus.node.cache.disk),
    ],
)
def test_a_picture_is_the_codes(page: str, module: ModuleType) -> None:
    shown = {_squeezed(block) for block in re.findall(r"```text\n(.*?)```", (PAGES / page).read_text(), re.DOTALL)}
    assert _squeezed(_picture(module)) in shown


def test_every_check_of_placement_is_explained() -> None:
    named = set(re.findall(r"`([a-z_]+)`", (PAGES / "placement.md").read_text()))
    assert set(_SAYS) - {"files"} <= named


def _picture(module: ModuleType) -> str:
    """The fenced part of a module's text, else its indented lines."""
    text = module.__doc__ or ""
    fenced = re.search(r"```\n(.*?)```", text, re.DOTALL)
    if fenced is not None:
        return fenced[1]
    lines = text.splitlines()[1:]
    start = next(index for index, line in enumerate(lines) if line)
    end = next((index for index in range(start, len(lines)) if not lines[index]), len(lines))
    return "\n".join(lines[start:end] if "→" in text else [line for line in lines if line.startswith("    ")])


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
