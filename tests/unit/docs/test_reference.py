"""The generated reference is what the code says now, and says something about everything."""

from __future__ import annotations

import re
from functools import cache

import pytest
from cyclopts import App
from pydantic_settings import BaseSettings

from hytopus.brain.settings import BrainSettings
from hytopus.cli.app import build
from hytopus.errors import HytopusError
from hytopus.games.definition import Game
from hytopus.layers.rules import TemplateRules
from tools.docs.errors import all_errors
from tools.docs.fields import rows
from tools.docs.pages import PAGES, REFERENCE, rendered

_COMMAND = re.compile(r"`hytopus ([a-z][a-z -]*[a-z])")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    file = REFERENCE / name
    assert file.is_file(), "run `python -m tools.docs`"
    assert file.read_text() == rendered(name), f"{name} is out of date: run `python -m tools.docs`"


def test_there_is_no_page_that_nobody_generates() -> None:
    assert {file.name for file in REFERENCE.iterdir()} == set(PAGES)


@pytest.mark.parametrize("model", [Game, TemplateRules, BrainSettings])
def test_every_key_is_explained(model: type[Game] | type[TemplateRules] | type[BaseSettings]) -> None:
    silent = [row.path for row in rows(model) if not row.text]
    assert silent == []


@pytest.mark.parametrize("error", all_errors(), ids=lambda error: error.__qualname__)
def test_remedies_name_commands_that_exist(error: type[HytopusError]) -> None:
    for words in _COMMAND.findall(f"{error.template} {error.remedy}"):
        assert command_exists(words.split()), f"there is no `hytopus {words}`"


def command_exists(words: list[str]) -> bool:
    """Whether the words, as far as they name commands, lead to one."""
    app = whole()
    for word in words:
        if word not in app:
            return app.default_command is not None
        app = app[word]
    return app.default_command is not None


@cache
def whole() -> App:
    return build()
