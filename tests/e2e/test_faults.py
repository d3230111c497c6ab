"""Whatever is killed, and whenever: afterwards what was asked for is so, once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from tests.services.layers import write_layer
from tests.services.stack import Stack
from tests.services.waiting import eventually_sync

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(240)]

STEPS = ("requested", "preparing", "starting", "running", "stopping", "destroying")
EXCUSED = ("exited", "exited_at_once", "container_vanished", "engine_unavailable", "container_fault")
"""How a start may fail because its engine was killed under it, and nothing else may."""
ORDER = ("requested", "preparing", "starting", "running", "stopping", "stopped", "destroyed")


@pytest.fixture(scope="module")
def slow_base(breakable: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A layer that takes a moment to fetch and a game that takes a moment to boot and to stop, so steps can be hit."""
    files: dict[str, str | bytes] = {
        "config.json": '{\n  "ServerName": "${SERVER_NAME}",\n  "BootSeconds": "0.7",\n  "StopSeconds": "0.7"\n}\n'
    }
    files.update({f"assets/{number}.bin": os.urandom(2_000_000) for number in range(20)})
    directory = write_layer(tmp_path_factory.mktemp("layers") / "slow-base", files, 'game = "stand-in"\n')
    breakable.cli("template", "push", str(directory), f"{directory.name}@1")
    return "slow-base@1"


def kill_agent(stack: Stack) -> None:
    stack.node.kill()
    stack.start_node()


def kill_brain(stack: Stack) -> None:
    stack.brain.kill()
    stack.start_brain()


def kill_s3(stack: Stack) -> None:
    assert stack.s3_server is not None
    stack.s3_server.kill()
    stack.s3_server.start()


def kill_engine(stack: Stack) -> None:
    assert stack.engine is not None
    stack.engine.kill()
    stack.engine.start()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kill", [kill_agent, kill_brain, kill_s3, kill_engine])
def test_a_creation_survives_a_kill_at_every_step(
    breakable: Stack, slow_base: str, kill: Callable[[Stack], None], step: str
) -> None:
    name = f"f-{uuid4().hex[:8]}"
    breakable.post("nodes/node-1/purge", {})
    breakable.post("instances", {"name": name, "layers": [slow_base]})
    instance_id = breakable.instance(name)["id"]
    if step in ("stopping", "destroying"):
        breakable.until(name, "running")
        breakable.post(f"instances/{name}/stop") if step == "stopping" else breakable.delete(f"instances/{name}")
    else:
        reach(breakable, name, step)
    kill(breakable)
    settle(breakable, name, step)
    if step != "destroying":
        breakable.delete(f"instances/{name}")
    breakable.until_gone(name)
    leaves_nothing(breakable, instance_id)


def reach(stack: Stack, name: str, step: str) -> None:
    """Wait until the step is reached, or passed: it is the wish that counts, not the instant."""

    def reached() -> bool:
        return ORDER.index(stack.instance(name)["state"]) >= ORDER.index(step)

    eventually_sync(reached, timeout=30, every=0.005, what=f"{name} to be {step}\n{stack.tails()}")


def settle(stack: Stack, name: str, step: str) -> None:
    """Until what was asked for is so, in the Brain's eyes and on the engine: one server, or none.

    One that the engine took down with it needs a second start, and for a moment the Brain does not know yet.
    """
    if step == "destroying":
        return
    wanted, servers = ("stopped", 0) if step == "stopping" else ("running", 1)
    instance_id = stack.instance(name)["id"]

    def settled() -> bool:
        try:
            found = stack.instance(name)
        except httpx2.HTTPError:
            return False
        if found["state"] == "failed" and wanted == "running":
            assert found["problem"]["code"] in EXCUSED, found
            stack.post(f"instances/{name}/start")  # what an operator would do; a crash is never started again by itself
        there = found["state"] == wanted or (wanted == "stopped" and found["state"] == "failed")
        return there and containers(stack, instance_id) == servers

    eventually_sync(settled, timeout=90, every=0.1, what=f"{name} to be {wanted}\n{stack.tails()}")


def containers(stack: Stack, instance_id: str) -> int:
    assert stack.engine is not None
    names = (stack.engine.docker("ps", "--format", "{{.Names}}") or "").split()
    return names.count(f"hytopus-{instance_id}")


def leaves_nothing(stack: Stack, instance_id: str) -> None:
    engine = stack.engine
    assert engine is not None
    node = stack.directory / "node"
    eventually_sync(lambda: not (node / "instances" / instance_id).exists(), timeout=20, what="files to go")
    assert instance_id not in (engine.docker("ps", "-a", "--format", "{{.Names}}") or "")
    assert instance_id not in (engine.docker("volume", "ls", "-q") or "")
    assert not [file for file in node.rglob(f"*{instance_id}*") if not _is_log(file)]


def _is_log(file: Path) -> bool:
    return file.suffix == ".log"


def test_game_servers_outlive_brain_and_agent(breakable: Stack, slow_base: str) -> None:
    name = f"f-{uuid4().hex[:8]}"
    breakable.post("instances", {"name": name, "layers": [slow_base]})
    before = breakable.until(name, "running")
    engine = breakable.engine
    assert engine is not None
    process = engine.docker("inspect", "--format", "{{.State.Pid}}", f"hytopus-{before['id']}")
    breakable.brain.kill()
    breakable.node.kill()
    breakable.start_brain()
    breakable.start_node()
    after = breakable.until(name, "running")
    assert after["generation"] == before["generation"]
    assert engine.docker("inspect", "--format", "{{.State.Pid}}", f"hytopus-{before['id']}") == process


def test_what_happens_during_a_brain_outage_is_reported_afterwards(breakable: Stack, slow_base: str) -> None:
    name = f"f-{uuid4().hex[:8]}"
    breakable.post("instances", {"name": name, "layers": [slow_base]})
    running = breakable.until(name, "running")
    breakable.brain.kill()
    assert breakable.engine is not None
    breakable.engine.docker("kill", "--signal", "TERM", f"hytopus-{running['id']}")
    eventually_sync(lambda: containers(breakable, running["id"]) == 0, timeout=20, what="the server to end")
    breakable.start_brain()
    stopped = breakable.until(name, "stopped", timeout=60)
    assert stopped["exit"]["code"] == 143


def test_an_s3_outage_makes_a_preparation_wait_and_names_the_cause(breakable: Stack, slow_base: str) -> None:
    assert breakable.s3_server is not None
    breakable.post("nodes/node-1/purge", {})
    breakable.s3_server.kill()
    name = f"f-{uuid4().hex[:8]}"
    breakable.post("instances", {"name": name, "layers": [slow_base]})
    failed = breakable.until(name, "failed", timeout=180)
    assert failed["problem"]["code"] == "s3_unreachable"
    breakable.s3_server.start()
    breakable.post(f"instances/{name}/start")
    breakable.until(name, "running")
