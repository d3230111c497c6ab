"""Instances on a real engine: layers to players to nothing, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import aclosing
from typing import Final

import pytest

from hytopus.games.restart import RestartOn, RestartPolicy
from hytopus.wire.messages import DestroyInstance, NodeStatus, StartInstance, StopInstance
from hytopus.wire.place import BEGINNING
from tests.integration.agent.conftest import Node

pytestmark = pytest.mark.docker

NEVER: Final = RestartPolicy(on=RestartOn.NEVER)


async def test_from_layers_to_players_to_nothing(node: Node) -> None:
    assignment = node.assignment(
        node.layer("base", {"config.json": '{\n"ServerName": "${SERVER_NAME}"\n}\n', "base.txt": "base"}),
        node.layer("lobby", {"base.txt": "lobby wins", "maps/one.txt": "a map"}),
    )
    name = assignment.instance_id
    running = await node.running(assignment)
    assert {"fetch", "materialise", "container", "ready"} <= set(running.timings_ms)
    await node.agent.send_line(name, "fake join Ada")
    await node.sent.until(lambda: node.sent.reports[-1].players == ("Ada",))
    files = (await node.agent.ask("provenance", name, {"path": "base.txt"}))["files"]
    assert [(file["path"], file["layer"], list(file["overrode"])) for file in files] == [
        ("base.txt", "lobby@1", ["base@1"])
    ]
    await node.tell(StopInstance(name, 1))
    stopped = await node.expect(name, NodeStatus.STOPPED)
    assert (stopped.exit_code, stopped.exit_kind, stopped.problem) == (0, "clean", None)
    lines = (await node.agent.ask("logs", name, {"tail": 100}))["lines"]
    assert any("Shutdown completed!" in line["text"] for line in lines)
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
    await node.tell(DestroyInstance(name, 1))
    await node.expect(name, NodeStatus.DESTROYED)
    assert await node.runtime.inspect(name) is None
    assert not (node.root / "instances" / name).exists()
    assert not (node.root / "logs" / name).exists()
    assert not list((node.root / "journal" / "instances").iterdir())


async def test_variables_are_in_the_files_and_the_command(node: Node) -> None:
    assignment = node.assignment(variables={"SERVER_NAME": "Tentacle"})
    await node.running(assignment)
    lines = (await node.agent.ask("logs", assignment.instance_id, {"tail": 100}))["lines"]
    text = "\n".join(line["text"] for line in lines)
    files = (await node.agent.ask("provenance", assignment.instance_id, {"path": "config.json"}))["files"]
    assert [file["substituted"] for file in files] == [True]
    assert f"0.0.0.0:{assignment.ports[0].host}" in text


async def test_changes_survive_a_stop_and_a_start(node: Node) -> None:
    assignment = node.assignment(
        node.layer("base", {"config.json": json.dumps({"RewriteConfig": True}, indent=1)}),
    )
    name = assignment.instance_id
    await node.running(assignment)
    await node.tell(StopInstance(name, 1))
    await node.expect(name, NodeStatus.STOPPED)
    await node.tell(StartInstance(name, 2))
    await node.expect(name, NodeStatus.RUNNING, 2)
    files = (await node.agent.ask("provenance", name, {"path": "config.json"}))["files"]
    assert [file["changed"] for file in files] == [True]


@pytest.mark.parametrize(
    ("line", "status", "kind"),
    [("crash 3", "failed", "crash"), ("exit 0", "stopped", "clean"), ("exit 7", "failed", "configuration")],
)
async def test_servers_that_end_by_themselves(node: Node, line: str, status: str, kind: str) -> None:
    assignment = node.assignment(game={"restart": NEVER})
    await node.running(assignment)
    await node.agent.send_line(assignment.instance_id, line)
    report = await node.expect(assignment.instance_id, NodeStatus(status))
    assert report.exit_kind == kind
    assert report.exit_code == int(line.split()[1])
    assert bool(report.log_tail) is (status == "failed")


async def test_a_server_that_asks_to_be_started_again(node: Node) -> None:
    assignment = node.assignment(game={"restart": NEVER})
    await node.running(assignment)
    await node.agent.send_line(assignment.instance_id, "exit 8")
    report = await node.expect(assignment.instance_id, NodeStatus.STARTING)
    assert (report.exit_code, report.exit_kind) == (8, "restart")
    await node.expect(assignment.instance_id, NodeStatus.RUNNING)


async def test_a_server_that_crashes_is_started_again(node: Node) -> None:
    assignment = node.assignment()
    await node.running(assignment)
    await node.agent.send_line(assignment.instance_id, "crash 3")
    report = await node.expect(assignment.instance_id, NodeStatus.STARTING)
    assert (report.exit_code, report.exit_kind) == (3, "crash")
    await node.expect(assignment.instance_id, NodeStatus.RUNNING)


async def test_a_server_that_ends_at_once(node: Node) -> None:
    assignment = node.assignment(game={"environment": {"STANDIN_EXIT_AT_ONCE": "5"}})
    await node.tell(assignment)
    await node.expect(assignment.instance_id, NodeStatus.PREPARED)
    await node.tell(StartInstance(assignment.instance_id, 1))
    report = await node.expect(assignment.instance_id, NodeStatus.FAILED)
    assert report.problem is not None
    assert (report.problem.code, report.exit_code) == ("exited_at_once", 5)
    assert report.log_tail


async def test_a_server_that_never_becomes_ready(node: Node) -> None:
    game = {
        "environment": {"STANDIN_NEVER_READY": "1"},
        "restart": NEVER,
        "ready": node.game.ready.model_copy(update={"timeout": 1.0}),
    }
    assignment = node.assignment(game=game)
    await node.tell(assignment)
    await node.expect(assignment.instance_id, NodeStatus.PREPARED)
    await node.tell(StartInstance(assignment.instance_id, 1))
    report = await node.expect(assignment.instance_id, NodeStatus.FAILED)
    assert report.problem is not None
    assert report.problem.code == "ready_timeout"
    assert report.log_tail


async def test_a_server_that_ignores_the_stop(node: Node) -> None:
    stop = node.game.stop.model_copy(update={"grace": 0.5, "signal_grace": 0.5})
    assignment = node.assignment(game={"environment": {"STANDIN_IGNORE_STOP": "1"}, "stop": stop})
    name = assignment.instance_id
    await node.running(assignment)
    await node.tell(StopInstance(name, 1))
    report = await node.expect(name, NodeStatus.STOPPED)
    assert report.problem is not None
    assert (report.problem.code, report.exit_code) == ("stop_ignored", 137)


async def test_a_container_that_is_removed_behind_our_back(node: Node) -> None:
    assignment = node.assignment(game={"restart": NEVER})
    await node.running(assignment)
    await node.runtime.remove(assignment.instance_id)
    report = await node.expect(assignment.instance_id, NodeStatus.FAILED)
    assert report.problem is not None
    assert report.problem.code == "container_vanished"


async def test_a_port_that_a_foreign_process_holds(node: Node) -> None:
    assignment = node.assignment()
    with socket.socket(type=socket.SOCK_DGRAM) as foreign:
        foreign.bind(("0.0.0.0", assignment.ports[0].host))
        await node.tell(assignment)
        report = await node.expect(assignment.instance_id, NodeStatus.FAILED)
    assert report.problem is not None
    assert report.problem.code == "port_taken"


async def test_a_restart_of_the_agent_adopts_and_goes_on(node: Node) -> None:
    first, second = node.assignment(), node.assignment()
    await node.running(first)
    await node.running(second)
    started = {state.instance_id: state.started_at for state in await node.runtime.list()}
    await node.agent.send_line(first.instance_id, "fake line before")
    async with aclosing(node.agent.lines(first.instance_id, 100, BEGINNING)) as lines:
        async for batch in lines:
            if any("before" in line.text for line in batch):
                break
    await node.kill_agent()
    await node.runtime.send_line(second.instance_id, "crash 9")
    await node.runtime.wait(second.instance_id)
    await node.start_agent()
    statuses = {report.instance_id: report.status.value for report in node.agent.inventory()}
    assert statuses == {first.instance_id: "running", second.instance_id: "failed"}
    assert {state.instance_id: state.started_at for state in await node.runtime.list()} == started

    async with aclosing(node.agent.lines(first.instance_id, 100, BEGINNING)) as lines:
        batch = await anext(lines)
    assert [line.number for line in batch] == list(range(1, len(batch) + 1))
    assert sum("before" in line.text for line in batch) == 1
    await node.tell(StopInstance(first.instance_id, 1))
    assert (await node.expect(first.instance_id, NodeStatus.STOPPED)).exit_kind == "clean"


async def test_several_at_once(node: Node) -> None:
    assignments = [node.assignment() for _ in range(6)]
    await asyncio.gather(*(node.tell(assignment) for assignment in assignments))
    for assignment in assignments:
        await node.reached(assignment.instance_id, "prepared")
        await node.tell(StartInstance(assignment.instance_id, 1))
    for assignment in assignments:
        await node.reached(assignment.instance_id, "running")
    for assignment in assignments:
        await node.tell(DestroyInstance(assignment.instance_id, 1))
    for assignment in assignments:
        await node.reached(assignment.instance_id, "destroyed")
    assert not await node.runtime.list()
