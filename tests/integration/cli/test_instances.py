"""Instances of a network without nodes: everything but running."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli.conftest import Cli

pytestmark = pytest.mark.s3


@pytest.fixture
def base(cli: Cli, tmp_path: Path) -> str:
    folder = tmp_path / "layer"
    folder.mkdir()
    (folder / "world.txt").write_text("${MOTD}\n")
    (folder / "template.toml").write_text(
        'type = "master"\ngame = "stand-in"\n[variables.MOTD]\ndefault = "hello"\ndescription = "Greeting"\n'
    )
    cli.ok("template", "push", str(folder), "stand-in-base@1")
    return "stand-in-base@1"


def create(cli: Cli, name: str, base: str, *more: str) -> str:
    return str(cli.ok("instance", "create", name, base, *more, "--json").json["id"])


def test_one_that_finds_no_node_waits_and_says_why(cli: Cli, base: str) -> None:
    create(cli, "waiting", base)
    listed = cli.ok("instance", "list", "waiting", "--json").json
    assert [each["state"] for each in listed] == ["requested"]
    assert "stand-in-base@1" in cli.ok("instance", "show", "waiting").out
    assert "no node" in cli.ok("instance", "explain", "waiting").out.lower()
    assert "waiting" in cli.ok("instance", "events", "waiting").out
    tired = cli("instance", "start", "waiting", "--wait", "--timeout", "0.5")
    assert tired.code == 1
    assert "still requested" in tired.err


def test_names_are_taken_once(cli: Cli, base: str) -> None:
    create(cli, "unique", base)
    assert cli("instance", "create", "unique", base).code == 5


def test_the_same_key_makes_one(cli: Cli, base: str) -> None:
    assert create(cli, "keyed", base, "--key", "k1") == create(cli, "keyed", base, "--key", "k1")


def test_many_like_ones_are_created_at_once(cli: Cli, base: str) -> None:
    made = cli.ok(
        "instance", "create", "many-{n}-eu", base, "--count", "120", "--first", "5", "--key", "k", "--json"
    ).json
    assert [each["name"] for each in made] == [f"many-{number}-eu" for number in range(5, 125)]
    assert all(each["instance"]["state"] == "requested" and each["problem"] is None for each in made)
    again = cli.ok(
        "instance", "create", "many-{n}-eu", base, "--count", "120", "--first", "5", "--key", "k", "--json"
    ).json
    assert [each["instance"]["id"] for each in again] == [each["instance"]["id"] for each in made]


def test_of_many_those_that_cannot_be_are_told_and_the_others_made(cli: Cli, base: str) -> None:
    create(cli, "few-2", base)
    result = cli("instance", "create", "few", base, "--count", "3")
    assert (result.code, result.out.strip()) == (1, "2 created: few-1 … few-3.")
    assert "1 of 3 were not created: Another instance is already called 'few-2'." in result.err
    assert cli("instance", "create", "few", base, "--count", "0").code == 2


def test_an_undeclared_variable_is_named(cli: Cli, base: str) -> None:
    refused = cli("instance", "create", "typo", base, "--set", "MOTTD=hi")
    assert refused.code == 1
    assert "MOTTD" in refused.err


def test_an_unknown_layer_is_named(cli: Cli) -> None:
    refused = cli("instance", "create", "nothing", "no-such-layer")
    assert refused.code == 3
    assert "no-such-layer" in refused.err


def test_a_preview_makes_nothing(cli: Cli, base: str) -> None:
    shown = cli.ok("instance", "create", "imagined", base, "--set", "MOTD=hi", "--preview").out
    assert "Greeting" in shown
    assert cli("instance", "show", "imagined").code == 3


def test_changing_and_destroying(cli: Cli, base: str) -> None:
    create(cli, "shortlived", base, "--meta", "mode=lobby")
    changed = cli.ok("instance", "change", "shortlived", "--set", "MOTD=bye", "--meta", "map=two", "--json").json
    assert changed["variables"]["MOTD"] == "bye"
    assert changed["metadata"] == {"mode": "lobby", "map": "two"}
    assert cli("instance", "destroy", "shortlived").code == 2, "scripts must say --yes"
    gone = cli.ok("instance", "destroy", "shortlived", "--yes", "--wait", "--timeout", "20", "--json").json
    assert gone["state"] == "destroyed"


def test_names_lead_nowhere_else(cli: Cli) -> None:
    assert cli("instance", "show", "../nodes").code == 3
    assert cli("instance", "show", "a/b?c#d").code == 3


def test_the_network_at_a_glance(cli: Cli) -> None:
    assert "templates" in cli.ok("status").out
    assert cli.ok("node", "list", "--json").json == []
    assert "hytopus node join" in cli.ok("node", "token", "new-machine").out
    assert "luanti" in cli.ok("game", "list").out


def test_events_are_shown_oldest_first(cli: Cli, base: str) -> None:
    create(cli, "eventful", base)
    found = cli.ok("events", "--kind", "instance.", "--limit", "20", "--json").json
    assert [each["id"] for each in found] == sorted(each["id"] for each in found)
    assert any("eventful" in each["message"] for each in found)
