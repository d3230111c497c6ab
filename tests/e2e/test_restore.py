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

KEY_FILE = "HYTOPUS_BRAIN__BACKUPS__KEY_FILE"
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
    drill.brain.environment[KEY_FILE] = str(key)
    drill.start()
    drill.cli("game", "build", "stand-in")
    layer = write_layer(tmp_path / "base", {"config.json": '{"Token": "${TOKEN}"}'}, RULES)
    drill.cli("template", "push", str(layer), "base@1")
    before_the_backup(drill)
    since_the_backup(drill)
    before = {name: drill.instance(name) for name in ("kept", "changed", "new", "halted")}
    containers = running_containers(drill, before)
    assert len(containers) == 3

    lose_and_restore(drill, server, key)

    eventually_sync(lambda: settled(drill), timeout=90, what=f"everything to stand as before\n{drill.tails()}")
    stands_as_before(drill, before)
    assert running_containers(drill, before) == containers
    goes_on(drill, before)


def create(drill: Stack, name: str, **more: Any) -> None:
    drill.post("instances", {"name": name, "layers": ["base"], "memory_mb": 128, "disk_mb": 64, **more})


def before_the_backup(drill: Stack) -> None:
    names = ("kept", "gone", "halted", "changed")
    for name in names:
        create(drill, name)
    for name in names:
        drill.until(name, "running")
    drill.cli("backup", "now")
    made = drill.get("backups")["items"][0]
    assert (made["sealed"], made["verified_at"] is not None) == (True, True)


def since_the_backup(drill: Stack) -> None:
    create(drill, "new", variables={"TOKEN": "s3cret"}, metadata={"owner": "ann"})
    drill.until("new", "running")
    drill.delete("instances/gone")
    drill.until_gone("gone")
    drill.post("instances/halted/stop")
    drill.until("halted", "stopped")
    drill.post("instances/changed/restart")
    eventually_sync(lambda: runs_in(drill, "changed", after=1), timeout=60, what="the restart")


def lose_and_restore(drill: Stack, server: PostgresServer | None, key: Path) -> None:
    drill.brain.kill()
    shutil.rmtree(drill.directory / "brain")
    if server is not None:
        drill.brain.environment["HYTOPUS_BRAIN__DATABASE_URL"] = server.url(server.create_database())
    del drill.brain.environment[KEY_FILE]
    assert "is sealed with the key" in hytopus(drill, "brain", "restore", code=5)
    assert "Restored" in hytopus(drill, "brain", "restore", "--key-file", str(key))
    drill.start_brain()
    drill.cli("audit", "verify")


def stands_as_before(drill: Stack, before: dict[str, Any]) -> None:
    items = drill.get("instances", limit=100)["items"]
    assert {item["name"]: item["state"] for item in items if item["state"] != "destroyed"} == {
        "kept": "running",
        "changed": "running",
        "new": "running",
        "halted": "stopped",
    }
    for name, was in before.items():
        found = drill.instance(name)
        for field in ("id", "ports", "generation", "metadata", "layers"):
            assert found[field] == was[field], (name, field)
    kinds = [event["kind"] for event in drill.get("events", limit=500)["items"]]
    assert kinds.count("instance.adopted") == 1
    assert "brain.restored" in kinds


def goes_on(drill: Stack, before: dict[str, Any]) -> None:
    """The adopted one is whole, its secret included, and what is new finds a place."""
    drill.post("instances/new/restart")
    generation = before["new"]["generation"]
    eventually_sync(lambda: runs_in(drill, "new", after=generation), timeout=60, what="the adopted one to restart")
    assert '"Token": "s3cret"' in config_of(drill, before["new"]["id"])
    create(drill, "later")
    drill.until("later", "running", timeout=90)


def runs_in(drill: Stack, name: str, *, after: int) -> bool:
    found = drill.instance(name)
    return bool(found["state"] == "running" and found["generation"] > after)


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
