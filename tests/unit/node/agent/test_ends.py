"""How servers end: by themselves, asked, killed, behind our back."""

from __future__ import annotations

import pytest

from hytopus.wire.messages import DestroyInstance, InstanceReport, NodeStatus, StartInstance, StopInstance
from tests.unit.node.agent.bed import Bed
from tests.unit.node.runner.records import game


def code_of(report: InstanceReport) -> str:
    return report.problem.code if report.problem else ""


@pytest.mark.parametrize(
    ("exit_code", "status", "kind", "problem"),
    [
        (0, NodeStatus.STOPPED, "clean", ""),
        (7, NodeStatus.FAILED, "configuration", "exited"),
        (3, NodeStatus.FAILED, "crash", "exited"),
    ],
)
async def test_a_server_that_ends_by_itself(
    bed: Bed, exit_code: int, status: NodeStatus, kind: str, problem: str
) -> None:
    await bed.running()
    bed.runtime.say("i1", "the last word")
    bed.runtime.crash("i1", exit_code=exit_code)
    report = await bed.expect(status)
    assert (report.exit_code, report.exit_kind, code_of(report)) == (exit_code, kind, problem)
    assert not report.restored
    assert report.log_tail == (("Server Booted", "the last word") if problem else ())


async def test_out_of_memory_is_told(bed: Bed) -> None:
    await bed.running()
    bed.runtime.crash("i1", oom=True)
    report = await bed.expect(NodeStatus.FAILED)
    assert report.oom_killed
    assert "out of memory" in (report.problem.message if report.problem else "")


async def test_the_log_of_a_failure_is_kept_with_secrets_masked(bed: Bed) -> None:
    await bed.running()
    bed.runtime.say("i1", "token very-secret is wrong")
    bed.runtime.crash("i1")
    report = await bed.expect(NodeStatus.FAILED)
    assert report.log_tail[-1] == "token ******** is wrong"
    (file,) = (bed.root / "logs" / "i1").glob("*.log")
    assert "token ******** is wrong" in file.read_text()
    assert "very-secret" not in file.read_text()


async def test_a_server_that_ends_before_it_is_ready_failed_at_once(bed: Bed) -> None:
    await bed.prepared(game=game(environment={"FAKE_READY_AFTER": "never", "FAKE_RUN_FOR": "3", "FAKE_EXIT_CODE": "0"}))
    await bed.tell(StartInstance("i1", 1))
    await bed.clock.sleeping(3)
    await bed.clock.advance(3)
    report = await bed.expect(NodeStatus.FAILED)
    assert (code_of(report), report.exit_code) == ("exited_at_once", 0)
    assert "running" not in bed.sent.statuses()


async def test_a_server_that_never_becomes_ready_is_killed_at_its_deadline(bed: Bed) -> None:
    await bed.prepared(game=game(environment={"FAKE_READY_AFTER": "never"}))
    await bed.tell(StartInstance("i1", 1))
    await bed.clock.sleeping(60)
    bed.runtime.say("i1", "still loading")
    await bed.clock.advance(59)
    assert bed.sent.statuses()[-1] == "starting"
    await bed.clock.advance(1)
    report = await bed.expect(NodeStatus.FAILED)
    assert (code_of(report), report.log_tail) == ("ready_timeout", ("still loading",))
    assert "'Server Booted'" in (report.problem.message if report.problem else "")
    assert not await bed.is_running()


async def test_the_probe_comes_after_the_line(bed: Bed) -> None:
    bed.probe_answers = False
    probing = game(ready={"log": "Server Booted", "probe": {"kind": "udp", "interval": 0.5}, "timeout": 60})
    await bed.prepared(game=probing)
    await bed.tell(StartInstance("i1", 1))
    await bed.clock.sleeping(0.5)
    assert bed.sent.statuses()[-1] == "starting"
    bed.probe_answers = True
    await bed.clock.advance(0.5)
    await bed.expect(NodeStatus.RUNNING)


async def test_a_probe_that_never_answers_is_named(bed: Bed) -> None:
    bed.probe_answers = False
    probing = game(ready={"probe": {"kind": "udp", "interval": 0.5}, "timeout": 2})
    await bed.prepared(game=probing)
    await bed.tell(StartInstance("i1", 1))
    await bed.clock.sleeping(0.5)
    await bed.clock.advance(2)
    report = await bed.expect(NodeStatus.FAILED)
    assert "port game did not answer" in (report.problem.message if report.problem else "")


async def test_a_game_without_a_readiness_rule_is_ready_when_it_lives(bed: Bed) -> None:
    await bed.running(game=game(ready={}, environment={"FAKE_READY_AFTER": "never"}))


async def test_colours_do_not_hide_the_ready_line(bed: Bed) -> None:
    await bed.running(game=game(environment={"FAKE_READY_LINE": "\x1b[32mServer \x1b[1mBooted\x1b[0m"}))


async def test_a_container_removed_behind_our_back_is_noticed(bed: Bed) -> None:
    await bed.running()
    bed.runtime.lose("i1")
    assert code_of(await bed.expect(NodeStatus.FAILED)) == "container_vanished"
    await bed.tell(StartInstance("i1", 2))
    await bed.expect(NodeStatus.RUNNING, 2)


async def test_a_server_that_ignores_its_console_gets_the_signal(bed: Bed) -> None:
    await bed.running(game=game(environment={"FAKE_READY_LINE": "Server Booted", "FAKE_IGNORE_STOP": "1"}))
    await bed.tell(StopInstance("i1", 1))
    await bed.clock.sleeping(20)
    await bed.clock.advance(20)
    report = await bed.expect(NodeStatus.STOPPED)
    assert (report.exit_code, report.exit_kind, report.problem) == (143, "clean", None)


async def test_a_server_that_ignores_everything_is_killed_and_it_is_said(bed: Bed) -> None:
    deaf = {"FAKE_READY_LINE": "Server Booted", "FAKE_IGNORE_STOP": "1", "FAKE_IGNORE_SIGNALS": "1"}
    await bed.running(game=game(environment=deaf))
    await bed.tell(StopInstance("i1", 1))
    await bed.clock.sleeping(20)
    await bed.clock.advance(20)
    await bed.clock.sleeping(5)
    await bed.clock.advance(5)
    report = await bed.expect(NodeStatus.STOPPED)
    assert (report.exit_code, code_of(report)) == (137, "stop_ignored")
    assert "25 s" in (report.problem.message if report.problem else "")


async def test_a_game_without_a_stop_line_gets_the_signal_at_once(bed: Bed) -> None:
    await bed.running(game=game(stop={"signal": "SIGINT"}))
    await bed.tell(StopInstance("i1", 1))
    report = await bed.expect(NodeStatus.STOPPED)
    assert report.exit_code == 130
    assert bed.runtime.heard("i1") == ()


async def test_a_kill_does_not_wait_for_the_grace(bed: Bed) -> None:
    deaf = {"FAKE_READY_LINE": "Server Booted", "FAKE_IGNORE_STOP": "1", "FAKE_IGNORE_SIGNALS": "1"}
    await bed.running(game=game(environment=deaf))
    await bed.tell(StopInstance("i1", 1))
    await bed.clock.sleeping(20)
    await bed.tell(StopInstance("i1", 1, kill=True))
    report = await bed.expect(NodeStatus.STOPPED)
    assert (report.exit_code, report.problem) == (137, None)
    assert bed.clock.monotonic() == 0


async def test_a_crash_while_stopping_is_not_hidden(bed: Bed) -> None:
    await bed.running(game=game(environment={"FAKE_READY_LINE": "Server Booted", "FAKE_IGNORE_STOP": "1"}))
    await bed.tell(StopInstance("i1", 1))
    await bed.clock.sleeping(20)
    bed.runtime.crash("i1", exit_code=139)
    report = await bed.expect(NodeStatus.FAILED)
    assert (report.exit_code, code_of(report)) == (139, "exited")


async def test_a_stop_of_what_failed_or_is_only_prepared_is_stopped(bed: Bed) -> None:
    await bed.prepared()
    await bed.tell(StopInstance("i1", 1))
    await bed.expect(NodeStatus.STOPPED)
    await bed.tell(StartInstance("i1", 2))
    await bed.expect(NodeStatus.RUNNING, 2)
    bed.runtime.crash("i1")
    await bed.expect(NodeStatus.FAILED, 2)
    await bed.tell(StopInstance("i1", 2))
    await bed.expect(NodeStatus.STOPPED, 2)


async def test_a_running_server_can_be_destroyed(bed: Bed) -> None:
    await bed.running()
    await bed.tell(DestroyInstance("i1", 1))
    await bed.expect(NodeStatus.DESTROYED)
    assert not bed.runtime.specs()
    assert "failed" not in bed.sent.statuses()


async def test_players_are_told_as_they_come_and_go(bed: Bed) -> None:
    watched = game(players={"join": r"Player '(?P<name>\w+)' joined", "leave": r"Removing player '(?P<name>\w+)'"})
    await bed.running(game=watched)
    await bed.agent.send_line("i1", "fake join Ada")
    assert await bed.sent.until(lambda: bed.sent.reports[-1].players) == ("Ada",)
    await bed.agent.send_line("i1", "fake join Bob")
    await bed.agent.send_line("i1", "fake join Ada")
    await bed.agent.send_line("i1", "fake leave Ada")
    await bed.clock.sleeping(1)
    assert bed.sent.reports[-1].players == ("Ada",)
    await bed.clock.advance(1)
    assert bed.sent.reports[-1].players == ("Bob",)
    await bed.tell(StopInstance("i1", 1))
    assert (await bed.expect(NodeStatus.STOPPED)).players == ()


async def test_failed_calls_to_the_engine_are_counted(bed: Bed) -> None:
    await bed.prepared(game=game(environment={"FAKE_START_ERROR": "fault"}))
    await bed.tell(StartInstance("i1", 1))
    await bed.expect(NodeStatus.FAILED)
    assert bed.engine_errors == ["container_fault"]


async def test_a_line_that_names_nobody_is_about_nobody(bed: Bed) -> None:
    """A group may be optional: then it is there without having matched."""
    patterns = {"join": r"joined(?: as (?P<name>\w*))?", "leave": r"left(?:: (?P<name>\w+))?"}
    await bed.running(game=game(players=patterns))
    for line in ("joined", "left", "joined as ", "joined as Ada"):
        bed.runtime.say("i1", line)
    assert await bed.sent.until(lambda: bed.sent.reports[-1].players) == ("Ada",)


async def test_players_that_a_server_makes_up_do_not_fill_reports(bed: Bed) -> None:
    await bed.running(game=game(players={"join": r"Player '(?P<name>[^']+)' joined"}))
    for number in range(1_100):
        bed.runtime.say("i1", f"Player '{number:04}{'x' * 500}' joined")
    await bed.settle()
    await bed.pass_time_until(lambda: len(bed.sent.reports[-1].players) >= 1_000)
    players = bed.sent.reports[-1].players
    assert (len(players), {len(name) for name in players}) == (1_000, {64})
    bed.runtime.say("i1", f"Player '{'y' * 5_000}' joined")
    await bed.settle()
    assert bed.agent.inventory()[0].players == players, "only the beginning of a line is looked at"
