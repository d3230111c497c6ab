"""An instance's life on a node, from layers to nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hytopus.node.cache.errors import ObjectMissing, S3Unreachable, UrlExpired
from hytopus.node.crew import SWEEP_SECONDS
from hytopus.node.journal import Journal
from hytopus.wire.messages import (
    DestroyInstance,
    NodeStatus,
    PortBinding,
    SetDevMode,
    StartInstance,
    StopInstance,
)
from tests.unit.node.agent.bed import Bed
from tests.unit.node.runner.records import assignment, game


async def test_from_layers_to_players_to_nothing(bed: Bed) -> None:
    await bed.running()
    await bed.tell(StopInstance("i1", 1))
    stopped = await bed.expect(NodeStatus.STOPPED)
    assert (stopped.exit_code, stopped.exit_kind, stopped.problem) == (0, "clean", None)
    assert bed.runtime.heard("i1") == ("stop",)
    await bed.tell(DestroyInstance("i1", 1))
    await bed.expect(NodeStatus.DESTROYED)
    assert bed.sent.statuses() == [
        "preparing", "prepared", "starting", "running", "stopping", "stopped", "destroyed",
    ]  # fmt: skip
    assert not bed.runtime.specs()
    assert not bed.directories.on_disk
    assert not list((bed.root / "logs").rglob("*"))
    assert not (await Journal(bed.root / "journal").load()).records
    assert bed.agent.inventory() == ()


async def test_destroyed_while_the_engine_writes_its_list_is_no_stranger(bed: Bed) -> None:
    await bed.running()
    await bed.clock.advance(1)  # the first comparison comes soon
    bed.runtime.list_takes = 2
    await bed.clock.advance(SWEEP_SECONDS)
    await bed.clock.sleeping(2)
    await bed.tell(DestroyInstance("i1", 1))
    await bed.expect(NodeStatus.DESTROYED)
    await bed.settle()
    await bed.clock.advance(2)
    await bed.settle()
    assert bed.agent.inventory() == ()
    assert bed.sent.statuses()[-1] == "destroyed"
    assert not list(bed.root.rglob("*i1*"))


async def test_prepared_tells_how_long_each_step_took(bed: Bed) -> None:
    report = await bed.prepared()
    assert {"fetch", "materialise", "image", "prepare"} <= set(report.timings_ms)
    await bed.tell(StartInstance("i1", 1))
    started = await bed.expect(NodeStatus.RUNNING)
    assert {"fetch", "container", "ready"} <= set(started.timings_ms)


async def test_progress_is_told_at_most_twice_a_second(bed: Bed) -> None:
    bed.directories.seconds = 20
    layers = tuple(assignment().template_layers[0] for _ in range(100))  # 0.2 s each
    await bed.tell(assignment(template_layers=layers))
    await bed.expect(NodeStatus.PREPARING)
    for _ in range(100):
        await bed.clock.sleeping(0.2)
        await bed.clock.advance(0.2)
    await bed.expect(NodeStatus.PREPARED)
    progress = [report.progress for report in bed.sent.reports if report.progress]
    assert 30 <= len(progress) <= 41
    assert progress == sorted(progress)
    assert all(report.step == "fetch" for report in bed.sent.reports if report.progress)


async def test_the_container_gets_what_assignment_and_game_say(bed: Bed) -> None:
    await bed.running(memory_mb=700, cpus=1.5, ports=(PortBinding("game", 30000, 5520, "udp"),))
    spec = bed.runtime.specs()["i1"]
    assert list(spec.command) == ["serve", "--port", "30000"]
    assert (spec.memory_mb, spec.cpus, spec.generation, spec.user) == (700, 1.5, 1, "1000:1000")
    assert [(port.host, port.container, port.protocol) for port in spec.ports] == [(30000, 5520, "udp")]
    assert spec.environment["INSTANCE_ID"] == "i1"
    assert spec.environment["INSTANCE_NAME"] == "lobby-1"
    assert "TOKEN" not in spec.environment


async def test_a_placeholder_without_a_value_is_named(bed: Bed) -> None:
    await bed.prepared(game=game(command=("serve", "${NOWHERE}")))
    await bed.tell(StartInstance("i1", 1))
    failed = await bed.expect(NodeStatus.FAILED)
    assert failed.problem is not None
    assert failed.problem.code == "variables_unresolved"
    assert "NOWHERE" in failed.problem.message


async def test_a_game_that_is_none_fails_the_preparation(bed: Bed) -> None:
    await bed.tell(replace(assignment(), game="{}"))
    failed = await bed.expect(NodeStatus.FAILED)
    assert failed.problem is not None
    assert failed.problem.code == "bad_assignment"


async def test_a_missing_object_fails_at_once_and_the_next_generation_succeeds(bed: Bed) -> None:
    bed.directories.fail["lobby"] = ObjectMissing(layer="lobby@1")
    await bed.tell(assignment())
    failed = await bed.expect(NodeStatus.FAILED)
    assert failed.problem is not None
    assert (failed.problem.code, failed.problem.params) == ("object_missing", {"layer": "lobby@1"})
    bed.directories.fail.clear()
    prepared = await bed.prepared(generation=2)
    assert prepared.problem is None


async def test_an_s3_that_is_away_for_a_moment_costs_only_the_moment(bed: Bed) -> None:
    bed.directories.fail["base"] = S3Unreachable(host="s3", why="refused")
    bed.directories.once = True
    await bed.tell(assignment())
    await bed.sent.until(lambda: [report for report in bed.sent.reports if report.problem])
    assert bed.sent.reports[-1].status is NodeStatus.PREPARING
    await bed.clock.advance(10)
    assert (await bed.expect(NodeStatus.PREPARED)).problem is None


async def test_an_s3_that_stays_away_fails_the_preparation(bed: Bed) -> None:
    bed.directories.fail["base"] = S3Unreachable(host="s3", why="refused")
    await bed.tell(assignment())
    await bed.expect(NodeStatus.PREPARING)
    while NodeStatus.FAILED not in bed.sent.statuses():
        count = len(bed.sent.reports)
        await bed.clock.advance(10)
        await bed.sent.until(lambda count=count: len(bed.sent.reports) > count)  # type: ignore[misc]
    assert bed.clock.monotonic() <= 70
    assert bed.sent.reports[-1].problem is not None
    assert bed.sent.reports[-1].problem.code == "s3_unreachable"


async def test_links_that_ran_out_are_renewed(bed: Bed) -> None:
    bed.directories.fail["base"] = UrlExpired(layer="base@1", why="403")
    bed.directories.once = True
    await bed.tell(assignment())
    await bed.sent.until(lambda: bed.sent.renewals == [("i1", 1)])
    await bed.tell(assignment())
    await bed.expect(NodeStatus.PREPARED)


async def test_links_that_are_not_renewed_fail_the_preparation(bed: Bed) -> None:
    bed.directories.fail["base"] = UrlExpired(layer="base@1", why="403")
    await bed.tell(assignment())
    await bed.sent.until(lambda: bed.sent.renewals == [("i1", 1)])
    await bed.clock.sleeping(120)
    await bed.clock.advance(120)
    failed = await bed.expect(NodeStatus.FAILED)
    assert failed.problem is not None
    assert failed.problem.code == "urls_not_renewed"


async def test_dev_mode_fetches_anew_and_survives_a_restart(bed: Bed) -> None:
    await bed.prepared()
    assert bed.directories.refreshed == 0
    await bed.tell(SetDevMode(True))
    await bed.prepared(generation=2)
    assert bed.directories.refreshed == 1
    await bed.restart_agent()
    assert bed.agent.dev_mode
    await bed.prepared(generation=3)
    assert bed.directories.refreshed == 2


@pytest.mark.parametrize("status", [NodeStatus.PREPARING, NodeStatus.STARTING])
async def test_a_port_in_use_fails_before_anything_starts(bed: Bed, status: NodeStatus) -> None:
    if status is NodeStatus.STARTING:
        await bed.prepared()
    bed.taken = PortBinding("game", 30000, 30000, "udp")
    await bed.tell(assignment() if status is NodeStatus.PREPARING else StartInstance("i1", 1))
    await bed.expect(status)
    await bed.clock.sleeping(0.1)
    await bed.clock.advance(3)
    failed = await bed.expect(NodeStatus.FAILED)
    assert failed.problem is not None
    assert failed.problem.code == "port_taken"
    assert not bed.runtime.specs()


async def test_a_port_that_the_engine_is_letting_go_of_is_waited_for(bed: Bed) -> None:
    await bed.prepared()
    bed.taken = PortBinding("game", 30000, 30000, "udp")
    await bed.tell(StartInstance("i1", 1))
    await bed.clock.sleeping(0.1)
    bed.taken = None
    await bed.clock.advance(0.1)
    await bed.expect(NodeStatus.RUNNING)


async def test_a_missing_image_fails_the_preparation(bed: Bed) -> None:
    bed.runtime.forget_image("hytopus/stand-in:1")
    await bed.tell(assignment())
    failed = await bed.expect(NodeStatus.FAILED)
    assert failed.problem is not None
    assert failed.problem.code == "image_missing"
    bed.runtime.learn_image("hytopus/stand-in:1")
    await bed.running(generation=2)


async def test_an_image_that_went_away_after_the_preparation_is_looked_for_again(bed: Bed) -> None:
    await bed.prepared()
    bed.runtime.forget_image("hytopus/stand-in:1")
    await bed.tell(StartInstance("i1", 1))
    failed = await bed.expect(NodeStatus.FAILED)
    assert failed.problem is not None
    assert failed.problem.code == "image_missing"


@pytest.mark.parametrize(
    ("error", "code"),
    [("port_taken", "port_taken"), ("disk_full", "disk_full"), ("fault", "container_fault")],
)
async def test_what_the_engine_refuses_is_reported_and_can_be_tried_again(bed: Bed, error: str, code: str) -> None:
    await bed.prepared(game=game(environment={"FAKE_START_ERROR": error}))
    await bed.tell(StartInstance("i1", 1))
    failed = await bed.expect(NodeStatus.FAILED)
    assert failed.problem is not None
    assert failed.problem.code == code
    await bed.running(generation=2)


async def test_a_start_of_what_is_not_here_asks_for_a_preparation(bed: Bed) -> None:
    await bed.tell(StartInstance("i1", 4))
    failed = await bed.expect(NodeStatus.FAILED, 4)
    assert failed.problem is not None
    assert failed.problem.code == "not_prepared"


async def test_stop_and_destroy_of_what_is_not_here_are_done_at_once(bed: Bed) -> None:
    await bed.tell(StopInstance("i1", 4))
    await bed.expect(NodeStatus.STOPPED, 4)
    await bed.tell(DestroyInstance("i2", 9))
    await bed.expect(NodeStatus.DESTROYED, 9, "i2")


async def test_ids_that_are_none_touch_nothing(bed: Bed) -> None:
    (bed.root / "precious").mkdir()
    await bed.tell(DestroyInstance("../precious", 1))
    failed = await bed.expect(NodeStatus.FAILED, 1, "../precious")
    assert failed.problem is not None
    assert failed.problem.code == "bad_assignment"
    assert (bed.root / "precious").exists()


async def test_a_stopped_instance_starts_again_with_a_new_generation(bed: Bed) -> None:
    await bed.running()
    await bed.tell(StopInstance("i1", 1))
    await bed.expect(NodeStatus.STOPPED)
    await bed.tell(StartInstance("i1", 2))
    again = await bed.expect(NodeStatus.RUNNING, 2)
    assert (again.exit_code, again.exit_kind, again.problem) == (None, "", None)
    assert bed.runtime.specs()["i1"].generation == 2


async def test_a_newer_preparation_stops_what_still_runs(bed: Bed) -> None:
    await bed.running()
    await bed.prepared(generation=2)
    assert bed.runtime.heard("i1") == ("stop",)
    await bed.tell(StartInstance("i1", 2))
    await bed.expect(NodeStatus.RUNNING, 2)


async def test_fifty_instances_side_by_side(bed: Bed) -> None:
    names = [f"i{number}" for number in range(50)]
    for number, name in enumerate(names):
        ports = (PortBinding("game", 30000 + number, 30000 + number, "udp"),)
        await bed.tell(assignment(name, ports=ports))
    for name in names:
        await bed.sent.until(lambda name=name: "prepared" in bed.sent.statuses(name))  # type: ignore[misc]
        await bed.tell(StartInstance(name, 1))
    for name in names:
        await bed.sent.until(lambda name=name: "running" in bed.sent.statuses(name))  # type: ignore[misc]
    beat = bed.agent.heartbeat()
    assert beat.load.running == 50
    assert len(bed.agent.inventory()) == 50
