"""What is written down: one request's id in every log it touches, and every item of specification 9.1."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.services.layers import write_layer
from tests.services.processes import Process
from tests.services.stack import Stack
from tests.services.waiting import eventually_sync

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(240)]

Line = dict[str, Any]

CLICK: Final = {"X-Request-ID": "click-create"}
SPECIFIED: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "Brain: Requests": ("brain", {"event": "request", "method": "POST", "path": "/api/v1/instances", "status": 202}),
    "Brain: State-Changes von Instanzen": ("brain", {"event": "instance state changed", "new": "running"}),
    "Brain: State-Changes von Nodes": ("brain", {"event": "node state changed", "new": "online"}),
    "Brain: Fehler (S3)": ("brain", {"event": "request failed", "code": "s3_unreachable"}),
    "Brain: Fehler (Node nicht erreichbar)": ("brain", {"event": "request failed", "code": "node_offline"}),
    "Node: Kommandos vom Brain (prepare)": ("node", {"event": "command", "command": "PrepareInstance"}),
    "Node: Kommandos vom Brain (start)": ("node", {"event": "command", "command": "StartInstance"}),
    "Node: Kommandos vom Brain (stop)": ("node", {"event": "command", "command": "StopInstance"}),
    "Node: Kommandos vom Brain (destroy)": ("node", {"event": "command", "command": "DestroyInstance"}),
    "Node: Kommandos vom Brain (purge_cache)": ("node", {"event": "command", "command": "PurgeCache"}),
    "Node: Kommandos vom Brain (set_dev_mode)": ("node", {"event": "command", "command": "SetDevMode"}),
    "Node: Template-Cache-Aktivitäten (holen)": ("node", {"event": "layers are here", "fetched": ["base@1"]}),
    "Node: Template-Cache-Aktivitäten (leeren)": ("node", {"event": "cache purged"}),
    "Node: Docker-Events (start)": ("node", {"event": "docker event", "kind": "started"}),
    "Node: Docker-Events (stop)": ("node", {"event": "docker event", "kind": "exited"}),
    "Node: Fehler bei Merge": ("node", {"event": "instance failed", "code": "required_file_missing"}),
    "Node: Fehler bei Variablen-Ersatz": ("node", {"event": "instance failed", "code": "variables_unresolved"}),
}
"""Each item of section 9.1, in whose log it is, and what its line says."""


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory, docker_engine: str) -> Iterator[Stack]:
    """An installation in which everything that 9.1 names has happened."""
    directory = tmp_path_factory.mktemp("logged")
    stack = Stack(directory, docker_url=docker_engine, node_settings={"HYTOPUS_NODE__LOG__JSON_LINES": "true"})
    try:
        stack.start()
        stack.cli("game", "build", "stand-in")
        _push(stack, directory, "base", {"config.json": '{"ServerName": "${SERVER_NAME}"}\n'})
        _live_through_it(stack)
        _fail_in_the_layers(stack, directory)
        _lose_node_and_store(stack)
        yield stack
    finally:
        stack.close()


@pytest.mark.parametrize("item", SPECIFIED)
def test_what_is_specified_is_logged(logged: Stack, item: str) -> None:
    where, said = SPECIFIED[item]
    log = lines(logged.brain if where == "brain" else logged.node)
    assert [line for line in log if said.items() <= line.items()], item


def test_requests_are_audited_and_nobody_changed_the_record(logged: Stack) -> None:
    records = logged.get("audit", limit=500)["items"]
    actions = {record["action"]: record for record in records}
    wanted = ["instance.created", "instance.stop", "instance.destroy", "node.dev_mode_on", "node.join"]
    assert [action for action in wanted if action not in actions] == []
    assert actions["instance.created"]["request_id"] == CLICK["X-Request-ID"]
    assert logged.get("audit/verify")["broken"] is None


def test_one_grep_over_both_logs_follows_one_click(logged: Stack) -> None:
    brain, node = (of_click(lines(each), CLICK["X-Request-ID"]) for each in (logged.brain, logged.node))
    for log, event in ((brain, "command sent"), (node, "command")):
        assert [line["command"] for line in log if line["event"] == event] == ["PrepareInstance", "StartInstance"]
    assert [line["new"] for line in brain if line["event"] == "instance state changed"] == [
        "preparing",
        "starting",
        "running",
    ]
    told = [line["event"] for line in node]
    assert {"layers are here", "docker event", "instance is now"} <= set(told)
    (access,) = (line for line in brain if line["event"] == "request")
    assert access["path"] == "/api/v1/instances"


def test_the_events_of_a_click_name_it_and_those_after_it_do_not(logged: Stack) -> None:
    events = logged.get("events", subject_kind="instance", limit=500)["items"]
    ours = {event["kind"] for event in events if event["request_id"] == CLICK["X-Request-ID"]}
    assert {"instance.created", "instance.preparation_began", "instance.started"} <= ours
    assert "instance.crashed" not in ours
    assert not {kind for kind in ours if "stop" in kind}
    stopped = {event["kind"] for event in events if event["request_id"] == "click-stop"}
    assert {"instance.stop_requested", "instance.stop_began", "instance.stopped"} <= stopped


@pytest.mark.parametrize(
    ("click", "told"),
    [("click-purge", "cache purged"), ("click-dev", "command"), ("click-ask", "question answered")],
)
def test_what_is_asked_of_a_node_carries_the_id_too(logged: Stack, click: str, told: str) -> None:
    assert told in [line["event"] for line in of_click(lines(logged.node), click)]
    assert of_click(lines(logged.brain), click)


def test_an_id_is_made_up_where_none_or_a_bad_one_is_given(logged: Stack) -> None:
    bad = logged.api.get("me", headers={"X-Request-ID": 'x" forged="1'}).headers["X-Request-ID"]
    none = logged.api.get("me").headers["X-Request-ID"]
    assert bad != none
    assert "forged" not in bad

    def written() -> bool:
        """An answer is written down after it has gone out."""
        return all(of_click(lines(logged.brain), made) for made in (bad, none))

    eventually_sync(written, what="lines about both")


def lines(process: Process) -> list[Line]:
    """Its log so far; what is not JSON is a line that somebody else printed."""
    return [json.loads(line) for line in process.log.read_text().splitlines() if line.startswith("{")]


def of_click(log: list[Line], request_id: str) -> list[Line]:
    return [line for line in log if line.get("request_id") == request_id]


def _live_through_it(stack: Stack) -> None:
    _click(stack, "POST", "instances", CLICK["X-Request-ID"], {"name": "seen", "layers": ["base"]})
    stack.until("seen", "running")
    _click(stack, "GET", "instances/seen/files", "click-ask")
    _click(stack, "POST", "instances/seen/stop", "click-stop")
    stack.until("seen", "stopped")
    _click(stack, "DELETE", "instances/seen", "click-destroy")
    stack.until_gone("seen")
    _click(stack, "POST", "nodes/node-1/dev-mode", "click-dev", {"enabled": True})
    _said(stack.node, command="SetDevMode")
    stack.post("nodes/node-1/dev-mode", {"enabled": False})
    _click(stack, "POST", "nodes/node-1/purge", "click-purge", {})


def _fail_in_the_layers(stack: Stack, directory: Path) -> None:
    _push(stack, directory, "unresolved", {"config.json": '{"ServerName": "${NOBODY_GAVE_IT}"}\n'})
    _push(stack, directory, "incomplete", {"config.json": "{}\n"}, 'require = ["world/level.dat"]\n')
    for layer in ("unresolved", "incomplete"):
        stack.post("instances", {"name": layer, "layers": [layer]})
        eventually_sync(lambda name=layer: stack.instance(name)["state"] == "failed", timeout=30)  # type: ignore[misc]


def _lose_node_and_store(stack: Stack) -> None:
    stack.node.stop()
    eventually_sync(lambda: stack.api.get("instances/unresolved/files").status_code == 503, timeout=30)
    assert stack.s3_server is not None
    stack.s3_server.kill()
    body = {"size": 3, "checksum": "0" * 64, "files": 1}
    assert stack.api.post("templates/base/versions/2/uploads", json=body).status_code >= 500
    stack.s3_server.start()
    stack.start_node()


def _push(stack: Stack, directory: Path, name: str, files: Mapping[str, str | bytes], rules: str = "") -> None:
    folder = write_layer(directory / "layers" / name, files, f'game = "stand-in"\n{rules}')
    stack.cli("template", "push", str(folder), f"{name}@1")


def _click(stack: Stack, method: str, path: str, request_id: str, body: Mapping[str, Any] | None = None) -> None:
    answer = stack.api.request(method, path, json=body, headers={"X-Request-ID": request_id})
    assert answer.is_success, answer.text
    assert answer.headers["X-Request-ID"] == request_id


def _said(process: Process, **said: str) -> None:
    eventually_sync(lambda: any(said.items() <= line.items() for line in lines(process)), what=f"a line with {said}")
