"""The drill: the Brain's disk is lost, a backup is all there is, and nobody who plays notices."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.layers import write_layer
from tests.services.postgres import PostgresServer
from tests.services.seaweed import S3
from tests.services.stack import Stack
from tests.services.waiting import eventually_sync

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(400)]

RULES = 'type = "master"\ngame = "stand-in"\n[variables]\nTOKEN = { default = "none", secret = true }\n'


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def stack(
    request: pytest.FixtureRequest, tmp_path: Path, docker_engine: str, s3: S3
) -> Iterator[tuple[Stack, PostgresServer | None]]:
    server: PostgresServer | None = None
    url = ""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        url = server.url(server.create_database())
    running = Stack(tmp_path / f"drill-{request.param}", s3=s3, docker_url=docker_engine, database_url=url)
    running.directory.mkdir()
    try:
        yield running, server
    finally:
        running.close()


def test_a_brain_whose_disk_is_lost_comes_back(stack: tuple[Stack, PostgresServer | None], tmp_path: Path) -> None:
    drill, server = stack
    key = tmp_path / "backup.key"
    hytopus(drill, "brain", "backup-key", str(key))
    drill.brain.environment["HYTOPUS_BRAIN__BACKUPS__KEY_FILE"] = str(key)
    drill.start()
    drill.cli("game", "build", "stand-in")
    layer = write_layer(tmp_path / "base", {"config.json": '{"Token": "${TOKEN}"}'}, RULES)
    drill.cli("template", "push", str(layer), "base@1")

    for name in ("kept", "gone", "halted", "changed"):
        drill.post("instances", {"name": name, "layers": ["base"], "memory_mb": 128, "disk_mb": 64})
    for name in ("kept", "gone", "halted", "changed"):
        drill.until(name, "running")
    drill.cli("backup", "now")
    made = drill.get("backups")["items"][0]
    assert (made["sealed"], made["verified_at"] is not None) == (True, True)

    new = {"name": "new", "layers": ["base"], "memory_mb": 128, "disk_mb": 64, "variables": {"TOKEN": "s3cret"}}
    drill.post("instances", {**new, "metadata": {"owner": "ann"}})
    drill.until("new", "running")
    drill.delete("instances/gone")
    drill.until_gone("gone")
    drill.post("instances/halted/stop")
    drill.until("halted", "stopped")
    drill.post("instances/changed/restart")
    changed = eventually_sync(
        lambda: (found := drill.instance("changed"))["state"] == "running" and found["generation"] > 1 and found,
        timeout=60,
        what="the restart",
    )
    assert changed
    before = {name: drill.instance(name) for name in ("kept", "changed", "new", "halted")}
    containers = running_containers(drill, before)
    assert len(containers) == 3

    drill.brain.kill()
    shutil.rmtree(drill.directory / "brain")
    if server is not None:
        drill.brain.environment["HYTOPUS_BRAIN__DATABASE_URL"] = server.url(server.create_database())
    del drill.brain.environment["HYTOPUS_BRAIN__BACKUPS__KEY_FILE"]
    refused = hytopus(drill, "brain", "restore", code=5)
    assert "is sealed with the key" in refused
    assert "Restored" in hytopus(drill, "brain", "restore", "--key-file", str(key))
    drill.start_brain()
    drill.cli("audit", "verify")

    eventually_sync(lambda: settled(drill), timeout=90, what=f"everything to stand as before\n{drill.tails()}")
    after = {item["name"]: item for item in drill.get("instances", limit=100)["items"]}
    assert {name: item["state"] for name, item in after.items() if item["state"] != "destroyed"} == {
        "kept": "running",
        "changed": "running",
        "new": "running",
        "halted": "stopped",
    }
    for name, was in before.items():
        found = drill.instance(name)
        for field in ("id", "ports", "generation", "metadata", "layers"):
            assert found[field] == was[field], (name, field)
    assert running_containers(drill, before) == containers
    kinds = [event["kind"] for event in drill.get("events", limit=500)["items"]]
    assert kinds.count("instance.adopted") == 1
    assert "brain.restored" in kinds

    drill.post("instances/new/restart")
    eventually_sync(
        lambda: (
            (found := drill.instance("new"))["state"] == "running" and found["generation"] > before["new"]["generation"]
        ),
        timeout=60,
        what="the adopted one to restart",
    )
    assert '"Token": "s3cret"' in config_of(drill, before["new"]["id"])
    drill.post("instances", {**new, "name": "later"})
    drill.until("later", "running", timeout=90)


def settled(drill: Stack) -> bool:
    items = drill.get("instances", limit=100)["items"]
    states = {item["name"]: item["state"] for item in items}
    return states.get("new") == states.get("kept") == "running" and states.get("gone") in (None, "destroyed")


def running_containers(drill: Stack, instances: dict[str, Any]) -> dict[str, str]:
    """Instance -> the id of its container, and when it was started."""
    found = {}
    for instance in instances.values():
        name = f"hytopus-{instance['id']}"
        answer = docker(drill, "inspect", "--format", "{{.Id}} {{.State.StartedAt}} {{.State.Running}}", name)
        if answer.endswith("true"):
            found[instance["name"]] = answer
    return found


def config_of(drill: Stack, instance_id: str) -> str:
    container = f"hytopus-{instance_id}"
    folder = docker(drill, "inspect", "--format", "{{.Config.WorkingDir}}", container)
    return docker(drill, "cp", f"{container}:{folder}/config.json", "-")


def docker(drill: Stack, *words: str) -> str:
    done = subprocess.run(
        ["docker", *words], check=False, capture_output=True, text=True, timeout=60, env={**os.environ, **drill.docker}
    )
    return done.stdout.strip()


def hytopus(drill: Stack, *words: str, code: int = 0) -> str:
    """The command line on the Brain's machine, with its settings."""
    done = subprocess.run(
        [sys.executable, "-m", "hytopus.cli", *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env=drill.brain.environment,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr
