"""Servers that crash, and nodes that start them again by themselves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hytopus.games.restart import RestartPolicy
from hytopus.wire.messages import (
    CrashReply,
    DestroyInstance,
    InstanceCommand,
    InstanceReport,
    NodeStatus,
    StartInstance,
    StopInstance,
)
from tests.unit.node.agent.bed import Bed
from tests.unit.node.runner.records import game

FORGIVING = game(restart={"attempts": 2, "interval": 600, "backoff_min": 4, "backoff_max": 60, "clear_after": 100})


async def crashed(bed: Bed, exit_code: int = 1, generation: int = 1) -> InstanceReport:
    """The report of a wait for the next attempt."""
    bed.runtime.crash("i1", exit_code=exit_code)
    report = await bed.expect(NodeStatus.STARTING, generation)
    while report.retry_in is None:
        report = await bed.expect(NodeStatus.STARTING, generation)
    return report


async def recovers(bed: Bed, seconds: float, generation: int = 1) -> InstanceReport:
    await bed.clock.sleeping(seconds)
    await bed.clock.advance(seconds)
    return await bed.expect(NodeStatus.RUNNING, generation)


def problem(report: InstanceReport) -> str:
    return report.problem.code if report.problem else ""


async def test_a_crash_is_followed_by_a_new_attempt_after_a_visible_wait(bed: Bed) -> None:
    await bed.running(game=FORGIVING)
    bed.runtime.say("i1", "the last word")
    waiting = await crashed(bed)
    assert (waiting.attempt, waiting.retry_in, waiting.exit_code, problem(waiting)) == (2, 4, 1, "exited")
    assert waiting.log_tail[-1] == "the last word"
    assert not await bed.is_running()
    running = await recovers(bed, 4)
    assert (running.attempt, running.retry_in, running.problem) == (2, None, None)


async def test_attempts_are_used_up_with_growing_waits(bed: Bed) -> None:
    await bed.running(game=FORGIVING)
    await crashed(bed)
    await recovers(bed, 4)
    assert (await crashed(bed)).retry_in == 8
    await recovers(bed, 8)
    bed.runtime.crash("i1", exit_code=3)
    report = await bed.expect(NodeStatus.FAILED)
    assert problem(report) == "crash_loop"
    assert report.problem is not None
    assert "2 times within 600 s" in report.problem.message
    assert "exit code 3" in report.problem.message
    assert report.exit_code == 3


async def test_a_start_that_fails_is_tried_again(bed: Bed) -> None:
    await bed.prepared(game=game(restart=FORGIVING.restart, environment={"FAKE_READY_AFTER": "never"}))
    await bed.tell(StartInstance("i1", 1))
    await bed.clock.sleeping(60)
    await bed.clock.advance(60)
    report = await bed.expect(NodeStatus.STARTING)
    while report.retry_in is None:
        report = await bed.expect(NodeStatus.STARTING)
    assert problem(report) == "ready_timeout"


async def test_a_run_that_lasted_clears_what_was_counted(bed: Bed) -> None:
    await bed.running(game=FORGIVING)
    for _ in range(4):
        assert (await crashed(bed)).retry_in == 4
        await recovers(bed, 4)
        await bed.clock.advance(100)


async def test_a_restart_that_was_asked_for_is_at_once_and_no_crash(bed: Bed) -> None:
    await bed.running(game=game(restart={"on": "never"}))
    bed.runtime.crash("i1", exit_code=8)
    running = await bed.expect(NodeStatus.RUNNING)
    assert (running.attempt, bed.clock.monotonic()) == (2, 0)
    assert "failed" not in bed.sent.statuses()


async def test_a_restart_asked_for_at_every_boot_ends_in_failure(bed: Bed) -> None:
    endless = {"FAKE_READY_AFTER": "never", "FAKE_RUN_FOR": "0", "FAKE_EXIT_CODE": "8"}
    await bed.prepared(game=game(environment=endless))
    await bed.tell(StartInstance("i1", 1))
    report = await bed.expect(NodeStatus.FAILED)
    assert (problem(report), report.attempt) == ("crash_loop", 6)


async def test_a_fault_of_configuration_is_not_tried_again(bed: Bed) -> None:
    await bed.running(game=FORGIVING)
    bed.runtime.crash("i1", exit_code=7)
    report = await bed.expect(NodeStatus.FAILED)
    assert (report.exit_kind, problem(report), report.attempt) == ("configuration", "exited", 1)


@pytest.mark.parametrize(("on", "status"), [("on-failure", NodeStatus.STOPPED), ("always", NodeStatus.RUNNING)])
async def test_a_clean_end_follows_the_policy(bed: Bed, on: str, status: NodeStatus) -> None:
    await bed.running(game=game(restart={"on": on, "backoff_min": 0, "backoff_max": 0}))
    bed.runtime.crash("i1", exit_code=0)
    await bed.expect(status)


async def test_what_the_instance_wants_counts_before_the_games(bed: Bed) -> None:
    await bed.prepared(game=game(restart={"on": "never"}))
    policy = RestartPolicy(backoff_min=1, backoff_max=1).model_dump_json()
    await bed.tell(StartInstance("i1", 1, restart=policy))
    await bed.expect(NodeStatus.RUNNING)
    assert (await crashed(bed)).retry_in == 1


@pytest.mark.parametrize("command", [StopInstance("i1", 1), StopInstance("i1", 1, kill=True), DestroyInstance("i1", 1)])
async def test_the_wait_can_be_ended_at_once_even_without_an_engine(bed: Bed, command: InstanceCommand) -> None:
    await bed.running(game=FORGIVING)
    await crashed(bed)
    before = bed.clock.monotonic()
    if isinstance(command, StopInstance):
        bed.runtime.go_down()
    await bed.tell(command)
    ended = NodeStatus.STOPPED if isinstance(command, StopInstance) else NodeStatus.DESTROYED
    report = await bed.expect(ended)
    assert (report.problem, report.retry_in, bed.clock.monotonic()) == (None, None, before)
    bed.runtime.come_back()
    await bed.clock.advance(100)
    await bed.settle()
    assert not await bed.is_running()


async def test_a_later_start_ends_the_wait_and_forgets_what_was_counted(bed: Bed) -> None:
    await bed.running(game=FORGIVING)
    await crashed(bed)
    await bed.tell(StartInstance("i1", 2))
    running = await bed.expect(NodeStatus.RUNNING, 2)
    assert (running.attempt, bed.clock.monotonic()) == (1, 0)
    assert (await crashed(bed, generation=2)).retry_in == 4


async def test_the_same_start_repeated_changes_nothing_about_the_wait(bed: Bed) -> None:
    await bed.running(game=FORGIVING)
    await crashed(bed)
    await bed.clock.advance(1)
    await bed.tell(StartInstance("i1", 1))
    report = await bed.expect(NodeStatus.STARTING)
    assert (report.attempt, report.retry_in) == (2, 3)
    await recovers(bed, 3 + 1)


async def test_an_agent_killed_during_the_wait_is_followed_by_one_that_waits_for_the_rest(bed: Bed) -> None:
    await bed.running(game=FORGIVING)
    await crashed(bed)
    await bed.clock.advance(1)
    await bed.restart_agent()
    (report,) = bed.agent.inventory()
    assert (report.status, report.attempt, report.retry_in) == (NodeStatus.STARTING, 2, 3)
    assert (await recovers(bed, 3)).attempt == 2
    assert (await crashed(bed)).retry_in == 8, "what was counted is on disk"


async def test_an_agent_that_comes_back_after_the_moment_starts_it_at_once(bed: Bed) -> None:
    await bed.running(game=FORGIVING)
    await crashed(bed)
    await bed.kill_agent()
    await bed.clock.advance(50)
    await bed.start_agent()
    assert (await bed.expect(NodeStatus.RUNNING)).attempt == 2


async def test_an_agent_killed_before_the_container_of_a_new_attempt_goes_on_by_itself(bed: Bed) -> None:
    await bed.running(game=FORGIVING)
    await crashed(bed)
    bed.runtime.go_down()
    await bed.clock.advance(4)
    await bed.settle()
    await bed.kill_agent()
    bed.runtime.come_back()
    await bed.start_agent()
    assert (await bed.expect(NodeStatus.RUNNING)).attempt == 2


async def test_a_crash_that_no_agent_saw_is_followed_by_a_start_if_it_starts_by_itself(bed: Bed) -> None:
    await bed.prepared(game=FORGIVING)
    await bed.tell(StartInstance("i1", 1, autostart=True))
    await bed.expect(NodeStatus.RUNNING)
    await bed.kill_agent()
    bed.runtime.crash("i1", exit_code=137)
    await bed.start_agent()
    assert (await bed.expect(NodeStatus.RUNNING)).attempt == 2


async def test_a_machine_that_was_rebooted_starts_nothing_that_is_not_to_start_by_itself(bed: Bed) -> None:
    await bed.running(game=FORGIVING)
    await bed.kill_agent()
    bed.runtime.crash("i1", exit_code=137)
    await bed.start_agent()
    assert (await bed.expect(NodeStatus.FAILED)).restored


async def test_a_removed_container_counts_as_a_crash(bed: Bed) -> None:
    await bed.running(game=FORGIVING)
    bed.runtime.lose("i1")
    report = await bed.expect(NodeStatus.STARTING)
    assert (problem(report), report.retry_in) == ("container_vanished", 4)
    await recovers(bed, 4)


async def bundle_of(bed: Bed, crash_id: str) -> Any:
    """What the node tells of a crash."""
    report = await bed.sent.until(lambda: bed.sent.crashes.get(crash_id))
    return json.loads(report.body)


async def test_every_crash_leaves_a_bundle_with_secrets_masked(bed: Bed) -> None:
    await bed.running(game=FORGIVING)
    bed.runtime.say("i1", "java.lang.IllegalStateException: token very-secret")
    bed.runtime.say("i1", "\tat net.example.Lobby.open(Lobby.java:12)")
    await crashed(bed, exit_code=3)
    facts = await bundle_of(bed, "i1-1-1")
    assert (facts["kind"], facts["exit_code"], facts["signal"], facts["was_ready"]) == ("crash", 3, None, True)
    assert facts["cause"] == "java.lang.IllegalStateException: token ******** at net.example.Lobby.open"
    assert facts["variables"]["TOKEN"] == "********"
    assert (facts["layers"], facts["image"]) == (["base@1", "lobby@1"], "hytopus/stand-in:1")
    assert "very-secret" not in str(facts)
    await recovers(bed, 4)
    await crashed(bed, exit_code=3)
    assert (await bundle_of(bed, "i1-1-2"))["fingerprint"] != facts["fingerprint"], "it said something else"


@pytest.mark.parametrize(
    ("exit_code", "oom", "kind", "signal"), [(137, True, "oom", 9), (7, False, "configuration", None)]
)
async def test_bundles_say_what_kind_of_end_it_was(
    bed: Bed, exit_code: int, oom: bool, kind: str, signal: int | None
) -> None:
    await bed.running()
    bed.runtime.crash("i1", exit_code=exit_code, oom=oom)
    await bed.expect(NodeStatus.FAILED)
    facts = await bundle_of(bed, "i1-1-1")
    assert (facts["kind"], facts["signal"], facts["oom_killed"]) == (kind, signal, oom)


async def test_a_start_that_fails_leaves_a_bundle(bed: Bed) -> None:
    await bed.prepared(game=game(environment={"FAKE_READY_AFTER": "never"}))
    await bed.tell(StartInstance("i1", 1))
    await bed.clock.sleeping(60)
    await bed.clock.advance(60)
    await bed.expect(NodeStatus.FAILED)
    facts = await bundle_of(bed, "i1-1-1")
    assert (facts["kind"], facts["was_ready"]) == ("start_timeout", False)


async def test_clean_ends_stops_and_restarts_leave_none(bed: Bed) -> None:
    await bed.running()
    bed.runtime.crash("i1", exit_code=8)
    await bed.expect(NodeStatus.RUNNING)
    await bed.tell(StopInstance("i1", 1))
    await bed.expect(NodeStatus.STOPPED)
    await bed.settle()
    assert bed.sent.crashes == {}


async def test_an_agent_killed_after_a_crash_keeps_one_bundle_for_the_brain(bed: Bed) -> None:
    await bed.running(game=FORGIVING)
    await crashed(bed)
    await bundle_of(bed, "i1-1-1")
    bed.sent.crashes.clear()
    await bed.restart_agent()
    await bundle_of(bed, "i1-1-1")
    assert list(bed.sent.crashes) == ["i1-1-1"]
    await bed.agent.handle(CrashReply("i1-1-1", done=True))
    await bed.settle()
    bed.sent.crashes.clear()
    await bed.restart_agent()
    await bed.settle()
    assert bed.sent.crashes == {}


ASKED = {"line": "who", "answer": r"\(\d+\): ", "interval": 30, "timeout": 5, "failures": 2, "delay": 60}
ALERT = game(restart=FORGIVING.restart, live=ASKED)


async def test_a_server_that_hangs_is_killed_and_started_again(bed: Bed) -> None:
    await bed.running(game=ALERT)
    await bed.clock.sleeping(60)
    await bed.clock.advance(60)
    await bed.clock.sleeping(30)
    assert bed.runtime.heard("i1") == ("who",)
    await bed.agent.send_line("i1", "fake hang")
    for _ in range(2):
        await bed.clock.advance(30)
        await bed.clock.sleeping(5)
        await bed.clock.advance(5)
    report = await bed.expect(NodeStatus.STARTING)
    assert (problem(report), report.retry_in, report.exit_code) == ("hung", 4, 137)
    assert report.problem is not None
    assert "'who'" in report.problem.message
    assert (await bundle_of(bed, "i1-1-1"))["kind"] == "hang"
    await recovers(bed, 4)


async def test_a_rule_that_never_held_kills_nobody(bed: Bed) -> None:
    await bed.running(game=game(live={**ASKED, "answer": "never said"}))
    for _ in range(10):
        await bed.pass_time_until(lambda: True)
        await bed.clock.advance(35)
    await bed.settle()
    assert await bed.is_running()


async def test_a_probe_that_fails_for_long_enough_is_a_hang_and_one_answer_in_between_is_not(bed: Bed) -> None:
    probing = {"probe": {"kind": "udp"}, "interval": 10, "failures": 2, "delay": 0}
    await bed.running(game=game(live=probing))
    await bed.clock.sleeping(10)
    for answers in (False, True, False):
        bed.probe_answers = answers
        await bed.clock.advance(10)
        await bed.clock.sleeping(10)
    assert await bed.is_running()
    await bed.clock.advance(10)
    assert problem(await bed.expect(NodeStatus.FAILED)) == "hung"


async def test_an_engine_that_is_away_is_no_hang(bed: Bed) -> None:
    await bed.running(game=game(live=ASKED))
    await bed.clock.sleeping(60)
    await bed.clock.advance(60)
    await bed.clock.sleeping(30)
    bed.runtime.go_down()
    await bed.clock.advance(300)
    bed.runtime.come_back()
    await bed.pass_time_until(lambda: bed.agent.sample().engine_up)
    assert bed.sent.statuses()[-1] == "running"


async def test_a_hung_server_can_still_be_stopped(bed: Bed) -> None:
    await bed.running(game=ALERT)
    await bed.agent.send_line("i1", "fake hang")
    await bed.tell(StopInstance("i1", 1, kill=True))
    assert (await bed.expect(NodeStatus.STOPPED)).exit_code == 137
