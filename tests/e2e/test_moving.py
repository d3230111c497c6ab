"""A world that goes from one node to another: two agents with a disk each, one object store, real containers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.servers import container, docker
from tests.e2e.test_stand_in import CONFIG, RULES, create
from tests.services.layers import write_layer
from tests.services.ports import free_port, free_ports
from tests.services.processes import Process
from tests.services.stack import Stack
from tests.services.waiting import eventually_sync

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.root, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def base(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    files = {"config.json": CONFIG, "mods/lobby.jar": "lobby", "world/region/r.0": "as the layer has it"}
    directory = write_layer(tmp_path_factory.mktemp("layers") / "moving-base", files, RULES)
    stack.cli("template", "push", str(directory), f"{directory.name}@1")
    return "moving-base@1"


@pytest.fixture(scope="module")
def second(stack: Stack) -> Iterator[Process]:
    """Another node of the stack, on the same engine."""
    first = free_port(beside=50)
    settings = {
        **stack.node.environment,
        "HYTOPUS_NODE__DATA_DIR": str(stack.directory / "node-2"),
        "HYTOPUS_NODE__PORTS__FIRST": str(first),
        "HYTOPUS_NODE__PORTS__LAST": str(first + 49),
        "HYTOPUS_NODE__METRICS__PORT": str(free_ports(1)[0]),
    }
    command = [sys.executable, "-m", "hytopus.cli", "node"]
    token = stack.post("nodes/join-tokens", {"node_name": "node-2"})["token"]
    url = str(stack.api.base_url).split("/api/")[0]
    join = [*command, "join", url, token, "--name", "node-2"]
    subprocess.run(join, check=True, capture_output=True, timeout=60, env=settings)
    process = Process("node-2", [*command, "run"], stack.directory / "node-2.log", settings)
    process.start()
    try:
        eventually_sync(
            lambda: stack.get("nodes/node-2")["state"] == "online", timeout=60, every=0.1, what="the second node"
        )
        yield process
    finally:
        for item in stack.get("instances", node="node-2", limit=500)["items"]:
            stack.delete(f"instances/{item['name']}")
            stack.until_gone(item["name"])
        process.stop()
        stack.cli("node", "remove", "node-2", "--force", "--yes")


def inside(stack: Stack, name: str) -> Path:
    """The directory of a running server, as it sees it itself."""
    pid = docker("inspect", "-f", "{{.State.Pid}}", container(stack, name)).strip()
    return Path(f"/proc/{pid}/root/data")


def play(data: Path) -> None:
    (data / "world/region/r.0").write_bytes(b"what players built")
    (data / "world/region/r.1").write_bytes(os.urandom(3 << 20))
    (data / "world/region/r.1").chmod(0o600)
    (data / "mods/lobby.jar").unlink()
    (data / "saves").mkdir(mode=0o750)
    (data / "saves/newest").symlink_to("../world/region/r.1")
    for path in ("world/region/r.1", "saves", "saves/newest"):
        os.chown(data / path, 1000, 1000, follow_symlinks=False)


def look(data: Path) -> dict[str, tuple[int, int, int, bytes | str]]:
    """Mode, owner and content of everything but what the server itself rewrites."""
    found: dict[str, tuple[int, int, int, bytes | str]] = {}
    for path in sorted(data.rglob("*")):
        status, name = path.lstat(), str(path.relative_to(data))
        if name.startswith(("logs", "config.json", "universe")):
            continue
        content = str(path.readlink()) if path.is_symlink() else b"" if path.is_dir() else path.read_bytes()
        found[name] = (status.st_mode, status.st_uid, status.st_gid, content)
    return found


def test_bytes_owners_and_modes_are_the_same_on_the_other_node(stack: Stack, second: Process, base: str) -> None:
    name = create(stack, base, node=None)
    stack.until(name, "running")
    home = stack.instance(name)["node"]["name"]
    other = "node-2" if home == "node-1" else "node-1"
    play(inside(stack, name))
    before = look(inside(stack, name))
    old_container = container(stack, name)
    stack.cli("instance", "stop", name, "--wait")
    said = stack.cli("instance", "move", name, "--to", other, "--wait")
    assert f"{name} is stopped on {other}" in said
    eventually_sync(
        lambda: old_container not in docker("ps", "-a", "--format", "{{.Names}}"),
        timeout=30,
        every=0.2,
        what="the old copy to be destroyed",
    )
    stack.cli("instance", "start", name, "--wait")
    assert stack.instance(name)["node"]["name"] == other
    assert look(inside(stack, name)) == before
    stack.cli("instance", "destroy", name, "--yes", "--wait")


def test_an_agent_that_is_killed_while_it_packs_goes_on(stack: Stack, second: Process, base: str) -> None:
    stack.post("nodes/node-1/cordon")
    try:
        name = create(stack, base)
        stack.until(name, "running")
    finally:
        stack.post("nodes/node-1/uncordon")
    play(inside(stack, name))
    stack.cli("instance", "stop", name, "--wait")
    stack.post(f"instances/{name}/move", {"node": "node-1"})
    second.kill()
    second.start()
    stack.until(name, "stopped", timeout=90)
    eventually_sync(
        lambda: (stack.instance(name)["node"] or {}).get("name") == "node-1" and not stack.instance(name)["move"],
        timeout=60,
        every=0.2,
        what="the move to end",
    )
    stack.cli("instance", "destroy", name, "--yes", "--wait")
