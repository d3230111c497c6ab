"""What can happen to a server, with one that does on request what Hytale does by itself."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.servers import NEVER, container, docker
from tests.services.layers import write_layer
from tests.services.stack import Stack
from tests.services.waiting import eventually_sync

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(180)]

RULES = """
type = "master"
game = "stand-in"
require = ["config.json"]

[variables]
BEHAVIOUR = { default = "Plain", description = "What the stand-in shall do" }
VALUE = { default = "1" }
TOKEN = { default = "none", secret = true }
"""
CONFIG = """{
  "ServerName": "${SERVER_NAME}",
  "Instance": "${INSTANCE_NAME}",
  "${BEHAVIOUR}": "${VALUE}",
  "Token": "${TOKEN}"
}
"""


@pytest.fixture(scope="module")
def base(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A layer whose configuration makes the stand-in do what the variables say."""
    directory = write_layer(tmp_path_factory.mktemp("layers") / "stand-in-base", {"config.json": CONFIG}, RULES)
    stack.cli("template", "push", str(directory), f"{directory.name}@1")
    return "stand-in-base@1"


def create(stack: Stack, base: str, *, prefix: str = "s", **more: Any) -> str:
    name = f"{prefix}-{uuid4().hex[:8]}"
    stack.post("instances", {"name": name, "layers": [base], **more})
    return name


def behaving(stack: Stack, base: str, behaviour: str, value: object = 1) -> str:
    variables = {"BEHAVIOUR": behaviour, "VALUE": str(value)}
    return create(stack, base, variables=variables, restart_policy=NEVER)


def test_it_becomes_ready_and_tells_where_it_is(stack: Stack, base: str) -> None:
    name = create(stack, base, metadata={"gamemode": "lobby"})
    running = stack.until(name, "running")
    assert running["node"]["name"] == "node-1"
    assert running["ports"][0]["port"] in stack.game_ports
    assert running["address"] == f"127.0.0.1:{running['ports'][0]['port']}"
    assert running["metadata"] == {"gamemode": "lobby"}
    kinds = [event["kind"] for event in stack.get(f"instances/{name}/events")["items"]]
    for kind in ("instance.preparation_began", "instance.start_began", "instance.started"):
        assert kind in kinds


def test_variables_reach_the_files_and_secrets_reach_nothing_else(stack: Stack, base: str) -> None:
    name = create(stack, base, variables={"TOKEN": "hunter2-secret"})
    stack.until(name, "running")
    config = json.loads(docker("exec", container(stack, name), "/bin/busybox", "cat", "/data/config.json"))
    assert config["Instance"] == name
    assert config["Token"] == "hunter2-secret"
    shown = json.dumps([stack.instance(name), stack.get(f"instances/{name}/events"), stack.get("audit", limit=500)])
    assert "hunter2-secret" not in shown
    assert "hunter2-secret" not in stack.brain.log.read_text()
    assert "hunter2-secret" not in stack.node.log.read_text()


def test_the_console_answers(stack: Stack, base: str) -> None:
    name = create(stack, base)
    stack.until(name, "running")
    stack.post(f"instances/{name}/console", {"line": "fake join Alice"})
    stack.post(f"instances/{name}/console", {"line": "who"})
    eventually_sync(
        lambda: any("default (1): : Alice" in line["text"] for line in stack.get(f"instances/{name}/logs")["lines"]),
        timeout=10,
        what="the answer to `who`",
    )
    eventually_sync(lambda: stack.instance(name)["player_names"] == ["Alice"], timeout=20, what="the player")


def test_stop_is_clean_and_start_brings_the_same_world_back(stack: Stack, base: str) -> None:
    name = create(stack, base)
    stack.until(name, "running")
    stack.post(f"instances/{name}/stop")
    stopped = stack.until(name, "stopped")
    assert stopped["exit"]["code"] == 0
    assert stopped["exit"]["kind"] == "clean"
    stack.post(f"instances/{name}/start")
    stack.until(name, "running")
    world = docker("exec", container(stack, name), "/bin/busybox", "cat", "/data/universe/worlds/default/world.json")
    assert json.loads(world)["SavedBy"] == "stop"


def test_a_crash_is_a_failure_with_the_end_of_the_log(stack: Stack, base: str) -> None:
    name = create(stack, base, restart_policy=NEVER)
    stack.until(name, "running")
    stack.post(f"instances/{name}/console", {"line": "crash 1"})
    failed = stack.until(name, "failed")
    assert failed["exit"] == {**failed["exit"], "code": 1, "kind": "crash"}
    assert any("asked to crash" in line for line in failed["log_tail"])
    stack.post(f"instances/{name}/start")
    stack.until(name, "running")


@pytest.mark.parametrize("line", ["exit 8", "crash 1"])
def test_a_server_that_wants_to_or_crashes_is_started_again(stack: Stack, base: str, line: str) -> None:
    name = create(stack, base)
    first = stack.until(name, "running")
    stack.post(f"instances/{name}/console", {"line": line})

    def again() -> bool:
        now = stack.instance(name)
        return bool(now["state"] == "running" and now["started_at"] > first["started_at"])

    eventually_sync(again, timeout=30, what=f"a second start\n{stack.tails()}")


def test_restart_and_kill(stack: Stack, base: str) -> None:
    name = create(stack, base)
    first = stack.until(name, "running")
    stack.post(f"instances/{name}/restart")
    eventually_sync(
        lambda: (now := stack.instance(name))["state"] == "running" and now["generation"] > first["generation"],
        timeout=30,
        what="the restart",
    )
    stack.post(f"instances/{name}/kill")
    assert stack.until(name, "stopped", "failed")["state"] == "stopped"


@pytest.mark.parametrize(
    ("behaviour", "value", "code"), [("ExitAtOnce", 3, "exited_at_once"), ("NeverReady", 1, "ready_timeout")]
)
def test_a_start_that_fails_says_why(stack: Stack, base: str, behaviour: str, value: int, code: str) -> None:
    name = behaving(stack, base, behaviour, value)
    failed = stack.until(name, "failed", timeout=60)
    assert failed["problem"]["code"] == code
    assert failed["problem"]["remedy"]
    assert failed["log_tail"]


def test_a_server_that_ignores_stop_is_killed_after_its_grace(stack: Stack, base: str) -> None:
    name = behaving(stack, base, "IgnoreStop")
    stack.until(name, "running")
    stack.post(f"instances/{name}/stop")
    stack.until(name, "stopping")
    stack.post(f"instances/{name}/kill")
    stack.until(name, "stopped", timeout=20)


def test_a_container_removed_behind_our_back(stack: Stack, base: str) -> None:
    name = create(stack, base, restart_policy=NEVER)
    stack.until(name, "running")
    docker("rm", "-f", container(stack, name))
    assert stack.until(name, "failed")["problem"]["code"] == "container_vanished"


def test_destroy_leaves_nothing(stack: Stack, base: str) -> None:
    name = create(stack, base)
    running = stack.until(name, "running")
    stack.delete(f"instances/{name}")
    stack.until_gone(name)
    assert running["id"] not in docker("ps", "-a", "--format", "{{.Names}}")
    assert running["id"] not in docker("volume", "ls", "-q")
    assert not (stack.directory / "node" / "instances" / running["id"]).exists()
    again = create(stack, base, ports={"game": running["ports"][0]["port"]})
    assert stack.until(again, "running")["ports"][0]["port"] == running["ports"][0]["port"]


def test_a_port_that_something_else_uses_is_not_handed_out(stack: Stack, base: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as foreign:
        port = stack.game_ports[150]
        foreign.bind(("0.0.0.0", port))
        name = create(stack, base, ports={"game": port})

        def refused() -> dict[str, Any] | None:
            now = stack.instance(name)
            return now if now["state"] in ("failed", "requested") and (now["problem"] or now["waiting"]) else None

        found = eventually_sync(refused, timeout=30, what="the refusal")
        assert found is not None
        assert str(port) in json.dumps([found["problem"], found["waiting"]])
    stack.delete(f"instances/{name}")


def test_what_cannot_be_placed_waits_and_says_why(stack: Stack, base: str) -> None:
    name = create(stack, base, region="mars")
    explained = eventually_sync(
        lambda: (said := stack.get(f"instances/{name}/explain"))["nodes"] and said, timeout=10, what="an explanation"
    )
    checks = {check["check"]: check for check in explained["nodes"][0]["checks"]}
    assert not checks["region"]["ok"]
    assert stack.instance(name)["state"] == "requested"
    stack.api.patch("nodes/node-1", json={"region": "mars"})
    stack.until(name, "running")
    stack.api.patch("nodes/node-1", json={"region": None})


def test_bad_requests_are_refused_before_anything_exists(stack: Stack, base: str) -> None:
    def refused(body: dict[str, Any], status: int, code: str) -> None:
        answer = stack.api.post("instances", json={"name": f"bad-{uuid4().hex[:8]}", **body})
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        assert answer.json()["detail"]
        assert answer.json()["remedy"]

    refused({"layers": ["nowhere"]}, 404, "template_not_found")
    refused({"layers": ["stand-in-base@99"]}, 404, "template_version_not_found")
    refused({"layers": [base], "variables": {"NOBODY": "1"}}, 422, "undeclared_variable")
    refused({"layers": [base], "game": "chess"}, 404, "game_not_found")
    name = create(stack, base)
    answer = stack.api.post("instances", json={"name": name, "layers": [base]})
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")


def test_a_missing_file_and_an_unresolved_variable_fail_the_preparation(
    stack: Stack, base: str, tmp_path: Path
) -> None:
    broken = write_layer(tmp_path / "broken", {"conf/motd.txt": "line one\nhello ${NOBODY_SAYS}\n"})
    stack.cli("template", "push", str(broken), f"{broken.name}@1")
    name = f"s-{uuid4().hex[:8]}"
    stack.post("instances", {"name": name, "layers": [base, "broken@1"]})
    problem = stack.until(name, "failed")["problem"]
    for part in ("NOBODY_SAYS", "conf/motd.txt", "2", "broken@1"):
        assert part in problem["message"]


def test_provenance_names_the_layer_of_every_file(stack: Stack, base: str, tmp_path: Path) -> None:
    top = write_layer(tmp_path / "top", {"config.json": '{"ServerName": "top"}', "only-here.txt": "x"})
    stack.cli("template", "push", str(top), f"{top.name}@1")
    name = f"s-{uuid4().hex[:8]}"
    stack.post("instances", {"name": name, "layers": [base, "top@1"]})
    stack.until(name, "running")
    files = {file["path"]: file for file in stack.get(f"instances/{name}/provenance")["files"]}
    assert files["config.json"]["layer"] == "top@1"
    assert files["config.json"]["overrode"] == [base]
    assert files["only-here.txt"]["layer"] == "top@1"


def test_versions_are_locked_until_somebody_upgrades(stack: Stack, tmp_path: Path) -> None:
    name = ""
    for version in ("1", "2"):
        layer = write_layer(
            tmp_path / version / "locked", {"config.json": f'{{"ServerName": "v{version}"}}'}, 'game = "stand-in"'
        )
        stack.cli("template", "push", str(layer), f"{layer.name}@{version}")
        if version == "1":
            name = create(stack, "locked")
            stack.until(name, "running")
    assert stack.instance(name)["layers"][0]["version"] == "1"
    changed = write_layer(tmp_path / "3" / "locked", {"config.json": "{}"}, 'game = "stand-in"')
    assert "version_exists" in stack.cli("template", "push", str(changed), f"{changed.name}@2", "--json", code=5)
    stack.post(f"instances/{name}/upgrade", {"restart": True})
    eventually_sync(
        lambda: (now := stack.instance(name))["layers"][0]["version"] == "2" and now["state"] == "running",
        timeout=30,
        what=f"the upgrade\n{stack.tails()}",
    )
    assert "v2" in docker("exec", container(stack, name), "/bin/busybox", "cat", "/data/config.json")


def test_the_same_creation_twice_is_one_creation(stack: Stack, base: str) -> None:
    name = f"s-{uuid4().hex[:8]}"
    key = uuid4().hex
    answers = [
        stack.api.post("instances", json={"name": name, "layers": [base]}, headers={"Idempotency-Key": key})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json()["id"] == answers[1].json()["id"]


def test_dev_mode_fetches_again_and_purge_empties_the_cache(stack: Stack, base: str) -> None:
    stack.post("nodes/node-1/dev-mode", {"enabled": True})
    eventually_sync(lambda: stack.get("nodes/node-1")["dev_mode"], timeout=10, what="dev mode")
    before = stack.get("nodes/node-1")["load"]["cache_misses"]
    name = create(stack, base, dev=True)
    stack.until(name, "running")
    eventually_sync(
        lambda: stack.get("nodes/node-1")["load"]["cache_misses"] > before, timeout=20, what="a fetch in dev mode"
    )
    stack.post("nodes/node-1/dev-mode", {"enabled": False})
    stack.delete(f"instances/{name}")
    stack.until_gone(name)
    purged = stack.post("nodes/node-1/purge", {})
    assert purged["trees"] >= 1
