"""The games that come with Hytopus, and how games are found."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hytopus.games.definition import BadGame, ExitKind, Game
from hytopus.games.images import inputs_digest
from hytopus.games.library import builtin_games, catalogue, load_game
from hytopus.layers.rules import TemplateRules

GAMES = catalogue([builtin_games()])
TEMPLATES = sorted(builtin_games().glob("*/templates/*"))


def test_there_are_three_games() -> None:
    assert set(GAMES) == {"hytale", "luanti", "stand-in"}


@pytest.mark.parametrize("name", sorted(GAMES))
def test_every_game_can_be_built(name: str) -> None:
    loaded = GAMES[name]
    assert (loaded.folder / "Dockerfile").is_file()
    assert all((loaded.folder / source).is_file() for source in loaded.game.image.files)
    assert ":" in loaded.game.image.reference


@pytest.mark.parametrize("folder", TEMPLATES, ids=lambda folder: folder.name)
def test_every_example_layer_declares_what_it_uses(folder: Path) -> None:
    rules = TemplateRules.parse((folder / "template.toml").read_bytes())
    game = GAMES[folder.parts[-3]].game
    built_in = {"PORT", "INSTANCE_ID", "INSTANCE_NAME", "REGION", "SEED"}
    used = set[str]()
    for file in folder.rglob("*"):
        if file.is_file() and file.name != "template.toml":
            used |= set(re.findall(r"(?<!\$)\$\{([A-Z][A-Z0-9_]*)", file.read_text()))
    declared = {name for other in TEMPLATES if other.parent == folder.parent for name in _variables(other)}
    assert used <= set(rules.variables) | set(game.variables) | built_in | declared
    assert rules.description


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("hytale/templates/hytale-settings/config.json", {"MaxPlayers": 50, "RequireJoinPermission": False}),
        ("hytale/templates/hytale-settings/permissions.json", {}),
        ("hytale/templates/hytale-lobby/universe/worlds/lobby/config.json", {"IsPvpEnabled": False}),
        ("hytale/templates/hytale-world/universe/worlds/default/config.json", {"Seed": 20260113}),
    ],
)
def test_hytales_settings_are_json_once_filled_in(file: str, values: dict[str, object]) -> None:
    path = builtin_games() / file
    layer = next(parent for parent in path.parents if (parent / "template.toml").is_file())
    variables = _variables(layer)
    filled = re.sub(r"\$\{(\w+)\}", lambda found: variables[found[1]] or "", path.read_text())
    read = json.loads(filled)
    assert values.items() <= read.items()


def test_hytale_is_ready_when_its_own_banner_says_so() -> None:
    ready = GAMES["hytale"].game.ready.log
    assert ready is not None
    assert re.search(ready, "[HytaleServer] Hytale Server Booted! [Multiplayer] took 7sec 746ms 512us")
    assert not re.search(ready, "[ServerManager|P] Listening on /0.0.0.0:5520 and took 1ms")


def test_hytales_players_are_seen_coming_and_going() -> None:
    players = GAMES["hytale"].game.players
    assert players.join is not None
    assert players.leave is not None
    joined = re.search(players.join, "[World|default] Player 'Ann' joined world 'default' at location (0, 80, 0) (9c5)")
    left = re.search(players.leave, "[Universe|P] Removing player 'Ann' (9c5)")
    assert joined is not None
    assert left is not None
    assert joined["name"] == left["name"] == "Ann"


def test_luantis_players_are_seen_coming_and_going() -> None:
    players = GAMES["luanti"].game.players
    assert players.join is not None
    assert players.leave is not None
    line = "2026-11-23 16:39:35: ACTION[Server]: Ann [172.17.0.1] joins game. List of players: Ann"
    joined = re.search(players.join, line)
    left = re.search(players.leave, "2026-11-23 16:39:35: ACTION[Server]: Ann leaves game. List of players: ")
    assert joined is not None
    assert left is not None
    assert joined["name"] == left["name"] == "Ann"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (0, ExitKind.CLEAN),
        (143, ExitKind.CLEAN),
        (8, ExitKind.RESTART),
        (7, ExitKind.CONFIGURATION),
        (1, ExitKind.CRASH),
    ],
)
def test_the_stand_in_ends_like_hytale(code: int, kind: ExitKind) -> None:
    assert GAMES["hytale"].game.classify(code) is kind
    assert GAMES["stand-in"].game.classify(code) is kind


def test_hytales_tokens_never_are_arguments() -> None:
    game = GAMES["hytale"].game
    secret = {name for name, variable in game.variables.items() if variable.secret}
    assert secret == {"HYTALE_SESSION_TOKEN", "HYTALE_IDENTITY_TOKEN", "HYTALE_AUTH_KEY"}
    assert not any(name in part for name in secret for part in game.command)


def test_a_file_that_is_not_valid_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    file = tmp_path / "broken/game.toml"
    file.write_text('name = "broken"\ntitle = "x"\n')
    with pytest.raises(BadGame, match=re.escape(f"{file} is not valid: image")):
        catalogue([tmp_path])
    with pytest.raises(BadGame, match="No such file"):
        load_game(tmp_path / "none/game.toml")


@pytest.mark.parametrize("which", ["join", "leave"])
def test_a_pattern_of_players_must_name_them(tmp_path: Path, which: str) -> None:
    game = _write(tmp_path / "g", "g", "G")
    assert game.players.join is None
    file = tmp_path / "g/game.toml"
    file.write_text(f"{file.read_text()}\n[players]\n{which} = 'Player (\\w+) came'\n")
    with pytest.raises(BadGame, match=rf"players\.{which}: .*no group"):
        load_game(file)


def test_a_folder_bears_its_games_name(tmp_path: Path) -> None:
    _write(tmp_path / "one", "other", "Other")
    with pytest.raises(BadGame, match="same name"):
        catalogue([tmp_path])


def test_a_later_folder_replaces_a_game(tmp_path: Path) -> None:
    _write(tmp_path / "luanti", "luanti", "Mine")
    games = catalogue([builtin_games(), tmp_path, tmp_path / "not-there"])
    assert games["luanti"].game.title == "Mine"
    assert games["luanti"].folder == tmp_path / "luanti"
    assert sorted(games) == ["hytale", "luanti", "stand-in"]


def test_the_inputs_of_an_image_have_one_digest(tmp_path: Path) -> None:
    game = _write(tmp_path / "g", "g", "G")
    first = inputs_digest(game, tmp_path / "g")
    (tmp_path / "g/templates").mkdir()
    (tmp_path / "g/templates/x").write_text("not part of the image")
    assert inputs_digest(game, tmp_path / "g") == first
    (tmp_path / "g/server").write_text("changed")
    assert inputs_digest(game, tmp_path / "g") != first


def _write(folder: Path, name: str, title: str) -> Game:
    folder.mkdir()
    (folder / "server").write_text("#!/bin/sh\n")
    (folder / "game.toml").write_text(
        f'name = "{name}"\ntitle = "{title}"\ncommand = ["/server"]\n'
        '[image]\nreference = "g:1"\nfiles = { server = "/server" }\n'
    )
    return load_game(folder)


def _variables(layer: Path) -> dict[str, str | None]:
    rules = TemplateRules.parse((layer / "template.toml").read_bytes())
    return {name: variable.default for name, variable in rules.variables.items()}
