"""What the end of a server means."""

from __future__ import annotations

import pytest

from hytopus.node.runner.exits import requested, unrequested
from hytopus.node.runtime.base import ContainerState, ContainerStatus
from hytopus.wire.messages import NodeStatus
from tests.unit.node.runner.records import game


def ended(code: int, *, oom: bool = False) -> ContainerState:
    return ContainerState("i1", 1, ContainerStatus.EXITED, exit_code=code, oom_killed=oom)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (0, NodeStatus.STOPPED, "clean"),
        (8, NodeStatus.STOPPED, "restart"),
        (7, NodeStatus.FAILED, "configuration"),
        (1, NodeStatus.FAILED, "crash"),
        (137, NodeStatus.FAILED, "crash"),
        (143, NodeStatus.FAILED, "crash"),
    ],
)
def test_a_server_that_ends_by_itself(code: int, status: NodeStatus, kind: str) -> None:
    outcome = unrequested("i1", game(), ended(code), ready=True)
    assert (outcome.status, outcome.exit_code, outcome.exit_kind) == (status, code, kind)
    assert (outcome.error.code if outcome.error else None) == ("exited" if status is NodeStatus.FAILED else None)


@pytest.mark.parametrize("code", [0, 1, 7])
def test_before_it_is_ready_even_a_clean_end_is_a_failure(code: int) -> None:
    outcome = unrequested("i1", game(), ended(code), ready=False)
    assert outcome.status is NodeStatus.FAILED
    assert outcome.error is not None
    assert outcome.error.code == "exited_at_once"
    assert f"exit code {code}" in outcome.error.message


def test_a_server_that_asks_for_a_restart_while_booting_gets_it() -> None:
    outcome = unrequested("i1", game(), ended(8), ready=False)
    assert (outcome.status, outcome.exit_kind, outcome.error) == (NodeStatus.STOPPED, "restart", None)


def test_running_out_of_memory_is_said_so() -> None:
    outcome = unrequested("i1", game(), ended(0, oom=True), ready=True)
    assert (outcome.status, outcome.oom_killed) == (NodeStatus.FAILED, True)
    assert outcome.error is not None
    assert "out of memory" in outcome.error.message


@pytest.mark.parametrize(("code", "oom", "known"), [(1, False, "exit"), (7, False, "fault"), (137, True, "oom")])
def test_the_cause_has_a_code_for_those_who_say_it_otherwise(code: int, oom: bool, known: str) -> None:
    outcome = unrequested("i1", game(), ended(code, oom=oom), ready=False)
    assert outcome.error is not None
    assert (outcome.error.params["why_code"], outcome.error.params["exit_code"]) == (known, code)


def test_a_container_that_is_gone_has_failed_unless_it_was_to_stop() -> None:
    outcome = unrequested("i1", game(), None, ready=True)
    assert outcome.error is not None
    assert outcome.error.code == "container_vanished"
    assert requested("i1", game(), None, waited=None).status is NodeStatus.STOPPED


@pytest.mark.parametrize("code", [0, 7, 8, 130, 131, 137, 143])
def test_a_stop_that_was_asked_for_is_stopped(code: int) -> None:
    outcome = requested("i1", game(), ended(code), waited=None)
    assert (outcome.status, outcome.error) == (NodeStatus.STOPPED, None)


@pytest.mark.parametrize("code", [1, 134, 139])
def test_a_crash_while_stopping_is_not_hidden(code: int) -> None:
    outcome = requested("i1", game(), ended(code), waited=None)
    assert (outcome.status, outcome.exit_kind) == (NodeStatus.FAILED, "crash")


def test_a_server_that_ignored_the_stop_is_stopped_with_a_remark() -> None:
    outcome = requested("i1", game(), ended(137), waited=25.0)
    assert outcome.status is NodeStatus.STOPPED
    assert outcome.error is not None
    assert outcome.error.code == "stop_ignored"
    assert "25 s" in outcome.error.message
